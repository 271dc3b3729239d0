/** From a FIELD to the kind of value a column holds: the decision procedure A.5. Layer 2. */
import type { TypeName } from './options.js';
import type { Column } from './table.js';

/** `query.Type` numbers. Written out here so that importing the library does not load the generated code. */
export const QUERY_TYPE = {
  INT8: 257,
  UINT8: 770,
  INT16: 259,
  UINT16: 772,
  INT24: 261,
  UINT24: 774,
  INT32: 263,
  UINT32: 776,
  INT64: 265,
  UINT64: 778,
  FLOAT32: 1035,
  FLOAT64: 1036,
  TIMESTAMP: 2061,
  DATE: 2062,
  TIME: 2063,
  DATETIME: 2064,
  YEAR: 785,
  DECIMAL: 18,
  TEXT: 6163,
  BLOB: 10260,
  VARCHAR: 6165,
  VARBINARY: 10262,
  CHAR: 6167,
  BINARY: 10264,
  BIT: 2073,
  ENUM: 2074,
  SET: 2075,
  GEOMETRY: 2077,
  JSON: 2078,
  VECTOR: 2083,
} as const;

/** MySQL column flags the decoder looks at. */
export const COLUMN_FLAG = { NOT_NULL: 1, PRIMARY_KEY: 2 } as const;

/** MySQL collation id of binary data. */
const BINARY_COLLATION = 63;

/** How a cell is read. `bytes` covers BINARY to LONGBLOB; `unknown` is a type this version does not know. */
export type Kind =
  | 'int'
  | 'bigint'
  | 'bit'
  | 'float'
  | 'decimal'
  | 'year'
  | 'date'
  | 'datetime'
  | 'timestamp'
  | 'time'
  | 'text'
  | 'enum'
  | 'set'
  | 'bytes'
  | 'json'
  | 'geometry'
  | 'vector'
  | 'unknown';

export interface ColumnType {
  readonly kind: Kind;
  /** The name under which `types` overrides this column; undefined for an unknown type. */
  readonly name: TypeName | undefined;
  /** TINYINT(1), MySQL's spelling of BOOL (B25): `types.boolean` applies before `types.tinyint`. */
  readonly booleanLike: boolean;
}

const BY_BASE: Readonly<Record<string, readonly [Kind, TypeName]>> = {
  char: ['text', 'char'],
  varchar: ['text', 'varchar'],
  tinytext: ['text', 'text'],
  text: ['text', 'text'],
  mediumtext: ['text', 'text'],
  longtext: ['text', 'text'],
  enum: ['enum', 'enum'],
  set: ['set', 'set'],
  binary: ['bytes', 'binary'],
  varbinary: ['bytes', 'varbinary'],
  tinyblob: ['bytes', 'blob'],
  blob: ['bytes', 'blob'],
  mediumblob: ['bytes', 'blob'],
  longblob: ['bytes', 'blob'],
};

const BY_TYPE: ReadonlyMap<number, readonly [Kind, TypeName]> = new Map<number, readonly [Kind, TypeName]>([
  [QUERY_TYPE.INT8, ['int', 'tinyint']],
  [QUERY_TYPE.UINT8, ['int', 'tinyint']],
  [QUERY_TYPE.INT16, ['int', 'smallint']],
  [QUERY_TYPE.UINT16, ['int', 'smallint']],
  [QUERY_TYPE.INT24, ['int', 'mediumint']],
  [QUERY_TYPE.UINT24, ['int', 'mediumint']],
  [QUERY_TYPE.INT32, ['int', 'int']],
  [QUERY_TYPE.UINT32, ['int', 'int']],
  [QUERY_TYPE.INT64, ['bigint', 'bigint']],
  [QUERY_TYPE.UINT64, ['bigint', 'bigint']],
  [QUERY_TYPE.FLOAT32, ['float', 'float']],
  [QUERY_TYPE.FLOAT64, ['float', 'double']],
  [QUERY_TYPE.DECIMAL, ['decimal', 'decimal']],
  [QUERY_TYPE.YEAR, ['year', 'year']],
  [QUERY_TYPE.BIT, ['bit', 'bit']],
  [QUERY_TYPE.DATE, ['date', 'date']],
  [QUERY_TYPE.DATETIME, ['datetime', 'datetime']],
  [QUERY_TYPE.TIMESTAMP, ['timestamp', 'timestamp']],
  [QUERY_TYPE.TIME, ['time', 'time']],
  [QUERY_TYPE.CHAR, ['text', 'char']],
  [QUERY_TYPE.VARCHAR, ['text', 'varchar']],
  [QUERY_TYPE.TEXT, ['text', 'text']],
  [QUERY_TYPE.BINARY, ['bytes', 'binary']],
  [QUERY_TYPE.VARBINARY, ['bytes', 'varbinary']],
  [QUERY_TYPE.BLOB, ['bytes', 'blob']],
  [QUERY_TYPE.ENUM, ['enum', 'enum']],
  [QUERY_TYPE.SET, ['set', 'set']],
  [QUERY_TYPE.JSON, ['json', 'json']],
  [QUERY_TYPE.GEOMETRY, ['geometry', 'geometry']],
  [QUERY_TYPE.VECTOR, ['vector', 'vector']],
]);

/** Leading letters of a `column_type`, lower case: `varchar(10)` gives `varchar`; empty when the server sent none (G103). */
export function baseType(columnType: string): string {
  return /^[a-z]*/.exec(columnType.toLowerCase())?.[0] ?? '';
}

/**
 * `column_type` first, `type` second: the wire type alone is BINARY, VARBINARY or BLOB for every text, ENUM and SET column with
 * a `_bin` collation (B4).
 */
export function columnTypeOf(column: Pick<Column, 'type' | 'columnType' | 'charset'>): ColumnType {
  const base = baseType(column.columnType);
  const booleanLike = column.type === QUERY_TYPE.INT8 && /^tinyint\(1\)/i.test(column.columnType);
  const named = Object.hasOwn(BY_BASE, base) ? BY_BASE[base] : undefined;
  const found = named ?? BY_TYPE.get(column.type);
  if (!found) return { kind: 'unknown', name: undefined, booleanLike };
  // Without column_type only the collation tells text from bytes (A.5 step 5).
  if (base === '' && found[0] === 'bytes' && column.charset !== BINARY_COLLATION && column.charset !== 0) {
    return { kind: 'text', name: TEXT_OF[found[1]] ?? 'text', booleanLike };
  }
  return { kind: found[0], name: found[1], booleanLike };
}

const TEXT_OF: Readonly<Partial<Record<TypeName, TypeName>>> = { binary: 'char', varbinary: 'varchar', blob: 'text' };

/** BLOB and TEXT columns, the ones NOBLOB row images leave out (B41). JSON and GEOMETRY stay in (measured.md section 6). */
export function isBlobOrText(column: Column): boolean {
  const base = baseType(column.columnType);
  if (base !== '') return base.endsWith('text') || base.endsWith('blob');
  return column.type === QUERY_TYPE.TEXT || column.type === QUERY_TYPE.BLOB;
}

const BY_SQL: Readonly<Record<string, readonly [Kind, TypeName]>> = {
  ...BY_BASE,
  tinyint: ['int', 'tinyint'],
  smallint: ['int', 'smallint'],
  mediumint: ['int', 'mediumint'],
  int: ['int', 'int'],
  bigint: ['bigint', 'bigint'],
  float: ['float', 'float'],
  double: ['float', 'double'],
  decimal: ['decimal', 'decimal'],
  year: ['year', 'year'],
  bit: ['bit', 'bit'],
  date: ['date', 'date'],
  datetime: ['datetime', 'datetime'],
  timestamp: ['timestamp', 'timestamp'],
  time: ['time', 'time'],
  json: ['json', 'json'],
  vector: ['vector', 'vector'],
  geometry: ['geometry', 'geometry'],
  point: ['geometry', 'geometry'],
  linestring: ['geometry', 'geometry'],
  polygon: ['geometry', 'geometry'],
  multipoint: ['geometry', 'geometry'],
  multilinestring: ['geometry', 'geometry'],
  multipolygon: ['geometry', 'geometry'],
  geomcollection: ['geometry', 'geometry'],
  geometrycollection: ['geometry', 'geometry'],
};

/** The same from `column_type` alone, as information_schema gives it. */
export function sqlType(columnType: string): ColumnType {
  const base = baseType(columnType);
  const found = Object.hasOwn(BY_SQL, base) ? BY_SQL[base] : undefined;
  return { kind: found?.[0] ?? 'unknown', name: found?.[1], booleanLike: /^tinyint\(1\)$/i.test(columnType) };
}
