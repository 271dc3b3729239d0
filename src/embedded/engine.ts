/**
 * The cluster behind the embedded VTGate: keyspaces, shards, tables with rows, and the binary logs their changes leave. Every
 * change of a row goes through `transaction` or `ddl`, so the rows and the log agree, and `rows()` is the truth a sink is compared with.
 */
import { alterTable } from './alter.js';
import { Server, type JournalTarget, type RowChange, type RowsEvent, type ShardJournal } from './binlog.js';
import { realClock, seededRandom, type EngineClock } from './clock.js';
import { makeColumn, type ColumnInput } from './columns.js';
import { loggedText, parseDdl, tablesOf, type Ddl } from './ddl.js';
import { GtidSet } from './gtid.js';
import { holds, keyspaceId } from './shards.js';
import { TableStore, type TableVersion } from './table-store.js';
import { storeCell, toObject, type Row, type RowObject } from './values.js';
import { runWrites, type Write, type WriteOptions } from './writes.js';

/** A table as a test declares it. */
export interface TableInput {
  columns: readonly ColumnInput[];
  /** Columns of a unique key that VTGate takes for the primary key where there is none. */
  uniqueKey?: readonly string[];
  /** Rows there before the engine's first transaction. A sharded keyspace routes them by key. */
  rows?: Iterable<RowObject>;
}

/** Tables by name, the same on all shards. */
export interface KeyspaceInput {
  /** Default `['0']`. */
  shards?: readonly string[];
  tables?: Readonly<Record<string, TableInput>>;
}

export interface EngineOptions {
  keyspaces?: Readonly<Record<string, KeyspaceInput>>;
  /** Heartbeats, commit times and leases go by it. Default: the system's; `ManualClock` for one that stands still. */
  clock?: EngineClock;
  /** Of UUIDs and of the interleaving of shards. Default 1. */
  seed?: number;
  /** `shared`: one mysqld under all shards, as in vtcombo; default one for each shard. */
  servers?: 'shared' | 'per-shard';
  /** Server UUID and GTID set executed before the start (default: 17 transactions), by `keyspace/shard`, or `*` for a shared server. */
  history?: Readonly<Record<string, { uuid?: string; executed?: string }>>;
  /** `binlog_row_image`. Default `full`. */
  rowImage?: 'full' | 'noblob';
  /** `binlog_row_value_options=PARTIAL_JSON`. Default false. */
  partialJson?: boolean;
  /** Empty transactions of schema tracking after each DDL (measured.md section 1: two). Default 2. */
  transactionsAfterDdl?: number;
  /** MySQL schema of a shard; default `vt_<keyspace>` (G102). */
  database?: (keyspace: string, shard: string) => string;
}

export interface Shard {
  readonly keyspace: string;
  readonly name: string;
  readonly database: string;
  server: Server;
  readonly tables: Map<string, TableStore>;
  readonly tabletUid: number;
  serving: boolean;
  heartbeat: bigint | undefined;
}

export interface Keyspace {
  readonly name: string;
  readonly shards: Map<string, Shard>;
}

export class Engine {
  readonly clock: EngineClock;
  readonly random: () => number;
  readonly keyspaces = new Map<string, Keyspace>();
  rowImage: 'full' | 'noblob';
  partialJson: boolean;
  /** More global variables of the servers, as SQL shows them; changed by tests that want a warning. */
  readonly variables: Record<string, string> = {
    binlog_row_image: 'FULL',
    binlog_row_value_options: '',
    binlog_expire_logs_seconds: '2592000',
    binlog_row_metadata: 'MINIMAL',
    binlog_format: 'ROW',
    gtid_mode: 'ON',
  };
  #options: EngineOptions;
  #shared: Server | undefined;
  #versions = 0;
  #tablets = 100;

  constructor(options: EngineOptions = {}) {
    this.#options = options;
    this.clock = options.clock ?? realClock;
    this.random = seededRandom(options.seed ?? 1);
    this.rowImage = options.rowImage ?? 'full';
    this.partialJson = options.partialJson ?? false;
    for (const [name, keyspace] of Object.entries(options.keyspaces ?? {})) {
      this.createKeyspace(name, keyspace.shards ?? ['0']);
      for (const [table, input] of Object.entries(keyspace.tables ?? {})) this.createTable(name, { ...input, name: table });
    }
  }

  createKeyspace(name: string, shards: readonly string[] = ['0']): void {
    this.keyspaces.set(name, { name, shards: new Map() });
    for (const shard of shards) this.addShard(name, shard);
  }

  /** Adds an empty shard with a server of its own (or the shared one). */
  addShard(keyspace: string, name: string): Shard {
    this.#tablets += 100;
    const shard: Shard = {
      keyspace,
      name,
      database: this.#options.database?.(keyspace, name) ?? `vt_${keyspace}`,
      server: this.#serverFor(keyspace, name),
      tables: new Map(),
      tabletUid: this.#tablets,
      serving: true,
      heartbeat: undefined,
    };
    this.keyspace(keyspace).shards.set(name, shard);
    return shard;
  }

  #serverFor(keyspace: string, shard: string): Server {
    const shared = this.#options.servers === 'shared';
    if (shared && this.#shared) return this.#shared;
    const history = this.#options.history?.[shared ? '*' : `${keyspace}/${shard}`];
    const uuid = history?.uuid ?? this.newUuid();
    const server = new Server({ uuid, executed: history?.executed ?? `${uuid}:1-17`, clock: this.clock });
    if (shared) this.#shared = server;
    return server;
  }

  newUuid(): string {
    const hex = (digits: number): string => Array.from({ length: digits }, () => Math.floor(this.random() * 16).toString(16)).join('');
    return `${hex(8)}-${hex(4)}-11f1-${hex(4)}-${hex(12)}`;
  }

  keyspace(name: string): Keyspace {
    const keyspace = this.keyspaces.get(name);
    if (!keyspace) throw new Error(`embedded engine: no keyspace ${name}`);
    return keyspace;
  }

  /** Without a name, the only shard of the keyspace. */
  shard(keyspace: string, name?: string): Shard {
    const { shards } = this.keyspace(keyspace);
    const shard = name === undefined ? (shards.size === 1 ? [...shards.values()][0] : undefined) : shards.get(name);
    if (!shard) throw new Error(`embedded engine: no shard ${name ?? '(name it)'} in ${keyspace}`);
    return shard;
  }

  /** Creates a table on every shard without a trace in the binary log: for what is there before a test begins. */
  createTable(keyspace: string, input: TableInput & { name: string }): void {
    for (const shard of this.keyspace(keyspace).shards.values()) shard.tables.set(input.name, new TableStore(this.#newVersion(input)));
    if (input.rows) this.seed(keyspace, input.name, input.rows);
  }

  /** Adds rows without a trace in the binary log; without a shard they are routed by key. */
  seed(keyspace: string, table: string, rows: Iterable<RowObject>, shard?: string): void {
    const { shards } = this.keyspace(keyspace);
    const only = shard ?? (shards.size === 1 ? [...shards.keys()][0] : undefined);
    for (const row of rows) {
      const store = this.#store(this.shard(keyspace, only ?? this.shardOf(keyspace, table, row)), table);
      if (
        !store.insert(
          store.version.columns.map((column) => storeCell(column, row[column.name] === undefined ? column.default : row[column.name])),
        )
      ) {
        throw new Error(`embedded engine: duplicate key in the seed of ${table}`);
      }
    }
  }

  /** The shard that the first key column's hash belongs to. */
  shardOf(keyspace: string, table: string, row: RowObject): string {
    const shards = [...this.keyspace(keyspace).shards.values()].filter((shard) => shard.serving);
    const first = shards[0];
    if (!first) throw new Error(`embedded engine: no shard serves ${keyspace}`);
    if (shards.length === 1) return first.name;
    const { version } = this.#store(first, table);
    const id = keyspaceId(row[version.columns[version.key[0] ?? 0]?.name ?? '']);
    const home = shards.find((shard) => holds(shard.name, id));
    if (!home) throw new Error(`embedded engine: no shard of ${keyspace} holds ${id.toString('hex')}`);
    return home.name;
  }

  /**
   * One transaction on one shard. Returns its GTID (`uuid:number`). An empty list is a transaction on tables of no concern.
   * `undecodable` makes every stream that meets it fail with that text, as the real server does on some partial JSON.
   */
  transaction(keyspace: string, shard: string | undefined, writes: readonly Write[], options: { undecodable?: string } = {}): string {
    const target = this.shard(keyspace, shard);
    const rows = runWrites((table) => this.#store(target, table), writes, this.#writeOptions());
    const { uuid, number } = target.server.append({ keyspace, shard: target.name, rows, ...options });
    return `${uuid}:${number}`;
  }

  /** Routes writes to their shards, one transaction each, as VTGate does for a multi-shard transaction. Shard to GTID. */
  write(keyspace: string, writes: readonly Write[]): Map<string, string> {
    const byShard = new Map<string, Write[]>();
    const put = (shard: string, write: Write): void => {
      byShard.set(shard, [...(byShard.get(shard) ?? []), write]);
    };
    for (const write of writes) {
      if (write.op === 'insert' && 'rows' in write) {
        const rows = new Map<string, RowObject[]>();
        for (const row of write.rows) {
          const shard = this.shardOf(keyspace, write.table, row);
          rows.set(shard, [...(rows.get(shard) ?? []), row]);
        }
        for (const [shard, part] of rows) put(shard, { ...write, rows: part });
      } else if (write.op === 'insert' || write.op === 'upsert') put(this.shardOf(keyspace, write.table, write.row), write);
      else if ('where' in write && write.where && !Array.isArray(write.where))
        put(this.shardOf(keyspace, write.table, write.where as RowObject), write);
      else for (const shard of this.keyspace(keyspace).shards.values()) if (shard.serving) put(shard.name, write);
    }
    const gtids = new Map<string, string>();
    for (const [shard, part] of byShard) gtids.set(shard, this.transaction(keyspace, shard, part));
    return gtids;
  }

  /** Runs a DDL statement, on every shard unless one is named. `text` is what the binary log says, when it is known to differ. */
  ddl(keyspace: string, sql: string, options: { shard?: string; text?: string } = {}): void {
    const ddl = parseDdl(sql);
    const shards =
      options.shard === undefined
        ? [...this.keyspace(keyspace).shards.values()].filter((shard) => shard.serving)
        : [this.shard(keyspace, options.shard)];
    for (const shard of shards) {
      if (ddl.kind === 'create' && ddl.ifNotExists && shard.tables.has(ddl.table.name)) continue;
      this.#runDdl(shard, ddl);
      shard.server.append({
        keyspace,
        shard: shard.name,
        rows: [],
        ddl: { statement: options.text ?? loggedText(sql, ddl), tables: tablesOf(ddl) },
      });
      for (let count = this.#options.transactionsAfterDdl ?? 2; count > 0; count -= 1)
        shard.server.append({ keyspace, shard: shard.name, rows: [] });
    }
  }

  #runDdl(shard: Shard, ddl: Ddl): void {
    switch (ddl.kind) {
      case 'create':
        if (shard.tables.has(ddl.table.name)) throw new Error(`embedded engine: table ${ddl.table.name} exists`);
        shard.tables.set(ddl.table.name, new TableStore(this.#newVersion(ddl.table)));
        return;
      case 'drop':
        for (const table of ddl.tables) {
          this.#store(shard, table);
          shard.tables.delete(table);
        }
        return;
      case 'truncate':
        shard.tables.set(ddl.table, new TableStore(this.#renumber(this.#store(shard, ddl.table).version)));
        return;
      case 'index':
        this.#store(shard, ddl.table).version = this.#renumber(this.#store(shard, ddl.table).version);
        return;
      case 'rename':
        for (const [from, to] of ddl.pairs) {
          const store = this.#store(shard, from);
          store.version = this.#renumber({ ...store.version, name: to });
          shard.tables.delete(from);
          shard.tables.set(to, store);
        }
        return;
      case 'alter':
        shard.tables.set(
          ddl.table,
          ddl.changes.reduce((store, change) => alterTable(store, change, () => this.#nextVersion()), this.#store(shard, ddl.table)),
        );
    }
  }

  #newVersion(input: Pick<TableInput, 'columns' | 'uniqueKey'> & { name: string }): TableVersion {
    const columns = input.columns.map(makeColumn);
    const primary = columns.flatMap((column, index) => (column.key ? [index] : []));
    const unique = (input.uniqueKey ?? []).map((name) => columns.findIndex((column) => column.name === name));
    return { id: this.#nextVersion(), name: input.name, columns, key: primary.length > 0 ? primary : unique };
  }

  #renumber(version: TableVersion): TableVersion {
    return { ...version, id: this.#nextVersion() };
  }

  #nextVersion(): number {
    this.#versions += 1;
    return this.#versions;
  }

  #writeOptions(): WriteOptions {
    return { noblob: this.rowImage === 'noblob', partialJson: this.partialJson };
  }

  #store(shard: Shard, table: string): TableStore {
    const store = shard.tables.get(table);
    if (!store) throw new Error(`embedded engine: no table ${table} in ${shard.keyspace}/${shard.name}`);
    return store;
  }

  /** The rows of a table as they are now: of one shard, or of all serving shards. In key order within a shard. */
  rows(keyspace: string, table: string, shard?: string): RowObject[] {
    const shards =
      shard === undefined ? [...this.keyspace(keyspace).shards.values()].filter((one) => one.serving) : [this.shard(keyspace, shard)];
    return shards.flatMap((one) => {
      const store = this.#store(one, table);
      return [...store.rows()].map((row) => toObject(store.version.columns, row));
    });
  }

  /** Executed GTID set of a shard's server, without the flavour prefix. */
  executed(keyspace: string, shard?: string): string {
    return this.shard(keyspace, shard).server.executed.toString();
  }

  /** Purges binary logs: everything, or the oldest transactions contained in `set` (with or without `MySQL56/`). */
  purge(keyspace: string, shard?: string, set: string | 'all' = 'all'): void {
    this.shard(keyspace, shard).server.purge(set === 'all' ? undefined : GtidSet.of(set.replace(/^MySQL56\//, '')));
  }

  /** A failover: later transactions carry the UUID of the new primary (G29). */
  reparent(keyspace: string, shard?: string, uuid = this.newUuid()): string {
    this.shard(keyspace, shard).server.uuid = uuid;
    return uuid;
  }

  /** The tablet's schema tracking wrote down a new version: a transaction with VERSION inside [shapes/where-and-truncate]. */
  trackSchema(keyspace: string, shard?: string): void {
    const target = this.shard(keyspace, shard);
    target.server.append({ keyspace, shard: target.name, rows: [], versionEvent: true });
  }

  /** A transaction of the tablet's own heartbeat table: empty, unless the stream asked for keyspace heartbeats. */
  beatTablet(keyspace: string, shard?: string, after = BigInt(this.clock.now()) * 1_000_000n): void {
    const target = this.shard(keyspace, shard);
    target.server.append({
      keyspace,
      shard: target.name,
      rows: [],
      heartbeat: { tabletUid: target.tabletUid, before: target.heartbeat, after },
    });
    target.heartbeat = after;
  }

  /**
   * Moves a keyspace to the named shards: rows are copied over, the sources stop serving and each leaves a journal with the targets'
   * positions. Shards that serve already and are named take no part. Streams follow by the rules of VStream flags (protocol.md B.12).
   */
  reshard(keyspace: string, shards: readonly string[]): void {
    const serving = [...this.keyspace(keyspace).shards.values()].filter((shard) => shard.serving);
    const sources = serving.filter((shard) => !shards.includes(shard.name));
    const names = shards.filter((name) => !serving.some((shard) => shard.name === name));
    const targets = names.map((name) => this.keyspace(keyspace).shards.get(name) ?? this.addShard(keyspace, name));
    for (const source of sources) source.serving = false;
    for (const target of targets) target.serving = true;
    for (const { tables } of sources)
      for (const [name, { version }] of tables)
        for (const target of targets) target.tables.set(name, new TableStore(this.#renumber(version)));
    for (const { tables } of sources) for (const [name, store] of tables) this.#moveRows(keyspace, name, store);
    const journalTargets: JournalTarget[] = targets.map((target) => ({
      keyspace,
      shard: target.name,
      gtid: `MySQL56/${target.server.executed.toString()}`,
    }));
    const journal = {
      id: BigInt(Math.floor(this.random() * 2 ** 48)),
      participants: sources.map((source) => ({ keyspace, shard: source.name })),
      targets: journalTargets,
    };
    for (const source of sources) this.writeJournal(source, { ...journal, localPosition: `MySQL56/${source.server.executed.toString()}` });
    // The workflow of each source is frozen at each target, behind the journal: empty to streams [topology/reshard-default].
    for (const target of targets) for (const _ of sources) target.server.append({ keyspace, shard: target.name, rows: [] });
  }

  writeJournal(source: Shard, journal: ShardJournal): void {
    source.server.append({ keyspace: source.keyspace, shard: source.name, rows: [], journal });
  }

  #moveRows(keyspace: string, table: string, from: TableStore): void {
    const parts = new Map<string, RowChange[]>();
    for (const row of from.rows()) {
      const home = this.shardOf(keyspace, table, toObject(from.version.columns, row));
      parts.set(home, [...(parts.get(home) ?? []), { after: row }]);
    }
    for (const [home, changes] of parts) {
      const target = this.shard(keyspace, home);
      const store = this.#store(target, table);
      for (const change of changes) store.insert(change.after as Row);
      const rows: RowsEvent[] = [{ version: store.version, changes, endOfStatement: true, noblob: false }];
      target.server.append({ keyspace, shard: home, rows });
    }
  }
}
