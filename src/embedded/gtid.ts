/**
 * GTID sets as the engine's servers keep them. Written apart from src/position on purpose: the engine is the other side of
 * the wire, and a mistake shared by both would hide itself. Tags are not modelled.
 */
type Interval = [from: number, to: number];

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export class GtidSet {
  #sources = new Map<string, Interval[]>();

  /** Reads `uuid:1-9:11,uuid2:5`, without a flavour prefix; undefined when the text is not a set. */
  static parse(text: string): GtidSet | undefined {
    const set = new GtidSet();
    if (text.trim() === '') return set;
    for (const part of text.split(',')) {
      const [uuid = '', ...ranges] = part.trim().toLowerCase().split(':');
      if (!UUID.test(uuid) || ranges.length === 0) return undefined;
      for (const range of ranges) {
        const found = /^(\d+)(?:-(\d+))?$/.exec(range);
        if (!found) return undefined;
        const from = Number(found[1]);
        const to = found[2] === undefined ? from : Number(found[2]);
        if (from < 1 || to < from) return undefined;
        set.addRange(uuid, from, to);
      }
    }
    return set;
  }

  static of(text: string): GtidSet {
    const set = GtidSet.parse(text);
    if (!set) throw new Error(`not a GTID set: ${text}`);
    return set;
  }

  add(uuid: string, number: number): void {
    const intervals = this.#sources.get(uuid);
    const last = intervals?.[intervals.length - 1];
    if (last && last[1] === number - 1)
      last[1] = number; // the ordinary case: the next transaction of this server
    else this.addRange(uuid, number, number);
  }

  addRange(uuid: string, from: number, to: number): void {
    const all: Interval[] = [...(this.#sources.get(uuid) ?? []), [from, to]];
    all.sort((a, b) => a[0] - b[0]);
    const merged: Interval[] = [];
    for (const [start, end] of all) {
      const last = merged[merged.length - 1];
      if (last && start <= last[1] + 1) last[1] = Math.max(last[1], end);
      else merged.push([start, end]);
    }
    this.#sources.set(uuid, merged);
  }

  has(uuid: string, number: number): boolean {
    return this.#sources.get(uuid)?.some(([from, to]) => number >= from && number <= to) ?? false;
  }

  /** Whether every transaction of `other` is in this set. */
  covers(other: GtidSet): boolean {
    return other.minus(this).isEmpty();
  }

  minus(other: GtidSet): GtidSet {
    const left = new GtidSet();
    for (const [uuid, intervals] of this.#sources) {
      let rest: Interval[] = intervals.map(([from, to]) => [from, to]);
      for (const [from, to] of other.#sources.get(uuid) ?? []) {
        rest = rest.flatMap(([start, end]) => {
          if (to < start || from > end) return [[start, end] satisfies Interval];
          const pieces: Interval[] = [];
          if (start < from) pieces.push([start, from - 1]);
          if (end > to) pieces.push([to + 1, end]);
          return pieces;
        });
      }
      if (rest.length > 0) left.#sources.set(uuid, rest);
    }
    return left;
  }

  union(other: GtidSet): GtidSet {
    const both = this.clone();
    for (const [uuid, intervals] of other.#sources) for (const [from, to] of intervals) both.addRange(uuid, from, to);
    return both;
  }

  isEmpty(): boolean {
    return this.#sources.size === 0;
  }

  /** The number of transactions in the set. */
  size(): number {
    let count = 0;
    for (const intervals of this.#sources.values()) for (const [from, to] of intervals) count += to - from + 1;
    return count;
  }

  /** The highest number of one server, 0 when it is not in the set. */
  last(uuid: string): number {
    const intervals = this.#sources.get(uuid);
    return intervals?.[intervals.length - 1]?.[1] ?? 0;
  }

  equals(other: GtidSet): boolean {
    return this.covers(other) && other.covers(this);
  }

  clone(): GtidSet {
    const copy = new GtidSet();
    for (const [uuid, intervals] of this.#sources)
      copy.#sources.set(
        uuid,
        intervals.map(([from, to]) => [from, to]),
      );
    return copy;
  }

  /** Sources in byte order, as MySQL prints them; no flavour prefix. */
  toString(): string {
    return [...this.#sources.keys()]
      .sort()
      .map((uuid) => [uuid, ...(this.#sources.get(uuid) ?? []).map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`))].join(':'))
      .join(',');
  }
}
