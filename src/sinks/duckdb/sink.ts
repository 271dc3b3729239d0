/** The DuckDB sink: rows, position and epoch in one transaction. Layer 5. */
import { VStreamError } from '../../errors.js';
import { type ApplyContext, rowsRefused, type Sink, type SinkCapabilities, type SinkOpenContext } from '../../pipeline/sink.js';
import type { Position } from '../../position/position.js';
import type { KeyRange } from '../../schema/key-range.js';
import type { TableRef } from '../../schema/table.js';
import type { Batch, Change, SchemaChange } from '../../stream/change.js';
import { Catalog } from './catalog.js';
import { EVERY_GENERATION, planClear } from '../../position/clears.js';
import { bringBack, dropDisplaced } from './displaced.js';
import { firstLine, openDatabase, type Database } from './driver.js';
import { META, quoteText } from './identifiers.js';
import { rangeSql } from './range-sql.js';
import { resolveOptions, type DuckDbOptions, type Settings } from './options.js';
import { findRefused, MAX_REFUSED, refusalOf } from './refusals.js';
import { ShardBook } from './shard-book.js';
import { adopt, createStateTables, fenced, insertState, raiseEpoch, readState, writeState } from './state.js';
import { writeChanges } from './write.js';

interface Open {
  readonly database: Database;
  readonly catalog: Catalog;
  readonly book: ShardBook;
  readonly stream: string;
  readonly incarnation: string;
  /** The life of the stream whose state the file held at `open`, if another one: taken over by the first write. */
  earlier: { readonly incarnation: string; readonly epoch: bigint } | undefined;
}

export class DuckDbSink implements Sink {
  readonly capabilities: SinkCapabilities = { position: 'stored', deletes: true, sweep: true, schema: 'evolve', input: 'cells' };
  readonly #settings: Settings;
  #open: Open | undefined;
  #running: Promise<unknown> = Promise.resolve();
  /** The position the file holds, when it was written by this process last. */
  #written: Position | undefined;

  constructor(options: DuckDbOptions) {
    this.#settings = resolveOptions(options);
  }

  async open(context: SinkOpenContext): Promise<{ position?: Position | undefined; incarnation?: string | undefined }> {
    if (this.#open) throw new VStreamError('INTERNAL', 'the DuckDB sink is open already');
    const { path, waitForFile, clock } = this.#settings;
    const { name, incarnation, epoch, logger, signal } = context;
    const database = await openDatabase({ path, wait: waitForFile, clock, logger, signal });
    try {
      await this.#configure(database);
      const found = await inTransaction(database, async () => {
        await createStateTables(database.connection);
        const stored = await readState(database.connection, name);
        if (!stored) await insertState(database.connection, name, incarnation, epoch);
        // The epochs of two lives of a stream cannot be compared; the first write takes the file over, if there is one.
        if (stored?.incarnation === incarnation) {
          if (stored.epoch > epoch) throw fenced(name, epoch);
          await raiseEpoch(database.connection, name, epoch);
        }
        return stored;
      });
      const book = new ShardBook(database.connection, name);
      this.#open = {
        database,
        catalog: new Catalog(database.connection, name, this.#settings),
        book,
        stream: name,
        incarnation,
        earlier: found?.incarnation === incarnation ? undefined : found,
      };
      if (!found) return { incarnation };
      return { position: found.position, incarnation: found.incarnation };
    } catch (error) {
      database.close();
      throw this.#failed(error, 'cannot be opened');
    }
  }

  async #configure({ connection }: Database): Promise<void> {
    const { memoryLimit, threads, checkpointThreshold } = this.#settings;
    await connection.run(`set memory_limit = ${quoteText(memoryLimit)}`);
    await connection.run(`set checkpoint_threshold = ${quoteText(checkpointThreshold)}`);
    if (threads !== undefined) await connection.run(`set threads = ${threads}`);
  }

  async schema(change: SchemaChange, context: ApplyContext): Promise<void> {
    const version = change.to;
    if (!version) return;
    await this.#transaction(context, undefined, async ({ catalog }) => void (await catalog.fit(version)));
  }

  async apply(batch: Batch, context: ApplyContext): Promise<void> {
    // Starts and ends of thousands of tables move nothing: a transaction for each would cost more than their rows.
    if (batch.changes.length === 0 && batch.position === this.#written) return;
    this.#written = undefined;
    try {
      await this.#transaction(context, batch.position, (open) => this.#write(open, batch.changes, context));
      this.#written = batch.position;
    } catch (error) {
      throw refusalOf(error) === undefined ? error : await this.#naming(error as VStreamError, batch, context);
    }
  }

  async #write({ database, catalog, book }: Open, changes: readonly Change[], { signal }: ApplyContext): Promise<void> {
    const { identity, zeroDates } = this.#settings;
    for (const group of groupByTable(changes)) {
      const { keyspace, table } = group[0] as Change;
      for (const shard of new Set(group.map((change) => change.shard))) await book.see({ keyspace, table }, shard);
      const options = { identity, zeroDates, shards: book.shards(keyspace), signal };
      await writeChanges(database, catalog, group, options).catch((error: unknown) => {
        throw this.#failed(error, 'refused a row', { keyspace, table });
      });
    }
  }

  /** The rows an error of `apply` is about, found in transactions that are rolled back. */
  async #naming(error: VStreamError, batch: Batch, context: ApplyContext): Promise<VStreamError> {
    const { keyspace, table } = error;
    const isOfTable = (change: Change): boolean => table === undefined || (change.keyspace === keyspace && change.table === table);
    // Tables are written one after the other: those that come later may have rows of this kind as well, and are asked next time.
    const changes = batch.changes.filter(isOfTable);
    const refused = await findRefused(changes, async (some) => {
      try {
        await this.#transaction(context, undefined, (open) => this.#write(open, some, context), 'rollback');
        return undefined;
      } catch (failure) {
        const reason = refusalOf(failure);
        if (reason === undefined) throw failure;
        return reason;
      }
    });
    if (refused?.size === 0) return error;
    const { column, next } = error;
    if (refused) return rowsRefused([...refused.keys()], (change) => refused.get(change) ?? '', { column, next });
    const message = `${error.message} (and so more than ${MAX_REFUSED} rows of the batch: it is the table that does not fit)`;
    return new VStreamError('SINK_FAILED', message, { keyspace, table, column, next, cause: error.cause });
  }

  async truncate(table: TableRef, shard: string, context: ApplyContext): Promise<void> {
    await this.#clear(table, shard, EVERY_GENERATION, context);
  }

  async sweep(table: TableRef, shard: string, generation: number, context: ApplyContext): Promise<number> {
    return this.#clear(table, shard, generation, context);
  }

  async sweepRange(table: TableRef, shard: string, generation: number, range: KeyRange, context: ApplyContext): Promise<number> {
    return this.#clear(table, shard, generation, context, range);
  }

  async #clear(table: TableRef, shard: string, generation: number, context: ApplyContext, range?: KeyRange): Promise<number> {
    return this.#transaction(context, undefined, async ({ database, catalog, book }) => {
      const target = await catalog.find(table);
      if (!target) return 0;
      const plan = planClear(shard, generation, book.shards(table.keyspace), book.pending(table), range?.where);
      const within = range ? ` and ${rangeSql(range, target)}` : '';
      let removed = 0;
      for (const one of plan.remove) {
        const older = one.generation === EVERY_GENERATION ? '' : ` and t.${META.generation} < ${one.generation}`;
        const those = `t.${META.shard} = ${quoteText(one.stored)}${older}${within}`;
        const result = await database.connection.run(`delete from ${target.sql} as t where ${those}`);
        removed += result.rowsChanged + (await dropDisplaced(database.connection, target, those));
        await book.settle(table, one.stored, range?.where);
      }
      if (removed > 0) await bringBack(database.connection, target);
      for (const one of plan.wait) await book.wait(table, one);
      return removed;
    });
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    this.#written = undefined;
    await this.#running.catch(() => {});
    open?.database.close();
  }

  /** Everything the sink writes: under the fence, all or nothing, stopped by the signal. */
  async #transaction<T>(
    context: ApplyContext,
    position: Position | undefined,
    work: (open: Open) => Promise<T>,
    end: 'commit' | 'rollback' = 'commit',
  ): Promise<T> {
    const open = this.#open;
    if (!open) throw new VStreamError('INTERNAL', 'the DuckDB sink is not open');
    const run = this.#runTransaction(open, context, position, work, end);
    this.#running = run;
    return run;
  }

  async #runTransaction<T>(
    open: Open,
    context: ApplyContext,
    position: Position | undefined,
    work: (open: Open) => Promise<T>,
    end: 'commit' | 'rollback',
  ): Promise<T> {
    const { database, catalog, book, stream, incarnation } = open;
    const { signal, epoch } = context;
    if (signal.aborted) throw this.#aborted(signal);
    const interrupt = (): void => database.connection.interrupt();
    signal.addEventListener('abort', interrupt);
    try {
      const result = await inTransaction(
        database,
        async () => {
          await book.load();
          if (open.earlier) await adopt(database.connection, { stream, incarnation, epoch }, open.earlier);
          await writeState(database.connection, { stream, incarnation, epoch }, position);
          const done = await work(open);
          if (signal.aborted) throw this.#aborted(signal);
          return done;
        },
        end,
      );
      if (end === 'commit') open.earlier = undefined;
      else {
        catalog.forget();
        book.forget();
      }
      return result;
    } catch (error) {
      catalog.forget();
      book.forget();
      if (signal.aborted) throw this.#aborted(signal);
      // Two owners in one process meet as a write conflict; the stored epoch says who lost.
      if (!VStreamError.is(error)) {
        const stored = await readState(database.connection, stream).catch(() => undefined);
        if (stored && (stored.epoch !== epoch || stored.incarnation !== incarnation)) throw fenced(stream, epoch);
      }
      throw this.#failed(error, 'refused a batch');
    } finally {
      signal.removeEventListener('abort', interrupt);
    }
  }

  #aborted(signal: AbortSignal): VStreamError {
    return new VStreamError('ABORTED', `writing to the DuckDB file ${this.#settings.path} was aborted`, { cause: signal.reason });
  }

  #failed(error: unknown, what: string, where: { keyspace?: string; table?: string } = {}): VStreamError {
    if (VStreamError.is(error)) return error;
    const text = firstLine(error instanceof Error ? error.message : String(error));
    return new VStreamError('SINK_FAILED', `the DuckDB file ${this.#settings.path} ${what}: ${text}`, {
      ...where,
      // A full disk, a volume that is away: the batch is tried again before the stream ends.
      category: /^IO Error|Could not (write|sync|flush) file|No space left/.test(text) ? 'retry' : undefined,
      next: 'Nothing of the batch was written; remove the cause and start again.',
      cause: error,
    });
  }
}

async function inTransaction<T>({ connection }: Database, work: () => Promise<T>, end: 'commit' | 'rollback' = 'commit'): Promise<T> {
  await connection.run('begin transaction');
  let result: T;
  try {
    result = await work();
    await connection.run(end);
  } catch (error) {
    // DuckDB has rolled back by itself when the commit failed.
    await connection.run('rollback').catch(() => {});
    throw error;
  }
  return result;
}

/** Changes come in runs of one table: the text of the key is made once a run. */
function groupByTable(changes: readonly Change[]): Change[][] {
  const groups = new Map<string, Change[]>();
  let last: Change | undefined;
  let group: Change[] = [];
  for (const change of changes) {
    if (last === undefined || change.table !== last.table || change.keyspace !== last.keyspace) {
      const id = `${change.keyspace}\u0000${change.table}`;
      group = groups.get(id) ?? [];
      groups.set(id, group);
      last = change;
    }
    group.push(change);
  }
  return [...groups.values()];
}
