/**
 * The copy plan: per table, and per shard where it differs, how far its copy has come. Immutable values; part of the
 * position. Layer 1.
 *
 * A table's entry holds the state that all shards share; `shards` only those that differ, so that 5,000 tables on 256 shards
 * stay far under 1 MB: at most one table is under way at a time (design: one table per RPC).
 */

import { must } from '../internal/must.js';
import { isOf, namesOf, PlanBase, type Stage, stageOf, unfinishedOn } from './plan-base.js';
import { type PackedPlan, unpacked } from './plan-kinds.js';
import type { RangeCopy } from './range-copy.js';
import { copiedRows, copyOn, fold, isFinished, ownShard, rangeOn, type ShardCopy, type TableCopy, withOwn } from './table-copy.js';

export { highestGeneration, rangeOn, type CopyState, type ShardCopy, type TableCopy } from './table-copy.js';

export type PlanJson = Record<string, Record<string, TableCopy>>;

const tableKey = (keyspace: string, table: string): string => `${keyspace}\u0000${table}`;

/**
 * Copying a map of thousands of tables for every group of copied rows would cost more than the rows. Nearly all changes are to
 * the table under way, so that one entry lies over a shared map until another table changes.
 */
interface Overlay {
  readonly key: string;
  readonly entry: TableCopy | undefined;
}

export class CopyPlan {
  static readonly empty: CopyPlan = new CopyPlan(new PlanBase(new Map()), undefined, 0);
  readonly #base: PlanBase;
  readonly #over: Overlay | undefined;
  readonly #unfinished: number;

  private constructor(base: PlanBase, over: Overlay | undefined, unfinished: number) {
    this.#base = base;
    this.#over = over;
    this.#unfinished = unfinished;
  }

  /** `kinds`: entries that several tables share. */
  static fromJson(json: PackedPlan, kinds: readonly TableCopy[] = []): CopyPlan {
    const tables = new Map<string, TableCopy>();
    let unfinished = 0;
    for (const [keyspace, entries] of Object.entries(json)) {
      for (const [table, packed] of Object.entries(entries)) {
        const entry = must(unpacked(packed, kinds), 'the kind of a table');
        tables.set(tableKey(keyspace, table), entry);
        if (!isFinished(entry)) unfinished++;
      }
    }
    return new CopyPlan(new PlanBase(tables), undefined, unfinished);
  }

  toJson(): PlanJson {
    const keyspaces = new Map<string, [string, TableCopy][]>();
    for (const { keyspace, table, entry } of this.tables()) {
      const entries = keyspaces.get(keyspace);
      if (entries) entries.push([table, entry]);
      else keyspaces.set(keyspace, [[table, entry]]);
    }
    // `fromEntries` defines properties: a table may be called `__proto__`.
    return Object.fromEntries([...keyspaces].map(([keyspace, entries]) => [keyspace, Object.fromEntries(entries)]));
  }

  /** What `fromJson` takes, as JSON text, at the price of what changed; `kinds` is '' when there are none. */
  toText(): { readonly copy: string; readonly kinds: string } {
    const over = this.#over;
    const text = this.#base.text();
    return { copy: text.with(over && { ...namesOf(over.key), ...over }), kinds: text.kinds };
  }

  get size(): number {
    const over = this.#over;
    const { tables } = this.#base;
    if (!over) return tables.size;
    const held = tables.has(over.key);
    return tables.size + (over.entry ? (held ? 0 : 1) : held ? -1 : 0);
  }

  /** In the order in which they entered the plan. */
  *tables(): Generator<{ keyspace: string; table: string; entry: TableCopy }> {
    const over = this.#over;
    for (const [key, base] of this.#base.tables) {
      const entry = over?.key === key ? over.entry : base;
      if (entry) yield { ...namesOf(key), entry };
    }
    if (over?.entry && !this.#base.tables.has(over.key)) yield { ...namesOf(over.key), entry: over.entry };
  }

  table(keyspace: string, table: string): TableCopy | undefined {
    return this.#get(tableKey(keyspace, table));
  }

  /** Rows of a table copied in this generation, over all shards. */
  copiedRows(keyspace: string, table: string): number {
    const entry = this.table(keyspace, table);
    return entry ? copiedRows(entry) : 0;
  }

  /** The state of a table on a shard; undefined when the plan does not know the table. */
  shard(keyspace: string, table: string, shard: string): ShardCopy | undefined {
    const entry = this.table(keyspace, table);
    return entry && copyOn(entry, shard);
  }

  /** The range being copied, or to be, on a shard; undefined: nothing, or the whole table. */
  rangeOn(keyspace: string, table: string, shard: string): RangeCopy | undefined {
    return rangeOn(this.table(keyspace, table), shard);
  }

  /** A plan in which the table has this entry; undefined removes the table. */
  withTable(keyspace: string, table: string, entry: TableCopy | undefined): CopyPlan {
    const key = tableKey(keyspace, table);
    const before = this.#get(key);
    if (!before && !entry) return this;
    const unfinished =
      this.#unfinished - Number(before !== undefined && !isFinished(before)) + Number(entry !== undefined && !isFinished(entry));
    const over = { key, entry };
    if (!this.#over || this.#over.key === key) return new CopyPlan(this.#base, over, unfinished);
    return new CopyPlan(this.#base.with(this.#over.key, this.#over.entry), over, unfinished);
  }

  /** The same for many tables at once. */
  withTables(entries: readonly (readonly [{ readonly keyspace: string; readonly table: string }, TableCopy | undefined])[]): CopyPlan {
    const over = this.#over;
    const tables = new Map((over ? this.#base.with(over.key, over.entry) : this.#base).tables);
    for (const [{ keyspace, table }, entry] of entries) {
      if (entry) tables.set(tableKey(keyspace, table), entry);
      else tables.delete(tableKey(keyspace, table));
    }
    let unfinished = 0;
    for (const entry of tables.values()) if (!isFinished(entry)) unfinished++;
    return new CopyPlan(new PlanBase(tables), undefined, unfinished);
  }

  /**
   * A plan in which the table is in this state on one shard. `allShards` are the keyspace's: shards in the same state are
   * folded into the table's entry, and shards that are no more are forgotten.
   */
  withShard(keyspace: string, table: string, shard: string, copy: ShardCopy, allShards: readonly string[]): CopyPlan {
    const entry = this.table(keyspace, table) ?? { state: 'pending', generation: 1 };
    // Most calls by far: the next rows of a copy under way. Only this shard's state is new.
    if (copy.state === 'copying' && ownShard(entry, shard)?.state === 'copying') {
      return this.withTable(keyspace, table, { ...entry, shards: { ...entry.shards, [shard]: copy } });
    }
    const own = withOwn(entry, shard, copy, allShards);
    if (own) return this.withTable(keyspace, table, own);
    const names = allShards.includes(shard) ? allShards : [...allShards, shard];
    const states = names.map((name): readonly [string, ShardCopy] => [name, name === shard ? copy : copyOn(entry, name)]);
    return this.withTable(keyspace, table, fold(entry, states));
  }

  /** True when the table is done on every shard. */
  isDone(keyspace: string, table: string): boolean {
    const entry = this.table(keyspace, table);
    return entry === undefined || isFinished(entry);
  }

  /** True when no table is pending or under way anywhere. */
  get done(): boolean {
    return this.#unfinished === 0;
  }

  /** True when no table of the keyspace is pending or under way on this shard. */
  doneOn(keyspace: string, shard: string): boolean {
    if (this.done) return true;
    const over = this.#over;
    let count = this.#base.unfinishedOn(keyspace, shard);
    if (over && isOf(over.key, keyspace)) {
      const before = this.#base.tables.get(over.key);
      count += unfinishedOn(over.entry, shard) - unfinishedOn(before, shard);
    }
    return count === 0;
  }

  /**
   * The first table, in the plan's order, that is being copied on some shard; that stands still, but differs between shards; that no
   * shard has begun. Finished tables are in none of these.
   */
  first(stage: Stage): { keyspace: string; table: string } | undefined {
    if (this.done) return undefined;
    const over = this.#over;
    const keys = this.#base.inStage(stage);
    const key = over !== undefined && keys[0] === over.key ? keys[1] : keys[0];
    const own = over?.entry !== undefined && !isFinished(over.entry) && stageOf(over.entry) === stage ? over.key : undefined;
    if (own === undefined) return key === undefined ? undefined : namesOf(key);
    return namesOf(key !== undefined && this.#base.orderOf(key) < this.#base.orderOf(own) ? key : own);
  }

  #get(key: string): TableCopy | undefined {
    return this.#over?.key === key ? this.#over.entry : this.#base.tables.get(key);
  }
}
