/** Which tables may be copied from a snapshot beside the stream, ahead of its position. Pure. Layer 3. */
import { parseGtidSet } from '../position/gtid.js';
import type { Position } from '../position/position.js';
import type { TableRef } from '../schema/table.js';

/** Characters of the marks a position carries: 5,000 tables on 256 shards stay under 1 MB. */
const MARKS_LIMIT = 128 * 1024;

/**
 * A first copy that no shard has begun, of a stream that knows where it is: rows of an earlier copy would have to be swept with it. Not
 * inside a transaction handed out in part: in the stream from now on, the table could add to what was counted of it.
 */
export function fitsBeside(position: Position, { keyspace, table }: TableRef): boolean {
  const entry = position.plan.table(keyspace, table);
  if (entry?.state !== 'pending' || entry.shards !== undefined || entry.generation !== 1) return false;
  if (position.partial.length > 0 || position.since.text().length > MARKS_LIMIT) return false;
  return position.shards.every((one) => one.gtid !== 'current' && (one.keyspace !== keyspace || isKnown(one.gtid)));
}

const isKnown = (gtid: string): boolean => gtid !== '' && parseGtidSet(gtid) !== undefined;
