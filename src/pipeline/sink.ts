/** The contract of a destination. Layer 4. */
import { type ErrorDetails, VStreamError } from '../errors.js';
import type { Logger } from '../observe/logger.js';
import type { Position } from '../position/position.js';
import type { KeyRange } from '../schema/key-range.js';
import type { TableRef } from '../schema/table.js';
import type { Batch, Change, SchemaChange } from '../stream/change.js';

/** What a sink can do. Checked at the start: what an option or the plan needs and the sink lacks is `SINK_UNSUPPORTED`. */
export interface SinkCapabilities {
  /** `stored`: rows and position commit together (exactly once). `external`: the state row keeps the position (at least once). */
  readonly position: 'stored' | 'external';
  /** Rows can be removed. Without it deletes arrive as changes all the same. */
  readonly deletes: boolean;
  /** `sweep` is implemented: needed by everything that copies rows a second time (docs/failure.md). */
  readonly sweep: boolean;
  /** `evolve`: `schema()` creates and widens tables. `fixed`: the destination's tables are the user's. */
  readonly schema: 'evolve' | 'fixed';
  /** `cells`: rows are read through `afterCells`/`beforeCells` only, so nothing is decoded ahead. Default `objects`. */
  readonly input?: 'objects' | 'cells' | undefined;
  /**
   * `onBadRow` may look for the rows that `apply` refuses by giving it parts of the batch, rows it took before once more, rows behind the
   * batch before their turn, and then the batch without those refused; of a transaction its changes apart. For sinks that upsert and store
   * no position. Default false: a batch that is refused ends the stream, unless the sink names its rows by `rowsRefused`.
   */
  readonly bisect?: boolean | undefined;
}

export interface SinkOpenContext {
  /** The stream's name. */
  readonly name: string;
  /** UUID of this life of the stream: new at the first start and at `state reset`. */
  readonly incarnation: string;
  /** Fencing token: a sink that stores positions refuses writes of a lower epoch, in the same transaction as the rows. */
  readonly epoch: bigint;
  readonly logger: Logger;
  /** Aborted when the stream is to stop while the sink is opened. */
  readonly signal: AbortSignal;
}

/** What a sink holds of a stream when it is opened; both absent when there is nothing yet. */
export interface OpenedSink {
  readonly position?: Position | undefined;
  /** Of the life of the stream that wrote it; default: the one that opens it. */
  readonly incarnation?: string | undefined;
}

export interface ApplyContext {
  /** That of `SinkOpenContext`: the owner that writes. */
  readonly epoch: bigint;
  /** Aborted when the stream is another's now, or when `drainTimeout` is over: stop writing, and throw. */
  readonly signal: AbortSignal;
}

/**
 * A destination. Calls never overlap. After a crash the same changes come again, and may be cut into other batches: `apply`
 * must be idempotent (upsert by key) or transactional with the position. Keyed sinks keep source shard and generation with
 * each row: a delete, sweep or truncate touches only rows of its own shard. Shards have no common order, so what is known of a
 * row that moves between them may arrive in any: an upsert from another shard sets the present version aside, and a delete of the
 * upper one brings it back (docs/sinks.md; `sinkConformance` in `vstream-client/testing` checks it).
 */
export interface Sink {
  readonly capabilities: SinkCapabilities;
  /**
   * Called once, after the epoch was claimed. Raises the sink's epoch and returns the position it holds with the incarnation that
   * wrote it; those of another incarnation than the caller's stay until the first write, which takes over. A sink that stores no
   * position has nothing to return. Throws `SINK_FAILED` or `POSITION_CONFLICT` when it cannot be used; must leave nothing half made.
   */
  open(context: SinkOpenContext): Promise<OpenedSink | void>;
  /**
   * `columns` before the first row of a version of a table, `ddl` and `rows-changed` at their place; not `truncate`. The batch of kind
   * `schema` with the position after it goes to `apply` afterwards.
   */
  schema?(change: SchemaChange, context: ApplyContext): Promise<void>;
  /**
   * Resolved = durable. Batches of kind `schema` and `progress` carry no rows: storing sinks record `batch.position`. Whatever is thrown
   * is tried again for `sinkRetry`, with the calls of `schema`, `truncate` and `sweep` before it; a `VStreamError` of another category
   * than `retry` ends the stream at once, and `rowsRefused` leaves the rows to `onBadRow`.
   */
  apply(batch: Batch, context: ApplyContext): Promise<void>;
  /** Removes all rows of the table that came from this shard. Idempotent. Without it they stay, which is warned of. */
  truncate?(table: TableRef, shard: string, context: ApplyContext): Promise<void>;
  /** At the end of a table's second copy: removes its rows from this shard with a generation older than `generation`; returns how many. Idempotent. */
  sweep?(table: TableRef, shard: string, generation: number, context: ApplyContext): Promise<number>;
  /**
   * The same, of the rows whose key lies in the range: no other was copied again. Only with `capabilities.sweep`; a sink without this
   * cannot have ranges of a table copied again.
   */
  sweepRange?(table: TableRef, shard: string, generation: number, range: KeyRange, context: ApplyContext): Promise<number>;
  /** Idempotent; also called after a failed `open`. */
  close(): Promise<void>;
}

/** The changes an error is about, beside the error: nothing of a row gets into messages and logs that way. */
const REFUSED = new WeakMap<VStreamError, ReadonlyMap<Change, VStreamError>>();

/**
 * The error for a sink or handler that refuses some rows of a batch and can take the others: where `onBadRow` allows it, `apply` is
 * called again without them. Nothing of the batch may count as applied when this is thrown. `reason` goes into messages, logs and
 * dead letters: leave values out of it. The error may name the column and a better next step.
 */
export function rowsRefused(
  changes: readonly Change[],
  reason: string | ((change: Change) => string),
  { column, next }: { readonly column?: string | undefined; readonly next?: string | undefined } = {},
): VStreamError {
  const reasonOf = typeof reason === 'string' ? () => reason : reason;
  const [first] = changes;
  const where = first ? ` of ${first.keyspace}.${first.table}, shard ${first.shard}` : '';
  const error = new VStreamError(
    'SINK_FAILED',
    `the sink refused ${changes.length} rows${where}: ${first ? reasonOf(first) : 'none is named'}`,
    { ...placeOf(first), column, next: next ?? "Mend the rows or the destination, or set `onBadRow: 'dead-letter'`." },
  );
  const refusal = (change: Change): VStreamError =>
    new VStreamError('SINK_FAILED', `the sink refused the row: ${reasonOf(change)}`, placeOf(change));
  REFUSED.set(error, new Map(changes.map((change) => [change, refusal(change)])));
  return error;
}

function placeOf(change: Change | undefined): ErrorDetails {
  return change ? { keyspace: change.keyspace, shard: change.shard, table: change.table, position: change.gtid } : {};
}

/** Of an error made by `rowsRefused`: each change with an error of its own. */
export function refusedRows(error: VStreamError): ReadonlyMap<Change, VStreamError> {
  return REFUSED.get(error) ?? new Map();
}
