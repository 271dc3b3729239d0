import { expect, test } from 'vitest';
import type { ShardName } from '../sql/topology.js';
import { resumedShards } from './resumed-shards.js';

/** `shop/-80 depot/0` */
const named = (text: string): ShardName[] =>
  text.split(' ').map((one) => {
    const [keyspace = '', shard = ''] = one.split('/');
    return { keyspace, shard };
  });
const resumed = (known: string, selected: string, chosen = false) => {
  const { shards, left } = resumedShards(named(known), { shards: named(selected), named: chosen });
  return { shards: shards.map(({ keyspace, shard }) => `${keyspace}/${shard}`).join(' '), left: left.join(' ') };
};
const refusal = (known: string, selected: string, chosen: boolean): unknown => {
  try {
    return resumed(known, selected, chosen);
  } catch (error) {
    return error;
  }
};

test.each([
  ['as they were', 'shop/-80 shop/80-', 'shop/-80 shop/80-', 'shop/-80 shop/80-'],
  ['also after a reshard that the stream has not seen', 'shop/-80 shop/80-', 'shop/-40 shop/40-80 shop/80-', 'shop/-80 shop/80-'],
  ['with a new keyspace', 'shop/0', 'depot/-80 depot/80- shop/0', 'depot/-80 depot/80- shop/0'],
])('the shards of a position stay, %s', (_, known, selected, wanted) => {
  expect(resumed(known, selected)).toEqual({ shards: wanted, left: '' });
});

test('shards that were chosen, and split since, go on from the one the position knows', () => {
  expect(resumed('shop/-80', 'shop/-40 shop/40-80', true).shards).toBe('shop/-80');
});

test('a keyspace selected no longer is told of, and leaves the stream', () => {
  expect(resumed('shop/-80 shop/80- depot/0', 'shop/-80 shop/80-')).toEqual({ shards: 'shop/-80 shop/80-', left: 'depot' });
});

test.each([
  ['shards that join', 'shop/-40', 'shop/-40 shop/40-80 shop/80-', true, 'no place on shop/40-80, shop/80-, only on -40', undefined],
  ['a shard that leaves', 'shop/-80 shop/80-', 'shop/-80', true, 'is also on shop/80-, and `source.shards` names only -80', '80-'],
  ['half of one that was split', 'shop/-80', 'shop/-40', true, 'the position is also on shop/-80', '-80'],
  ['other keyspaces', 'shop/0', 'depot/0', false, 'is of keyspace shop, and the stream selects tables of depot only', undefined],
])('%s are refused by name, with the next step', (_, known, selected, chosen, message, shard) => {
  const error = refusal(known, selected, chosen);
  expect(error).toMatchObject({
    code: 'POSITION_INVALID',
    message: expect.stringContaining(message) as string,
    next: expect.stringContaining('vstream state reset NAME') as string,
  });
  expect((error as { shard?: string }).shard).toBe(shard);
});
