/**
 * The copy plan: per table, and per shard where it differs, how far its copy has come. Immutable values; part of the
 * position. Layer 1.
 *
 * A table's entry holds the state that all shards share; `shards` only those that differ, so that 5,000 tables on 256 shards
 * stay far under 1 MB: at most one table is under way at a time (design: one table per RPC).
 */

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
  /** Rows copied on the shards that `shards` does not name. */
  readonly rows?: number | undefined;
  /** Shards whose state differs from the table's. */
  readonly shards?: Readonly<Record<string, ShardCopy>> | undefined;
  /**
   * The table left the selection: `done`, nothing is owed. Kept for its generation, because a sink may still hold its rows
   * when the table comes back.
   */
  readonly removed?: true | undefined;
}

export type PlanJson = Record<string, Record<string, TableCopy>>;

const tableKey = (keyspace: string, table: string): string => `${keyspace}\u0000${table}`;

/** The highest generation any shard has used. */
export function highestGeneration(entry: TableCopy): number {
  let highest = entry.generation;
  for (const { generation } of Object.values(entry.shards ?? {})) if (generation > highest) highest = generation;
  return highest;
}

/**
 * Copying a map of thousands of tables for every group of copied rows would cost more than the rows. Nearly all changes are to
 * the table under way, so that one entry lies over a shared map until another table changes.
 */
interface Overlay {
  readonly key: string;
  readonly entry: TableCopy | undefined;
}

export class CopyPlan {
  static readonly empty: CopyPlan = new CopyPlan(new Map(), undefined, 0);
  readonly #base: ReadonlyMap<string, TableCopy>;
  readonly #over: Overlay | undefined;
  readonly #unfinished: number;
  #doneOn: Map<string, boolean> | undefined;

  private constructor(base: ReadonlyMap<string, TableCopy>, over: Overlay | undefined, unfinished: number) {
    this.#base = base;
    this.#over = over;
    this.#unfinished = unfinished;
  }

  static fromJson(json: PlanJson): CopyPlan {
    const tables = new Map<string, TableCopy>();
    let unfinished = 0;
    for (const [keyspace, entries] of Object.entries(json)) {
      for (const [table, entry] of Object.entries(entries)) {
        tables.set(tableKey(keyspace, table), entry);
        if (!isFinished(entry)) unfinished++;
      }
    }
    return new CopyPlan(tables, undefined, unfinished);
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

  get size(): number {
    const over = this.#over;
    if (!over) return this.#base.size;
    const held = this.#base.has(over.key);
    return this.#base.size + (over.entry ? (held ? 0 : 1) : held ? -1 : 0);
  }

  /** In the order in which they entered the plan. */
  *tables(): Generator<{ keyspace: string; table: string; entry: TableCopy }> {
    const over = this.#over;
    for (const [key, base] of this.#base) {
      const entry = over?.key === key ? over.entry : base;
      if (entry) yield { ...namesOf(key), entry };
    }
    if (over?.entry && !this.#base.has(over.key)) yield { ...namesOf(over.key), entry: over.entry };
  }

  table(keyspace: string, table: string): TableCopy | undefined {
    return this.#get(tableKey(keyspace, table));
  }

  /** The state of a table on a shard; undefined when the plan does not know the table. */
  shard(keyspace: string, table: string, shard: string): ShardCopy | undefined {
    const entry = this.table(keyspace, table);
    return entry && copyOn(entry, shard);
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
    return new CopyPlan(this.#folded(), over, unfinished);
  }

  /** The same for many tables at once. */
  withTables(entries: readonly (readonly [{ readonly keyspace: string; readonly table: string }, TableCopy | undefined])[]): CopyPlan {
    const tables = new Map(this.#over ? this.#folded() : this.#base);
    for (const [{ keyspace, table }, entry] of entries) {
      if (entry) tables.set(tableKey(keyspace, table), entry);
      else tables.delete(tableKey(keyspace, table));
    }
    let unfinished = 0;
    for (const entry of tables.values()) if (!isFinished(entry)) unfinished++;
    return new CopyPlan(tables, undefined, unfinished);
  }

  /**
   * A plan in which the table is in this state on one shard. `allShards` are the keyspace's: shards in the same state are
   * folded into the table's entry, and shards that are no more are forgotten.
   */
  withShard(keyspace: string, table: string, shard: string, copy: ShardCopy, allShards: readonly string[]): CopyPlan {
    const entry = this.table(keyspace, table) ?? { state: 'pending', generation: 1 };
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
    const key = `${keyspace}/${shard}`;
    let known = this.#doneOn?.get(key);
    if (known === undefined) {
      known = this.#scanDoneOn(keyspace, shard);
      this.#doneOn ??= new Map();
      this.#doneOn.set(key, known);
    }
    return known;
  }

  #scanDoneOn(keyspace: string, shard: string): boolean {
    for (const one of this.tables()) if (one.keyspace === keyspace && copyOn(one.entry, shard).state !== 'done') return false;
    return true;
  }

  #get(key: string): TableCopy | undefined {
    return this.#over?.key === key ? this.#over.entry : this.#base.get(key);
  }

  #folded(): ReadonlyMap<string, TableCopy> {
    const over = this.#over as Overlay;
    const tables = new Map(this.#base);
    if (over.entry) tables.set(over.key, over.entry);
    else tables.delete(over.key);
    return tables;
  }
}

function namesOf(key: string): { keyspace: string; table: string } {
  const [keyspace, table] = key.split('\u0000') as [string, string];
  return { keyspace, table };
}

const ownShard = (entry: TableCopy, shard: string): ShardCopy | undefined =>
  entry.shards !== undefined && Object.hasOwn(entry.shards, shard) ? entry.shards[shard] : undefined;

const copyOn = (entry: TableCopy, shard: string): ShardCopy =>
  ownShard(entry, shard) ?? { state: entry.state, generation: entry.generation };

const isFinished = (entry: TableCopy): boolean =>
  entry.state === 'done' && Object.values(entry.shards ?? {}).every((one) => one.state === 'done');

/** The shortest entry that says the same: the table's own state once all shards share it, and the shards that deviate. */
function fold(entry: TableCopy, states: readonly (readonly [string, ShardCopy])[]): TableCopy {
  const first = states[0]?.[1].state ?? entry.state;
  const shared = first !== 'copying' && states.every(([, one]) => one.state === first) ? first : undefined;
  const state = shared ?? entry.state;
  const generation = shared === undefined ? entry.generation : mostCommon(states.map(([, one]) => one.generation));
  const shards = states.filter(([, one]) => one.state !== state || one.generation !== generation);
  const deviating = new Set(shards.map(([name]) => name));
  const known = shared === undefined ? entry.rows : (entry.rows ?? 0) + sum(states.filter(([name]) => !deviating.has(name)));
  return {
    state,
    generation,
    ...(entry.fingerprint === undefined ? {} : { fingerprint: entry.fingerprint }),
    ...(known ? { rows: known } : {}),
    ...(shards.length === 0 ? {} : { shards: Object.fromEntries(shards) }),
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
