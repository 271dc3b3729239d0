/** Ranges of keys as sinks get them, decided as the filter decides the copied rows. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decoderOf, type FieldSpec, rowBytes, sourceOf } from '../../test/support/rows.js';
import type { RangeKind } from '../position/range-copy.js';
import { isInRange, keyRangeOf } from './key-range.js';
import { compileFilter } from './where.js';

test('conditions come with their values as a sink can bind them', () => {
  const where = "id >= 5 AND `code` IN ('a', 'it''s') and raw <> X'00ff' and id not between -1.5 and 2 and raw = 'ab'";
  expect(keyRangeOf({ where, kinds: { id: 'number', code: 'padded-text', raw: 'binary' } })).toEqual({
    where,
    conditions: [
      { column: 'id', kind: 'number', test: '>=', values: ['5'] },
      { column: 'code', kind: 'padded-text', test: 'in', values: ['a', "it's"] },
      { column: 'raw', kind: 'binary', test: '!=', values: [Buffer.from([0, 255])] },
      { column: 'id', kind: 'number', test: 'not between', values: ['-1.5', '2'] },
      { column: 'raw', kind: 'binary', test: '=', values: [Buffer.from('ab')] },
    ],
  });
});

test('a key that lacks a column of the range is an error, not outside', () => {
  const range = keyRangeOf({ where: 'id = 1', kinds: { id: 'number' } });
  expect(() => isInRange(range, { other: 1 })).toThrow('no value of the key column id');
  expect(isInRange(range, { ID: 1n })).toBe(true);
});

interface Kind {
  readonly field: Omit<FieldSpec, 'name'>;
  readonly kind: RangeKind;
  /** Cells and literals of one another's neighbourhood. */
  readonly value: fc.Arbitrary<string>;
  readonly literal: (value: string) => string;
  readonly decoded?: (value: string) => unknown;
}

const quoted = (value: string): string => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
const small = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '\t', 'é', '\u{1f600}', '\uffff'), maxLength: 3 });
const KINDS: Readonly<Record<string, Kind>> = {
  'bigint unsigned': {
    field: { type: 'UINT64', columnType: 'bigint unsigned' },
    kind: 'number',
    value: fc.oneof(fc.bigInt({ min: 0n, max: 3n }), fc.bigInt({ min: 2n ** 64n - 3n, max: 2n ** 64n - 1n })).map(String),
    literal: String,
    decoded: BigInt,
  },
  'decimal(8,3)': {
    field: { type: 'DECIMAL', columnType: 'decimal(8,3)' },
    kind: 'number',
    value: fc.integer({ min: -2_000, max: 2_000 }).map((n) => (n / 1000).toFixed(3)),
    literal: (value) => value.replace(/0+$/, ''),
  },
  double: {
    field: { type: 'FLOAT64', columnType: 'double' },
    kind: 'number',
    value: fc.constantFrom('-1.5', '0', '0.25', '1e300'),
    literal: String,
    decoded: Number,
  },
  date: {
    field: { type: 'DATE', columnType: 'date' },
    kind: 'date',
    value: fc.constantFrom('0000-00-00', '1999-12-31', '2024-02-29', '2024-03-01'),
    literal: quoted,
  },
  utf8mb4_0900_bin: { field: { type: 'VARBINARY', columnType: 'varchar(9)', charset: 309 }, kind: 'text', value: small, literal: quoted },
  utf8mb4_bin: { field: { type: 'VARBINARY', columnType: 'varchar(9)', charset: 46 }, kind: 'padded-text', value: small, literal: quoted },
  varbinary: {
    field: { type: 'VARBINARY', columnType: 'varbinary(9)', charset: 63 },
    kind: 'binary',
    value: small,
    literal: (value) => `X'${Buffer.from(value).toString('hex')}'`,
    decoded: (value) => new Uint8Array(Buffer.from(value)),
  },
};

test.each(Object.entries(KINDS))(
  'a key of %s is inside exactly when the filter passes its row',
  (_, { field, kind, value, literal, decoded = String }) => {
    const decoder = decoderOf([{ name: 'id', flags: 3, ...field }]);
    const single = fc
      .tuple(fc.constantFrom('=', '!=', '<', '<=', '>', '>='), value)
      .map(([operator, one]) => `id ${operator} ${literal(one)}`);
    const list = fc.array(value, { minLength: 1, maxLength: 3 }).map((some) => `id in (${some.map(literal).join(', ')})`);
    const pair = fc
      .tuple(fc.constantFrom('', 'not '), value, value)
      .map(([not, low, high]) => `id ${not}between ${literal(low)} and ${literal(high)}`);
    const where = fc.array(fc.oneof(single, list, pair), { minLength: 1, maxLength: 2 }).map((all) => all.join(' and '));
    fc.assert(
      fc.property(value, where, (cell, text) => {
        const passes = compileFilter(text, decoder)(sourceOf({ after: rowBytes([Buffer.from(cell)]) }), 'after');
        expect(isInRange(keyRangeOf({ where: text, kinds: { id: kind } }), { id: decoded(cell) })).toBe(passes);
      }),
      { numRuns: 300 },
    );
  },
);
