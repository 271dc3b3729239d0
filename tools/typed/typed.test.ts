/** Typed tables with the libraries people bring. The types are checked by tsc, the values here. */
import { type } from 'arktype';
import {
  bigint,
  boolean,
  customType,
  datetime,
  decimal,
  int,
  json,
  mysqlEnum,
  mysqlTable,
  timestamp,
  varchar,
} from 'drizzle-orm/mysql-core';
import type { ColumnType, Generated } from 'kysely';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { checkDeclared } from '../../src/schema/check-declared.js';
import { decodeOptionsOf, type KyselyRow, type RowOf, table, type TableDefinition } from '../../src/schema/define.js';
import type { Row } from '../../src/schema/values.js';
import { decoderOf, fieldOf, type FieldSpec, REF, rowBytes, sourceOf } from '../../test/support/rows.js';
import { tableVersion } from '../../src/schema/versions.js';

type Equal<A, B> = [A] extends [B]
  ? [B] extends [A]
    ? keyof A extends keyof B
      ? keyof B extends keyof A
        ? true
        : false
      : false
    : false
  : false;
const same = <A, B>(expected: Equal<A, B>): Equal<A, B> => expected;

const FIELDS: readonly FieldSpec[] = [
  { name: 'id', type: 'INT64', columnType: 'bigint', flags: 3 },
  { name: 'total', type: 'DECIMAL', columnType: 'decimal(10,2)', flags: 1 },
  { name: 'note', type: 'VARCHAR', columnType: 'varchar(20)', charset: 255 },
];

function row(definition: TableDefinition<any>, cells: readonly (string | null)[], fields = FIELDS): Row {
  return decoderOf(fields, decodeOptionsOf(definition, {})).row(sourceOf({ after: rowBytes(cells) }), 'after');
}

const zodSchema = z.object({ id: z.bigint(), total: z.string().transform(Number), note: z.string().nullable() });
const valibotSchema = v.object({ id: v.bigint(), total: v.pipe(v.string(), v.transform(Number)), note: v.nullable(v.string()) });
const arktypeSchema = type({ id: 'bigint', total: 'string.numeric.parse', note: 'string | null' });

const zodFirst = table(zodSchema);
same<RowOf<typeof zodFirst>, { id: bigint; total: string; note: string | null }>(true);
const zodAlways = table(zodSchema, { validate: 'always' });
same<RowOf<typeof zodAlways>, { id: bigint; total: number; note: string | null }>(true);
const valibotAlways = table(valibotSchema, { validate: 'always' });
same<RowOf<typeof valibotAlways>, { id: bigint; total: number; note: string | null }>(true);
const valibotOff = table(valibotSchema, { validate: 'off' });
same<RowOf<typeof valibotOff>, { id: bigint; total: string; note: string | null }>(true);
const arktypeAlways = table(arktypeSchema, { validate: 'always' });
same<RowOf<typeof arktypeAlways>, { id: bigint; total: number; note: string | null }>(true);

describe.each([
  ['zod', zodSchema],
  ['valibot', valibotSchema],
  ['arktype', arktypeSchema],
] as const)('%s', (_, schema) => {
  const good = ['1', '1.50', null];

  test('off and first-row deliver rows as decoded', () => {
    for (const validate of ['off', 'first-row'] as const)
      expect(row(table(schema, { validate }), good)).toEqual({ id: 1n, total: '1.50', note: null });
  });

  test('always delivers the output of the schema', () => {
    expect(row(table(schema, { validate: 'always' }), good)).toEqual({ id: 1n, total: 1.5, note: null });
  });

  test('a row that does not fit is SCHEMA_MISMATCH with its column, unless off', () => {
    for (const validate of ['first-row', 'always'] as const) {
      expect(() => row(table(schema, { validate, types: { id: 'string' } }), good)).toThrow(
        expect.objectContaining({ code: 'SCHEMA_MISMATCH', column: 'id' }),
      );
    }
    expect(row(table(schema, { validate: 'off', types: { id: 'string' } }), good)).toEqual({ id: '1', total: '1.50', note: null });
  });
});

test('an asynchronous schema is refused', () => {
  const late = z.object({ id: z.bigint().refine(async () => true), total: z.string(), note: z.string().nullable() });
  expect(() => row(table(late), ['1', '1.50', null])).toThrow();
  const asynchronous = v.pipeAsync(
    v.object({ id: v.bigint() }),
    v.checkAsync(async () => true),
  );
  expect(() => row(table(asynchronous), ['1', '1.50', null])).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
});

describe('drizzle', () => {
  const money = customType<{ data: { cents: number }; driverData: string }>({
    dataType: () => 'decimal(10,2)',
    fromDriver: (text) => ({ cents: Math.round(Number(text) * 100) }),
  });
  const orders = mysqlTable('orders', {
    id: bigint('id', { mode: 'bigint' }).primaryKey(),
    customerId: int('customer_id').notNull(),
    big: bigint('big', { mode: 'number' }),
    total: decimal('total', { precision: 10, scale: 2 }).notNull(),
    exact: decimal('exact', { mode: 'number' }),
    price: money('price').notNull(),
    paid: boolean('paid').notNull(),
    at: datetime('at').notNull(),
    seen: timestamp('seen', { mode: 'string' }),
    status: mysqlEnum('status', ['new', 'paid']).notNull(),
    body: json('body').$type<{ a: number }>(),
    note: varchar('note', { length: 20 }),
  });
  const fields: readonly FieldSpec[] = [
    { name: 'id', type: 'INT64', columnType: 'bigint', flags: 3 },
    { name: 'customer_id', type: 'INT32', columnType: 'int', flags: 1 },
    { name: 'big', type: 'INT64', columnType: 'bigint' },
    { name: 'total', type: 'DECIMAL', columnType: 'decimal(10,2)', flags: 1 },
    { name: 'exact', type: 'DECIMAL', columnType: 'decimal(10,0)' },
    { name: 'price', type: 'DECIMAL', columnType: 'decimal(10,2)', flags: 1 },
    { name: 'paid', type: 'INT8', columnType: 'tinyint(1)', flags: 1 },
    { name: 'at', type: 'DATETIME', columnType: 'datetime', flags: 1 },
    { name: 'seen', type: 'TIMESTAMP', columnType: 'timestamp' },
    { name: 'status', type: 'ENUM', columnType: "enum('new','paid')", charset: 255, flags: 1 },
    { name: 'body', type: 'JSON', columnType: 'json' },
    { name: 'note', type: 'VARCHAR', columnType: 'varchar(20)', charset: 255 },
  ];
  const definition = table(orders);

  same<
    RowOf<typeof definition>,
    {
      id: bigint;
      customer_id: number;
      big: number | null;
      total: string;
      exact: number | null;
      price: { cents: number };
      paid: boolean;
      at: Date;
      seen: string | null;
      status: 'new' | 'paid';
      body: { a: number } | null;
      note: string | null;
    }
  >(true);

  test('the mode of each column decides its value', () => {
    const cells = ['1', '7', '42', '1.50', '3', '12.34', '1', '2024-02-29 12:34:56', '2024-02-29 12:34:56', 'paid', '{"a": 1}', null];
    expect(row(definition, cells, fields)).toEqual({
      id: 1n,
      customer_id: 7,
      big: 42,
      total: '1.50',
      exact: 3,
      price: { cents: 1234 },
      paid: true,
      at: new Date(Date.UTC(2024, 1, 29, 12, 34, 56)),
      seen: '2024-02-29 12:34:56',
      status: 'paid',
      body: { a: 1 },
      note: null,
    });
  });

  test('the live table is checked against it', () => {
    const live = (specs: readonly FieldSpec[]) => tableVersion({ fields: specs.map(fieldOf) }, REF, 1);
    expect(checkDeclared(live(fields), definition)).toEqual([]);
    expect(
      checkDeclared(live(fields.slice(1).map((one) => (one.name === 'total' ? { ...one, flags: 0 } : one))), definition).map(
        ({ column, kind }) => [column, kind],
      ),
    ).toEqual([
      ['id', 'missing'],
      ['total', 'nullable'],
    ]);
  });
});

test('a Kysely table interface gives what a select gives', () => {
  interface OrderTable {
    id: Generated<bigint>;
    at: ColumnType<Date, string, never>;
    note: string | null;
  }
  const definition = table<KyselyRow<OrderTable>>();
  same<RowOf<typeof definition>, { id: bigint; at: Date; note: string | null }>(true);
  expect(definition).toEqual({});
});
