/** Asks the servers whether the tablet throttler holds back a shard that is behind and does not move. Layer 3. */
import { runStatement } from '../sql/statement.js';
import { showThrottledApps, showThrottlerStatus } from '../sql/throttler.js';
import { holdingRule, type ThrottleRule } from '../supervise/throttled.js';
import type { Transport } from '../transport/transport.js';

/** How often a shard is asked about while it is held up. */
const ASK_MS = 15_000;

export interface ThrottlerSays {
  readonly enabled: boolean;
  readonly threshold: number;
  /** The rule that holds streams back, and when the question was put, monotonic milliseconds. */
  readonly rule: ThrottleRule | undefined;
  readonly at: number;
}

export class Throttling {
  readonly #transport: Transport;
  readonly #signal: AbortSignal;
  readonly #shards = new Map<string, { askedAt: number; says: ThrottlerSays | undefined }>();

  constructor(transport: Transport, signal: AbortSignal) {
    this.#transport = transport;
    this.#signal = signal;
  }

  /** The last answer. */
  says(keyspace: string, shard: string): ThrottlerSays | undefined {
    return this.#shards.get(`${keyspace}/${shard}`)?.says;
  }

  /** For a shard that is held up: a question goes out when the last one is old. Its answer is seen later. */
  ask(keyspace: string, shard: string, now: number): void {
    const key = `${keyspace}/${shard}`;
    const known = this.#shards.get(key);
    if (known && now - known.askedAt < ASK_MS) return;
    const record = { askedAt: now, says: known?.says };
    this.#shards.set(key, record);
    this.#question(keyspace, shard, now).then(
      (says) => {
        record.says = says;
      },
      () => {
        // Rights that forbid it, a version without it, a primary that is away: nothing is known.
        record.says = undefined;
      },
    );
  }

  async #question(keyspace: string, shard: string, at: number): Promise<ThrottlerSays> {
    const options = { signal: this.#signal };
    const { enabled, threshold } = await runStatement(this.#transport, showThrottlerStatus(keyspace, shard), options);
    // Rules are kept, and listed, while the throttler is off.
    const rules = enabled ? await runStatement(this.#transport, showThrottledApps(keyspace, shard), options) : [];
    return { enabled, threshold, rule: holdingRule(rules), at };
  }
}
