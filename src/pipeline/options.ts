/** What users write to run a stream into a destination. Layer 4, types only; checked by validate.ts. */
import type { Duration } from '../internal/duration.js';
import type { Stats } from '../observe/stats.js';
import type { Position } from '../position/position.js';
import type { Tables } from '../schema/define.js';
import type { CheckpointStore } from '../stores/store.js';
import type { Batch } from '../stream/change.js';
import type { StreamOptions } from '../stream/options.js';
import type { ApplyContext, Sink } from './sink.js';

/**
 * A table in Vitess that keeps the state of streams, one row each; created on demand, reached through the VTGate of `source`. The keyspace
 * must be unsharded (`STATE_KEYSPACE_INVALID`); it may be a streamed one, whose patterns then do not take the table.
 */
export interface StateTable {
  readonly keyspace: string;
  readonly table: string;
}

/**
 * A function as destination. Resolved = durable: only then the position moves on. Calls never overlap; after a crash the same changes come
 * again, perhaps cut into other batches. Batches of kind `schema` and `progress` come too, without changes. What it throws ends the stream
 * with `HANDLER_FAILED`, but for a `VStreamError` of category `retry` (called again, for `sinkRetry`) and `rowsRefused` (`onBadRow` decides).
 */
export interface Handler<T extends Tables = Tables> {
  (batch: Batch<T>, context: ApplyContext): Promise<void> | void;
  /** What every function has. Named, so that the `apply` of a sink written in place gets its types from `Sink`. */
  readonly apply: object;
}

export interface RunOptions<T extends Tables = Tables> extends StreamOptions<T> {
  /** Identity of the stream: its state, lease and metrics hang on it. 1 to 128 characters. */
  readonly name: string;
  /** Where the stream's position, lease and requests are kept: a table, or `fileStore`, `memoryStore` or one of your own, which is yours to close. */
  readonly state: StateTable | CheckpointStore;
  /** The destination: a sink such as `duckdb({ path })`, or a function. */
  readonly sink: Sink | Handler<T>;
  /**
   * A stored position that the servers cannot serve any more (purged, ahead, of another cluster): `fail` (default) with the
   * missing range, or `recopy` the tables of the affected shards and sweep stale rows; those with `copy: false` are marked incomplete.
   * Refused (`SINK_UNSUPPORTED`) with a sink that cannot sweep.
   */
  readonly onPurged?: 'fail' | 'recopy';
  /**
   * A row that cannot be decoded, does not fit its schema, cannot be judged by the table's `where`, or is refused by the sink (named by
   * `rowsRefused`, or found by `capabilities.bisect`): `fail` (default), `skip` it, or store it as a `dead-letter`, from where it can be
   * replayed. A row left out marks its table incomplete.
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
   * A moving position is written to the state at this pace while rows come, whatever the size of batches; after a crash a sink that
   * does not store positions sees at most that much again, and at least the last batch. Default 1 s. Without rows it is written when the
   * lease is renewed: at a third of `lease`, at most twice a minute where the state lies in a streamed keyspace.
   */
  readonly checkpointInterval?: Duration;
  /**
   * How long a batch is tried again that the sink refused with an error that may pass; 0: not at all. Waits grow from 0.25 s to 30 s.
   * Meanwhile nothing is read. Default 30 s.
   */
  readonly sinkRetry?: Duration;
  /** How long an abort may take to finish the batch in flight and store its position; then the batch is given up and comes again. Default 30 s. */
  readonly drainTimeout?: Duration;
}

/** How a run ended; what `run()` resolves with. */
export interface Summary {
  /** `until` was reached, `signal` aborted, or `close()` was called. */
  readonly reason: 'until' | 'aborted' | 'closed';
  /** Row changes this run applied, copied rows included. */
  readonly rows: number;
  /** Of them on the wire. */
  readonly bytes: number;
  /** Those without rows included. */
  readonly batches: number;
  /** Since `start()`, waiting as standby included. */
  readonly seconds: number;
  /** The durable position; undefined when nothing was ever delivered or stored. */
  readonly position: Position | undefined;
}

/**
 * A stream under way; returned by `start()`. `addTable`, `removeTable` and `recopy` reject with `CONFIG_INVALID` while `stats().state` is
 * `starting` or `waiting`, resolve when the change will be made, and are lost if the process dies before: `vstream copy` keeps such a wish
 * in the state.
 */
export interface Running extends AsyncDisposable {
  /** Resolves at `until`, after an abort or `close()`; rejects with a `VStreamError`. */
  readonly finished: Promise<Summary>;
  /** What the stream is doing, now; see docs/operations.md for what to watch. */
  stats(): Stats;
  /**
   * Copies one more table, `orders` or `billing.orders`, while the others keep streaming. The next start takes the tables of its options:
   * add it there as well. Of a table the stream has already nothing changes: `recopy` copies it again.
   * @throws VStreamError `TABLE_NOT_FOUND`; `CONFIG_INVALID` for a keyspace of which the stream reads no shard; `SINK_UNSUPPORTED` for a
   *   table that was removed, with a sink that cannot sweep
   */
  addTable(table: string): Promise<void>;
  /** No more changes of the table; its rows stay at the destination. @throws VStreamError `TABLE_NOT_FOUND` */
  removeTable(table: string): Promise<void>;
  /**
   * Copies the table once more, or the range `where` of it; stale rows are swept from the sink, of a range only inside. `where` is AND of
   * column, operator and literal on columns of the primary key. Resolves when the copy is planned.
   * @throws VStreamError `SINK_UNSUPPORTED` for a sink without `sweep` (of a range: `sweepRange`), `TABLE_NOT_FOUND`, and for a range
   *   `FILTER_REFUSED` with the reason, `COLUMN_NOT_FOUND`, `CONFIG_INVALID` for a table without a primary key
   */
  recopy(table: string, options?: { readonly where?: string }): Promise<void>;
  /** Nothing more is written from the next batch on; lease and connection are kept. Unlike `vstream pause` it ends with the process. */
  pause(): Promise<void>;
  /** Ends any pause of this process: `pause()`, `vstream pause`, `onDdl: 'pause'`. */
  resume(): Promise<void>;
  /** Drains, stores the position, releases the lease. Idempotent; the same as aborting `signal`. Rejects as `finished` does. */
  close(): Promise<Summary>;
}
