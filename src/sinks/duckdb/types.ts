/** MySQL columns as DuckDB types, and the type that holds the values of two. Pure. Layer 5. */
import type { Column } from '../../schema/table.js';

/** How a column's cells are read: as text of a number, as bytes, … */
export type Kind = 'integer' | 'float' | 'decimal' | 'bit' | 'text' | 'json' | 'bytes' | 'date' | 'datetime' | 'vector';

export interface ColumnType {
  readonly kind: Kind;
  /** A DuckDB type as `duckdb_columns()` prints it. */
  readonly duckdb: string;
}

/** `query.Type` numbers, repeated here so that a sink does not load the protobuf runtime; a test compares them. */
export const Type = {
  INT8: 257, UINT8: 770, INT16: 259, UINT16: 772, INT24: 261, UINT24: 774, INT32: 263, UINT32: 776, INT64: 265, UINT64: 778,
  FLOAT32: 1035, FLOAT64: 1036, TIMESTAMP: 2061, DATE: 2062, TIME: 2063, DATETIME: 2064, YEAR: 785, DECIMAL: 18, TEXT: 6163,
  BLOB: 10260, VARCHAR: 6165, VARBINARY: 10262, CHAR: 6167, BINARY: 10264, BIT: 2073, ENUM: 2074, SET: 2075, JSON: 2078, VECTOR: 2083,
} as const;

const INTEGERS: Readonly<Record<number, string>> = {
  [Type.INT8]: 'TINYINT',
  [Type.UINT8]: 'UTINYINT',
  [Type.INT16]: 'SMALLINT',
  [Type.UINT16]: 'USMALLINT',
  [Type.INT24]: 'INTEGER',
  [Type.UINT24]: 'UINTEGER',
  [Type.INT32]: 'INTEGER',
  [Type.UINT32]: 'UINTEGER',
  [Type.INT64]: 'BIGINT',
  [Type.UINT64]: 'UBIGINT',
  [Type.YEAR]: 'USMALLINT',
};

const TEXT_BASES = new Set(['char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext', 'enum', 'set']);
const BINARY_TYPES = new Set<number>([Type.BINARY, Type.VARBINARY, Type.BLOB]);
const TEXT_TYPES = new Set<number>([Type.CHAR, Type.VARCHAR, Type.TEXT, Type.ENUM, Type.SET]);

/** The type of a column; the declared type decides before the wire's number, which says BINARY for `_bin` text (B4). */
export function columnType(column: Column, zeroDates: 'null' | 'text' | 'fail'): ColumnType {
  const { type } = column;
  const base = /^[a-z]+/.exec(column.columnType.toLowerCase())?.[0] ?? '';
  if (TEXT_BASES.has(base) || TEXT_TYPES.has(type)) return { kind: 'text', duckdb: 'VARCHAR' };
  // Without a declared type, a collation other than binary and unknown says text.
  if (base === '' && BINARY_TYPES.has(type) && column.charset !== 63 && column.charset !== 0) return { kind: 'text', duckdb: 'VARCHAR' };
  const integer = INTEGERS[type];
  if (integer !== undefined) return { kind: 'integer', duckdb: integer };
  switch (type) {
    case Type.FLOAT32:
      return { kind: 'float', duckdb: 'FLOAT' };
    case Type.FLOAT64:
      return { kind: 'float', duckdb: 'DOUBLE' };
    case Type.DECIMAL:
      return { kind: 'decimal', duckdb: decimalType(column) };
    case Type.BIT:
      return { kind: 'bit', duckdb: 'UBIGINT' };
    case Type.DATE:
      return { kind: 'date', duckdb: zeroDates === 'text' ? 'VARCHAR' : 'DATE' };
    case Type.DATETIME:
    case Type.TIMESTAMP:
      return { kind: 'datetime', duckdb: zeroDates === 'text' ? 'VARCHAR' : 'TIMESTAMP' };
    // A MySQL TIME is a span up to 838 hours, with a sign (B33): no DuckDB type holds it and prints it the same.
    case Type.TIME:
      return { kind: 'text', duckdb: 'VARCHAR' };
    case Type.JSON:
      return { kind: 'json', duckdb: 'JSON' };
    // The dimension of a MySQL VECTOR(n) is a maximum, so a list and not FLOAT[n].
    case Type.VECTOR:
      return { kind: 'vector', duckdb: 'FLOAT[]' };
    default:
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
    TINYINT: [3, true], SMALLINT: [5, true], INTEGER: [10, true], BIGINT: [19, true], HUGEINT: [38, true],
    UTINYINT: [3, false], USMALLINT: [5, false], UINTEGER: [10, false], UBIGINT: [20, false],
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
  if (to === 'BLOB') return from === 'VARCHAR' ? `encode(${quoted})` : `encode(CAST(${quoted} AS VARCHAR))`;
  return `CAST(${quoted} AS ${to})`;
}
