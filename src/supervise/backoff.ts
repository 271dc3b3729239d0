/** How long to wait before the next try: exponential, jittered, with a budget. Pure but for its own count. Layer 3. */
import type { Clock } from '../internal/clock.js';

export interface BackoffOptions {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Milliseconds of the first wait, before jitter. Default 500. */
  readonly firstMs?: number | undefined;
  /** Longest wait. Default 30,000. */
  readonly maxMs?: number | undefined;
  /** Time without progress after which to give up. Default 10 minutes. */
  readonly budgetMs?: number | undefined;
}

export interface Backoff {
  /** Tries since the last progress. */
  readonly attempts: number;
  /** Milliseconds to wait before the next try; undefined when the budget is spent. */
  next(): number | undefined;
  /** Progress was made: a position moved, not merely a connection came about. */
  reset(): void;
}

export function createBackoff({ clock, random, firstMs = 500, maxMs = 30_000, budgetMs = 600_000 }: BackoffOptions): Backoff {
  let attempts = 0;
  let since: number | undefined;
  return {
    get attempts() {
      return attempts;
    },
    next() {
      since ??= clock.monotonic();
      if (clock.monotonic() - since >= budgetMs) return undefined;
      const full = Math.min(maxMs, firstMs * 2 ** attempts++);
      // Half fixed, half random: many clients of one VTGate do not come back at the same moment.
      return full / 2 + (random() * full) / 2;
    },
    reset() {
      attempts = 0;
      since = undefined;
    },
  };
}
