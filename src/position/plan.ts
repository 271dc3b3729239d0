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
  /** Rows copied in all, once done. */
  readonly rows?: number | undefined;
  /** Shards whose state differs from the table's. */
  readonly shards?: Readonly<Record<string, ShardCopy>> | undefined;
}

export type PlanJson = Record<string, Record<string, TableCopy>>;

const tableKey = (keyspace: string, table: string): string => `${keyspace}\u0000${table}`;

export class CopyPlan {
  static readonly empty: CopyPlan = new CopyPlan(new Map());
  readonly #tables: ReadonlyMap<string, TableCopy>;

  private constructor(tables: ReadonlyMap<string, TableCopy>) {
    this.#tables = tables;
  }

  static fromJson(json: PlanJson): CopyPlan {
    const tables = new Map<string, TableCopy>();
    for (const [keyspace, entries] of Object.entries(json)) {
      for (const [table, entry] of Object.entries(entries)) tables.set(tableKey(keyspace, table), entry);
    }
    return new CopyPlan(tables);
  }

  toJson(): PlanJson {
    const json: PlanJson = {};
    for (const { keyspace, table, entry } of this.tables()) {
      json[keyspace] ??= {};
      (json[keyspace] as Record<string, TableCopy>)[table] = entry;
    }
    return json;
  }

  get size(): number {
    return this.#tables.size;
  }

  *tables(): Generator<{ keyspace: string; table: string; entry: TableCopy }> {
    for (const [key, entry] of this.#tables) {
      const [keyspace, table] = key.split('\u0000') as [string, string];
      yield { keyspace, table, entry };
    }
  }

  table(keyspace: string, table: string): TableCopy | undefined {
    return this.#tables.get(tableKey(keyspace, table));
  }

  /** The state of a table on a shard; undefined when the plan does not know the table. */
  shard(keyspace: string, table: string, shard: string): ShardCopy | undefined {
    const entry = this.table(keyspace, table);
    return entry && (entry.shards?.[shard] ?? { state: entry.state, generation: entry.generation });
  }

  /** A plan in which the table has this entry; undefined removes the table. */
  withTable(keyspace: string, table: string, entry: TableCopy | undefined): CopyPlan {
    const tables = new Map(this.#tables);
    if (entry) tables.set(tableKey(keyspace, table), entry);
    else tables.delete(tableKey(keyspace, table));
    return new CopyPlan(tables);
  }

  /** A plan in which the table is in this state on one shard; folds equal shards back into the table's entry. */
  withShard(keyspace: string, table: string, shard: string, copy: ShardCopy, allShards: readonly string[]): CopyPlan {
    const entry = this.table(keyspace, table) ?? { state: 'pending', generation: 1 };
    const shards: Record<string, ShardCopy> = { ...entry.shards, [shard]: copy };
    const every = allShards.map((name): ShardCopy => shards[name] ?? { state: entry.state, generation: entry.generation });
    const first = every[0];
    if (first && first.state !== 'copying' && every.every((one) => one.state === first.state && one.generation === first.generation)) {
      const rows = every.reduce((sum, one) => sum + (one.rows ?? 0), 0);
      return this.withTable(keyspace, table, { state: first.state, generation: first.generation, fingerprint: entry.fingerprint, rows });
    }
    return this.withTable(keyspace, table, { ...entry, shards });
  }

  /** True when the table is done on every shard. */
  isDone(keyspace: string, table: string): boolean {
    const entry = this.table(keyspace, table);
    if (!entry) return true;
    // `withShard` folds equal shards back, so a table that is done everywhere has a done entry and no shard that differs.
    return entry.state === 'done' && Object.values(entry.shards ?? {}).every((one) => one.state === 'done');
  }

  /** True when no table is pending or under way anywhere. */
  get done(): boolean {
    for (const { keyspace, table } of this.tables()) if (!this.isDone(keyspace, table)) return false;
    return true;
  }
}
