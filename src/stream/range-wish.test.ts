/** Ranges as they are asked for: what is refused and why, and the key a copy starts behind. */
import { fromBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decoderOf, rowBytes, sourceOf } from '../../test/support/rows.js';
import { must } from '../internal/must.js';
import { compileRange } from '../schema/key-range.js';
import { QUERY_TYPE } from '../schema/mysql-type.js';
import { compileFilter } from '../schema/where.js';
import type { ColumnInfo } from '../sql/tables.js';
import { TableLastPKSchema } from '../wire/gen/binlogdata_pb.js';
import { checkRange } from './range-wish.js';

const REF = { keyspace: 'shop', table: 'item' };
const column = (name: string, type: string, collation?: string): ColumnInfo => ({
  table: 'item',
  name,
  type,
  collation,
  charset: collation?.split('_')[0],
  nullable: false,
  extra: '',
  comment: '',
  position: 1,
});
const ID = column('id', 'bigint');

/** The start as text, for a key of this column and one more. */
function startOf(first: ColumnInfo, where: string): string {
  const { start } = checkRange(REF, where, [first, column('n', 'int')], [first.name, 'n', 'v']);
  const { tableName, lastpk } = fromBinary(TableLastPKSchema, Buffer.from(start, 'base64'));
  const row = must(lastpk?.rows[0], 'a row');
  expect(tableName).toBe('item');
  // What comes after the first column is NULL: nothing equals it.
  expect(row.lengths).toEqual([BigInt(row.values.length), -1n]);
  return Buffer.from(row.values).toString('latin1');
}

describe('the key before a range', () => {
  test.each([
    [ID, 'id >= 10', '9'],
    [ID, 'id = 10', '9'],
    [ID, 'id > 10.5', '9'],
    [ID, 'id > -10.5', '-12'],
    [ID, 'id between 5 and 9', '4'],
    [ID, 'id in (7, 30, 5)', '4'],
    [ID, 'id >= 10 and id < 20', '9'],
    [ID, 'id < 20', '-9223372036854775809'],
    [ID, 'id not between 5 and 9', '-9223372036854775809'],
    [ID, 'n = 5', '-9223372036854775809'],
    [column('id', 'bigint unsigned'), 'id != 3', '-1'],
    [column('id', 'tinyint(1)'), 'id < 1', '-129'],
    [column('id', 'mediumint'), 'id < 1', '-8388609'],
    [column('id', 'decimal(6,2)'), 'id < 1', '-10000'],
    [column('id', 'decimal(6,2)'), 'id >= 1.75', '0'],
    [column('id', 'date'), "id >= '2024-03-01'", '2024-02-29'],
    [column('id', 'datetime(3)'), "id >= '2024-03-01 00:00:00.000'", '2024-02-29 23:59:59'],
    [column('id', 'varchar(9)', 'utf8mb4_bin'), "id >= 'b'", 'a~~~~'],
    [column('id', 'varchar(9)', 'utf8mb4_bin'), "id = 'ab  '", 'aa~~~~'],
    [column('id', 'varchar(9)', 'latin1_bin'), "id between 'k' and 'l'", 'j~~~~'],
    [column('id', 'varbinary(9)'), "id in (X'6200', X'62')", `a${'\xff'.repeat(8)}`],
  ])('%j, %s: %j', (first, where, expected) => {
    expect(startOf(first, where)).toBe(expected);
  });

  const text = (unit: fc.Arbitrary<string>): fc.Arbitrary<string> => fc.string({ unit, minLength: 1, maxLength: 4 });
  const points = fc.integer({ min: 0, max: 0x10ffff }).filter((one) => one < 0xd800 || one > 0xdfff);
  const SQL_TEXT = (value: string): string => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
  test.each([
    ['bigint', { type: 'INT64', columnType: 'bigint' }, undefined, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String)],
    [
      'decimal(12,3)',
      { type: 'DECIMAL', columnType: 'decimal(12,3)' },
      undefined,
      fc.integer({ min: -99_999, max: 99_999 }).map((n) => (n / 1000).toFixed(3)),
    ],
    [
      'varchar(9)',
      { type: 'VARBINARY', columnType: 'varchar(9)', charset: 46 },
      'utf8mb4_bin',
      text(points.map((one) => String.fromCodePoint(one))).map(SQL_TEXT),
    ],
    [
      'varbinary(9)',
      { type: 'VARBINARY', columnType: 'varbinary(9)', charset: 63 },
      undefined,
      text(fc.constantFrom('00', '01', '61', 'ff')).map((hex) => `X'${hex}'`),
    ],
  ] as const)('is below whatever the conditions on it allow, of %s', (type, field, collation, literals) => {
    const decoder = decoderOf([{ name: 'id', flags: 3, ...field }]);
    fc.assert(
      fc.property(literals, fc.constantFrom('>=', '>', '='), (literal, operator) => {
        let start: string;
        try {
          start = startOf(column('id', type, collation), `id ${operator} ${literal}`);
        } catch (error) {
          expect(error).toMatchObject({ code: 'FILTER_REFUSED', message: expect.stringContaining('nothing lies before') as string });
          return;
        }
        const bytes = Buffer.from(start, 'latin1');
        const inside = compileFilter(`id >= ${literal}`, decoder);
        if (type !== 'bigint' || !/\d{19}/.test(start)) expect(inside(sourceOf({ after: rowBytes([bytes]) }), 'after')).toBe(false);
      }),
    );
  });
});

describe('the end of a range', () => {
  const decoder = decoderOf([
    { name: 'id', type: 'INT64', columnType: 'bigint', flags: 3 },
    { name: 'n', type: 'INT32', columnType: 'int', flags: 3 },
  ]);
  const sides = (where: string): string => {
    const { inside, beyond } = compileRange({ where, first: 'id' }, decoder.version);
    const side = (id: number): string => {
      const cells = decoder.cells(sourceOf({ after: rowBytes([String(id), '5']) }), 'after');
      return beyond(cells) ? '>' : inside(cells) ? '=' : '-';
    };
    return [1, 2, 3, 4, 5, 6].map(side).join('');
  };
  test.each([
    ['id >= 2 and id < 4', '-==>>>'],
    ['id between 2 and 4', '-===>>'],
    ['id in (5, 2)', '-=--=>'],
    ['id = 3', '--=>>>'],
    ['id not between 2 and 4', '=---=='],
    ['id != 3', '==-==='],
    ['id > 4', '----=='],
    ['id <= 4 and n = 5', '====>>'],
    ['id <= 4 and n < 5', '---->>'],
    ['ID <= 2', '==>>>>'],
    ['n = 5', '======'],
  ])('%s', (where, expected) => {
    expect(sides(where)).toBe(expected);
  });
});

test('says how each column is compared', () => {
  const key = [
    ID,
    column('code', 'varchar(9)', 'utf8mb4_bin'),
    column('raw', 'binary(2)'),
    column('day', 'date'),
    column('tag', 'varchar(9)', 'utf8mb4_0900_bin'),
  ];
  const where = "id = 1 and code = 'a' and raw = X'00' and day = '2024-02-29' and `tag` = 'b'";
  expect(checkRange(REF, where, key, [])).toMatchObject({
    where,
    first: 'id',
    kinds: { id: 'number', code: 'padded-text', raw: 'binary', day: 'date', tag: 'text' },
  });
});

test.each([
  [column('id', 'varchar(9)', 'utf8mb4_0900_ai_ci'), "id = 'a'", /not a plain _bin/],
  [column('id', 'varchar(9)', 'utf8mb4_bin'), "id < 'b'", /needs a lower bound/],
  [column('id', 'varchar(9)', 'utf8mb4_bin'), "id >= ''", /nothing lies before/],
  [column('id', 'varchar(9)', 'utf8mb4_bin'), "id = X'61'", /write its value as text/],
  [column('id', 'date'), "id < '2024-01-01'", /needs a lower bound/],
  [column('id', 'date'), "id > '0000-00-00'", /no date before/],
  [column('id', 'timestamp'), "id >= '1970-01-01 00:00:01'", /no date before/],
  [column('id', 'year'), 'id = 2024', /YEAR/],
  [column('id', "enum('a')", 'utf8mb4_bin'), "id = 'a'", /does not compare/],
  [column('id', "enum('a')", 'utf8mb4_bin'), 'n = 1', /cannot start/],
  [column('id', 'double'), 'id > 1', /cannot start/],
  [ID, 'v = 1', /v is not part of the primary key \(id, n\)/],
])('%j, %s is refused', (first, where, reason) => {
  const range = (): unknown => checkRange(REF, where, [first, column('n', 'int')], [first.name, 'n', 'v']);
  expect(range).toThrow(reason);
  expect(range).toThrow(expect.objectContaining({ code: 'FILTER_REFUSED', keyspace: 'shop', table: 'item' }));
});

test('the start of a number is written as a number, whatever the column holds', () => {
  const { start } = checkRange(REF, 'id < 5', [column('id', 'decimal(5,1)')], ['id']);
  expect(fromBinary(TableLastPKSchema, Buffer.from(start, 'base64')).lastpk?.fields[0]?.type).toBe(QUERY_TYPE.INT64);
});
