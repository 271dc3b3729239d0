/**
 * Shard names as key ranges (`-80`, `40-80`, `80-`), for everything that must know which shards hold the same rows. Layer 1.
 * Bounds are hex prefixes: inclusive start, exclusive end, '' for an open end; `80` and `8000` are the same bound. A name that
 * is no range (`0`) is the whole keyspace, as Vitess means it for unsharded keyspaces.
 */
export interface KeyRange {
  readonly start: string;
  readonly end: string;
}

const WHOLE: KeyRange = { start: '', end: '' };
const SHAPE = /^((?:[0-9a-f]{2})*)-((?:[0-9a-f]{2})*)$/i;
const parsed = new Map<string, KeyRange>();

/** The range of a shard's name (exported as `shardRange`): `-80` is `{ start: '', end: '80' }`. */
export function keyRange(shard: string): KeyRange {
  const known = parsed.get(shard);
  if (known) return known;
  const match = SHAPE.exec(shard);
  const range = match ? { start: bound(match[1] ?? ''), end: bound(match[2] ?? '') } : WHOLE;
  // Shard names are few; the bound only guards against a caller that makes names up.
  if (parsed.size < 10_000) parsed.set(shard, range);
  return range;
}

const bound = (hex: string): string => hex.toLowerCase().replace(/(00)+$/, '');
const before = (start: string, end: string): boolean => end === '' || start < end;

/** True when a row can be in both shards. */
export function shardsOverlap(a: string, b: string): boolean {
  if (a === b) return true;
  const [x, y] = [keyRange(a), keyRange(b)];
  return before(x.start, y.end) && before(y.start, x.end);
}

/** True when the shards together hold every row that `shard` can hold. */
export function shardsCover(shard: string, by: Iterable<string>): boolean {
  const target = keyRange(shard);
  const ranges = [...by].map(keyRange).sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
  let reached = target.start;
  for (const range of ranges) {
    if (range.start > reached) return false;
    if (range.end === '') return true;
    if (range.end > reached) reached = range.end;
    if (target.end !== '' && reached >= target.end) return true;
  }
  return false;
}
