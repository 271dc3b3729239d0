/** Ranges in SQL, held against the same range decided in this process, on a DuckDB of its own. */
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isInRange, type KeyCondition, type KeyRange } from '../../schema/key-range.js';
import { quoteText } from './identifiers.js';
import { rangeSql } from './range-sql.js';

let instance: DuckDBInstance;
beforeAll(async () => {
  instance = await DuckDBInstance.create(':memory:');
});
afterAll(() => instance.closeSync());

const target = (type: string) => ({ keyspace: 'shop', table: 'item', columns: new Map([['id', { name: 'Id', type }]]) });
const rangeOf = (condition: Omit<KeyCondition, 'column'>): KeyRange => ({ where: '', conditions: [{ column: 'ID', ...condition }] });

/** Places in `keys` that DuckDB finds in the range. */
async function found(type: string, keys: readonly string[], range: KeyRange): Promise<number[]> {
  const connection = await instance.connect();
  try {
    const cast = (key: string): string => (type === 'BLOB' ? `unhex('${Buffer.from(key).toString('hex')}')` : `${quoteText(key)}::${type}`);
    const rows = keys.map((key, at) => `(${at}, ${cast(key)})`).join(', ');
    const reader = await connection.runAndReadAll(
      `select place from (values ${rows}) as t(place, "Id") where ${rangeSql(range, target(type))}`,
    );
    return reader
      .getRows()
      .map(([place]) => Number(place))
      .sort((a, b) => a - b);
  } finally {
    connection.closeSync();
  }
}

interface Column {
  readonly kind: KeyCondition['kind'];
  readonly keys: readonly string[];
  /** Compared with; more than what keys can be. */
  readonly values: readonly string[];
}

const MORE = ['-99999999999999999999999999999999999999999', '-0.001', '0', '0.5', '1', '1.0', '9999999999999999999999999999999999999999'];
const text = ['', 'a', 'a ', 'a\t', 'ab', "it's", 'é', '\u{1f600}', '\uffff'];
const COLUMNS: Readonly<Record<string, Column>> = {
  TINYINT: { kind: 'number', keys: ['-128', '-1', '0', '1', '127'], values: MORE },
  UBIGINT: { kind: 'number', keys: ['0', '1', '9223372036854775808', '18446744073709551615'], values: [...MORE, '9223372036854775807.9'] },
  HUGEINT: { kind: 'number', keys: ['-1', '0', '18446744073709551615'], values: MORE },
  'DECIMAL(5,2)': {
    kind: 'number',
    keys: ['-999.99', '-0.01', '0.00', '0.50', '999.99'],
    values: [...MORE, '-0.005', '-0.0101', '0.500', '999.995'],
  },
  'DECIMAL(38,10)': { kind: 'number', keys: ['-9999999999999999999999999999.9999999999', '0.5000000000', '1.0000000000'], values: MORE },
  DOUBLE: { kind: 'number', keys: ['-1.5', '0', '0.5', '1e300'], values: ['-1.5', '0.5', '1e299', '2'] },
  DATE: {
    kind: 'date',
    keys: ['0999-01-01', '2024-02-28', '2024-02-29'],
    values: ['0000-00-00', '1000-01-01', '2024-02-29', '2024-02-31'],
  },
  TIMESTAMP: {
    kind: 'date',
    keys: ['2024-02-29 00:00:00', '2024-02-29 12:34:56.1', '2024-02-29 12:34:56.100001'],
    values: ['2024-02-29', '2024-02-29 12:34:56', '2024-02-29 12:34:56.100', '2024-02-29 12:34:56.100001'],
  },
  VARCHAR: { kind: 'text', keys: text, values: text },
  BLOB: { kind: 'binary', keys: text, values: text },
};

const conditions = (kind: KeyCondition['kind'], values: readonly string[]): fc.Arbitrary<Omit<KeyCondition, 'column'>> => {
  const value = fc.constantFrom(...values).map((one) => (kind === 'binary' ? Buffer.from(one) : one));
  return fc.oneof(
    fc.record({ kind: fc.constant(kind), test: fc.constantFrom('=', '!=', '<', '<=', '>', '>=' as const), values: fc.tuple(value) }),
    fc.record({ kind: fc.constant(kind), test: fc.constantFrom('between', 'not between' as const), values: fc.tuple(value, value) }),
    fc.record({ kind: fc.constant(kind), test: fc.constant('in' as const), values: fc.array(value, { minLength: 1, maxLength: 3 }) }),
  ) as fc.Arbitrary<Omit<KeyCondition, 'column'>>;
};

/** One length, so that texts compare as times do. */
const timeOf = (value: string): string => {
  const [date, time = '00:00:00'] = value.split(' ');
  return `${date} ${time.includes('.') ? time : `${time}.`}`.padEnd(26, '0');
};

describe('finds what is in the range, and nothing else', () => {
  test.each(Object.entries(COLUMNS))('%s', async (type, { kind, keys, values }) => {
    const plain = kind === 'date' ? (one: string | Uint8Array) => timeOf(String(one)) : (one: string | Uint8Array) => one;
    await fc.assert(
      fc.asyncProperty(conditions(kind, values), async (condition) => {
        const same = rangeOf({ ...condition, values: condition.values.map(plain) });
        const expected = keys.flatMap((key, at) => (isInRange(same, { id: plain(key) }) ? [at] : []));
        expect(await found(type, keys, rangeOf(condition))).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  test('text whose trailing spaces do not count', async () => {
    await fc.assert(
      fc.asyncProperty(conditions('padded-text', text), async (condition) => {
        const expected = text.flatMap((key, at) => (isInRange(rangeOf(condition), { id: key }) ? [at] : []));
        expect(await found('VARCHAR', text, rangeOf(condition))).toEqual(expected);
      }),
      { numRuns: 100 },
    );
  });

  test('dates kept as text, of any precision', async () => {
    const keys = ['0000-00-00', '2024-02-29', '2024-02-29 12:34:56', '2024-02-29 12:34:56.100'];
    const range = rangeOf({ kind: 'date', test: '>=', values: ['2024-02-29 12:34:56.000'] });
    expect(await found('VARCHAR', keys, range)).toEqual([2, 3]);
  });
});

test.each([
  ['VARCHAR', 'number'],
  ['BLOB', 'padded-text'],
  ['JSON', 'text'],
  ['VARCHAR', 'binary'],
] as const)('a column of %s that holds what was a %s is refused, as a guess would remove rows', (type, kind) => {
  const condition: KeyCondition = { column: 'id', kind, test: '=', values: ['1'] };
  expect(() => rangeSql({ where: 'id = 1', conditions: [condition] }, target(type))).toThrow(
    expect.objectContaining({
      code: 'SINK_FAILED',
      category: 'config',
      column: 'id',
      next: expect.stringContaining('whole table') as string,
    }),
  );
});
