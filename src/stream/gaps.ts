/** The gaps a stream knows of, laid over every position that leaves it. Layer 3. */
import { afterReshard, type Incomplete, stillIncomplete, withMark } from '../position/incomplete.js';
import type { Position } from '../position/position.js';

/**
 * One list for the engine, which skips transactions, and for the pipeline, which skips rows: positions come from either in
 * order, but a batch ahead, so a gap is never taken off the list; what a copy made good is only not shown any more.
 */
export class Gaps {
  #marks: readonly Incomplete[];
  #reshards: number;

  constructor(stored: Position | undefined) {
    this.#marks = stored?.incomplete ?? [];
    this.#reshards = stored?.reshards ?? 0;
  }

  add(mark: Incomplete): void {
    this.#marks = withMark(this.#marks, mark);
  }

  /** The position with the gaps that are still open at it. */
  onto(position: Position): Position {
    if (position.reshards > this.#reshards) {
      this.#reshards = position.reshards;
      this.#marks = afterReshard(this.#marks, position);
    }
    if (this.#marks.length === 0 && position.incomplete.length === 0) return position;
    return position.with({ incomplete: stillIncomplete(this.#marks, position) });
  }
}
