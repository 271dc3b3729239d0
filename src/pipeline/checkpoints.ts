/** When the state row learns of a new position: at its own pace, whatever the size of batches. Layer 4. */
import type { Clock } from '../internal/clock.js';
import type { Ownership } from '../ownership/ownership.js';
import type { Position } from '../position/position.js';

/**
 * `now`: the next batch may not be handed to the sink before this position is stored. `due`: rows came. `renewal`: without rows the
 * position travels with the next renewal of the lease, as a write for it alone would be a transaction that moves the position again (G41).
 */
export type WriteTime = 'now' | 'due' | 'renewal';

export class Checkpoints {
  readonly #ownership: Pick<Ownership, 'write' | 'offer'>;
  readonly #clock: Clock;
  readonly #intervalMs: number;
  #last = Number.NEGATIVE_INFINITY;
  #written: Position | undefined;
  #reached: Position | undefined;
  #cancel: (() => void) | undefined;

  /** `intervalMs` between writes while rows come. */
  constructor(ownership: Pick<Ownership, 'write' | 'offer'>, clock: Clock, intervalMs: number) {
    this.#ownership = ownership;
    this.#clock = clock;
    this.#intervalMs = intervalMs;
  }

  /** The last durable position. */
  get position(): Position | undefined {
    return this.#reached;
  }

  /**
   * A batch is durable. Writes when it is time. After a reshard that is at once: no stream can be resumed on shards that were
   * deleted (G127).
   */
  async reached(position: Position, when: WriteTime): Promise<void> {
    this.#reached = position;
    if (when === 'now' || this.#written?.reshards !== position.reshards) return this.flush();
    if (when === 'renewal') this.#ownership.offer({ position });
    else await this.#due();
  }

  /** Now, or once the interval is over: the last batch before a pause of the source would wait for the one behind it, or for a renewal. */
  async #due(): Promise<void> {
    const wait = this.#last + this.#intervalMs - this.#clock.monotonic();
    if (wait <= 0) return this.flush();
    // A failure is told by the loss of the ownership. Keeps no process alive: the end writes what is left.
    this.#cancel ??= this.#clock.after(wait, () => void this.flush().catch(() => undefined), false);
  }

  /** Leaves what is not written yet to the release of the lease. */
  offer(): void {
    this.#end();
    const position = this.#reached;
    if (position && position !== this.#written) this.#ownership.offer({ position });
  }

  /** Writes what is not written yet. */
  async flush(): Promise<void> {
    this.#end();
    const position = this.#reached;
    if (!position || position === this.#written) return;
    this.#last = this.#clock.monotonic();
    await this.#ownership.write({ position, lastError: null });
    this.#written = position;
  }

  #end(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
