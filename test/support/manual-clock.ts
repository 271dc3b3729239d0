/** A clock that moves only when told to, with its timers. */
import type { Clock } from '../../src/internal/clock.js';

export class ManualClock implements Clock {
  #time = 0;
  /** What the wall clock is ahead of the other one. */
  #ahead = 0;
  #timers: { at: number; fn: () => void }[] = [];

  now(): number {
    return Date.UTC(2026, 0, 1) + this.#time + this.#ahead;
  }

  monotonic(): number {
    return this.#time;
  }

  after(ms: number, fn: () => void): () => void {
    const timer = { at: this.#time + ms, fn };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer);
    };
  }

  /** Timers that are set, in milliseconds from now. */
  get pending(): readonly number[] {
    return this.#timers.map(({ at }) => at - this.#time).sort((a, b) => a - b);
  }

  /** Moves on, running each timer at its own time and everything that follows from it. */
  async advance(ms: number): Promise<void> {
    const until = this.#time + ms;
    await settle();
    for (;;) {
      const due = this.#timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.#timers = this.#timers.filter((one) => one !== due);
      this.#time = Math.max(this.#time, due.at);
      due.fn();
      await settle();
    }
    this.#time = until;
    await settle();
  }

  /** Time passes without a timer running: the process was stopped (SIGSTOP) or its event loop blocked. */
  freeze(ms: number): void {
    this.#time += ms;
  }

  /** The machine was suspended: only the wall clock went on. Negative: it was set back. */
  suspend(ms: number): void {
    this.#ahead += ms;
  }
}

/** Lets promises that are ready run, without any time. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
