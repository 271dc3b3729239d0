/** Filters evaluated by the client (measured.md section 2). */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bitmapOf, decoderOf, type FieldSpec, rowBytes, sourceOf } from '../../test/support/rows.js';
import { VStreamError } from '../errors.js';
import { checkWhere, compileFilter } from './where.js';
import { parseConditions } from './where-parse.js';

const COLUMNS: readonly FieldSpec[] = [
  { name: 'id', type: 'INT64', columnType: 'bigint', flags: 3 },
  { name: 'n', type: 'UINT32', columnType: 'int(5) unsigned zerofill' },
  { name: 'p', type: 'DECIMAL', columnType: 'decimal(10,2)' },
  { name: 'f', type: 'FLOAT64', columnType: 'double' },
  { name: 'fl', type: 'FLOAT32', columnType: 'float' },
  { name: 'd', type: 'DATE', columnType: 'date' },
  { name: 'at', type: 'TIMESTAMP', columnType: 'timestamp(3)', decimals: 3 },
  { name: 'b', type: 'VARBINARY', columnType: 'varbinary(9)' },
  { name: 's', type: 'VARBINARY', columnType: 'varchar(9)', charset: 46 },
  { name: 's9', type: 'VARBINARY', columnType: 'varchar(9)', charset: 309 },
  { name: 'ci', type: 'VARCHAR', columnType: 'varchar(9)', charset: 255 },
  { name: 't', type: 'BLOB', columnType: 'text', charset: 46 },
  { name: 'e', type: 'ENUM', columnType: "enum('a','b')", charset: 255 },
  { name: 'select', type: 'INT8', columnType: 'tinyint' },
];
const ROW = [
  '9007199254740993',
  '00042',
  '-1.50',
  '2.5',
  '1',
  '2024-02-29',
  '2024-02-29 12:34:56.100',
  Buffer.from('ab'),
  'é b ',
  'ab',
  'x',
  'long',
  'a',
  null,
];
const decoder = decoderOf(COLUMNS);
const source = sourceOf({ after: rowBytes(ROW) });

function passes(where: string): boolean {
  return compileFilter(where, decoder)(source, 'after');
}

describe('comparisons', () => {
  test.each([
    'id = 9007199254740993',
    'id > 9007199254740992',
    'id >= 9007199254740993',
    'id != 9007199254740992',
    'id > -5',
    'id < 9223372036854775807',
    'n = 42',
    'n < 42.5',
    'n IN (1, 42)',
    'n BETWEEN 42 AND 43',
    'n not between 43 and 50',
    'n <> 41',
    'p = -1.5',
    'p = -1.500',
    'p < -1.4999',
    'p > -2',
    'f = 2.5',
    'f >= 25e-1',
    'f < 3',
    "d = '2024-02-29'",
    "d > '2024-02-28' and d < '2024-03-01'",
    "at >= '2024-02-29 12:34:56.099'",
    "b = 'ab'",
    "b = X'6162'",
    'b = 0x6162',
    "b < 'b'",
    "s = 'é b'",
    "s = 'é b   '",
    "s > 'e'",
    "s9 = 'ab'",
    'id is not null',
    '`select` is null',
    'n = 42 AND p < 0 AND f > 2',
    'N = 42',
  ])('%s holds', (where) => {
    expect(passes(where)).toBe(true);
  });

  test.each([
    'id = 9007199254740992',
    'id < 9007199254740993',
    'n = 43',
    'n IN (1, 2)',
    'n not between 1 and 99',
    'p = 1.5',
    "d < '2024-02-29'",
    "b = 'ab '",
    "b = 'AB'",
    "s = 'É b'",
    "s9 = 'ab '",
    'id is null',
    '`select` = 0',
    '`select` != 0',
    '`select` not between 1 and 2',
    '`select` in (0)',
    'n = 42 AND p > 0',
  ])('%s does not: NULL never compares', (where) => {
    expect(passes(where)).toBe(false);
  });

  test('integers compare as JavaScript bigint does', () => {
    const integer = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    fc.assert(
      fc.property(integer, fc.oneof(integer, fc.bigInt({ min: -5n, max: 5n })), (cell, literal) => {
        const one = sourceOf({ after: rowBytes([String(cell), ...ROW.slice(1)]) });
        for (const [sign, expected] of [
          ['<', cell < literal],
          ['=', cell === literal],
          ['>=', cell >= literal],
        ] as const) {
          expect(compileFilter(`id ${sign} ${literal}`, decoder)(one, 'after')).toBe(expected);
        }
      }),
    );
  });

  test('both images are judged, each by its own cells', () => {
    const update = sourceOf({ before: rowBytes(['1', '5', ...ROW.slice(2)]), after: rowBytes(['1', '6', ...ROW.slice(2)]) });
    const filter = compileFilter('n > 5', decoder);
    expect([filter(update, 'before'), filter(update, 'after')]).toEqual([false, true]);
  });
});

describe('refusals', () => {
  test.each([
    ['id = 1 or id = 2', /only AND/],
    ['(id = 1)', /parentheses/],
    ['lower(ci) = 1', /function lower/],
    ['orders.id = 1', /without its table/],
    ['1 = id', /column comes first/],
    ['id = null', /IS NULL/],
    ['id like 5', /like/],
    ['id <=> 5', /<=>/],
    ['id = n', /literal was expected/],
    ['id =', /it ends/],
    ['', /empty/],
    ['id = 1 and', /it ends/],
    ['not id = 1', /not/],
    ['id in (1', /not closed/],
    ['id = 1; drop table x', /not understood/],
    ["in_keyrange('-80')", /./],
    ['id = 5abc', /not understood/],
  ])('%j: the text alone says why', (where, reason) => {
    expect(() => checkWhere(where)).toThrow(reason);
    expect(() => checkWhere(where)).toThrow(expect.objectContaining({ code: 'FILTER_REFUSED', category: 'config' }));
  });

  test.each([
    ["ci = 'x'", /not a plain _bin/],
    ["t = 'long'", /leave out/],
    ["e = 'a'", /does not compare/],
    ['fl > 1', /rounded/],
    ["n = '42'", /plain digits/],
    ['s = 5', /string literal/],
    ["d = '2024-2-9'", /in full/],
    ["at > '2024-02-29'", /12:34:56.000/],
    ['n = 1e3', /plain digits/],
    ['b = 5', /binary/],
  ])('%s: the column says why', (where, reason) => {
    expect(() => compileFilter(where, decoder)).toThrow(reason);
    expect(() => compileFilter(where, decoder)).toThrow(expect.objectContaining({ code: 'FILTER_REFUSED', table: 'orders' }));
  });

  test('a column that is not streamed is named', () => {
    expect(() => compileFilter('ghost = 1', decoder)).toThrow(expect.objectContaining({ code: 'COLUMN_NOT_FOUND', column: 'ghost' }));
  });

  test('broken bytes are a decode error with the column', () => {
    const broken = sourceOf({ after: rowBytes(['1x', ...ROW.slice(1)]) });
    expect(() => compileFilter('id = 1', decoder)(broken, 'after')).toThrow(
      expect.objectContaining({ code: 'DECODE_FAILED', column: 'id' }),
    );
  });

  test('an absent column cannot be judged', () => {
    const partial = decoderOf(COLUMNS.slice(0, 2), { images: 'partial' });
    const hole = sourceOf({ after: rowBytes(['1', null]), dataColumns: bitmapOf(1, 0) });
    // n is neither BLOB nor TEXT, and there is no image before it.
    expect(() => compileFilter('n = 1', partial)(hole, 'after')).toThrow(expect.objectContaining({ code: 'PARTIAL_IMAGE', column: 'n' }));
  });
});

test('strings keep quotes and escapes as MySQL reads them', () => {
  const literal = (where: string): unknown => parseConditions(where)[0];
  expect(literal(`s = 'it''s \\'x\\' \\\\ \\n'`)).toEqual({
    column: 's',
    test: '=',
    literals: [{ kind: 'string', text: "it's 'x' \\ \n" }],
  });
  expect(literal('`a``b` = "x""y"')).toEqual({ column: 'a`b', test: '=', literals: [{ kind: 'string', text: 'x"y' }] });
});

test('any text is parsed or refused with our error', () => {
  const piece = fc.constantFrom(
    'id',
    'n',
    '=',
    '<',
    '(',
    ')',
    ',',
    'and',
    'or',
    'in',
    'is',
    'not',
    'null',
    'between',
    '1',
    '-2.5',
    "'x'",
    '`',
    '"',
    "'",
    '.',
    '\\',
    ';',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      try {
        compileFilter(pieces.join(' '), decoder);
      } catch (error) {
        expect(VStreamError.is(error)).toBe(true);
      }
    }),
    { numRuns: 2000 },
  );
});
