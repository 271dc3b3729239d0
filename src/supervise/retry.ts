/** Tries again what passes by itself, while a stream starts. Layer 3. */
import { isPassing } from '../errors.js';
import { type Clock, delay } from '../internal/clock.js';
import type { Logger } from '../observe/logger.js';
import { createBackoff } from './backoff.js';

export interface RetryOptions {
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Called before each further try: the next VTGate. */
  readonly again?: (() => void) | undefined;
}

/** How long a start is tried again after it had contact once. */
const BUDGET_MS = 60_000;

/**
 * Runs `start` until it succeeds. What a newcomer gets wrong (an address nobody listens at, credentials, names) is told at once:
 * only an interruption after contact, and a missing tablet, are tried again.
 */
export async function retryStart<T>(start: () => Promise<T>, { clock, random, logger, signal, again }: RetryOptions): Promise<T> {
  const backoff = createBackoff({ clock, random, minMs: 200, maxMs: 5_000, budgetMs: BUDGET_MS });
  for (;;) {
    try {
      return await start();
    } catch (error) {
      if (!isPassing(error) || error.code === 'CONNECT_FAILED') throw error;
      const wait = signal.aborted ? undefined : backoff.next();
      if (wait === undefined) throw error;
      logger.warn({ ...error.toJSON(), waitMs: Math.round(wait) }, 'the start was interrupted; trying again');
      await delay(clock, wait, signal);
      again?.();
    }
  }
}
