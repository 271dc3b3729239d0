import { describe, expect, test } from 'vitest';
import { CopyPlan, type TableCopy } from '../position/plan.js';
import { Position } from '../position/position.js';
import { Since } from '../position/since.js';
import { fitsBeside } from './beside.js';
import { wholeInsteadOfRanges } from './ranges.js';

const UUID = 'ba05c1f7-e695-11f1-830a-02fc00000001';
const set = (n: number): string => `MySQL56/${UUID}:1-${n}`;
const t = { keyspace: 'shop', table: 't' };
const pending: TableCopy = { state: 'pending', generation: 1, fingerprint: 'f' };
const at = (entry: TableCopy, gtids: Readonly<Record<string, string>> = { 'shop/-80': set(4), 'shop/80-': set(5) }): Position =>
  new Position(
    Object.entries(gtids).map(([name, gtid]) => {
      const [keyspace = '', shard = ''] = name.split('/');
      return { keyspace, shard, gtid };
    }),
    CopyPlan.empty.withTable('shop', 't', entry),
  );

describe('a table fits beside the stream', () => {
  test('when it was never begun and its shards know where they are', () => {
    expect(fitsBeside(at(pending), t)).toBe(true);
    expect(fitsBeside(at(pending, { 'shop/0': set(1), 'depot/0': '' }), t)).toBe(true);
  });

  test.each<[string, Position]>([
    ['is done', at({ ...pending, state: 'done' })],
    ['is copied again', at({ ...pending, generation: 2 })],
    ['was begun on a shard', at({ ...pending, shards: { '-80': { state: 'done', generation: 1 } } })],
    ['has a shard without a position', at(pending, { 'shop/-80': set(1), 'shop/80-': '' })],
    ['waits for a keyspace to say where it is', at(pending, { 'shop/0': set(1), 'depot/0': 'current' })],
    ['has positions that cannot be compared', at(pending, { 'shop/0': 'FilePos/a:4' })],
    [
      'comes inside a transaction handed out in part',
      at(pending).with({ partial: [{ keyspace: 'shop', shard: '-80', gtid: `${UUID}:5`, applied: 3, parts: 1 }] }),
    ],
  ])('not when it %s', (_, position) => {
    expect(fitsBeside(position, t)).toBe(false);
  });

  test('not while the marks of others take more than a position should', () => {
    let since = Since.none;
    for (let n = 0; n < 900; n++) since = since.with('shop', '-80', `a_table_of_some_length_${n}`, { generation: 1, gtid: set(10 + n) });
    expect(fitsBeside(at(pending).with({ since }), t)).toBe(true);
    for (let n = 900; n < 1200; n++) since = since.with('shop', '-80', `a_table_of_some_length_${n}`, { generation: 1, gtid: set(10 + n) });
    expect(fitsBeside(at(pending).with({ since }), t)).toBe(false);
    expect(since.text().length).toBeLessThan(200_000);
  });
});

test('a range of a table that is ahead of its shard becomes a copy of the whole table, as its rows hold changes that are kept out', () => {
  const range = { where: 'id < 9', start: 'AA==', first: 'id', kinds: {}, generation: 2 };
  const ranged: TableCopy = { ...pending, generation: 2, range, ranged: { after: 1, to: 2 } };
  const since = Since.none.with('shop', '-80', 't', { generation: 1, gtid: set(9) });
  const ahead = at(ranged).with({ since });
  // The rows outside of the range are still the ones the mark speaks of.
  expect(ahead.settled()).toBe(ahead);
  const whole = wholeInsteadOfRanges(ahead);
  expect(whole.plan.table('shop', 't')).toEqual({ state: 'pending', generation: 3, fingerprint: 'f' });
  expect(whole.settled().since.isEmpty).toBe(true);
  const reached = at(ranged);
  expect(wholeInsteadOfRanges(reached)).toBe(reached);
});
