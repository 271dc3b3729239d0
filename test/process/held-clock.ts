/** The database's clock of a test: leases end when the test says so, however slow the machine is; timers are real. */
import { type EngineClock, realClock } from '../../src/embedded/index.js';

export class HeldClock implements EngineClock {
  #now = Date.UTC(2026, 10, 22, 17);
  readonly after = realClock.after;

  now(): number {
    return this.#now;
  }

  advance(ms: number): void {
    this.#now += ms;
  }
}
