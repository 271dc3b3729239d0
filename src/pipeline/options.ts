/** What users write to run a stream into a destination. Layer 4, types only; checked by validate.ts. */
import type { Duration } from '../internal/duration.js';
import type { Stats } from '../observe/stats.js';
import type { Position } from '../position/position.js';
import type { Tables } from '../schema/define.js';
import type { CheckpointStore } from '../stores/store.js';
import type { Batch } from '../stream/change.js';
import type { StreamOptions } from '../stream/options.js';
import type { ApplyContext, Sink } from './sink.js';

/** A table in Vitess that keeps the state of streams, one row each; created on demand. The keyspace must be unsharded. */
export interface StateTable {
  readonly keyspace: string;
  readonly table: string;
}

/** Resolved = durable: only then the position moves on. Calls never overlap; a replay may cut the batches differently. */
export interface Handler<T extends Tables = Tables> {
  (batch: Batch<T>, context: ApplyContext): Promise<void> | void;
  /** What every function has. Named, so that the `apply` of a sink written in place gets its types from `Sink`. */
  readonly apply: object;
}

export interface RunOptions<T extends Tables = Tables> extends StreamOptions<T> {
  /** Identity of the stream: its state, lease and metrics hang on it. 1 to 128 characters. */
  readonly name: string;
  readonly state: StateTable | CheckpointStore;
  readonly sink: Sink | Handler<T>;
  /**
   * A stored position that the servers cannot serve any more (purged, ahead, of another cluster): `fail` (default) with the
   * missing range, or `recopy` the tables of the affected shards; stale rows are swept, so the sink must be able to.
   */
  readonly onPurged?: 'fail' | 'recopy';
  /**
   * A row that cannot be decoded, does not fit its schema, or is refused by the sink by name (`rowsRefused`): `fail` (default), `skip`
   * it, or store it as a `dead-letter`, from where it can be replayed. A row left out marks its table incomplete.
   */
  readonly onBadRow?: 'fail' | 'skip' | 'dead-letter';
  /**
   * For `onBadRow: 'dead-letter'`: a file, one JSON object a line, appended to, made readable for its owner only; or a table in
   * an unsharded keyspace of Vitess, created on demand, which patterns of `tables` do not take. Either is tried when the stream starts.
   */
  readonly deadLetter?: { readonly path: string } | { readonly keyspace: string; readonly table: string };
  /**
   * A transaction that the server itself cannot decode, met twice at the same position: `fail` (default) with the transaction,
   * where it can be told; `skip-and-recopy`: go on behind it and copy the tables it may have changed again on that shard. Until
   * that copy ends they count as incomplete. The sink must be able to sweep.
   */
  readonly onUndecodable?: 'fail' | 'skip-and-recopy';
  /** true (default): wait as hot standby while another process owns the stream. false: fail with `LEASE_HELD`. */
  readonly wait?: boolean;
  /** How long a dead owner keeps others waiting. Renewed at a third of it. At least 1 s. Default 30 s; at least 90 s where the state lies in a streamed keyspace. */
  readonly lease?: Duration;
  /**
   * A moving position is written to the state at this pace, whatever the size of batches; after a crash a sink that does not
   * store positions sees at most that much again. Default 1 s; without rows at most twice a minute.
   */
  readonly checkpointInterval?: Duration;
  /**
   * How long a batch is tried again that the sink refused with an error that may pass; 0: not at all. Waits grow from 0.25 s to 30 s.
   * Meanwhile nothing is read. Default 30 s.
   */
  readonly sinkRetry?: Duration;
  /** How long an abort may take to finish the batch in flight and store its position. Default 30 s. */
  readonly drainTimeout?: Duration;
}

/** How a run ended; what `run()` resolves with. */
export interface Summary {
  readonly reason: 'until' | 'aborted' | 'closed';
  readonly rows: number;
  readonly bytes: number;
  readonly batches: number;
  readonly seconds: number;
  /** The durable position; undefined when nothing was ever delivered or stored. */
  readonly position: Position | undefined;
}

/** A stream under way; returned by `start()`. */
export interface Running extends AsyncDisposable {
  /** Resolves at `until`, after an abort or `close()`; rejects with a `VStreamError`. */
  readonly finished: Promise<Summary>;
  stats(): Stats;
  /** Copies the table while the others keep streaming. */
  addTable(table: string): Promise<void>;
  removeTable(table: string): Promise<void>;
  /**
   * Copies the table once more, or the range `where` of it; stale rows are swept from the sink, of a range only inside. `where` is AND of
   * column, operator and literal on columns of the primary key. Resolves when the copy is planned.
   * @throws VStreamError `SINK_UNSUPPORTED` for a sink without `sweep` (of a range: `sweepRange`), `TABLE_NOT_FOUND`, and for a range
   *   `FILTER_REFUSED` with the reason, `COLUMN_NOT_FOUND`, `CONFIG_INVALID` for a table without a primary key
   */
  recopy(table: string, options?: { readonly where?: string }): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Drains, stores the position, releases the lease. Idempotent; the same as aborting `signal`. */
  close(): Promise<Summary>;
}
