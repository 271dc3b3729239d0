/** The tables of the file that belong to this stream: made, found again, widened. Layer 5. */
import { VStreamError } from '../../errors.js';
import type { TableRef, TableVersion } from '../../schema/table.js';
import { findDisplaced, type Displaced } from './displaced.js';
import type { Connection } from './driver.js';
import { META, META_PREFIX, quoteName, quoteText } from './identifiers.js';
import type { Settings } from './options.js';
import { columnType, conversion, widerType } from './types.js';

/** A DuckDB table and what the sink knows of it. */
export interface Target extends TableRef {
  readonly schema: string;
  readonly name: string;
  /** Quoted `schema.name`. */
  readonly sql: string;
  /** Number in this process; names the temporary tables. */
  readonly id: number;
  /** DuckDB types by column name in lower case, in table order. */
  readonly columns: ReadonlyMap<string, { readonly name: string; readonly type: string }>;
  /** See high-water.ts; undefined until it is read for `of`, the key columns. */
  highWater: { readonly of: string; mark: string | undefined } | undefined;
  readonly displaced: Displaced;
}

const LOG_COLUMNS: readonly (readonly [string, string])[] = [
  [META.op, 'VARCHAR'],
  [META.gtid, 'VARCHAR'],
  [META.ordinal, 'INTEGER'],
  [META.commitTime, 'TIMESTAMP'],
  [META.before, 'JSON'],
];
const ROW_COLUMNS: readonly (readonly [string, string])[] = [
  [META.shard, 'VARCHAR'],
  [META.generation, 'INTEGER'],
];

/** Made once per open sink; forgets everything when a transaction that may have changed tables is rolled back. */
export class Catalog {
  readonly #connection: Connection;
  readonly #stream: string;
  readonly #settings: Settings;
  readonly #targets = new Map<string, Target>();
  readonly #fitted = new Set<string>();
  #nextId = 1;

  constructor(connection: Connection, stream: string, settings: Settings) {
    this.#connection = connection;
    this.#stream = stream;
    this.#settings = settings;
  }

  /** After a rollback: what was made in that transaction is gone. */
  forget(): void {
    this.#targets.clear();
    this.#fitted.clear();
  }

  /** True for tables written as a log: those without a key, and those the user listed. */
  isLog(version: TableVersion): boolean {
    return version.key.length === 0 || this.isListedLog(version);
  }

  isListedLog(ref: TableRef): boolean {
    const { append } = this.#settings;
    return append.includes(ref.table) || append.includes(`${ref.keyspace}.${ref.table}`);
  }

  /** The table of this version, made or widened so that it holds every column of it. */
  async fit(version: TableVersion): Promise<Target> {
    const id = `${version.keyspace}\u0000${version.table}`;
    const known = this.#targets.get(id);
    const print = `${id}\u0000${version.fingerprint}`;
    if (known && this.#fitted.has(print)) return known;
    checkColumns(version);
    const target = (await this.find(version)) ?? (await this.#create(version));
    const widened = await this.#widen(target, version);
    this.#targets.set(id, widened);
    this.#fitted.add(print);
    return widened;
  }

  /** The table of this source table, if the file has it. */
  async find(ref: TableRef): Promise<Target | undefined> {
    const id = `${ref.keyspace}\u0000${ref.table}`;
    const known = this.#targets.get(id);
    if (known) return known;
    const rows = await this.#rows(
      `select target_schema, target_table from main._vstream_tables
       where stream = ${quoteText(this.#stream)} and keyspace = ${quoteText(ref.keyspace)} and source_table = ${quoteText(ref.table)}`,
    );
    const [row] = rows;
    if (!row) return undefined;
    const target = await this.#describe(ref, String(row[0]), String(row[1]));
    if (target) this.#targets.set(id, target);
    return target;
  }

  async #describe(ref: TableRef, schema: string, name: string): Promise<Target | undefined> {
    const rows = await this.#rows(
      `select column_name, data_type from duckdb_columns()
       where database_name = current_database() and schema_name = ${quoteText(schema)} and lower(table_name) = lower(${quoteText(name)})
       order by column_index`,
    );
    if (rows.length === 0) return undefined;
    const columns = new Map(rows.map(([column, type]) => [String(column).toLowerCase(), { name: String(column), type: String(type) }]));
    const displaced = await findDisplaced(this.#connection, schema, name);
    const sql = `${quoteName(schema)}.${quoteName(name)}`;
    return { keyspace: ref.keyspace, table: ref.table, schema, name, sql, id: this.#nextId++, columns, highWater: undefined, displaced };
  }

  async #create(version: TableVersion): Promise<Target> {
    const schema = this.#settings.schemaPerKeyspace ? version.keyspace : this.#settings.schema;
    const name = this.#settings.tablePrefix + version.table;
    const where = { keyspace: version.keyspace, table: version.table };
    const [owner] = await this.#rows(
      `select stream, keyspace, source_table from main._vstream_tables
       where lower(target_schema) = lower(${quoteText(schema)}) and lower(target_table) = lower(${quoteText(name)})`,
    );
    const existing = await this.#describe(version, schema, name);
    // A table dropped by hand is made again; its entry may still be there.
    const ours = owner && owner[0] === this.#stream && owner[1] === version.keyspace && owner[2] === version.table;
    if (owner && !ours) {
      throw new VStreamError(
        'SINK_FAILED',
        `the DuckDB table ${schema}.${name} already holds ${String(owner[1])}.${String(owner[2])} of the stream ${String(owner[0])}`,
        {
          ...where,
          next: 'Set `schemaPerKeyspace: true` or a `tablePrefix` for one of the two, or use another file.',
        },
      );
    }
    if (existing && !ours) {
      throw new VStreamError('SINK_FAILED', `the DuckDB table ${schema}.${name} exists and was not made by this sink`, {
        ...where,
        next: 'Rename or drop it, or set a `tablePrefix` or `schema`.',
      });
    }
    if (schema !== 'main') await this.#connection.run(`create schema if not exists ${quoteName(schema)}`);
    const columns = version.columns.map((column) => `${quoteName(column.name)} ${columnType(column, this.#settings.zeroDates).duckdb}`);
    const meta = [...(this.isLog(version) ? LOG_COLUMNS : []), ...ROW_COLUMNS].map(([column, type]) => `${quoteName(column)} ${type}`);
    await this.#connection.run(`create table ${quoteName(schema)}.${quoteName(name)} (${[...columns, ...meta].join(', ')})`);
    if (!ours) {
      await this.#connection.run(
        `insert into main._vstream_tables values (${[this.#stream, version.keyspace, version.table, schema, name].map(quoteText).join(', ')})`,
      );
    }
    const made = await this.#describe(version, schema, name);
    if (!made) throw new VStreamError('INTERNAL', `the DuckDB table ${schema}.${name} was made but is not there`, where);
    return made;
  }

  /** Adds missing columns and widens types; never drops or narrows: another shard may still send the older version. */
  async #widen(target: Target, version: TableVersion): Promise<Target> {
    let changed = false;
    const tables = target.displaced.exists ? [target.sql, target.displaced.sql] : [target.sql];
    const wanted: (readonly [string, string])[] = version.columns.map((column) => [
      column.name,
      columnType(column, this.#settings.zeroDates).duckdb,
    ]);
    for (const [name, type] of [...wanted, ...(this.isLog(version) ? LOG_COLUMNS : []), ...ROW_COLUMNS]) {
      const there = target.columns.get(name.toLowerCase());
      if (!there) {
        for (const table of tables) await this.#connection.run(`alter table ${table} add column ${quoteName(name)} ${type}`);
        changed = true;
        continue;
      }
      const wider = widerType(there.type, type);
      if (wider === there.type) continue;
      const quoted = quoteName(there.name);
      for (const table of tables) {
        await this.#connection.run(
          `alter table ${table} alter column ${quoted} set data type ${wider} using ${conversion(quoted, there.type, wider)}`,
        );
      }
      changed = true;
    }
    if (!changed) return target;
    const after = await this.#describe(version, target.schema, target.name);
    if (!after) throw new VStreamError('INTERNAL', `the DuckDB table ${target.sql} was widened but is not there`);
    return after;
  }

  async #rows(sql: string): Promise<unknown[][]> {
    return (await this.#connection.runAndReadAll(sql)).getRows();
  }
}

function checkColumns(version: TableVersion): void {
  const reserved = version.columns.find((column) => column.name.toLowerCase().startsWith(META_PREFIX));
  if (!reserved) return;
  throw new VStreamError(
    'SINK_FAILED',
    `column ${reserved.name} of ${version.keyspace}.${version.table} has a name the DuckDB sink keeps for itself`,
    {
      keyspace: version.keyspace,
      table: version.table,
      column: reserved.name,
      category: 'config',
      next: `Leave the column out (\`columns\`) or rename it; names from ${META_PREFIX} are the sink's.`,
    },
  );
}
