/** Which executed transactions have not arrived yet, and since when: for the verdict of a shard. Pure state. Layer 3. */
import { containsGtids, countGtids, subtractGtids, type GtidSet } from '../position/gtid.js';
import type { Missing } from './verdict.js';

interface Poll {
  readonly executed: GtidSet;
  readonly at: number;
}

/**
 * Compares polls of `gtid_executed` with the position received. A poll is "reached" once the position contains it; the oldest
 * poll that is not reached says since when something is missing. Two polls are kept, whatever their number: the oldest that
 * is not reached, and the last one.
 */
export class ExecutedWatch {
  #oldest: Poll | undefined;
  #last: Poll | undefined;
  #position: GtidSet | undefined;

  /** An answer of the streamed tablet type at monotonic `at`: the time *before* it was asked, so that no delay looks like lag. */
  polled(executed: GtidSet, at: number): void {
    this.#last = { executed, at };
    this.#settle();
  }

  /** The position after what was received. */
  received(position: GtidSet): void {
    this.#position = position;
    this.#settle();
  }

  /** Undefined before the first poll. */
  signs(): Missing | undefined {
    if (!this.#last) return undefined;
    if (!this.#oldest) return { missing: 0n, missingSince: undefined };
    const missing = this.#position ? subtractGtids(this.#last.executed, this.#position) : this.#last.executed;
    return { missing: countGtids(missing), missingSince: this.#oldest.at };
  }

  #settle(): void {
    if (this.#oldest && this.#isReached(this.#oldest)) this.#oldest = undefined;
    if (!this.#oldest && this.#last && !this.#isReached(this.#last)) this.#oldest = this.#last;
  }

  #isReached({ executed }: Poll): boolean {
    return this.#position !== undefined && containsGtids(this.#position, executed);
  }
}
