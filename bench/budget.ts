/** A run has a minute: on a busy machine it measures in fewer rounds, then fewer shapes, and says which it left out. */

/** Of its share a case plans with so much: the round under way at the end of it takes the rest. */
const PLANNED = 0.85;

/** Fewer rounds say nothing. */
export const LEAST_ROUNDS = 3;

export class Budget {
  readonly #endsAt: number;
  readonly #startedAt = performance.now();
  #done = 0;

  /** `ms`: Infinity for a run that takes what it takes. */
  constructor(ms: number) {
    this.#endsAt = performance.now() + ms;
  }

  /** When so many of the cases that are left should have had their rounds. */
  until(cases: number, left: number): number {
    const now = performance.now();
    return now + (PLANNED * (this.#endsAt - now) * cases) / left;
  }

  /** True when so many cases, each as long as those before it, still fit. */
  allows(cases: number): boolean {
    const now = performance.now();
    return this.#done === 0 || now + ((now - this.#startedAt) / this.#done) * cases <= this.#endsAt;
  }

  took(cases: number): void {
    this.#done += cases;
  }
}
