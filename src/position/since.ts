/**
 * Tables whose rows were read from a snapshot that is ahead of the position of their shard. Part of the position: when the stream goes
 * on from there, it brings changes once more that such rows hold already. Immutable values. Layer 1.
 */
import { containsGtids, type GtidSet, parseGtidSet } from './gtid.js';
import type { CopyPlan } from './plan.js';
import { wholeGeneration } from './table-copy.js';

/** Tables of one shard that share a snapshot's position. */
export interface SinceMark {
  readonly keyspace: string;
  readonly shard: string;
  /** The GTID set the snapshot was taken at, with flavour prefix. */
  readonly gtid: string;
  /** Tables to the generation of those rows; the mark says nothing of rows of another one. */
  readonly tables: Readonly<Record<string, number>>;
}

export interface SinceTable {
  readonly generation: number;
  readonly set: GtidSet;
}

export interface TableChange {
  readonly keyspace: string;
  readonly table: string;
  readonly shard: string;
  /** Of the transaction itself. */
  readonly gtid: string | undefined;
}

/** Where shards and copies are, as far as marks depend on it. */
interface Reached {
  readonly shards: readonly { readonly keyspace: string; readonly shard: string; readonly gtid: string }[];
  readonly plan: CopyPlan;
}

const keyOf = (keyspace: string, shard: string): string => `${keyspace}/${shard}`;

/** Marks outlive many lists of them. */
const sets = new WeakMap<SinceMark, GtidSet>();
const texts = new WeakMap<SinceMark, string>();

function setOf(mark: SinceMark): GtidSet {
  let set = sets.get(mark);
  // Checked where it was made or read.
  if (!set) sets.set(mark, (set = parseGtidSet(mark.gtid) ?? new Map()));
  return set;
}

function textOf(mark: SinceMark): string {
  let text = texts.get(mark);
  if (text === undefined) texts.set(mark, (text = JSON.stringify(mark)));
  return text;
}

export class Since {
  static readonly none: Since = new Since([]);
  /** In the order they were made, which is that of the sets of a shard. */
  readonly marks: readonly SinceMark[];
  #index: ReadonlyMap<string, ReadonlyMap<string, SinceTable>> | undefined;

  private constructor(marks: readonly SinceMark[]) {
    this.marks = marks;
  }

  /** Of marks as `isSinceList` accepts them. */
  static of(marks: readonly SinceMark[]): Since {
    return marks.length === 0 ? Since.none : new Since(marks);
  }

  get isEmpty(): boolean {
    return this.marks.length === 0;
  }

  /** The snapshot of a table on a shard; undefined when its rows are no further than the shard. */
  table(keyspace: string, shard: string, table: string): SinceTable | undefined {
    return this.#byShard().get(keyOf(keyspace, shard))?.get(table);
  }

  /** True when a table on that shard is ahead of it. */
  on(keyspace: string, shard: string): boolean {
    return !this.isEmpty && this.#byShard().has(keyOf(keyspace, shard));
  }

  /** True when rows of the table on that shard hold the transaction. `shardGtid` is where the shard is before it. */
  isHeld({ keyspace, table, shard, gtid }: TableChange, plan: CopyPlan, shardGtid: string): boolean {
    const since = this.table(keyspace, shard, table);
    return since !== undefined && since.generation === generationOf(plan, keyspace, table, shard) && isHeld(since.set, gtid, shardGtid);
  }

  /** `gtid` is a set that `parseGtidSet` reads. */
  with(keyspace: string, shard: string, table: string, { generation, gtid }: { generation: number; gtid: string }): Since {
    const at = this.marks.findLastIndex((one) => one.keyspace === keyspace && one.shard === shard);
    const last = this.marks[at];
    if (last?.gtid !== gtid) return new Since([...this.marks, { keyspace, shard, gtid, tables: { [table]: generation } }]);
    return new Since(this.marks.with(at, { ...last, tables: { ...last.tables, [table]: generation } }));
  }

  /** True when a shard has yet to reach one of them. */
  isOpen(reached: Reached): boolean {
    const vectorOf = vectorsOf(reached);
    return this.marks.some((mark) => stillOpen(mark, reached, vectorOf) !== undefined);
  }

  /** Without what the shards have reached, and without rows that are being replaced as a whole, or no more. The same value when that is nothing. */
  open(reached: Reached): Since {
    if (this.isEmpty) return this;
    const vectorOf = vectorsOf(reached);
    const open = this.marks.flatMap((mark) => stillOpen(mark, reached, vectorOf) ?? []);
    return open.length === this.marks.length && open.every((one, index) => one === this.marks[index]) ? this : Since.of(open);
  }

  /** As JSON text. */
  text(): string {
    return `[${this.marks.map(textOf).join(',')}]`;
  }

  #byShard(): ReadonlyMap<string, ReadonlyMap<string, SinceTable>> {
    if (this.#index) return this.#index;
    const index = new Map<string, Map<string, SinceTable>>();
    for (const mark of this.marks) {
      const key = keyOf(mark.keyspace, mark.shard);
      let tables = index.get(key);
      if (!tables) index.set(key, (tables = new Map<string, SinceTable>()));
      for (const [table, generation] of Object.entries(mark.tables)) tables.set(table, { generation, set: setOf(mark) });
    }
    return (this.#index = index);
  }
}

/** The generation of most rows; those of a range that is copied again may have a later one. */
function generationOf(plan: CopyPlan, keyspace: string, table: string, shard: string): number | undefined {
  const entry = plan.table(keyspace, table);
  return entry && wholeGeneration(entry, shard);
}

type VectorOf = (keyspace: string, shard: string) => GtidSet | undefined;

/** Of shards that have marks, each parsed once. */
function vectorsOf({ shards }: Reached): VectorOf {
  const texts = new Map(shards.map(({ keyspace, shard, gtid }) => [keyOf(keyspace, shard), gtid]));
  const parsed = new Map<string, GtidSet | undefined>();
  return (keyspace, shard) => {
    const key = keyOf(keyspace, shard);
    if (!parsed.has(key)) parsed.set(key, parseGtidSet(texts.get(key) ?? 'none'));
    return parsed.get(key);
  };
}

/** What is left of a mark: of tables whose rows are still those it speaks of, on a shard that has not come that far. */
function stillOpen(mark: SinceMark, { plan }: Reached, vectorOf: VectorOf): SinceMark | undefined {
  const vector = vectorOf(mark.keyspace, mark.shard);
  if (!vector || containsGtids(vector, setOf(mark))) return undefined;
  const tables = Object.entries(mark.tables);
  const left = tables.filter(([table, generation]) => generation === generationOf(plan, mark.keyspace, table, mark.shard));
  if (left.length === tables.length) return mark;
  return left.length === 0 ? undefined : { ...mark, tables: Object.fromEntries(left) };
}

/**
 * True when rows read at `since` hold the transaction `gtid`, so that its changes of their table are not to be applied again. A
 * transaction that does not say its GTID is judged by where its shard is: what comes before the snapshot's position is reached, is
 * in the snapshot.
 */
export function isHeld(since: GtidSet, gtid: string | undefined, shardGtid: string): boolean {
  const own = gtid === undefined ? undefined : parseGtidSet(gtid);
  if (own && own.size > 0) return containsGtids(since, own);
  const vector = parseGtidSet(shardGtid);
  return vector === undefined || !containsGtids(vector, since);
}

/** Of a value read from JSON. */
export function isSinceList(value: unknown): value is readonly SinceMark[] {
  return Array.isArray(value) && value.every(isMark);
}

function isMark(value: unknown): value is SinceMark {
  if (typeof value !== 'object' || value === null) return false;
  const { keyspace, shard, gtid, tables } = value as Partial<Record<keyof SinceMark, unknown>>;
  if (typeof keyspace !== 'string' || typeof shard !== 'string' || typeof gtid !== 'string' || !parseGtidSet(gtid)) return false;
  if (typeof tables !== 'object' || tables === null) return false;
  return Object.values(tables).every((one) => Number.isSafeInteger(one) && (one as number) >= 1);
}
