/** Rows that cannot be decoded, cannot be judged by their filter, or that the sink refuses: left out by policy, kept where it says so. Layer 4. */
import { VStreamError } from '../errors.js';
import type { Clock } from '../internal/clock.js';
import type { Logger } from '../observe/logger.js';
import type { Recorder } from '../observe/recorder.js';
import { Position } from '../position/position.js';
import { StreamBatch } from '../stream/batch.js';
import type { Gaps } from '../stream/gaps.js';
import type { ChangeRecord } from '../stream/record.js';
import { isRowError, withPlace } from '../stream/row-failure.js';
import { unjudged } from '../stream/where.js';
import { changeOf } from './at-change.js';
import { bisect, isRefusal } from './bisect.js';
import { type DeadLetter, deadLetter } from './dead-letter.js';
import type { LetterBox } from './letter-box.js';
import { refusedRows, type SinkCapabilities } from './sink.js';

export interface BadRowsOptions {
  readonly policy: 'fail' | 'skip' | 'dead-letter';
  /** There when that is the policy; closed by its owner. */
  readonly letters: LetterBox | undefined;
  readonly stream: string;
  readonly incarnation: string;
  readonly gaps: Gaps;
  /** Where the run begins. */
  readonly position: Position;
  readonly capabilities: SinkCapabilities;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly recorder: Pick<Recorder, 'badRows'>;
}

type Bad = ReadonlyMap<ChangeRecord, VStreamError>;

/** Milliseconds between two warnings, as every batch may have bad rows. */
const QUIET_MS = 10_000;

export class BadRows {
  readonly #options: BadRowsOptions;
  #keyless = 0;
  #untold = 0;
  #toldAt = Number.NEGATIVE_INFINITY;
  /** Of the last batch, and its last change, while no statement or sweep came behind it. */
  #before: Position;
  #taken: ChangeRecord | undefined;

  constructor(options: BadRowsOptions) {
    this.#options = options;
    this.#before = options.position;
  }

  /**
   * Applies the batch, without its bad rows where the policy allows that, and returns it as applied: its position carries the
   * mark of what was left out. A row is among the dead letters before the position moves past it, and once however often it comes.
   * @param give `once`: without trying again what the destination refuses
   * @param coming the batches behind it up to the first with rows, to look at before their turn
   */
  async apply(
    batch: StreamBatch,
    give: (batch: StreamBatch, once: boolean) => Promise<void>,
    coming: () => AsyncIterable<StreamBatch> = async function* () {},
  ): Promise<StreamBatch> {
    const { policy, capabilities, gaps, logger } = this.#options;
    if (policy === 'fail') {
      await give(batch, false).catch((error: unknown) => Promise.reject(named(batch, error)));
      return batch;
    }
    // A sink that reads cells and undoes what it began is asked first: decoding all rows for it would cost as much as applying.
    const asksFirst = capabilities.input === 'cells' && capabilities.position === 'stored';
    let rest = await this.#without(batch, outside(batch));
    if (!asksFirst) rest = await this.#without(rest, screen(rest));
    for (let searched = false; ; ) {
      const position = gaps.onto(rest.position);
      if (position !== rest.position) rest = rest.with({ position });
      try {
        await give(rest, false);
        this.#applied(rest);
        return rest;
      } catch (error) {
        let bad = blamed(rest, error);
        if (bad.size === 0) {
          if (searched || !capabilities.bisect || !isRefusal(error)) throw error;
          logger.info({ rows: rest.changes.length }, 'looking for the rows the sink refuses, in parts of the batch');
          const { clock } = this.#options;
          bad = await bisect(rest, error, { give, before: this.#before, taken: this.#taken, coming, clock, logger });
          // Every part was taken: the whole may be as well by now.
          searched = bad.size === 0;
        }
        rest = await this.#without(rest, bad);
      }
    }
  }

  #applied({ kind, position, changes, progress }: StreamBatch): void {
    if (!this.#options.capabilities.bisect) return;
    this.#before = position;
    // A row that a statement or a sweep may have removed must not be given again.
    if (kind !== 'progress' || progress?.sweep) this.#taken = changes.at(-1);
  }

  async #without(batch: StreamBatch, bad: Bad): Promise<StreamBatch> {
    if (bad.size === 0) return batch;
    const { policy, letters, gaps, recorder } = this.#options;
    await letters?.append(this.#letters(batch, bad));
    const reason = policy === 'skip' ? 'row-skipped' : 'row-dead-lettered';
    for (const { keyspace, shard, table, generation } of bad.keys()) gaps.add({ keyspace, shard, reason, tables: { [table]: generation } });
    recorder.badRows += bad.size;
    this.#untold += bad.size;
    const [first] = bad.values();
    if (this.#options.clock.monotonic() - this.#toldAt >= QUIET_MS) this.#tell(first);
    return without(batch, bad);
  }

  /** Tells of rows since the last warning. */
  end(): void {
    if (this.#untold > 0) this.#tell(undefined);
  }

  /** With the first error of its batch, where there is one. */
  #tell(error: VStreamError | undefined): void {
    const { letters, logger, clock } = this.#options;
    logger.warn({ ...error?.toJSON(), rows: this.#untold }, `rows were ${letters ? `written to ${letters.description}` : 'skipped'}`);
    this.#untold = 0;
    this.#toldAt = clock.monotonic();
  }

  #letters(batch: StreamBatch, bad: Bad): DeadLetter[] {
    const { stream, incarnation, clock } = this.#options;
    const time = new Date(clock.now());
    const nextKeyless = (): number => ++this.#keyless;
    return [...bad].map(([record, error]) => {
      const shards = batch.position.shards.filter((one) => one.keyspace === record.keyspace && one.shard === record.shard);
      const letter = deadLetter(record, error, { stream, incarnation, time, position: new Position(shards).toJSON(), nextKeyless });
      if (!letter) throw error;
      return letter;
    });
  }
}

/** The batch without these rows; progress when nothing is left of it. */
function without(batch: StreamBatch, bad: Bad): StreamBatch {
  const changes = batch.changes.filter((change) => !bad.has(change));
  const transactions = batch.transactions.flatMap((one) => {
    const rest = one.changes.filter((change) => !bad.has(change));
    // The last part of a transaction in parts tells its end, also without changes.
    return rest.length > 0 || one.part ? [{ ...one, changes: rest }] : [];
  });
  if (changes.length > 0 || transactions.length > 0) return batch.with({ changes, transactions });
  const { position, bytes, lagMs } = batch;
  return new StreamBatch({ kind: 'progress', position, bytes, lagMs, progress: { type: 'position' } });
}

/** The rows their table's filter could not judge: nobody may apply them. */
function outside(batch: StreamBatch): Bad {
  const bad = new Map<ChangeRecord, VStreamError>();
  for (const change of batch.changes) {
    const error = unjudged(change);
    if (error) bad.set(change, error);
  }
  return bad;
}

/** The rows that cannot be decoded, each with its error. */
function screen(batch: StreamBatch): Bad {
  return failing(batch, (change) => {
    void change.after;
    void change.before;
  });
}

function failing(batch: StreamBatch, read: (change: ChangeRecord) => void): Bad {
  const bad = new Map<ChangeRecord, VStreamError>();
  for (const change of batch.changes) {
    try {
      read(change);
    } catch (error) {
      if (!isRowError(error)) throw error;
      bad.set(change, error);
    }
  }
  return bad;
}

/** What a sink met in a cell, or refused, says no position: the row does, and with it the place in the stream. */
function named(batch: StreamBatch, error: unknown): unknown {
  if (!VStreamError.is(error) || error.position !== undefined) return error;
  const [refused] = refusedRows(error).keys();
  const about: unknown = refused ?? changeOf(error);
  const record = batch.changes.find((one) => one === about);
  if (record) {
    const { keyspace, shard, table, group } = record;
    return withPlace(error, { keyspace, shard, table, gtid: group.gtid, shardGtid: group.shardGtid });
  }
  if (!isRowError(error)) return error;
  const [found] = screen(batch).values();
  return found ?? error;
}

/** The rows an error of `apply` is about: those the sink names, or those that cannot be decoded; none for other errors. */
function blamed(batch: StreamBatch, error: unknown): Bad {
  if (!VStreamError.is(error)) return new Map();
  const refused: ReadonlyMap<unknown, VStreamError> = refusedRows(error);
  if (refused.size > 0) {
    return new Map(
      batch.changes.flatMap((change): [ChangeRecord, VStreamError][] => {
        const reason = refused.get(change);
        return reason ? [[change, reason]] : [];
      }),
    );
  }
  if (!isRowError(error)) return new Map();
  const cells = unreadable(batch, error);
  return cells.size > 0 ? cells : screen(batch);
}

/** The rows whose cell in the column of this error cannot be read: other columns, and overrides, may be of no use to the sink. */
function unreadable(batch: StreamBatch, { keyspace, table, column }: VStreamError): Bad {
  if (column === undefined) return new Map();
  return failing(batch, (change) => {
    if (change.table !== table || change.keyspace !== keyspace) return;
    const at = change.schema.columns.findIndex((one) => one.name === column);
    if (at < 0) return;
    change.afterCells?.text(at);
    change.beforeCells?.text(at);
  });
}
