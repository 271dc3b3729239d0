/**
 * Which stored rows a truncate or sweep of a shard may remove. Pure. Layer 1.
 *
 * A row is stored under the shard that wrote it. After a split, rows stored under `-80` may belong to `-40` or to `40-80`: a
 * sweep of `-40` alone must not remove them, or rows of `40-80` that nobody copied again would be lost. So rows of a wider shard
 * wait until truncates or sweeps cover all of it.
 */
import { shardsCover, shardsOverlap } from './keyrange.js';

/** A truncate counts as a sweep of every generation. */
export const EVERY_GENERATION = 2_147_483_647;

export interface PendingClear {
  readonly stored: string;
  readonly shard: string;
  readonly generation: number;
  /** Only rows of this range, as its text; different ranges do not add up. */
  readonly range?: string | undefined;
}

export interface ClearPlan {
  /** Remove rows stored under `stored` with a generation below `generation`. */
  readonly remove: readonly { readonly stored: string; readonly generation: number }[];
  /** Keep in mind until the rest of `stored` is cleared too. */
  readonly wait: readonly PendingClear[];
}

/** `known`: shards the table's rows may be stored under; `pending`: what waits for this table already; `range`: only rows of it. */
export function planClear(
  shard: string,
  generation: number,
  known: Iterable<string>,
  pending: readonly PendingClear[],
  range?: string,
): ClearPlan {
  const remove: { stored: string; generation: number }[] = [];
  const wait: PendingClear[] = [];
  for (const stored of new Set([...known, shard])) {
    if (!shardsOverlap(stored, shard)) continue;
    const earlier = pending.filter((one) => one.stored === stored && one.shard !== shard && one.range === range);
    if (shardsCover(stored, [shard])) {
      remove.push({ stored, generation });
    } else if (shardsCover(stored, [shard, ...earlier.map((one) => one.shard)])) {
      remove.push({ stored, generation: Math.min(generation, ...earlier.map((one) => one.generation)) });
    } else {
      wait.push({ stored, shard, generation, ...(range === undefined ? {} : { range }) });
    }
  }
  return { remove, wait };
}
