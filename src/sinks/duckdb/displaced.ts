/**
 * Versions of rows that are not visible: with identity `key`, an upsert lies over the version another shard has of the same key.
 * That version is kept in a side table, `_vstream_displaced_<table>`, for when the upsert was stale: its shard deletes it then,
 * and what it displaced is the row again. A key with displaced versions always has a visible one. Layer 5.
 */
import type { Target } from './catalog.js';
import type { Connection } from './driver.js';
import { META, META_PREFIX, quoteName, quoteText } from './identifiers.js';

/** The side table of one target: with its columns, and two more. */
export interface Displaced {
  readonly schema: string;
  readonly name: string;
  /** Quoted `schema.name`. */
  readonly sql: string;
  /** Made when the first row is displaced. */
  exists: boolean;
  /** Rows in it: nearly always 0, and then nothing looks there. */
  rows: number;
  /** Order of the next one. */
  next: number;
  /** The key columns at the last displacement: a truncate may come before anything else tells them. */
  key: readonly string[];
}

export async function findDisplaced(connection: Connection, schema: string, table: string): Promise<Displaced> {
  const name = `${META_PREFIX}displaced_${table}`;
  const sql = `${quoteName(schema)}.${quoteName(name)}`;
  const nothing: Displaced = { schema, name, sql, exists: false, rows: 0, next: 1, key: [] };
  const found = await connection.runAndReadAll(
    `select 1 from duckdb_tables() where database_name = current_database() and schema_name = ${quoteText(schema)} and lower(table_name) = lower(${quoteText(name)})`,
  );
  if (found.getRows().length === 0) return nothing;
  const counted = await connection.runAndReadAll(
    `select count(*)::double, coalesce(max(${META.order}), 0)::double, arg_max(${META.keyColumns}, ${META.order}) from ${sql}`,
  );
  const [rows, last, key] = counted.getRows()[0] ?? [];
  return {
    ...nothing,
    exists: true,
    rows: Number(rows),
    next: Number(last) + 1,
    key: typeof key === 'string' ? (JSON.parse(key) as string[]) : [],
  };
}

/** Puts copies of rows with the target's columns aside, over what is there of their keys. */
export async function putAside(
  connection: Connection,
  target: Target,
  key: readonly string[],
  sources: readonly { readonly table: string; readonly select: string }[],
): Promise<void> {
  const { displaced } = target;
  if (!displaced.exists) {
    const more = `0::bigint as ${META.order}, ''::varchar as ${META.keyColumns}`;
    await connection.run(`create table ${displaced.sql} as select *, ${more} from ${target.sql} limit 0`);
    displaced.exists = true;
  }
  const more = `${displaced.next++} as ${META.order}, ${quoteText(JSON.stringify(key))} as ${META.keyColumns}`;
  for (const { table, select } of sources) {
    const result = await connection.run(`insert into ${displaced.sql} by name select ${select}, ${more} from ${table}`);
    displaced.rows += result.rowsChanged;
  }
  displaced.key = key;
}

/** Forgets displaced rows; `where` is about the side table, `t`. Returns how many there were. */
export async function dropDisplaced(connection: Connection, { displaced }: Target, where: string, using = ''): Promise<number> {
  if (displaced.rows === 0) return 0;
  const result = await connection.run(`delete from ${displaced.sql} as t${using && ` using ${using}`} where ${where}`);
  displaced.rows -= result.rowsChanged;
  return result.rowsChanged;
}

/** Makes the last displaced version visible wherever the visible one is gone. */
export async function bringBack(connection: Connection, target: Target, key: readonly string[] = target.displaced.key): Promise<void> {
  const { displaced, sql } = target;
  if (displaced.rows === 0) return;
  const same = key.map((name) => `t.${quoteName(name)} = d.${quoteName(name)}`).join(' and ');
  const result = await connection.run(
    `insert into ${sql} by name
     select d.* exclude (${META.order}, ${META.keyColumns}) from ${displaced.sql} as d where not exists (select 1 from ${sql} as t where ${same})
     qualify row_number() over (partition by ${key.map((name) => `d.${quoteName(name)}`).join(', ')} order by d.${META.order} desc) = 1`,
  );
  if (result.rowsChanged === 0) return;
  // One shard has one version of a key: what is in both tables was just brought back.
  const removed = await connection.run(
    `delete from ${displaced.sql} as d using ${sql} as t where ${same} and t.${META.shard} = d.${META.shard}`,
  );
  displaced.rows -= removed.rowsChanged;
}
