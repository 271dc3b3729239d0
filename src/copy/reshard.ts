/** A position after a reshard. Pure. Layer 3. */
import { afterReshard } from '../position/lineage.js';
import { highestGeneration } from '../position/plan.js';
import type { Position } from '../position/position.js';
import type { VgtidEntry } from '../wire/vgtid.js';
import { rangeAgain } from './ranges.js';

/**
 * The shard set of `vector` in place of the old one, as a whole. Copies of tables are done then; a table's generation becomes the highest
 * any old shard had, so that the next one is newer than every row. Ranges that are owed begin again.
 */
export function resharded(position: Position, vector: readonly VgtidEntry[]): Position {
  const plan = position.plan.withTables(
    [...position.plan.tables()].map(({ entry, ...ref }) => {
      const { shards: _, ...rest } = entry;
      return [ref, rangeAgain({ ...rest, state: 'done', generation: highestGeneration(entry) })];
    }),
  );
  // A keyspace that had no part in the request keeps its shards, each with the count it has.
  const kept = position.shards.filter((one) => !vector.some(({ keyspace }) => keyspace === one.keyspace));
  const shards = [
    ...afterReshard(vector, position.shards, position.reshards),
    ...kept.map((one) => ({ ...one, reshards: one.reshards ?? position.reshards })),
  ];
  // A shard that the reshard left alone may be inside a transaction that is handed out in parts.
  const partial = position.partial.filter((one) => shards.some(({ keyspace, shard }) => keyspace === one.keyspace && shard === one.shard));
  return position.with({ shards, plan, partial, reshards: position.reshards + 1 });
}
