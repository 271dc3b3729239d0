/** How long to wait before trying again, and when to stop. Layer 3. */
import type { Clock } from '../internal/clock.js';

export interface BackoffOptions {
  readonly clock: Clock;
  /** Uniform in [0, 1). Spreads the reconnects of many clients after one outage. */
  readonly random: () => number;
  /** First wait at least, milliseconds. Default 500. */
  readonly minMs?: number | undefined;
  /** Longest wait, milliseconds. Default 30,000. */
  readonly maxMs?: number | undefined;
  /** Time since the first failure after which nothing more is tried, milliseconds. Default 600,000; `Infinity` = for ever. */
  readonly budgetMs?: number | undefined;
}

/**
 * Exponential with jitter: the n-th wait lies between `minMs * 2^n / 2` and twice that, within `minMs` and `maxMs`. Reset it on
 * *progress* (the position moved, a write was done), never on connecting: a server that accepts and then fails would
 * otherwise be hammered for ever (protocol.md E.2).
 */
export interface Backoff {
  /** Failures since the last reset. */
  readonly attempts: number;
  /** Milliseconds to wait now; undefined when the budget is spent. */
  next(): number | undefined;
  reset(): void;
}

export function createBackoff(options: BackoffOptions): Backoff {
  const { clock, random, minMs = 500, maxMs = 30_000, budgetMs = 600_000 } = options;
  let attempts = 0;
  let firstFailure = 0;
  return {
    get attempts() {
      return attempts;
    },
    next() {
      const now = clock.monotonic();
      if (attempts === 0) firstFailure = now;
      const spent = now - firstFailure;
      if (spent > budgetMs) return undefined;
      const ceiling = Math.min(maxMs, minMs * 2 ** Math.min(attempts + 1, 30));
      attempts += 1;
      const wait = Math.max(Math.min(minMs, maxMs), ceiling / 2 + (random() * ceiling) / 2);
      // The last try comes at the end of the budget, not beyond it; one try is always left when time remains.
      return spent === budgetMs ? wait : Math.min(wait, budgetMs - spent);
    },
    reset() {
      attempts = 0;
    },
  };
}
