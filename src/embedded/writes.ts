/**
 * Scenario writes as data: the same list runs on the engine and, as SQL, on a real server. `where` lists the rows by equal
 * columns; each write is one statement.
 */
import type { RowChange, RowsEvent } from './binlog.js';
import type { Column } from './columns.js';
import { sameCell, type TableStore } from './table-store.js';
import { storeCell, storeRow, type Cell, type Row, type RowObject } from './values.js';

/** Rows by equal columns, or a list of such; left out: every row. */
export type Match = RowObject | readonly RowObject[];

/** A JSON update: the document afterwards, and the expression MySQL logs (`JSON_REPLACE(%s, …)`); none: it logs the whole document. */
export interface JsonPatch {
  readonly document: unknown;
  readonly expression?: string;
}

/** One statement. */
export type Write =
  | { op: 'insert'; table: string; row: RowObject }
  | { op: 'insert'; table: string; rows: readonly RowObject[] }
  | { op: 'upsert'; table: string; row: RowObject }
  | { op: 'update'; table: string; where?: Match; set: RowObject; json?: Readonly<Record<string, JsonPatch>> }
  /** One statement that gives each of its rows other values, as `set n = n + 1` does. */
  | { op: 'update'; table: string; rows: readonly { where: RowObject; set: RowObject; json?: Readonly<Record<string, JsonPatch>> }[] }
  | { op: 'delete'; table: string; where?: Match };

export interface WriteOptions {
  /** `binlog_row_image=NOBLOB`. */
  noblob: boolean;
  /** `binlog_row_value_options=PARTIAL_JSON`. */
  partialJson: boolean;
}

/** MySQL's `binlog_row_event_max_size`. */
const EVENT_BYTES = 8192;

/** Runs writes on the tables of one shard: all of them or, when one fails, none. */
export function runWrites(table: (name: string) => TableStore, writes: readonly Write[], options: WriteOptions): RowsEvent[] {
  const undo: (() => void)[] = [];
  const events: RowsEvent[] = [];
  try {
    for (const write of writes) {
      const store = table(write.table);
      const changes = runWrite(store, write, undo, options);
      events.push(...cutEvents(store, changes, options));
    }
  } catch (error) {
    for (const step of undo.reverse()) step();
    throw error;
  }
  return events;
}

function runWrite(store: TableStore, write: Write, undo: (() => void)[], options: WriteOptions): RowChange[] {
  const { columns } = store.version;
  const insert = (row: Row): RowChange => {
    if (!store.insert(row)) throw new Error(`embedded engine: duplicate key in ${store.version.name}: ${keyText(store, row)}`);
    undo.push(() => store.delete(row));
    return { after: row };
  };
  const replace = (before: Row, after: Row, json?: ReadonlyMap<number, string>): RowChange => {
    if (!store.replace(before, after)) throw new Error(`embedded engine: duplicate key in ${store.version.name}: ${keyText(store, after)}`);
    undo.push(() => store.replace(after, before));
    return { before, after, ...(json && json.size > 0 ? { json } : {}) };
  };
  switch (write.op) {
    case 'insert':
      return ('rows' in write ? write.rows : [write.row]).map((row) => insert(storeRow(columns, row)));
    case 'upsert': {
      const row = storeRow(columns, write.row);
      const before = store.get(row);
      if (!before) return [insert(row)];
      return before.every((cell, index) => sameCell(cell, row[index] as Cell)) ? [] : [replace(before, row)];
    }
    case 'update':
      return ('rows' in write ? write.rows : [write]).flatMap(({ where, set, json }) =>
        matching(store, where).flatMap((before) => {
          const after = patchRow(columns, before, set, json);
          if (before.every((cell, index) => sameCell(cell, after[index] as Cell))) return []; // MySQL logs nothing
          return [replace(before, after, options.partialJson ? jsonExpressions(columns, before, after, json) : undefined)];
        }),
      );
    case 'delete':
      return matching(store, write.where).map((before) => {
        store.delete(before);
        undo.push(() => store.insert(before));
        return { before };
      });
  }
}

function keyText(store: TableStore, row: Row): string {
  return store.version.key.map((at) => String(row[at])).join('-');
}

function patchRow(columns: readonly Column[], before: Row, set: RowObject, json: Readonly<Record<string, JsonPatch>> = {}): Row {
  const after = [...before];
  const at = (name: string): number => {
    const index = columns.findIndex((column) => column.name === name);
    if (index < 0) throw new Error(`embedded engine: unknown column ${name}`);
    return index;
  };
  for (const [name, value] of Object.entries(set)) after[at(name)] = storeCell(columns[at(name)] as Column, value);
  for (const [name, patch] of Object.entries(json)) after[at(name)] = storeCell(columns[at(name)] as Column, patch.document);
  return after;
}

/** Every JSON column of an update has its bit set: '' means unchanged; a whole new document has no entry. */
function jsonExpressions(
  columns: readonly Column[],
  before: Row,
  after: Row,
  json: Readonly<Record<string, JsonPatch>> = {},
): Map<number, string> {
  const found = new Map<number, string>();
  columns.forEach((column, index) => {
    if (column.kind !== 'json') return;
    const patch = json[column.name];
    if (patch?.expression !== undefined) found.set(index, patch.expression);
    else if (patch) return;
    else if (sameCell(before[index] as Cell, after[index] as Cell)) found.set(index, '');
  });
  return found;
}

function listOf(match: Match): readonly RowObject[] {
  return Array.isArray(match) ? (match as readonly RowObject[]) : [match as RowObject];
}

/** Rows that `where` names, found by key where it holds the whole key. */
function matching(store: TableStore, where: Match | undefined): Row[] {
  if (where === undefined) return [...store.rows()];
  const { columns, key } = store.version;
  const wanted = listOf(where).map((match) => {
    const cells: (Cell | undefined)[] = columns.map((column) =>
      column.name in match ? storeCell({ ...column, nullable: true }, match[column.name]) : undefined,
    );
    for (const name of Object.keys(match))
      if (!columns.some((column) => column.name === name)) throw new Error(`embedded engine: unknown column ${name}`);
    return cells;
  });
  const fits = (row: Row, cells: readonly (Cell | undefined)[]): boolean =>
    cells.every((cell, index) => cell === undefined || sameCell(cell, row[index] as Cell));
  if (key.length > 0 && wanted.every((cells) => key.every((at) => cells[at] !== undefined))) {
    return wanted.flatMap((cells) => {
      const row = store.get(cells as Row);
      return row && fits(row, cells) ? [row] : [];
    });
  }
  return [...store.rows()].filter((row) => wanted.some((cells) => fits(row, cells)));
}

function cutEvents(store: TableStore, changes: readonly RowChange[], options: WriteOptions): RowsEvent[] {
  const events: RowsEvent[] = [];
  let part: RowChange[] = [];
  let bytes = 0;
  const flush = (endOfStatement: boolean): void => {
    if (part.length > 0) events.push({ version: store.version, changes: part, endOfStatement, noblob: options.noblob });
    part = [];
    bytes = 0;
  };
  for (const change of changes) {
    const size = rowBytes(store.version.columns, change.before) + rowBytes(store.version.columns, change.after);
    if (part.length > 0 && bytes + size > EVENT_BYTES) flush(false);
    part.push(change);
    bytes += size;
  }
  flush(true);
  return events;
}

/** What a row takes in MySQL's binary format, so that events are cut where MySQL cuts them. */
function rowBytes(columns: readonly Column[], row: Row | undefined): number {
  if (!row) return 0;
  let bytes = Math.ceil(columns.length / 8);
  row.forEach((cell, index) => {
    if (cell !== null) bytes += cellBytes(columns[index] as Column, cell);
  });
  return bytes;
}

const FIXED: Readonly<Record<string, number>> = {
  tinyint: 1,
  smallint: 2,
  mediumint: 3,
  int: 4,
  bigint: 8,
  float: 4,
  double: 8,
  year: 1,
  date: 3,
  datetime: 5,
  timestamp: 4,
  time: 3,
  enum: 1,
};

function cellBytes(column: Column, cell: Exclude<Cell, null>): number {
  const fixed = FIXED[column.base];
  if (fixed !== undefined) return fixed + (column.kind === 'datetime' || column.kind === 'time' ? Math.ceil(column.decimals / 2) : 0);
  if (column.kind === 'decimal') return Math.ceil((column.size ?? 10) / 2);
  if (column.kind === 'bit') return Math.ceil((column.size ?? 1) / 8);
  const content = typeof cell === 'string' ? Buffer.byteLength(cell) : cell instanceof Uint8Array ? cell.length : 8;
  return content + lengthBytes(column);
}

function lengthBytes(column: Column): number {
  if (column.base.startsWith('tiny')) return 1;
  if (column.base.startsWith('medium')) return 3;
  if (column.base === 'text' || column.base === 'blob') return 2;
  return column.length > 65_535 * 4 ? 4 : column.length > 255 ? 2 : 1;
}

/** SQL text of a write, for a real server; several statements where one cannot say it. */
export function writeToSql(write: Write): string {
  if (write.op === 'update' && 'rows' in write)
    return write.rows.map((row) => writeToSql({ op: 'update', table: write.table, ...row })).join(';\n');
  const list = (row: RowObject): string =>
    Object.keys(row)
      .map((name) => `\`${name}\``)
      .join(', ');
  const values = (row: RowObject): string => Object.values(row).map(literal).join(', ');
  const where = (match: Match | undefined): string => {
    if (match === undefined) return '';
    const one = (row: RowObject): string =>
      Object.entries(row)
        .map(([name, value]) => (value === null ? `\`${name}\` is null` : `\`${name}\` = ${literal(value)}`))
        .join(' and ');
    return ` where ${listOf(match)
      .map((row) => `(${one(row)})`)
      .join(' or ')}`;
  };
  switch (write.op) {
    case 'insert': {
      const rows = 'rows' in write ? write.rows : [write.row];
      return `insert into \`${write.table}\` (${list(rows[0] ?? {})}) values ${rows.map((row) => `(${values(row)})`).join(', ')}`;
    }
    case 'upsert': {
      const set = Object.keys(write.row)
        .map((name) => `\`${name}\` = values(\`${name}\`)`)
        .join(', ');
      return `insert into \`${write.table}\` (${list(write.row)}) values (${values(write.row)}) on duplicate key update ${set}`;
    }
    case 'update':
      return `update \`${write.table}\` set ${Object.entries(write.set)
        .map(([name, value]) => `\`${name}\` = ${literal(value)}`)
        .join(', ')}${where(write.where)}`;
    case 'delete':
      return `delete from \`${write.table}\`${where(write.where)}`;
  }
}

function literal(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (value instanceof Uint8Array) return `x'${Buffer.from(value).toString('hex')}'`;
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
