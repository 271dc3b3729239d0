/** How much of the time since a moment this side did not read, so that the silence of then is nobody's. Pure state. Layer 3. */

interface Mark {
  readonly at: number;
  /** Milliseconds away until then. */
  total: number;
}

/** Marks closer to each other than this are one. */
const CLOSE_MS = 1_000;
/** Of older marks every second one goes when there are more. */
const MOST = 512;
const RECENT = 128;

export class Away {
  readonly #from: number;
  #marks: Mark[] = [];
  #total = 0;

  /** @param from monotonic milliseconds; nothing before counts */
  constructor(from: number) {
    this.#from = from;
  }

  /** The consumer had the stream's attention between the two. */
  add(since: number, until: number): void {
    this.#total += Math.max(0, until - Math.max(since, this.#from));
    const last = this.#marks.at(-1);
    if (last && until - last.at < CLOSE_MS) {
      last.total = this.#total;
      return;
    }
    this.#marks.push({ at: until, total: this.#total });
    if (this.#marks.length <= MOST) return;
    // What is lost is precision about times long gone, to the side of too little silence.
    const old = this.#marks.length - RECENT;
    this.#marks = this.#marks.filter((_, index) => index >= old || index % 2 === 0);
  }

  /** Milliseconds of it since that time; at most what a second more or less of it makes. */
  since(at: number): number {
    let low = 0;
    let high = this.#marks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#marks[middle] as Mark).at <= at) low = middle + 1;
      else high = middle;
    }
    return this.#total - (this.#marks[low - 1]?.total ?? 0);
  }
}
