/** Errors of reading rows and events, with where in the stream these stand. Layer 3. */
import { VStreamError } from '../errors.js';

/** Where a row or an event stands. */
export interface StreamPlace {
  readonly keyspace?: string | undefined;
  readonly shard?: string | undefined;
  readonly table?: string | undefined;
  /** Of the transaction; undefined in a copy. */
  readonly gtid: string | undefined;
  /** The shard's GTID set; '' while unknown. */
  readonly shardGtid: string;
}

/** What reading a row can end with; everything else is no row's fault. */
const ROW_ERRORS: ReadonlySet<string> = new Set(['DECODE_FAILED', 'PARTIAL_IMAGE', 'SCHEMA_MISMATCH']);

export function isRowError(error: unknown): error is VStreamError {
  return VStreamError.is(error) && ROW_ERRORS.has(error.code);
}

/** Longer ones, such as a shard's set over many servers, stay out of the message. */
const MAX_IN_MESSAGE = 100;

/**
 * The error with `position`: the transaction's own GTID, or for a copied row the shard's GTID set of its snapshot; and with the
 * coordinates it did not know itself. What else was thrown, or knows its position, is returned as it is.
 */
export function withPlace(error: unknown, place: StreamPlace): unknown {
  if (!VStreamError.is(error) || error.position !== undefined) return error;
  const { gtid, shardGtid } = place;
  const position = gtid ?? (shardGtid === '' ? undefined : shardGtid);
  const known = { keyspace: error.keyspace ?? place.keyspace, shard: error.shard ?? place.shard, table: error.table ?? place.table };
  if (position === undefined && known.shard === error.shard) return error;
  const { code, category, column, next, cause } = error;
  const on = known.shard === error.shard ? '' : ` on shard ${known.keyspace}/${known.shard}`;
  const untold = position === undefined || position.length > MAX_IN_MESSAGE;
  const at = untold ? '' : ` (${gtid === undefined ? 'snapshot' : 'transaction'} ${position})`;
  return new VStreamError(code, `${error.message}${on}${at}`, { category, ...known, column, position, next, cause });
}
