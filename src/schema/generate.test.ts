/** What `vstream types` writes. The golden file is compiled with the tests' types. */
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { generateTypes, type LiveColumn } from './generate.js';
import { columnTypeOf, QUERY_TYPE, sqlType } from './mysql-type.js';

const GOLDEN = new URL('generate.golden.test-d.ts', import.meta.url);

function column(table: string, name: string, type: string, more: Partial<LiveColumn> = {}): LiveColumn {
  return { table, name, type, nullable: false, charset: null, comment: '', ...more };
}

const COLUMNS: readonly LiveColumn[] = [
  column('orders', 'id', 'bigint unsigned', { comment: 'counts up' }),
  column('orders', 'status', "enum('new','it''s','a, (b)')", { charset: 'utf8mb4' }),
  column('orders', 'tags', "set('a','b')", { nullable: true, charset: 'utf8mb4' }),
  column('orders', 'total', 'decimal(12,2)', { comment: 'ends a comment */ or\nnot' }),
  column('orders', 'paid', 'tinyint(1)', { nullable: true }),
  column('orders', 'body', 'json', { nullable: true }),
  column('orders', 'title', 'varchar(20)', { charset: 'gbk' }),
  column('orders', 'created at', 'timestamp(6)'),
  column('orders', 'place', 'point'),
  column('orders', '__proto__', 'varbinary(16)', { nullable: true }),
  column('order_items', 'id', 'int'),
  column('order_items', 'embedding', 'vector(3)', { nullable: true }),
  column('order_items', 'price', 'decimal(12,2)', { nullable: true }),
  column('class', 'id', 'int'),
  column('Class', 'id', 'int'),
  column('2024-sales', 'amount', 'double', { nullable: true }),
  column('2024-sales', 'what', "enum('a\\\\b')", { charset: 'utf8mb4' }),
];

const text = generateTypes({
  keyspace: 'commerce',
  columns: COLUMNS,
  types: { boolean: 'boolean', timestamp: 'date' },
  tables: { orders: { total: 'number' }, order_items: { price: (raw) => Number(raw.text) } },
  module: '../index.js',
});

test('the text is what the golden file has, which the compiler accepts in strict mode', () => {
  if (process.env['UPDATE_GOLDEN']) writeFileSync(GOLDEN, text);
  expect(readFileSync(GOLDEN, 'utf8')).toBe(text);
});

describe('what is written', () => {
  test('is stable', () => {
    expect(generateTypes({ keyspace: 'commerce', columns: COLUMNS })).toBe(generateTypes({ keyspace: 'commerce', columns: [...COLUMNS] }));
  });

  test('imports from the package by default and nothing that is not used', () => {
    expect(generateTypes({ keyspace: 'k', columns: [column('t', 'id', 'int')] })).toContain("import { table } from 'vstream-client';");
  });

  test('tables of several keyspaces carry the keyspace in their identifiers, and their own overrides', () => {
    const columns = ['a', 'b'].map((keyspace) => ({ ...column('t', 'id', 'bigint'), keyspace }));
    const both = generateTypes({ keyspace: 'a, b', columns, tables: { 'b.t': { id: 'string' } } });
    expect(both).toContain('A row of `a.t`. */\nexport interface AT {\n  id: bigint;');
    expect(both).toContain('A row of `b.t`. */\nexport interface BT {\n  id: string;');
  });

  test('all tables stand in one record, under the names that `tables` takes', () => {
    const own = generateTypes({ keyspace: 'k', columns: ['order_items', 'tables', 'a.b'].map((table) => column(table, 'id', 'int')) });
    expect(own).toMatch(/export const tables2 = \{\n {2}order_items: orderItems,\n {2}tables,\n\};\n$/);
    const columns = ['a', 'b'].map((keyspace) => ({ ...column('t', 'id', 'int'), keyspace }));
    expect(generateTypes({ keyspace: 'a, b', columns })).toContain("export const tables = {\n  'a.t': aT,\n  'b.t': bT,\n};\n");
  });

  test('an override that does not fit its column is refused by name', () => {
    expect(() => generateTypes({ keyspace: 'k', columns: [column('t', 'c', 'int')], tables: { t: { c: 'hex' } } })).toThrowError(
      expect.objectContaining({ code: 'CONFIG_INVALID', column: 'c', message: "'hex' is no way to read k.t.c (int)" }),
    );
  });

  test('an empty keyspace gives a file that says so', () => {
    expect(generateTypes({ keyspace: 'k', columns: [] })).toBe(
      '// Written by `vstream types` from the keyspace k. Do not edit: run it again.\n',
    );
  });

  test('a set the tablet cannot name travels as an override (B7)', () => {
    expect(generateTypes({ keyspace: 'k', columns: [column('t', 'c', 'varchar(9)', { charset: 'gbk' })] })).toContain("c: 'charset:gbk'");
  });
});

test('column_type alone gives the kind the wire gives', () => {
  const wire: Readonly<Record<string, keyof typeof QUERY_TYPE>> = {
    tinyint: 'INT8',
    'int unsigned': 'UINT32',
    bigint: 'INT64',
    'float(7,3)': 'FLOAT32',
    double: 'FLOAT64',
    'decimal(5,2)': 'DECIMAL',
    year: 'YEAR',
    'bit(1)': 'BIT',
    date: 'DATE',
    'datetime(6)': 'DATETIME',
    timestamp: 'TIMESTAMP',
    'time(3)': 'TIME',
    'char(9)': 'CHAR',
    longtext: 'TEXT',
    'binary(4)': 'BINARY',
    mediumblob: 'BLOB',
    "enum('a')": 'ENUM',
    "set('a')": 'SET',
    json: 'JSON',
    point: 'GEOMETRY',
    'vector(3)': 'VECTOR',
    smallint: 'INT16',
    mediumint: 'INT24',
  };
  for (const [columnType, type] of Object.entries(wire)) {
    expect(sqlType(columnType)).toEqual(columnTypeOf({ columnType, type: QUERY_TYPE[type], charset: 63 }));
  }
});
