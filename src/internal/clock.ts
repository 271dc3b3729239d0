/**
 * Time as a parameter, so that every decision about time can be tested without waiting. Layer 0.
 */
export interface Clock {
  /** Wall clock, milliseconds since the epoch. For display, and beside the other one where a machine may have slept: never alone for leases or time-outs. */
  now(): number;
  /** Monotonic milliseconds from an arbitrary start. On Linux it stands still while the machine is suspended. */
  monotonic(): number;
  /** Calls `fn` once after `ms`; returns the function that cancels it. The timer keeps the process alive only when `ref`. */
  after(ms: number, fn: () => void, ref?: boolean): () => void;
}

/** A longer one would come at once: Node keeps 32 bits. */
const LONGEST_TIMER = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, fn, ref = true) {
    const timer = setTimeout(fn, Math.min(ms, LONGEST_TIMER));
    if (!ref) timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Resolves after `ms`, or rejects with the signal's reason as soon as it aborts. Leaves no listener and no timer behind. */
export function delay(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.after(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
