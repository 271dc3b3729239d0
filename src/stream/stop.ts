/** Where a bounded stream ends. Layer 3. */
import { containsGtids, type GtidSet, parseGtidSet } from '../position/gtid.js';
import type { ShardPosition } from '../position/position.js';

export type StopPoint =
  | { readonly kind: 'never' }
  | { readonly kind: 'copied' }
  | { readonly kind: 'after'; readonly ms: number }
  /** Every shard has delivered at least these GTID sets, and every copy is done. */
  | { readonly kind: 'position'; readonly shards: readonly StopShard[] };

export interface StreamedSoFar {
  /** Every copy is finished, and the stream has come as far as what it copied. */
  readonly copied: boolean;
  gtid(keyspace: string, shard: string): string;
}

/** One shard of the end. It is looked at after every message, so that a set is read only when it is another one. */
class StopShard {
  readonly keyspace: string;
  readonly shard: string;
  readonly #gtid: string;
  readonly #set: GtidSet | undefined;
  #seen: string | undefined;
  #reached = false;

  constructor({ keyspace, shard, gtid }: ShardPosition) {
    this.keyspace = keyspace;
    this.shard = shard;
    this.#gtid = gtid;
    this.#set = parseGtidSet(gtid);
  }

  isReached(gtid: string): boolean {
    if (gtid !== this.#seen) {
      this.#seen = gtid;
      this.#reached = gtid === this.#gtid || this.#isIn(gtid);
    }
    return this.#reached;
  }

  #isIn(gtid: string): boolean {
    const seen = gtid === '' || !this.#set ? undefined : parseGtidSet(gtid);
    return seen !== undefined && this.#set !== undefined && containsGtids(seen, this.#set);
  }
}

export function stopAtPosition(shards: readonly ShardPosition[]): StopPoint {
  return { kind: 'position', shards: shards.map((one) => new StopShard(one)) };
}

export function reachedStop(stop: StopPoint, seen: StreamedSoFar, elapsedMs: number): boolean {
  switch (stop.kind) {
    case 'never':
      return false;
    case 'after':
      return elapsedMs >= stop.ms;
    case 'copied':
      return seen.copied;
    case 'position':
      return seen.copied && stop.shards.every((one) => one.isReached(seen.gtid(one.keyspace, one.shard)));
  }
}
