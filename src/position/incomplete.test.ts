import { expect, test } from 'vitest';
import { afterReshard, type Incomplete, stillIncomplete, withMark } from './incomplete.js';
import { CopyPlan } from './plan.js';
import { Position } from './position.js';

const mark = (tables: Record<string, number>, more: Partial<Incomplete> = {}): Incomplete => ({
  keyspace: 'shop',
  shard: '-80',
  reason: 'row-skipped',
  tables,
  ...more,
});
const shards = ['-80', '80-'].map((shard) => ({ keyspace: 'shop', shard, gtid: '' }));
const plan = (shard: string, state: 'done' | 'pending', generation: number): CopyPlan =>
  CopyPlan.empty
    .withTable('shop', 'orders', { state: 'done', generation: 1 })
    .withShard('shop', 'orders', shard, { state, generation }, ['-80', '80-']);

test('a mark joins those of its shard and reason, and a repeated one changes nothing', () => {
  const one = withMark([], mark({ orders: 1 }));
  const two = withMark(one, mark({ users: 1 }));
  expect(two).toEqual([mark({ orders: 1, users: 1 })]);
  expect(withMark(two, mark({ orders: 1 }))).toBe(two);
  expect(withMark(two, mark({ orders: 2 }))).toEqual([mark({ orders: 2, users: 1 })]);
  expect(withMark(two, mark({ orders: 1 }, { reason: 'transaction-skipped' }))).toHaveLength(2);
});

test('a mark goes when a newer generation is copied on its shard, and not before', () => {
  const marks = [mark({ orders: 1, users: 1 })];
  expect(stillIncomplete(marks, { shards, plan: plan('-80', 'pending', 2) })).toEqual(marks);
  expect(stillIncomplete(marks, { shards, plan: plan('80-', 'done', 2) })).toEqual(marks);
  expect(stillIncomplete(marks, { shards, plan: plan('-80', 'done', 2) })).toEqual([mark({ users: 1 })]);
});

test('the mark of a shard that was resharded away waits for every shard, whatever generations the others had', () => {
  const after = [{ keyspace: 'shop', shard: '-' }];
  const resharded = CopyPlan.empty.withTable('shop', 'orders', { state: 'done', generation: 3 });
  const marks = afterReshard([mark({ orders: 1 })], { shards: after, plan: resharded });
  expect(stillIncomplete(marks, { shards: after, plan: resharded })).toEqual([mark({ orders: 3 })]);
  const copied = CopyPlan.empty.withTable('shop', 'orders', { state: 'done', generation: 4 });
  expect(stillIncomplete(marks, { shards: after, plan: copied })).toEqual([]);
});

test('marks travel in the position, and what is none is refused', () => {
  const position = new Position(shards).with({ incomplete: [mark({ orders: 1 })] });
  expect(Position.parse(JSON.stringify(position)).incomplete).toEqual([mark({ orders: 1 })]);
  expect(position.with({ shards }).incomplete).toEqual([mark({ orders: 1 })]);
  const json = { ...position.toJSON(), incomplete: [{ keyspace: 'shop' }] };
  expect(() => Position.parse(json)).toThrow('`incomplete` is not a list of marks');
  expect(JSON.stringify(new Position(shards))).not.toContain('incomplete');
});
