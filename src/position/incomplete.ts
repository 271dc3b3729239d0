/**
 * Tables a stream knows it delivered with gaps: rows or transactions left out by policy. Part of the position, so that a mark and
 * what it speaks of are stored together. Immutable values. Layer 1.
 */
import type { CopyPlan } from './plan.js';
import { copyOn, rangeOn, wholeGeneration } from './table-copy.js';

/** What was left out: rows that could not be decoded or that the sink refused, or transactions that the server cannot decode or has purged. */
export type IncompleteReason = 'row-skipped' | 'row-dead-lettered' | 'transaction-skipped';

/** Grouped by shard and reason, so that a skipped transaction of unknown tables stays small for thousands of them. */
export interface Incomplete {
  readonly keyspace: string;
  readonly shard: string;
  readonly reason: IncompleteReason;
  /** Tables to the generation whose rows have the gap; a newer generation, once copied, has it no more. */
  readonly tables: Readonly<Record<string, number>>;
}

/** Shards and plan of the position the marks are looked at with. */
interface Copied {
  readonly shards: readonly { readonly keyspace: string; readonly shard: string }[];
  readonly plan: CopyPlan;
}

/** `marks` and one more; the same list when it says nothing new. */
export function withMark(marks: readonly Incomplete[], mark: Incomplete): readonly Incomplete[] {
  const at = marks.findIndex((one) => isSameGroup(one, mark));
  const known = marks[at];
  if (!known) return [...marks, mark];
  const tables = new Map(Object.entries(known.tables));
  let isNew = false;
  for (const [table, generation] of Object.entries(mark.tables)) {
    if ((tables.get(table) ?? 0) >= generation) continue;
    tables.set(table, generation);
    isNew = true;
  }
  return isNew ? marks.with(at, { ...known, tables: Object.fromEntries(tables) }) : marks;
}

/** The marks that no finished copy has made good. */
export function stillIncomplete(marks: readonly Incomplete[], position: Copied): readonly Incomplete[] {
  if (marks.length === 0) return marks;
  return marks.flatMap((mark) => {
    const tables = Object.entries(mark.tables);
    const open = tables.filter(([table, generation]) => !isMadeGood(mark, table, generation, position));
    if (open.length === tables.length) return [mark];
    return open.length === 0 ? [] : [{ ...mark, tables: Object.fromEntries(open) }];
  });
}

/**
 * After a reshard a table's generation is the highest any old shard had, so that of a shard that is no more is raised to it:
 * otherwise the mark would look made good.
 */
export function afterReshard(marks: readonly Incomplete[], { shards, plan }: Copied): readonly Incomplete[] {
  return marks.map((mark) => {
    if (shards.some((one) => isSameShard(one, mark))) return mark;
    const tables = Object.entries(mark.tables).map(([table, generation]): [string, number] => [
      table,
      Math.max(generation, plan.table(mark.keyspace, table)?.generation ?? 0),
    ]);
    return { ...mark, tables: Object.fromEntries(tables) };
  });
}

/** A newer generation was copied on the mark's shard, or on every shard when that one is no more. */
function isMadeGood(mark: Incomplete, table: string, generation: number, { shards, plan }: Copied): boolean {
  const own = shards.filter((one) => one.keyspace === mark.keyspace);
  const same = own.filter((one) => one.shard === mark.shard);
  const concerned = same.length > 0 ? same : own;
  return (
    concerned.length > 0 &&
    concerned.every(({ shard }) => {
      const entry = plan.table(mark.keyspace, table);
      if (!entry || wholeGeneration(entry, shard) <= generation) return false;
      // A range that is copied again says nothing of the rows outside of it, which are as the last whole copy left them.
      return copyOn(entry, shard).state === 'done' || rangeOn(entry, shard) !== undefined;
    })
  );
}

function isSameShard(
  one: { readonly keyspace: string; readonly shard: string },
  other: { readonly keyspace: string; readonly shard: string },
): boolean {
  return one.keyspace === other.keyspace && one.shard === other.shard;
}

function isSameGroup(one: Incomplete, other: Incomplete): boolean {
  return isSameShard(one, other) && one.reason === other.reason;
}

const REASONS: readonly unknown[] = ['row-skipped', 'row-dead-lettered', 'transaction-skipped'] satisfies IncompleteReason[];

/** Of a value read from JSON. */
export function isIncompleteList(value: unknown): value is readonly Incomplete[] {
  return Array.isArray(value) && value.every(isIncomplete);
}

function isIncomplete(value: unknown): value is Incomplete {
  if (typeof value !== 'object' || value === null) return false;
  const { keyspace, shard, reason, tables } = value as Partial<Record<keyof Incomplete, unknown>>;
  if (typeof keyspace !== 'string' || typeof shard !== 'string' || !REASONS.includes(reason)) return false;
  return (
    typeof tables === 'object' && tables !== null && Object.values(tables).every((one) => Number.isSafeInteger(one) && (one as number) >= 0)
  );
}
