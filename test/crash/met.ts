/** What a client has met over all its lives, as its worker tells it: a test that never came to a range proves nothing of ranges. */
import { SHARDS } from './shop.js';

/** Cases a run is to meet. Each counts what was committed at the sink, not what was asked for. */
export interface Met {
  /** Small tables copied to their end. */
  readonly small: number;
  /** Ranges copied again to their end, per shard. */
  readonly ranges: number;
  /** Shards of which changes were applied. */
  readonly shards: number;
  /** Batches with changes of the table without a key, behind its copy. */
  readonly keyless: number;
  readonly truncates: number;
  /** Rows that came from another shard, as changes. */
  readonly moved: number;
}

export class Meetings {
  readonly #small = new Set<string>();
  readonly #shards = new Set<string>();
  ranges = 0;
  keyless = 0;
  truncates = 0;
  moved = 0;

  take(event: unknown): void {
    if (event === 'truncated') this.truncates++;
    if (typeof event !== 'object' || event === null) return;
    if ('swept' in event) this.ranges++;
    if ('ended' in event && typeof event.ended === 'string' && event.ended.startsWith('bit_')) this.#small.add(event.ended);
    if (!('numbers' in event) || !('applied' in event) || event.applied !== 'transactions') return;
    if ('moved' in event) this.moved += Number(event.moved);
    const names = Object.keys(event.numbers as object).map((name) => name.split(' ') as [table: string, shard: string]);
    if (names.some(([table]) => table === 'bare')) this.keyless++;
    for (const [, shard] of names) this.#shards.add(shard);
  }

  get all(): Met {
    const { ranges, keyless, truncates, moved } = this;
    return { small: this.#small.size, ranges, shards: this.#shards.size, keyless, truncates, moved };
  }

  /** What is still to come. */
  get missing(): readonly (keyof Met)[] {
    const { all } = this;
    return (Object.keys(all) as (keyof Met)[]).filter((name) => all[name] < (name === 'shards' ? SHARDS.length : 1));
  }
}
