/** The shards of one RPC as the server last told of them: what a reshard replaced, and how many lie behind each. Layer 3. */
import { afterReshard, reshardsBehind } from '../position/lineage.js';
import type { VgtidEntry } from '../wire/vgtid.js';

export interface Member {
  readonly keyspace: string;
  readonly shard: string;
  /** Reshards behind it, where that differs from the count of all. */
  readonly reshards?: number;
}

export class ShardSet {
  #members: readonly Member[];
  #reshards: number;

  constructor(members: readonly Member[], reshards: number) {
    this.#members = members;
    this.#reshards = reshards;
  }

  /** Reshards behind a shard of the set, or behind one that joins. */
  behind(keyspace: string, shard: string): number {
    return reshardsBehind({ keyspace, shard }, this.#members, this.#reshards);
  }

  /**
   * Takes the vector of a shard that joined. Each of those that join by one reshard brings one; the first tells of all of them.
   * Returns the names that are no more, or undefined when the set is as known.
   */
  replace(keyspace: string, vector: readonly VgtidEntry[]): string[] | undefined {
    const names = (list: readonly Member[]): string[] => list.filter((one) => one.keyspace === keyspace).map((one) => one.shard);
    const [before, now] = [names(this.#members), names(vector)];
    if (now.length === before.length && now.every((one) => before.includes(one))) return undefined;
    this.#members = afterReshard(vector, this.#members, this.#reshards++);
    return before.filter((one) => !now.includes(one));
  }
}
