/** MySQL columns as DuckDB types, and the type that holds the values of two. Pure. Layer 5. */
import { columnTypeOf, QUERY_TYPE } from '../../schema/mysql-type.js';
import type { Column } from '../../schema/table.js';

/** How a column's cells are read: as text of a number, as bytes, … */
export type Kind = 'integer' | 'float' | 'decimal' | 'bit' | 'text' | 'json' | 'bytes' | 'date' | 'datetime' | 'vector';

export interface ColumnType {
  readonly kind: Kind;
  /** A DuckDB type as `duckdb_columns()` prints it. */
  readonly duckdb: string;
}

const INTEGERS: Readonly<Record<number, string>> = {
  [QUERY_TYPE.INT8]: 'TINYINT',
  [QUERY_TYPE.UINT8]: 'UTINYINT',
  [QUERY_TYPE.INT16]: 'SMALLINT',
  [QUERY_TYPE.UINT16]: 'USMALLINT',
  [QUERY_TYPE.INT24]: 'INTEGER',
  [QUERY_TYPE.UINT24]: 'UINTEGER',
  [QUERY_TYPE.INT32]: 'INTEGER',
  [QUERY_TYPE.UINT32]: 'UINTEGER',
  [QUERY_TYPE.INT64]: 'BIGINT',
  [QUERY_TYPE.UINT64]: 'UBIGINT',
};

/** The DuckDB type of a column. TINYINT(1) stays a number: values other than 0 and 1 are legal (B25). */
export function columnType(column: Column, zeroDates: 'null' | 'text' | 'fail'): ColumnType {
  const { kind } = columnTypeOf(column);
  switch (kind) {
    case 'int':
    case 'bigint':
      return { kind: 'integer', duckdb: INTEGERS[column.type] ?? 'HUGEINT' };
    case 'year':
      return { kind: 'integer', duckdb: 'USMALLINT' };
    case 'float':
      return { kind: 'float', duckdb: column.type === QUERY_TYPE.FLOAT32 ? 'FLOAT' : 'DOUBLE' };
    case 'decimal':
      return { kind: 'decimal', duckdb: decimalType(column) };
    case 'bit':
      return { kind: 'bit', duckdb: 'UBIGINT' };
    case 'date':
      return { kind: 'date', duckdb: zeroDates === 'text' ? 'VARCHAR' : 'DATE' };
    case 'datetime':
    case 'timestamp':
      return { kind: 'datetime', duckdb: zeroDates === 'text' ? 'VARCHAR' : 'TIMESTAMP' };
    // A MySQL TIME is a span up to 838 hours, with a sign (B33): no DuckDB type holds it and prints it the same.
    case 'time':
    case 'text':
    case 'enum':
    case 'set':
      return { kind: 'text', duckdb: 'VARCHAR' };
    case 'json':
      return { kind: 'json', duckdb: 'JSON' };
    // The dimension of a MySQL VECTOR(n) is a maximum, so a list and not FLOAT[n].
    case 'vector':
      return { kind: 'vector', duckdb: 'FLOAT[]' };
    case 'bytes':
    case 'geometry':
    case 'unknown':
      return { kind: 'bytes', duckdb: 'BLOB' };
  }
}

/** MySQL decimals have up to 65 digits, DuckDB's 38; wider ones, and those of unknown width, are kept as text. */
function decimalType(column: Column): string {
  const match = /^(?:decimal|numeric|dec|fixed)\s*\((\d+)(?:\s*,\s*(\d+))?\)/i.exec(column.columnType);
  const precision = Number(match?.[1] ?? 99);
  return precision <= 38 ? `DECIMAL(${precision},${Number(match?.[2] ?? 0)})` : 'VARCHAR';
}

/** Digits before and after the point that a type can need; undefined when it is not a whole or decimal number. */
function digits(type: string): { before: number; after: number; signed: boolean } | undefined {
  const fixed: Record<string, [number, boolean]> = {
    TINYINT: [3, true],
    SMALLINT: [5, true],
    INTEGER: [10, true],
    BIGINT: [19, true],
    HUGEINT: [38, true],
    UTINYINT: [3, false],
    USMALLINT: [5, false],
    UINTEGER: [10, false],
    UBIGINT: [20, false],
  };
  const integer = fixed[type];
  if (integer) return { before: integer[0], after: 0, signed: integer[1] };
  const match = /^DECIMAL\((\d+),(\d+)\)$/.exec(type);
  return match ? { before: Number(match[1]) - Number(match[2]), after: Number(match[2]), signed: true } : undefined;
}

const SIGNED = ['TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'HUGEINT'];
const UNSIGNED = ['UTINYINT', 'USMALLINT', 'UINTEGER', 'UBIGINT'];

/** The narrowest type that holds every value of both, exactly. VARCHAR holds everything but bytes, BLOB everything. */
export function widerType(a: string, b: string): string {
  if (a === b) return a;
  if (a === 'BLOB' || b === 'BLOB') return 'BLOB';
  const [x, y] = [SIGNED.indexOf(a), SIGNED.indexOf(b)];
  const [u, v] = [UNSIGNED.indexOf(a), UNSIGNED.indexOf(b)];
  if (x >= 0 && y >= 0) return x > y ? a : b;
  if (u >= 0 && v >= 0) return u > v ? a : b;
  // An unsigned type fits the next larger signed one.
  if (x >= 0 && v >= 0) return SIGNED[Math.max(x, v + 1)] ?? 'HUGEINT';
  if (u >= 0 && y >= 0) return SIGNED[Math.max(y, u + 1)] ?? 'HUGEINT';
  const [m, n] = [digits(a), digits(b)];
  if (m && n) {
    const after = Math.max(m.after, n.after);
    const before = Math.max(m.before, n.before);
    return before + after <= 38 ? `DECIMAL(${before + after},${after})` : 'VARCHAR';
  }
  const pair = new Set([a, b]);
  if (pair.has('FLOAT') && pair.has('DOUBLE')) return 'DOUBLE';
  // A double holds whole numbers of 32 bits exactly, wider ones not.
  const other = pair.has('DOUBLE') ? (a === 'DOUBLE' ? b : a) : undefined;
  if (other !== undefined && ['TINYINT', 'SMALLINT', 'INTEGER', 'UTINYINT', 'USMALLINT', 'UINTEGER'].includes(other)) return 'DOUBLE';
  if (pair.has('DATE') && pair.has('TIMESTAMP')) return 'TIMESTAMP';
  return 'VARCHAR';
}

/** The expression that turns stored values of a column into a wider type. */
export function conversion(quoted: string, from: string, to: string): string {
  if (to === 'BLOB') return from === 'VARCHAR' ? `encode(${quoted})` : `encode(${textOf(quoted, from)})`;
  return to === 'VARCHAR' ? textOf(quoted, from) : `CAST(${quoted} AS ${to})`;
}

/** DuckDB prints a DECIMAL without digits before its point as `.05`. */
function textOf(quoted: string, from: string): string {
  const text = `CAST(${quoted} AS VARCHAR)`;
  return /^DECIMAL\((\d+),\1\)$/.test(from) ? `regexp_replace(${text}, '^(-?)\\.', '\\10.')` : text;
}
