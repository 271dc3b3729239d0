/** Says when a change of the plan is stored: an operator who is told that it was taken must find it after a crash. Layer 4. */

interface Waiting {
  /** Of the first batch that carries the change; undefined while the plan does not hold it. */
  round: number | undefined;
  readonly resolve: () => void;
}

/** Batches are asked for one ahead; the first one asked for after a change carries it. */
export class Taken {
  #round = 0;
  #waiting: readonly Waiting[] = [];

  /** A batch is asked for; returns its number. */
  asked(): number {
    return ++this.#round;
  }

  /** That batch is at the destination. */
  stored(round: number): void {
    const isIn = (one: Waiting): boolean => one.round !== undefined && one.round <= round;
    const ready = this.#waiting.filter(isIn);
    this.#waiting = this.#waiting.filter((one) => !isIn(one));
    for (const { resolve } of ready) resolve();
  }

  /** `change` calls back when the plan holds the change, while a batch is being asked for. In a pause nothing is stored: it waits for its end. */
  wait(change: (applied: () => void) => void): Promise<void> {
    return new Promise((resolve) => {
      const waiting: Waiting = { round: undefined, resolve };
      this.#waiting = [...this.#waiting, waiting];
      change(() => (waiting.round = this.#round));
    });
  }
}
