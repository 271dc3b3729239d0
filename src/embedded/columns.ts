/**
 * Columns of the engine: from the SQL type a test writes to what a tablet puts into `query.Field` (values.md A and E.1:
 * type numbers, display lengths, flags and collation ids as a real server sent them).
 */
import { create } from '@bufbuild/protobuf';
import { FieldSchema, Type, type Field } from '../wire/gen/query_pb.js';

/** A column as a test declares it. */
export interface ColumnInput {
  name: string;
  /** SQL type: `bigint`, `varchar(64)`, `int unsigned`, `enum('a','b')`, … */
  type: string;
  /** Default: true, false for key columns. */
  nullable?: boolean;
  /** Part of the primary key; the key's column order is the declaration order. */
  key?: boolean;
  /** Collation name (`latin1_swedish_ci`, `utf8mb4_bin`, …); default utf8mb4_0900_ai_ci for text. */
  collation?: string;
  /** Used by ADD COLUMN and by inserts that omit the column. */
  default?: unknown;
  autoIncrement?: boolean;
}

/** How stored cells are held: see values.ts. */
export type CellKind =
  | 'int'
  | 'bigint'
  | 'float'
  | 'decimal'
  | 'year'
  | 'bit'
  | 'text'
  | 'bytes'
  | 'label'
  | 'json'
  | 'date'
  | 'datetime'
  | 'time';

export interface Column {
  readonly name: string;
  /** Lower-case SQL type as `information_schema` prints it. */
  readonly columnType: string;
  /** Leading word of `columnType`. */
  readonly base: string;
  readonly kind: CellKind;
  readonly type: Type;
  readonly charset: number;
  readonly collation: string;
  readonly length: number;
  readonly decimals: number;
  readonly flags: number;
  readonly nullable: boolean;
  readonly key: boolean;
  readonly unsigned: boolean;
  readonly zerofill: boolean;
  /** First number in brackets: characters, bytes, digits or bits. */
  readonly size: number | undefined;
  /** Labels of ENUM and SET. */
  readonly labels: readonly string[];
  readonly default: unknown;
  readonly autoIncrement: boolean;
}

/** Collation ids the engine knows; gbk and friends reach the client as 0 (B7). */
export const COLLATIONS: Readonly<Record<string, number>> = {
  utf8mb4_0900_ai_ci: 255,
  utf8mb4_bin: 46,
  utf8mb4_general_ci: 45,
  utf8mb4_unicode_ci: 224,
  utf8mb4_0900_bin: 309,
  utf8mb4_0900_as_cs: 278,
  utf8mb3_general_ci: 33,
  utf8mb3_bin: 83,
  latin1_swedish_ci: 8,
  latin1_bin: 47,
  ascii_general_ci: 11,
  ascii_bin: 65,
  utf16_general_ci: 54,
  utf32_general_ci: 60,
  ucs2_general_ci: 35,
  sjis_japanese_ci: 13,
  cp1251_general_ci: 51,
  gbk_chinese_ci: 0,
  binary: 63,
};

const INTEGERS: Readonly<Record<string, readonly [signed: Type, unsigned: Type, length: number, unsignedLength: number]>> = {
  tinyint: [Type.INT8, Type.UINT8, 4, 3],
  smallint: [Type.INT16, Type.UINT16, 6, 5],
  mediumint: [Type.INT24, Type.UINT24, 9, 8],
  int: [Type.INT32, Type.UINT32, 11, 10],
  bigint: [Type.INT64, Type.UINT64, 20, 20],
};

const BLOB_LENGTH: Readonly<Record<string, number>> = { tiny: 255, '': 65535, medium: 16777215, long: 4294967295 };
const TEXT_LENGTH: Readonly<Record<string, number>> = { tiny: 1020, '': 262140, medium: 67108860, long: 4294967295 };
const GEOMETRIES = /^(geometry|point|linestring|polygon|multipoint|multilinestring|multipolygon|geomcollection|geometrycollection)$/;

const FLAG = {
  notNull: 1,
  key: 2,
  blob: 16,
  unsigned: 32,
  zerofill: 64,
  binary: 128,
  enum: 256,
  autoIncrement: 512,
  set: 2048,
  noDefault: 4096,
  partKey: 16384,
  num: 32768,
};

/** Labels of `enum('a','it''s')`; quotes are doubled (B16). */
export function parseLabels(columnType: string): string[] {
  const open = columnType.indexOf('(');
  const close = columnType.lastIndexOf(')');
  return [...columnType.slice(open + 1, close).matchAll(/'((?:[^']|'')*)'/g)].map((found) => (found[1] ?? '').replaceAll("''", "'"));
}

export function makeColumn(input: ColumnInput): Column {
  const columnType = normaliseType(input.type);
  const base = /^[a-z]+/.exec(columnType)?.[0] ?? '';
  const numbers = /\(([\d,\s]+)\)/.exec(columnType)?.[1]?.split(',').map(Number) ?? [];
  const labels = base === 'enum' || base === 'set' ? parseLabels(columnType) : [];
  const shape = shapeOf(base, columnType, numbers, labels);
  const isText = shape.kind === 'text' || shape.kind === 'label';
  const collation = isText ? (input.collation ?? 'utf8mb4_0900_ai_ci') : 'binary';
  const charset = COLLATIONS[collation];
  if (charset === undefined) throw new Error(`embedded engine: unknown collation ${collation} of column ${input.name}`);
  const binaryText = isText && collation.endsWith('_bin');
  const key = input.key ?? false;
  const nullable = input.nullable ?? !key;
  let flags = shape.flags | (binaryText ? FLAG.binary : 0);
  if (!nullable) flags |= FLAG.notNull;
  if (key) flags |= FLAG.key | FLAG.partKey;
  if (input.autoIncrement) flags |= FLAG.autoIncrement;
  if (!nullable && input.default === undefined && !input.autoIncrement) flags |= FLAG.noDefault;
  return {
    name: input.name,
    columnType,
    base,
    kind: shape.kind,
    charset,
    collation,
    length: shape.length,
    decimals: shape.decimals,
    flags,
    type: binaryText ? binaryTypeOf(base) : shape.type,
    nullable,
    key,
    unsigned: /\bunsigned\b/.test(columnType) || base === 'bit',
    zerofill: /\bzerofill\b/.test(columnType),
    size: numbers[0],
    labels,
    default: input.default,
    autoIncrement: input.autoIncrement ?? false,
  };
}

function normaliseType(type: string): string {
  const text = type.trim();
  const labelled = /^(enum|set)\s*\(/i.exec(text);
  if (labelled) return (labelled[1] ?? '').toLowerCase() + text.slice(text.indexOf('('));
  const lower = text
    .toLowerCase()
    .replace(/\s*,\s*/g, ',')
    .replace(/\s*\(/g, '(');
  if (lower === 'bool' || lower === 'boolean') return 'tinyint(1)';
  if (/^integer\b/.test(lower)) return lower.replace('integer', 'int');
  if (lower === 'char') return 'char(1)';
  if (lower === 'binary') return 'binary(1)';
  if (lower === 'bit') return 'bit(1)';
  if (/^(decimal|numeric)$/.test(lower)) return 'decimal(10,0)';
  return lower.replace(/^numeric/, 'decimal').replace(/^decimal\((\d+)\)/, 'decimal($1,0)');
}

interface Shape {
  kind: CellKind;
  type: Type;
  length: number;
  decimals: number;
  flags: number;
}

/** A `_bin` collation sets MySQL's BINARY flag, and Vitess maps the flag before the type (B4). */
function binaryTypeOf(base: string): Type {
  if (base === 'varchar') return Type.VARBINARY;
  if (base.endsWith('text')) return Type.BLOB;
  return Type.BINARY;
}

function shapeOf(base: string, columnType: string, numbers: readonly number[], labels: readonly string[]): Shape {
  const unsigned = /\bunsigned\b/.test(columnType);
  const zerofill = /\bzerofill\b/.test(columnType) ? FLAG.zerofill : 0;
  const sign = unsigned ? FLAG.unsigned : 0;
  const [first = 0, second = 0] = numbers;
  const plain = (kind: CellKind, type: Type, length: number, flags = 0, decimals = 0): Shape => ({ kind, type, length, decimals, flags });
  const integer = INTEGERS[base];
  if (integer) {
    const length = numbers.length > 0 ? first : unsigned ? integer[3] : integer[2];
    return plain(base === 'bigint' ? 'bigint' : 'int', unsigned ? integer[1] : integer[0], length, FLAG.num | sign | zerofill);
  }
  const text = /^(tiny|medium|long)?text$/.exec(base);
  if (text) return plain('text', Type.TEXT, TEXT_LENGTH[text[1] ?? ''] ?? 0, FLAG.blob);
  const blob = /^(tiny|medium|long)?blob$/.exec(base);
  if (blob) return plain('bytes', Type.BLOB, BLOB_LENGTH[blob[1] ?? ''] ?? 0, FLAG.blob | FLAG.binary);
  if (GEOMETRIES.test(base)) return plain('bytes', Type.GEOMETRY, 4294967295, FLAG.blob | FLAG.binary);
  const fraction = (width: number): number => (first > 0 ? width + 1 + first : width);
  switch (base) {
    case 'float':
      return plain(
        'float',
        Type.FLOAT32,
        numbers.length === 2 ? first : 12,
        FLAG.num | sign | zerofill,
        numbers.length === 2 ? second : 31,
      );
    case 'double':
    case 'real':
      return plain(
        'float',
        Type.FLOAT64,
        numbers.length === 2 ? first : 22,
        FLAG.num | sign | zerofill,
        numbers.length === 2 ? second : 31,
      );
    case 'decimal':
      return plain('decimal', Type.DECIMAL, first + (second > 0 ? 2 : 1) - (unsigned ? 1 : 0), FLAG.num | sign | zerofill, second);
    case 'year':
      return plain('year', Type.YEAR, 4, FLAG.num | FLAG.unsigned | FLAG.zerofill);
    case 'bit':
      return plain('bit', Type.BIT, first, FLAG.unsigned);
    case 'char':
      return plain('text', Type.CHAR, first * 4);
    case 'varchar':
      return plain('text', Type.VARCHAR, first * 4);
    case 'binary':
      return plain('bytes', Type.BINARY, first, FLAG.binary);
    case 'varbinary':
      return plain('bytes', Type.VARBINARY, first, FLAG.binary);
    case 'vector':
      return plain('bytes', Type.VECTOR, (first || 2048) * 4, FLAG.blob | FLAG.binary, 31);
    case 'enum':
      return plain('label', Type.ENUM, Math.max(0, ...labels.map((label) => [...label].length)) * 4, FLAG.enum);
    case 'set':
      return plain('label', Type.SET, [...labels.join(',')].length * 4, FLAG.set);
    case 'json':
      return plain('json', Type.JSON, 4294967295, FLAG.blob | FLAG.binary);
    case 'date':
      return plain('date', Type.DATE, 10, FLAG.binary);
    case 'datetime':
      return plain('datetime', Type.DATETIME, fraction(19), FLAG.binary, first);
    case 'timestamp':
      return plain('datetime', Type.TIMESTAMP, fraction(19), FLAG.binary, first);
    case 'time':
      return plain('time', Type.TIME, fraction(10), FLAG.binary, first);
    default:
      throw new Error(`embedded engine: unknown column type ${columnType}`);
  }
}

/** What FIELD carries for a column; `database` is the MySQL schema, not the keyspace (G102). */
export function fieldOf(column: Column, table: string, database: string): Field {
  return create(FieldSchema, {
    name: column.name,
    type: column.type,
    table,
    orgTable: table,
    database,
    orgName: column.name,
    columnLength: column.length,
    charset: column.charset,
    decimals: column.decimals,
    flags: column.flags,
    columnType: column.columnType,
  });
}

/** What a last key carries for a column: name, type, charset and flags, nothing else (values.md E.3). */
export function keyFieldOf(column: Column): Field {
  return create(FieldSchema, { name: column.name, type: column.type, charset: column.charset, flags: column.flags });
}
