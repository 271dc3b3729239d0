/**
 * GTID sets of MySQL as Vitess writes them (`MySQL56/uuid:1-9:11,uuid2:5`). Layer 1.
 * Sets are compared by containment, never as text: their order is not stable over a failover (G29), and a tagged GTID
 * (`uuid:tag:1-5`, MySQL 8.3+) counts as its own source. Unknown flavours are opaque: `parseGtidSet` returns undefined.
 */

type Interval = readonly [from: bigint, to: bigint];

/** Sources (`uuid` or `uuid:tag`) to sorted, disjoint, inclusive intervals. */
export type GtidSet = ReadonlyMap<string, readonly Interval[]>;

const PREFIX = 'MySQL56/';

/** Parses a set with or without its flavour prefix; undefined when it is not a MySQL set (`current`, `MariaDB/…`, nonsense). */
export function parseGtidSet(text: string): GtidSet | undefined {
  const slash = text.indexOf('/');
  if (slash >= 0 && text.slice(0, slash + 1) !== PREFIX) return undefined;
  const set = new Map<string, Interval[]>();
  const body = text.slice(slash + 1).trim();
  if (body === '') return set;
  for (const part of body.split(',')) {
    const pieces = part.trim().split(':');
    const uuid = pieces[0]?.toLowerCase() ?? '';
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid)) return undefined;
    let source = uuid;
    // A source, and each tag, must be followed by an interval.
    let ranged = false;
    for (const piece of pieces.slice(1)) {
      const range = /^(\d+)(?:-(\d+))?$/.exec(piece.trim());
      if (!range) {
        if (!/^[a-z_][a-z0-9_]{0,31}$/i.test(piece.trim())) return undefined;
        if (source !== uuid && !ranged) return undefined;
        source = `${uuid}:${piece.trim().toLowerCase()}`;
        ranged = false;
        continue;
      }
      const from = BigInt(range[1] as string);
      const to = range[2] === undefined ? from : BigInt(range[2]);
      if (from < 1n || to < from) return undefined;
      const intervals = set.get(source) ?? [];
      intervals.push([from, to]);
      set.set(source, intervals);
      ranged = true;
    }
    if (!ranged) return undefined;
  }
  for (const [source, intervals] of set) set.set(source, normalise(intervals));
  return set;
}

function normalise(intervals: readonly Interval[]): Interval[] {
  const sorted = [...intervals].sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
  const out: [bigint, bigint][] = [];
  for (const [from, to] of sorted) {
    const last = out.at(-1);
    if (last && from <= last[1] + 1n) {
      if (to > last[1]) last[1] = to;
    } else {
      out.push([from, to]);
    }
  }
  return out;
}

/** The set as text, with the flavour prefix. */
export function formatGtidSet(set: GtidSet): string {
  const parts: string[] = [];
  for (const [source, intervals] of [...set].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (intervals.length === 0) continue;
    parts.push(`${source}:${intervals.map(([a, b]) => (a === b ? `${a}` : `${a}-${b}`)).join(':')}`);
  }
  return PREFIX + parts.join(',');
}

/** Number of transactions in the set. */
export function countGtids(set: GtidSet): bigint {
  let count = 0n;
  for (const intervals of set.values()) for (const [from, to] of intervals) count += to - from + 1n;
  return count;
}

/** True when every GTID of `inner` is in `outer`. */
export function containsGtids(outer: GtidSet, inner: GtidSet): boolean {
  return countGtids(subtractGtids(inner, outer)) === 0n;
}

/** What is in `a` but not in `b`. */
export function subtractGtids(a: GtidSet, b: GtidSet): GtidSet {
  const out = new Map<string, Interval[]>();
  for (const [source, intervals] of a) {
    const rest = subtract(intervals, b.get(source) ?? []);
    if (rest.length > 0) out.set(source, rest);
  }
  return out;
}

/** Both lists are sorted and disjoint: one walk over each, as a set after many failovers holds thousands of intervals. */
function subtract(intervals: readonly Interval[], holes: readonly Interval[]): Interval[] {
  const out: Interval[] = [];
  let index = 0;
  for (const [first, to] of intervals) {
    let from = first;
    while (index < holes.length && (holes[index] as Interval)[1] < from) index++;
    for (let next = index; next < holes.length && from <= to; next++) {
      const [x, y] = holes[next] as Interval;
      if (x > to) break;
      if (x > from) out.push([from, x - 1n]);
      from = y + 1n;
    }
    if (from <= to) out.push([from, to]);
  }
  return out;
}

/** What is in `a` or in `b`. */
export function unionGtids(a: GtidSet, b: GtidSet): GtidSet {
  const out = new Map<string, Interval[]>();
  for (const set of [a, b]) {
    for (const [source, intervals] of set) out.set(source, normalise([...(out.get(source) ?? []), ...intervals]));
  }
  return out;
}

/** True for text that names no usable position: empty, or the literal `current` a slow shard still shows (G30). */
export function isSymbolicGtid(gtid: string): boolean {
  return gtid === '' || gtid === 'current';
}
