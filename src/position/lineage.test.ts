import { describe, expect, test } from 'vitest';
import { afterReshard, reshardsBehind } from './lineage.js';

const at = (shard: string, reshards?: number): { keyspace: string; shard: string; reshards?: number } => ({
  keyspace: 'k',
  shard,
  ...(reshards === undefined ? {} : { reshards }),
});
const entry = (shard: string): { keyspace: string; shard: string; gtid: string } => ({ keyspace: 'k', shard, gtid: `set of ${shard}` });

describe('reshards behind a shard', () => {
  test('a shard of the set has its own number, or that of all', () => {
    expect(reshardsBehind(at('-80'), [at('-80'), at('80-', 1)], 4)).toBe(4);
    expect(reshardsBehind(at('80-'), [at('-80'), at('80-', 1)], 4)).toBe(1);
  });

  test('one that joins has one more than those whose rows it takes over', () => {
    expect(reshardsBehind(at('40-80'), [at('-80', 2), at('80-', 7)], 0)).toBe(3);
    expect(reshardsBehind(at('-'), [at('-80', 2), at('80-', 7)], 0)).toBe(8);
    expect(reshardsBehind(at('-80'), [{ keyspace: 'other', shard: '-80', reshards: 9 }, at('0', 1)], 0)).toBe(2);
  });
});

test('a reshard of some shards leaves the numbers of the others as they were', () => {
  const once = afterReshard([entry('-80'), entry('80-')], [at('0')], 0);
  expect(once).toEqual([entry('-80'), entry('80-')]);
  const twice = afterReshard([entry('80-'), entry('-40'), entry('40-80')], once, 1);
  expect(twice).toEqual([{ ...entry('80-'), reshards: 1 }, entry('-40'), entry('40-80')]);
  const merged = afterReshard([entry('-')], twice, 2);
  expect(merged).toEqual([entry('-')]);
});
