/** When the state row learns of a new position: at its own pace, whatever the size of batches. Layer 4. */
import type { Clock } from '../internal/clock.js';
import type { Ownership } from '../ownership/ownership.js';
import type { Position } from '../position/position.js';

export class Checkpoints {
  readonly #ownership: Ownership;
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #idleMs: number;
  #last = Number.NEGATIVE_INFINITY;
  #written: Position | undefined;
  #reached: Position | undefined;

  /** `intervalMs` between writes while rows come, `idleMs` without: our own write must not cause the next (G41). */
  constructor(ownership: Ownership, clock: Clock, intervalMs: number, idleMs: number) {
    this.#ownership = ownership;
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#idleMs = idleMs;
  }

  /** The last durable position. */
  get position(): Position | undefined {
    return this.#reached;
  }

  /** A batch is durable. Writes when it is time; `active` = it held rows or changed something at the sink. */
  async reached(position: Position, active: boolean): Promise<void> {
    this.#reached = position;
    const due = this.#clock.monotonic() - this.#last >= (active ? this.#intervalMs : this.#idleMs);
    if (due || this.#written === undefined) await this.flush();
  }

  /** Writes what is not written yet. */
  async flush(): Promise<void> {
    const position = this.#reached;
    if (!position || position === this.#written) return;
    this.#last = this.#clock.monotonic();
    await this.#ownership.write({ position, lastError: null });
    this.#written = position;
  }
}
