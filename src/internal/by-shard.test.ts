import { expect, test } from 'vitest';
import { ByShard } from './by-shard.js';

test('what was set last for a shard is found, also where names would run together, and nothing after it was cleared', () => {
  const shards = new ByShard<string>();
  expect(shards.get('a', 'b/c')).toBeUndefined();
  shards.set('a', 'b/c', 'one');
  shards.set('a/b', 'c', 'two');
  expect([shards.get('a', 'b/c'), shards.get('a/b', 'c'), shards.get('a', 'c')]).toEqual(['one', 'two', undefined]);
  shards.set('a/b', 'c', 'three');
  expect([shards.get('a/b', 'c'), ...shards.values()]).toEqual(['three', 'one', 'three']);
  shards.delete('a/b', 'c');
  expect([shards.get('a/b', 'c'), ...shards.values()]).toEqual([undefined, 'one']);
  shards.clear();
  expect([shards.get('a', 'b/c'), ...shards.values()]).toEqual([undefined]);
});
