/** Errors of reading a row, with where in the stream the row stands. Layer 3. */
import { VStreamError } from '../errors.js';
import type { GroupContext } from './record.js';

/** Longer ones, such as a shard's set over many servers, stay out of the message. */
const MAX_IN_MESSAGE = 100;

/**
 * The decoder's error with `position`: the transaction's own GTID, or for a copied row the shard's GTID set of its snapshot. What
 * else was thrown, or knows its position, is returned as it is.
 */
export function withPlace(error: unknown, { gtid, shardGtid }: GroupContext): unknown {
  if (!VStreamError.is(error) || error.position !== undefined) return error;
  const position = gtid ?? (shardGtid === '' ? undefined : shardGtid);
  if (position === undefined) return error;
  const { code, category, keyspace, shard, table, column, next, cause } = error;
  const place = position.length > MAX_IN_MESSAGE ? '' : ` (${gtid === undefined ? 'snapshot' : 'transaction'} ${position})`;
  return new VStreamError(code, `${error.message}${place}`, { category, keyspace, shard, table, column, position, next, cause });
}
