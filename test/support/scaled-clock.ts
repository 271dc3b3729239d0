/** Real time run faster, so that limits of seconds are reached in a test without anybody waiting for a fixed time. */
import { type EngineClock, realClock } from '../../src/embedded/index.js';
import type { Clock } from '../../src/internal/clock.js';

export function scaledClock(factor: number): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now() * factor,
    after(ms, fn, ref = true) {
      const timer = setTimeout(fn, ms / factor);
      if (!ref) timer.unref();
      return () => clearTimeout(timer);
    },
  };
}

/** The same for the embedded VTGate: heartbeats, and the time of its database. */
export function scaledEngineClock(factor: number): EngineClock {
  const started = performance.now();
  const from = Date.now();
  return {
    now: () => from + (performance.now() - started) * factor,
    after: (ms, fn) => realClock.after(ms / factor, fn),
  };
}
