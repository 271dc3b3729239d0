/** Where a bounded stream ends: pure. Layer 3. */
import { containsGtids, parseGtidSet } from '../position/gtid.js';
import type { CopyPlan } from '../position/plan.js';
import type { ShardPosition } from '../position/position.js';

export type StopPoint =
  | { readonly kind: 'never' }
  | { readonly kind: 'copied' }
  | { readonly kind: 'after'; readonly ms: number }
  /** Every shard has delivered at least these GTID sets, and every copy is done. */
  | { readonly kind: 'position'; readonly shards: readonly ShardPosition[] };

export interface StreamedSoFar {
  readonly plan: CopyPlan;
  gtid(keyspace: string, shard: string): string;
}

export function reachedStop(stop: StopPoint, seen: StreamedSoFar, elapsedMs: number): boolean {
  switch (stop.kind) {
    case 'never':
      return false;
    case 'after':
      return elapsedMs >= stop.ms;
    case 'copied':
      return seen.plan.done;
    case 'position':
      return seen.plan.done && stop.shards.every((one) => contains(seen.gtid(one.keyspace, one.shard), one.gtid));
  }
}

function contains(outer: string, inner: string): boolean {
  if (outer === inner) return true;
  const [a, b] = [parseGtidSet(outer), parseGtidSet(inner)];
  return a !== undefined && b !== undefined && outer !== '' && containsGtids(a, b);
}
