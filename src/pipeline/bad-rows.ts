/** Rows that cannot be decoded or that the sink refuses: left out by policy, kept where the policy says so. Layer 4. */
import { VStreamError } from '../errors.js';
import type { Clock } from '../internal/clock.js';
import type { Logger } from '../observe/logger.js';
import type { Recorder } from '../observe/recorder.js';
import { Position } from '../position/position.js';
import type { StreamBatch } from '../stream/batch.js';
import type { Gaps } from '../stream/gaps.js';
import type { ChangeRecord } from '../stream/record.js';
import { type DeadLetter, deadLetter, DeadLetterFile } from './dead-letter.js';
import { refusedRows, type SinkCapabilities } from './sink.js';

export interface BadRowsOptions {
  readonly policy: 'fail' | 'skip' | 'dead-letter';
  /** Of the dead letter file; there when that is the policy. */
  readonly path: string | undefined;
  readonly stream: string;
  readonly incarnation: string;
  readonly gaps: Gaps;
  readonly capabilities: SinkCapabilities;
  readonly clock: Pick<Clock, 'now'>;
  readonly logger: Logger;
  readonly recorder: Pick<Recorder, 'badRows'>;
}

/** What reading a row can end with; everything else is no row's fault. */
const ROW_ERRORS: ReadonlySet<string> = new Set(['DECODE_FAILED', 'PARTIAL_IMAGE', 'SCHEMA_MISMATCH']);

export class BadRows {
  readonly #options: BadRowsOptions;
  readonly #file: DeadLetterFile | undefined;

  constructor(options: BadRowsOptions) {
    this.#options = options;
    this.#file = options.path === undefined ? undefined : new DeadLetterFile(options.path);
  }

  /**
   * Applies the batch, without its bad rows where the policy allows that, and returns it as applied: its position carries the
   * mark of what was left out. A row is in the dead letter file before the position moves past it; after a crash it may be there twice.
   */
  async apply(batch: StreamBatch, apply: (batch: StreamBatch) => Promise<void>): Promise<StreamBatch> {
    const { policy, capabilities, gaps } = this.#options;
    if (policy === 'fail') {
      await apply(batch).catch((error: unknown) => Promise.reject(named(batch, error)));
      return batch;
    }
    // A sink that reads cells and undoes what it began is asked first: decoding all rows for it would cost as much as applying.
    const asksFirst = capabilities.input === 'cells' && capabilities.position === 'stored';
    let rest = asksFirst ? batch : await this.#without(batch, screen(batch));
    for (;;) {
      const position = gaps.onto(rest.position);
      if (position !== rest.position) rest = rest.with({ position });
      try {
        await apply(rest);
        return rest;
      } catch (error) {
        const bad = blamed(rest, error);
        if (bad.size === 0) throw error;
        rest = await this.#without(rest, bad);
      }
    }
  }

  async #without(batch: StreamBatch, bad: ReadonlyMap<ChangeRecord, VStreamError>): Promise<StreamBatch> {
    if (bad.size === 0) return batch;
    const { policy, gaps, logger, recorder } = this.#options;
    if (this.#file) await this.#file.append(this.#letters(batch, bad));
    const reason = policy === 'skip' ? 'row-skipped' : 'row-dead-lettered';
    for (const { keyspace, shard, table, generation } of bad.keys()) gaps.add({ keyspace, shard, reason, tables: { [table]: generation } });
    recorder.badRows += bad.size;
    const [first] = bad.values();
    logger.warn(
      { ...first?.toJSON(), rows: bad.size },
      policy === 'skip' ? 'rows were skipped' : 'rows were written to the dead letter file',
    );
    return batch.with({
      changes: batch.changes.filter((change) => !bad.has(change)),
      transactions: batch.transactions.flatMap((one) => {
        const changes = one.changes.filter((change) => !bad.has(change));
        // The last part of a transaction in parts tells its end, also without changes.
        return changes.length > 0 || one.part ? [{ ...one, changes }] : [];
      }),
    });
  }

  #letters(batch: StreamBatch, bad: ReadonlyMap<ChangeRecord, VStreamError>): DeadLetter[] {
    const { stream, incarnation, clock } = this.#options;
    const time = new Date(clock.now());
    return [...bad].map(([record, error]) => {
      const shards = batch.position.shards.filter((one) => one.keyspace === record.keyspace && one.shard === record.shard);
      const letter = deadLetter(record, error, { stream, incarnation, time, position: new Position(shards).toJSON() });
      if (!letter) throw error;
      return letter;
    });
  }

  close(): Promise<void> {
    return this.#file?.close() ?? Promise.resolve();
  }
}

/** The rows that cannot be decoded, each with its error. */
function screen(batch: StreamBatch): Map<ChangeRecord, VStreamError> {
  const bad = new Map<ChangeRecord, VStreamError>();
  for (const change of batch.changes) {
    try {
      void change.after;
      void change.before;
    } catch (error) {
      if (!VStreamError.is(error) || !ROW_ERRORS.has(error.code)) throw error;
      bad.set(change, error);
    }
  }
  return bad;
}

/** What a sink met in a cell says no position: reading the rows again finds the row, and with it the place in the stream. */
function named(batch: StreamBatch, error: unknown): unknown {
  if (!VStreamError.is(error) || error.position !== undefined || !ROW_ERRORS.has(error.code)) return error;
  const [found] = screen(batch).values();
  return found ?? error;
}

/** The rows an error of `apply` is about: those the sink names, or those that cannot be decoded; none for other errors. */
function blamed(batch: StreamBatch, error: unknown): Map<ChangeRecord, VStreamError> {
  if (!VStreamError.is(error)) return new Map();
  const refused = new Set<unknown>(refusedRows(error));
  if (refused.size > 0) return new Map(batch.changes.filter((change) => refused.has(change)).map((change) => [change, error]));
  if (!ROW_ERRORS.has(error.code)) return new Map();
  const cells = unreadable(batch, error);
  return cells.size > 0 ? cells : screen(batch);
}

/** The rows whose cell in the column of this error cannot be read: other columns, and overrides, may be of no use to the sink. */
function unreadable(batch: StreamBatch, { keyspace, table, column }: VStreamError): Map<ChangeRecord, VStreamError> {
  const bad = new Map<ChangeRecord, VStreamError>();
  for (const change of batch.changes) {
    if (column === undefined || change.table !== table || change.keyspace !== keyspace) continue;
    const at = change.schema.columns.findIndex((one) => one.name === column);
    try {
      if (at < 0) continue;
      change.afterCells?.text(at);
      change.beforeCells?.text(at);
    } catch (error) {
      if (!VStreamError.is(error) || !ROW_ERRORS.has(error.code)) throw error;
      bad.set(change, error);
    }
  }
  return bad;
}
