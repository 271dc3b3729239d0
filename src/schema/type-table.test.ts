/** The table of types is what the decoder does, and docs/types.md is the table. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { decodeCell, fieldOf, type FieldSpec } from '../../test/support/rows.js';
import { PAGE, renderTypes } from '../../tools/docs/types.js';
import { overrideNames } from './column-reader.js';
import type { Override } from './options.js';
import { TYPE_TABLE } from './type-table.js';
import { tableVersion } from './versions.js';

/** A column and a cell of each kind. */
const SAMPLES: Readonly<Record<string, readonly [Omit<FieldSpec, 'name'>, Buffer | string]>> = {
  int: [{ type: 'INT8', columnType: 'tinyint(1)' }, '1'],
  bigint: [{ type: 'INT64', columnType: 'bigint' }, '1'],
  float: [{ type: 'FLOAT64', columnType: 'double' }, '1.5'],
  decimal: [{ type: 'DECIMAL', columnType: 'decimal(5,2)' }, '1.50'],
  year: [{ type: 'YEAR', columnType: 'year' }, '2024'],
  bit: [{ type: 'BIT', columnType: 'bit(1)' }, Buffer.from([1])],
  date: [{ type: 'DATE', columnType: 'date' }, '2024-02-29'],
  datetime: [{ type: 'DATETIME', columnType: 'datetime' }, '2024-02-29 12:34:56'],
  timestamp: [{ type: 'TIMESTAMP', columnType: 'timestamp' }, '2024-02-29 12:34:56'],
  time: [{ type: 'TIME', columnType: 'time' }, '12:34:56'],
  text: [{ type: 'VARCHAR', columnType: 'varchar(9)', charset: 255 }, 'text'],
  enum: [{ type: 'ENUM', columnType: "enum('a','b')", charset: 255 }, 'b'],
  set: [{ type: 'SET', columnType: "set('a','b')", charset: 255 }, 'a,b'],
  bytes: [{ type: 'BLOB', columnType: 'blob' }, 'bytes'],
  json: [{ type: 'JSON', columnType: 'json' }, '{"a": 1}'],
  geometry: [{ type: 'GEOMETRY', columnType: 'point' }, Buffer.alloc(25)],
  vector: [{ type: 'VECTOR', columnType: 'vector(1)' }, Buffer.alloc(4)],
};

function typeOf(value: unknown): string {
  if (value instanceof Float32Array) return 'Float32Array';
  if (value instanceof Uint8Array) return 'Uint8Array';
  if (value instanceof Date) return 'Date';
  if (Array.isArray(value)) return `${typeof value[0]}[]`;
  return typeof value;
}

const fits = (value: unknown, type: string): boolean =>
  type === 'JsonValue'
    ? typeof value === 'object'
    : type.startsWith('{')
      ? typeof value === 'object'
      : type.split(' | ').includes(typeOf(value));

describe.each(TYPE_TABLE)('$mysql', (row) => {
  const [spec, cell] = SAMPLES[row.kind] ?? [{ type: 0 }, ''];

  test('the default has the type the table says, named or not', () => {
    expect(fits(decodeCell(spec, cell), row.type)).toBe(true);
    expect(decodeCell(spec, cell, { columns: { c: row.default as Override } })).toEqual(decodeCell(spec, cell));
  });

  test('each override has the type the table says, and there is no other', () => {
    for (const { name, type } of row.overrides) {
      const override = (name === 'charset:NAME' ? 'charset:latin1' : name) as Override;
      const value = decodeCell(spec, cell, { columns: { c: override } });
      expect([name, typeOf(value), fits(value, type)]).toEqual([name, typeOf(value), true]);
    }
    const [column] = tableVersion({ fields: [fieldOf({ ...spec, name: 'c' })] }, { keyspace: 'k', table: 't' }, 1).columns;
    const names = column ? overrideNames(column) : [];
    expect([...names].sort()).toEqual([row.default, ...row.overrides.map(({ name }) => name)].sort());
  });
});

test('docs/types.md is current: node node_modules/jiti/lib/jiti-cli.mjs tools/docs/types.ts', () => {
  expect(readFileSync(PAGE, 'utf8')).toBe(renderTypes());
});
