import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { QueryResultSchema, type QueryResult } from '../wire/gen/query_pb.js';
import { onlyRow, rowsOf } from './result.js';

function result(...rows: readonly { lengths: readonly number[]; values: string }[]): QueryResult {
  return create(QueryResultSchema, {
    rows: rows.map(({ lengths, values }) => ({ lengths: lengths.map(BigInt), values: Buffer.from(values) })),
  });
}

describe('a row', () => {
  test('tells NULL from the empty text (G2)', () => {
    const row = onlyRow(result({ lengths: [-1, 0, 3], values: 'abc' }));
    expect([row.textOrNull(0), row.textOrNull(1), row.textOrNull(2), row.length]).toEqual([undefined, '', 'abc', 3]);
  });

  test('keeps 64-bit integers and text beyond ASCII', () => {
    const row = onlyRow(result({ lengths: [20, 2], values: '18446744073709551615ü' }));
    expect([row.bigint(0), row.text(1)]).toEqual([18446744073709551615n, 'ü']);
  });

  test.each([
    ['a column it does not have', () => onlyRow(result({ lengths: [1], values: 'a' })).text(1)],
    ['NULL where a value has to be', () => onlyRow(result({ lengths: [-1], values: '' })).text(0)],
    ['text where an integer has to be', () => onlyRow(result({ lengths: [3], values: '1.5' })).bigint(0)],
    ['lengths beyond its bytes', () => rowsOf(result({ lengths: [5], values: 'abc' }))],
    ['no row where one has to be', () => onlyRow(result())],
    ['two rows where one has to be', () => onlyRow(result({ lengths: [1], values: 'a' }, { lengths: [1], values: 'b' }))],
  ])('with %s is a PROTOCOL error, never a guess', (_what, read) => {
    expect(read).toThrowError(expect.objectContaining({ code: 'PROTOCOL' }));
  });
});
