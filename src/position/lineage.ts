/**
 * How many reshards lie behind a shard: the first part of `sequence`. Counted along each line of shards, as shards that a reshard
 * left alone have no order with it: counted for the stream as a whole, their changes would be numbered by chance. Pure. Layer 1.
 */
import { shardsOverlap } from './keyrange.js';

interface Place {
  readonly keyspace: string;
  readonly shard: string;
}

interface Member extends Place {
  readonly reshards?: number | undefined;
}

/** `members`: the shards known so far; `count`: what those without a number of their own have behind them. */
export function reshardsBehind({ keyspace, shard }: Place, members: readonly Member[], count: number): number {
  const near = members.filter((one) => one.keyspace === keyspace);
  const own = near.find((one) => one.shard === shard);
  if (own) return own.reshards ?? count;
  const parents = near.filter((one) => shardsOverlap(one.shard, shard));
  return 1 + Math.max(...(parents.length > 0 ? parents : [{ reshards: count }]).map((one) => one.reshards ?? count));
}

/** The shards of `vector` in place of `members`, for a position whose count is one more than `count`. */
export function afterReshard(
  vector: readonly (Place & { readonly gtid: string })[],
  members: readonly Member[],
  count: number,
): { keyspace: string; shard: string; gtid: string; reshards?: number }[] {
  return vector.map((one) => {
    const behind = reshardsBehind(one, members, count);
    const { keyspace, shard, gtid } = one;
    return behind === count + 1 ? { keyspace, shard, gtid } : { keyspace, shard, gtid, reshards: behind };
  });
}
