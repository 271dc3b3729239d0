/** SELECT, INSERT, UPDATE and DELETE on one table of the engine: the client's state table, or any table a test reads. */
import type { Engine, Shard } from './engine.js';
import type { Column } from './columns.js';
import { Parser, SqlError, truth, type Expression, type Scope, type SqlValue } from './sql-values.js';
import { compareCells, type TableStore } from './table-store.js';
import { storeCell, toObject, type Cell, type Row, type RowObject } from './values.js';
import type { Write } from './writes.js';

export interface SqlAnswer {
  readonly columns: readonly { readonly name: string; readonly column?: Column }[];
  readonly rows: readonly (readonly SqlValue[])[];
  readonly affected: number;
}

export interface SqlContext {
  readonly engine: Engine;
  readonly keyspace: string;
  /** The shard named by the target, if one was. */
  readonly shard: string | undefined;
  readonly binds: ReadonlyMap<string, SqlValue>;
  readonly now: string;
}

/** Undefined when the statement is none of the four. */
export function runRows(sql: string, context: SqlContext): SqlAnswer | undefined {
  const parser = new Parser(sql);
  if (parser.take('select')) return select(parser, context);
  if (parser.takeAll('insert', 'ignore', 'into')) return insert(parser, context, true);
  if (parser.takeAll('insert', 'into')) return insert(parser, context, false);
  if (parser.take('update')) return update(parser, context);
  if (parser.takeAll('delete', 'from')) return remove(parser, context);
  return undefined;
}

interface Found {
  readonly keyspace: string;
  readonly shards: readonly Shard[];
  readonly table: string;
  readonly columns: readonly Column[];
}

/** The table behind a name, on the target's shard or all shards that serve. */
function tableOf(parser: Parser, { engine, keyspace, shard }: SqlContext): Found {
  let table = parser.name();
  let home = keyspace;
  if (parser.take('.')) {
    home = table;
    table = parser.name();
  }
  const found = engine.keyspaces.get(home);
  if (!found) throw new SqlError(`VT05003: unknown database '${home}' in vschema`, 5);
  const shards = [...found.shards.values()].filter((one) => (shard === undefined ? one.serving : one.name === shard));
  const version = shards[0]?.tables.get(table)?.version;
  if (!version)
    throw new SqlError(
      `target: ${home}.${shards[0]?.name ?? ''}.primary: vttablet: Table 'vt_${home}.${table}' doesn't exist (errno 1146) (sqlstate 42S02)`,
      5,
    );
  return { keyspace: home, shards, table, columns: version.columns };
}

function scopeOf(columns: readonly Column[], row: Row | undefined, { binds, now }: SqlContext): Scope {
  return {
    now: () => now,
    bind: (name) => {
      const value = binds.get(name);
      if (value === undefined) throw new SqlError(`missing bind var ${name}`);
      return value;
    },
    column: (name) => {
      const at = columns.findIndex((column) => column.name.toLowerCase() === name.toLowerCase());
      if (at < 0) throw new SqlError(`vttablet: Unknown column '${name}' in 'field list' (errno 1054) (sqlstate 42S22)`, 5);
      return row?.[at] ?? null;
    },
  };
}

function storeOf(shard: Shard, table: string): TableStore {
  return shard.tables.get(table) as TableStore;
}

function where(parser: Parser): Expression | undefined {
  return parser.take('where') ? parser.expression() : undefined;
}

function* hits(found: Found, condition: Expression | undefined, context: SqlContext): IterableIterator<{ shard: Shard; row: Row }> {
  for (const shard of found.shards) {
    for (const row of [...storeOf(shard, found.table).rows()]) {
      if (!condition || truth(condition(scopeOf(found.columns, row, context))) === true) yield { shard, row };
    }
  }
}

function select(parser: Parser, context: SqlContext): SqlAnswer {
  const everything = parser.take('*');
  const counted = !everything && parser.takeAll('count', '(', '*', ')');
  const items = everything || counted ? [] : parser.list(() => parser.expression());
  parser.expect('from');
  const found = tableOf(parser, context);
  const condition = where(parser);
  const orders = parser.takeAll('order', 'by')
    ? parser.list(() => ({ name: parser.name(), down: parser.take('desc') || (parser.take('asc') && false) }))
    : [];
  const limit = parser.take('limit') ? parser.expression() : undefined;
  if (parser.takeAll('for', 'update')) parser.end();
  parser.end();
  // A column that is not there is an error though no row is read.
  for (const item of items) item(scopeOf(found.columns, undefined, context));
  const rows = [...hits(found, condition, context)].map(({ row }) => row);
  rows.sort((a, b) => {
    for (const { name, down } of orders) {
      const at = found.columns.findIndex((column) => column.name === name);
      const order = compareCells(found.columns[at] as Column, a[at] as Cell, b[at] as Cell);
      if (order !== 0) return down ? -order : order;
    }
    return 0;
  });
  const shown = limit ? rows.slice(0, Number(limit(scopeOf(found.columns, undefined, context)))) : rows;
  if (counted) return { columns: [{ name: 'count(*)' }], rows: [[BigInt(shown.length)]], affected: 0 };
  if (everything) return { columns: found.columns.map((column) => ({ name: column.name, column })), rows: shown, affected: 0 };
  return {
    columns: items.map((_, index) => ({ name: `column ${index + 1}` })),
    affected: 0,
    rows: shown.map((row) => items.map((item) => item(scopeOf(found.columns, row, context)))),
  };
}

function insert(parser: Parser, context: SqlContext, ignore: boolean): SqlAnswer {
  const found = tableOf(parser, context);
  parser.expect('(');
  const names = parser.list(() => parser.name());
  parser.expect(')');
  parser.expect('values');
  const rows = parser.list(() => {
    parser.expect('(');
    const values = parser.list(() => parser.expression());
    parser.expect(')');
    return values;
  });
  // As much of it as leaves a row that is there as it is: one column set to itself.
  let keeps = false;
  if (parser.takeAll('on', 'duplicate', 'key', 'update')) {
    const column = parser.name();
    parser.expect('=');
    if (parser.name() !== column) parser.fail();
    keeps = true;
  }
  parser.end();
  const objects = rows.map((values) =>
    Object.fromEntries(names.map((name, index) => [name, plain((values[index] as Expression)(scopeOf([], undefined, context)))])),
  );
  let affected = 0;
  for (const object of objects) {
    for (const column of found.columns) checkLength(column, object[column.name]);
    const shard = found.shards.length === 1 ? (found.shards[0] as Shard).name : context.engine.shardOf(found.keyspace, found.table, object);
    const store = storeOf(context.engine.shard(found.keyspace, shard), found.table);
    const row = found.columns.map((column) => storeCell(column, object[column.name] === undefined ? column.default : object[column.name]));
    if (store.version.key.length > 0 && store.get(row)) {
      if (ignore || keeps) continue;
      const key = store.version.key.map((at) => String(row[at])).join('-');
      throw new SqlError(
        `target: ${found.keyspace}.${shard}.primary: vttablet: Duplicate entry '${key}' for key '${found.table}.PRIMARY' (errno 1062) (sqlstate 23000)`,
        6,
      );
    }
    context.engine.transaction(found.keyspace, shard, [{ op: 'insert', table: found.table, row: object }]);
    affected += 1;
  }
  return { columns: [], rows: [], affected };
}

/** Strict mode: what is too long for its column is an error, never cut. */
function checkLength({ name, base, size }: Column, value: unknown): void {
  if ((base !== 'varchar' && base !== 'char') || typeof value !== 'string') return;
  if ([...value].length > (size ?? Infinity))
    throw new SqlError(`target: vttablet: Data too long for column '${name}' at row 1 (errno 1406) (sqlstate 22001)`, 2);
}

function update(parser: Parser, context: SqlContext): SqlAnswer {
  const found = tableOf(parser, context);
  parser.expect('set');
  const sets = parser.list(() => {
    const name = parser.name();
    parser.expect('=');
    return { name, value: parser.expression() };
  });
  const condition = where(parser);
  parser.end();
  return writeRows(found, condition, context, (row) => {
    // Left to right, each assignment seeing the ones before it, as MySQL does for one table.
    const next = [...row];
    const set: RowObject = {};
    for (const { name, value } of sets) {
      const at = found.columns.findIndex((column) => column.name === name);
      if (at < 0) throw new SqlError(`vttablet: Unknown column '${name}' in 'field list' (errno 1054) (sqlstate 42S22)`, 5);
      set[name] = plain(value(scopeOf(found.columns, next, context)));
      next[at] = storeCell(found.columns[at] as Column, set[name]);
    }
    return { op: 'update', table: found.table, where: keyOf(found, row), set };
  });
}

function remove(parser: Parser, context: SqlContext): SqlAnswer {
  const found = tableOf(parser, context);
  const condition = where(parser);
  parser.end();
  return writeRows(found, condition, context, (row) => ({ op: 'delete', table: found.table, where: keyOf(found, row) }));
}

type RowWrite = { op: 'update'; table: string; where: RowObject; set: RowObject } | { op: 'delete'; table: string; where: RowObject };

/** One transaction a shard. Counts changed rows: an update that changes nothing counts 0 (measured.md section 2). */
function writeRows(found: Found, condition: Expression | undefined, context: SqlContext, write: (row: Row) => RowWrite): SqlAnswer {
  const byShard = new Map<string, Write[]>();
  let affected = 0;
  for (const { shard, row } of hits(found, condition, context)) {
    const one = write(row);
    if (one.op === 'update' && unchanged(found.columns, row, one.set)) continue;
    byShard.set(shard.name, [...(byShard.get(shard.name) ?? []), one]);
    affected += 1;
  }
  for (const [shard, writes] of byShard) context.engine.transaction(found.keyspace, shard, writes);
  return { columns: [], rows: [], affected };
}

function unchanged(columns: readonly Column[], row: Row, set: RowObject): boolean {
  return columns.every(
    (column, at) => !(column.name in set) || compareCells(column, storeCell(column, set[column.name]), row[at] as Cell) === 0,
  );
}

function keyOf(found: Found, row: Row): RowObject {
  const store = storeOf(found.shards[0] as Shard, found.table);
  const object = toObject(found.columns, row);
  if (store.version.key.length === 0) return object;
  return Object.fromEntries(store.version.key.map((at) => [(found.columns[at] as Column).name, row[at]]));
}

function plain(value: SqlValue): Cell {
  return typeof value === 'boolean' ? Number(value) : value;
}
