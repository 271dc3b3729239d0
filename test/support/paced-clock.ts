/**
 * Time in small steps, one for each turn of the event loop at most: minutes of silence pass in moments, and a process that is held up
 * misses none of them. One for client and server, so that heartbeats keep pace.
 */
import type { Clock } from '../../src/internal/clock.js';

/** Milliseconds of a step. A statement takes a few. */
const STEP = 50;

export class PacedClock implements Clock {
  #time = 0;
  #stepping = false;
  readonly #timers = new Set<{ readonly at: number; readonly fn: () => void }>();

  now(): number {
    return Date.UTC(2026, 0, 1) + this.#time;
  }

  monotonic(): number {
    return this.#time;
  }

  after(ms: number, fn: () => void): () => void {
    const timer = { at: this.#time + ms, fn };
    this.#timers.add(timer);
    this.#go();
    return () => this.#timers.delete(timer);
  }

  /** As long as somebody waits. */
  #go(): void {
    if (this.#stepping || this.#timers.size === 0) return;
    this.#stepping = true;
    setTimeout(() => {
      this.#stepping = false;
      this.#time += STEP;
      const due = [...this.#timers].filter(({ at }) => at <= this.#time).sort((a, b) => a.at - b.at);
      for (const timer of due) if (this.#timers.delete(timer)) timer.fn();
      this.#go();
    }, 1).unref();
  }
}
