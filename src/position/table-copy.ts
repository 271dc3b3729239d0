/** How far the copy of one table has come: values of the plan. Layer 1. */
import type { RangeCopy, RangeWish } from './range-copy.js';

export type CopyState = 'pending' | 'copying' | 'done';

export interface ShardCopy {
  readonly state: CopyState;
  /** Counts copies of the table on this shard, from 1. A row of an older generation is stale once the copy is done. */
  readonly generation: number;
  /** The server's `TableLastPK` message, byte for byte as base64 (B47, G114); only while `copying`. */
  readonly lastPk?: string | undefined;
  /** Rows copied so far in this generation. */
  readonly rows?: number | undefined;
}

export interface TableCopy {
  readonly state: 'pending' | 'done';
  readonly generation: number;
  /** Key columns, types, collations, rule and column list the copy was made with; a difference restarts it. */
  readonly fingerprint?: string | undefined;
  /** Rows copied on shards that do not say how many themselves. */
  readonly rows?: number | undefined;
  /**
   * Rows may have been handed out that this position does not hold yet: its copy was opened, here or on a shard that is still pending. Who
   * resumes from here must not begin the copy as if nobody had seen any of it (copy/opened.ts). Only while it is not finished.
   */
  readonly opened?: true | undefined;
  /** Shards whose state differs from the table's. */
  readonly shards?: Readonly<Record<string, ShardCopy>> | undefined;
  /**
   * The table left the selection: `done`, nothing is owed. Kept for its generation, because a sink may still hold its rows
   * when the table comes back.
   */
  readonly removed?: true | undefined;
  /** The range being copied again: on the shards of its generation that are not done; those of another copy the whole table. */
  readonly range?: RangeCopy | undefined;
  /** Ranges to copy once nothing of the table is under way any more, in order. */
  readonly waiting?: readonly RangeWish[] | undefined;
  /** Generations above `after`, up to `to`, were copies of ranges: they say nothing of the rows outside. */
  readonly ranged?: { readonly after: number; readonly to: number } | undefined;
}

/** The highest generation any shard has used. */
export function highestGeneration(entry: TableCopy): number {
  let highest = entry.generation;
  for (const { generation } of Object.values(entry.shards ?? {})) if (generation > highest) highest = generation;
  return highest;
}

/** Rows copied in this generation, over all shards. */
export function copiedRows(entry: TableCopy): number {
  return (entry.rows ?? 0) + sum(Object.entries(entry.shards ?? {}));
}

export const ownShard = (entry: TableCopy, shard: string): ShardCopy | undefined =>
  entry.shards !== undefined && Object.hasOwn(entry.shards, shard) ? entry.shards[shard] : undefined;

export const copyOn = (entry: TableCopy, shard: string): ShardCopy =>
  ownShard(entry, shard) ?? { state: entry.state, generation: entry.generation };

/** The range that is being copied, or will be, on that shard; undefined: nothing, or the whole table. */
export function rangeOn(entry: TableCopy | undefined, shard: string): RangeCopy | undefined {
  if (!entry?.range) return undefined;
  const { state, generation } = copyOn(entry, shard);
  return state !== 'done' && generation === entry.range.generation ? entry.range : undefined;
}

/** The last generation in which every row of the shard was copied. */
export function wholeGeneration(entry: TableCopy, shard: string): number {
  const { generation } = copyOn(entry, shard);
  const { ranged } = entry;
  return ranged && generation <= ranged.to ? Math.min(generation, ranged.after) : generation;
}

/** A finished table of which a range is to be copied, as the next generation. */
export function beginRange(entry: TableCopy, wish: RangeWish, waiting: readonly RangeWish[] = []): TableCopy {
  const last = highestGeneration(entry);
  const generation = last + 1;
  return {
    state: 'pending',
    generation,
    ...(entry.fingerprint === undefined ? {} : { fingerprint: entry.fingerprint }),
    range: { ...wish, generation },
    ...(waiting.length === 0 ? {} : { waiting }),
    ranged: { after: entry.ranged?.after ?? last, to: generation },
  };
}

export const isFinished = (entry: TableCopy): boolean =>
  entry.state === 'done' && Object.values(entry.shards ?? {}).every((one) => one.state === 'done');

const sets = new WeakMap<readonly string[], ReadonlySet<string>>();

function setOf(shards: readonly string[]): ReadonlySet<string> {
  let set = sets.get(shards);
  if (!set) sets.set(shards, (set = new Set(shards)));
  return set;
}

/**
 * What `fold` makes of the entry when this shard's state is new and the shards still differ: most calls, at a price that does not grow
 * with the number of shards nobody has begun. Undefined where looking at every shard might say more. `shards` are the keyspace's.
 */
export function withOwn(entry: TableCopy, shard: string, copy: ShardCopy, shards: readonly string[]): TableCopy | undefined {
  const { removed, range, waiting, ranged, shards: own = {}, ...shared } = entry;
  if (removed || range || waiting || ranged) return undefined;
  const live = setOf(shards);
  const names = Object.keys(own);
  if (!live.has(shard) || !names.every((name) => live.has(name))) return undefined;
  const others = names.length - Number(Object.hasOwn(own, shard));
  const differ =
    copy.state === 'copying' ||
    (copy.state !== entry.state && others + 1 < shards.length) ||
    names.some((name) => name !== shard && own[name]?.state !== copy.state);
  if (!differ) return undefined;
  // A spread copies hundreds of shards sixty times as fast as a list of them is made an object.
  const next: Record<string, ShardCopy> = { ...own, [shard]: copy };
  if (copy.state === entry.state && copy.generation === entry.generation) delete next[shard];
  return others === 0 && next[shard] === undefined ? shared : { ...shared, shards: next };
}

/** The shortest entry that says the same: the table's own state once all shards share it, and the shards that deviate. */
export function fold(entry: TableCopy, states: readonly (readonly [string, ShardCopy])[]): TableCopy {
  const first = states[0]?.[1].state ?? entry.state;
  const shared = first !== 'copying' && states.every(([, one]) => one.state === first) ? first : undefined;
  const state = shared ?? entry.state;
  const generation = shared === undefined ? entry.generation : mostCommon(states.map(([, one]) => one.generation));
  const shards = states.filter(([, one]) => one.state !== state || one.generation !== generation);
  const deviating = new Set(shards.map(([name]) => name));
  // What is done everywhere is told of the whole table: thousands of tables that differ by generation alone stay alike.
  const counted = shared === 'done' ? states : shared === undefined ? [] : states.filter(([name]) => !deviating.has(name));
  const known = (entry.rows ?? 0) + sum(counted);
  const folded: TableCopy = {
    state,
    generation,
    ...(entry.fingerprint === undefined ? {} : { fingerprint: entry.fingerprint }),
    ...(known ? { rows: known } : {}),
    ...(entry.opened && shared !== 'done' ? { opened: true } : {}),
    ...(shards.length === 0 ? {} : { shards: Object.fromEntries(shared === 'done' ? shards.map(withoutRows) : shards) }),
    ...rangesLeft(entry, states),
  };
  const [next, ...waiting] = folded.waiting ?? [];
  return next && isFinished(folded) ? beginRange(folded, next, waiting) : folded;
}

function withoutRows([name, { state, generation }]: readonly [string, ShardCopy]): readonly [string, ShardCopy] {
  return [name, { state, generation }];
}

function rangesLeft({ range, waiting, ranged }: TableCopy, states: readonly (readonly [string, ShardCopy])[]): Partial<TableCopy> {
  const under = range && states.some(([, one]) => one.state !== 'done' && one.generation === range.generation);
  return {
    ...(under ? { range } : {}),
    ...(waiting ? { waiting } : {}),
    ...(ranged && states.some(([, one]) => one.generation <= ranged.to) ? { ranged } : {}),
  };
}

const sum = (states: readonly (readonly [string, ShardCopy])[]): number => states.reduce((all, [, one]) => all + (one.rows ?? 0), 0);

function mostCommon(generations: readonly number[]): number {
  const counts = new Map<number, number>();
  let best = generations[0] ?? 1;
  for (const one of generations) {
    const count = (counts.get(one) ?? 0) + 1;
    counts.set(one, count);
    if (count > (counts.get(best) ?? 0)) best = one;
  }
  return best;
}
