/** Batches asked for before their turn: one while the sink works, more where somebody has to look further. Layer 4. */
import { VStreamError } from '../errors.js';
import type { StreamBatch } from '../stream/batch.js';
import type { Taken } from './taken.js';

interface Asked {
  readonly round: number;
  readonly result: Promise<IteratorResult<StreamBatch, void>>;
}

/** How many batches may wait for their turn; but for the last one they are without rows. */
const MAX_AHEAD = 256;

export class ReadAhead {
  readonly #batches: AsyncGenerator<StreamBatch, void, void>;
  readonly #taken: Taken;
  readonly #stop: AbortSignal;
  readonly #queue: Asked[] = [];

  constructor(batches: AsyncGenerator<StreamBatch, void, void>, taken: Taken, stop: AbortSignal) {
    this.#batches = batches;
    this.#taken = taken;
    this.#stop = stop;
  }

  /** Asks for the next batch, unless it was asked for. */
  ask(): void {
    if (this.#queue.length === 0) this.#ask();
  }

  /** The next batch in its turn; undefined at the end. `round`: of `Taken`. */
  async next(): Promise<{ readonly batch: StreamBatch; readonly round: number } | undefined> {
    const { round, result } = this.#queue.shift() ?? this.#ask(false);
    const { done, value } = await result;
    return done ? undefined : { batch: value, round };
  }

  /**
   * The batches that come next, up to and with the first that has rows, without taking them. Waits for them as long as the stream does.
   * @throws VStreamError `ABORTED` when the stream ends because it is to stop, and its errors
   */
  async *coming(): AsyncGenerator<StreamBatch, void, void> {
    for (let at = 0; at < MAX_AHEAD; at++) {
      const { result } = this.#queue[at] ?? this.#ask();
      const { done, value } = await result;
      if (done && this.#stop.aborted) throw VStreamError.from(this.#stop.reason, 'ABORTED');
      if (done) return;
      yield value;
      if (value.changes.length > 0) return;
    }
  }

  #ask(keep = true): Asked {
    const round = this.#taken.asked();
    const asked = { round, result: this.#batches.next() };
    // Told to whoever takes it in its turn.
    asked.result.catch(() => {});
    if (keep) this.#queue.push(asked);
    return asked;
  }
}
