/** A position after a batch. Pure. Layer 3. */
import { shardNames } from '../copy/changes.js';
import type { CopyPlan } from '../position/plan.js';
import type { PartialTransaction, Position } from '../position/position.js';
import { isSameTransaction, type Moves } from './builders.js';

/**
 * `whole`: a plan that replaces the position's; without one only what was copied moves it. `started`: a transaction handed out in part
 * with the batch. The same position when nothing moved.
 */
export function moved(position: Position, { advances, ended }: Moves, whole?: CopyPlan, started?: PartialTransaction): Position {
  let { partial } = position;
  if (ended.length > 0) partial = partial.filter((one) => !ended.some((other) => isSameTransaction(one, other)));
  if (started) partial = [...partial.filter((one) => !isSameTransaction(one, started)), started];
  let plan = whole ?? position.plan;
  if (advances.size === 0) {
    return plan === position.plan && partial === position.partial ? position : position.with({ plan, partial }).settled();
  }
  const shards = position.shards.map((one) => {
    const advance = advances.get(`${one.keyspace}/${one.shard}`);
    return advance ? { ...one, gtid: advance.gtid } : one;
  });
  if (!whole) {
    for (const { keyspace, shard, copy } of advances.values()) {
      if (copy) plan = plan.withShard(keyspace, copy.table, shard, copy.state, shardNames(position, keyspace));
    }
  }
  return position.with({ shards, plan, partial }).settled();
}
