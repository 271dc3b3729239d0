/** Every MySQL type, what it decodes to, and what can be chosen instead: the one source of docs/types.md. Layer 2. */
import type { Kind } from './mysql-type.js';

/** Names an override can have. `charset:NAME` states the character set of a column the tablet could not name (B7). */
export type OverrideName =
  | 'number'
  | 'number-if-safe'
  | 'bigint'
  | 'string'
  | 'boolean'
  | 'bytes'
  | 'base64'
  | 'hex'
  | 'array'
  | 'index'
  | 'text'
  | 'parsed'
  | 'date'
  | 'iso'
  | 'epoch-ms'
  | 'epoch-us'
  | 'micros'
  | 'geometry'
  | 'float32'
  | `charset:${string}`;

export interface OverrideRow {
  readonly name: string;
  readonly type: string;
  readonly note?: string;
}

export interface TypeRow {
  /** As people write it in SQL. */
  readonly mysql: string;
  readonly kind: Kind;
  /** Names for `types`. */
  readonly names: readonly string[];
  /** TypeScript type of the default value. */
  readonly type: string;
  /** Name that means the default. */
  readonly default: string;
  readonly overrides: readonly OverrideRow[];
  readonly gotcha: string;
}

const NUMBER_TEXT: readonly OverrideRow[] = [
  { name: 'string', type: 'string', note: 'no ZEROFILL zeros' },
  { name: 'bigint', type: 'bigint' },
  { name: 'boolean', type: 'boolean', note: '0 and 1 only, anything else is an error' },
];

const DATES: readonly OverrideRow[] = [
  { name: 'date', type: 'Date', note: 'read as UTC, microseconds dropped' },
  { name: 'iso', type: 'string', note: 'ISO 8601; TIMESTAMP ends in Z; fits Temporal' },
  { name: 'epoch-ms', type: 'number', note: 'read as UTC' },
  { name: 'epoch-us', type: 'bigint', note: 'read as UTC' },
];

const CHARSET: OverrideRow = { name: 'charset:NAME', type: 'string', note: 'MySQL name of the set, such as charset:gbk' };

export const TYPE_TABLE: readonly TypeRow[] = [
  {
    mysql: 'TINYINT, SMALLINT, MEDIUMINT, INT',
    kind: 'int',
    names: ['tinyint', 'smallint', 'mediumint', 'int', 'boolean'],
    type: 'number',
    default: 'number',
    overrides: NUMBER_TEXT,
    gotcha: 'BOOL is TINYINT(1), which also holds 2 and -1: `boolean` in `types` means these columns. ZEROFILL pads in the copy only.',
  },
  {
    mysql: 'BIGINT',
    kind: 'bigint',
    names: ['bigint'],
    type: 'bigint',
    default: 'bigint',
    overrides: [
      { name: 'string', type: 'string' },
      { name: 'number', type: 'number', note: 'an error beyond 2^53-1' },
      { name: 'number-if-safe', type: 'number | bigint' },
    ],
    gotcha: 'Never rounded in silence. `JSON.stringify` needs a replacer for bigint.',
  },
  {
    mysql: 'FLOAT, DOUBLE',
    kind: 'float',
    names: ['float', 'double'],
    type: 'number',
    default: 'number',
    overrides: [{ name: 'string', type: 'string', note: 'shortest text of the number' }],
    gotcha:
      'The server rounds FLOAT to 6 digits in the copy and sends it whole in replication: the two differ. Use DOUBLE. `-0` stays `-0`.',
  },
  {
    mysql: 'DECIMAL',
    kind: 'decimal',
    names: ['decimal'],
    type: 'string',
    default: 'string',
    overrides: [{ name: 'number', type: 'number', note: 'loses digits beyond 15' }],
    gotcha: 'Exact, with the full scale: `1.50`. Older servers write `.50` or surplus zeros; both are repaired.',
  },
  {
    mysql: 'YEAR',
    kind: 'year',
    names: ['year'],
    type: 'number',
    default: 'number',
    overrides: [{ name: 'string', type: 'string', note: 'four digits' }],
    gotcha: 'The zero year is 0 (as text `0000`).',
  },
  {
    mysql: 'BIT(n)',
    kind: 'bit',
    names: ['bit'],
    type: 'Uint8Array',
    default: 'bytes',
    overrides: [
      { name: 'bigint', type: 'bigint' },
      { name: 'number', type: 'number', note: 'an error beyond 2^53-1' },
      { name: 'boolean', type: 'boolean', note: '0 and 1 only' },
      { name: 'string', type: 'string', note: 'decimal digits' },
    ],
    gotcha: 'Big-endian bytes, never text.',
  },
  {
    mysql: 'DATE',
    kind: 'date',
    names: ['date'],
    type: 'string',
    default: 'string',
    overrides: DATES,
    gotcha: '`0000-00-00` and `2024-00-15` are legal: converters follow `zeroDates` (fail, null, string).',
  },
  {
    mysql: 'DATETIME(f)',
    kind: 'datetime',
    names: ['datetime'],
    type: 'string',
    default: 'string',
    overrides: DATES,
    gotcha: 'Has no time zone at all. Always exactly f digits of fraction.',
  },
  {
    mysql: 'TIMESTAMP(f)',
    kind: 'timestamp',
    names: ['timestamp'],
    type: 'string',
    default: 'string',
    overrides: DATES,
    gotcha: 'UTC without a mark: `new Date(text)` would read it as local time. Use `date` or `iso`.',
  },
  {
    mysql: 'TIME(f)',
    kind: 'time',
    names: ['time'],
    type: 'string',
    default: 'string',
    overrides: [{ name: 'micros', type: 'bigint', note: 'signed microseconds' }],
    gotcha: 'A duration from -838:59:59 to 838:59:59, not a time of day.',
  },
  {
    mysql: 'CHAR, VARCHAR, TINYTEXT to LONGTEXT',
    kind: 'text',
    names: ['char', 'varchar', 'text'],
    type: 'string',
    default: 'string',
    overrides: [{ name: 'bytes', type: 'Uint8Array', note: 'undecoded' }, CHARSET],
    gotcha:
      'Sent in the character set of the column. Invalid bytes are an error unless `invalidText` is `replace`. ' +
      'gbk, gb18030, big5 and tis620 arrive without a name: ASCII passes, other text needs `charset:NAME`.',
  },
  {
    mysql: 'ENUM',
    kind: 'enum',
    names: ['enum'],
    type: 'string',
    default: 'string',
    overrides: [{ name: 'index', type: 'number', note: 'ordinal from 1, 0 for the invalid value' }, CHARSET],
    gotcha:
      'An invalid value stored in non-strict mode is the empty string. Servers before v20 send ordinals in replication; they are mapped.',
  },
  {
    mysql: 'SET',
    kind: 'set',
    names: ['set'],
    type: 'string',
    default: 'string',
    overrides: [{ name: 'array', type: 'string[]', note: 'empty array for the empty set' }, CHARSET],
    gotcha: 'Labels joined with commas in the order of the definition. Servers before July 2026 lose member 64 in replication.',
  },
  {
    mysql: 'BINARY, VARBINARY, TINYBLOB to LONGBLOB',
    kind: 'bytes',
    names: ['binary', 'varbinary', 'blob'],
    type: 'Uint8Array',
    default: 'bytes',
    overrides: [
      { name: 'base64', type: 'string' },
      { name: 'hex', type: 'string' },
      { name: 'text', type: 'string', note: 'UTF-8' },
      CHARSET,
    ],
    gotcha: 'A copy, safe to keep. BINARY(n) is padded with zero bytes.',
  },
  {
    mysql: 'JSON',
    kind: 'json',
    names: ['json'],
    type: 'JsonValue',
    default: 'parsed',
    overrides: [{ name: 'text', type: 'string', note: 'order of keys differs between copy and replication' }],
    gotcha:
      'Integers beyond 2^53-1 become bigint. JSON null and SQL NULL both give `null`; `cells.isNull` tells them apart. ' +
      'Partial updates are applied to the document before.',
  },
  {
    mysql: 'GEOMETRY, POINT, …',
    kind: 'geometry',
    names: ['geometry'],
    type: 'Uint8Array',
    default: 'bytes',
    overrides: [{ name: 'geometry', type: '{ srid: number; wkb: Uint8Array }' }],
    gotcha: 'Four bytes of SRID, little-endian, then well-known binary, x before y.',
  },
  {
    mysql: 'VECTOR(n)',
    kind: 'vector',
    names: ['vector'],
    type: 'Float32Array',
    default: 'float32',
    overrides: [
      { name: 'array', type: 'number[]' },
      { name: 'bytes', type: 'Uint8Array' },
    ],
    gotcha: 'Tablets older than the type end the stream at the first row of such a table.',
  },
];

/** The row of the table for a kind; undefined for `unknown`, which is always bytes. */
export function typeRow(kind: Kind): TypeRow | undefined {
  return TYPE_TABLE.find((row) => row.kind === kind);
}
