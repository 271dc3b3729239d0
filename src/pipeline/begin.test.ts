import { expect, test } from 'vitest';
import { Position } from '../position/position.js';
import { configText, decideBegin, homeIn, type BeginInput } from './begin.js';

const at = (n: number): Position =>
  new Position([{ keyspace: 'k', shard: '0', gtid: `MySQL56/11111111-1111-1111-1111-111111111111:1-${n}` }]);
const storing = { position: 'stored', deletes: true, sweep: true, schema: 'evolve' } as const;
const external = { ...storing, position: 'external' } as const;
const input = (more: Partial<BeginInput>): BeginInput => ({
  name: 'orders',
  incarnation: 'life-2',
  statePosition: undefined,
  capabilities: storing,
  sinkPosition: undefined,
  sinkIncarnation: undefined,
  ...more,
});

test('the state row says who keeps the position, and rows of earlier releases say nothing', () => {
  for (const capabilities of [storing, external]) expect(homeIn(configText(capabilities))).toBe(capabilities.position);
  for (const config of [undefined, '', 'c1', '{}']) expect(homeIn(config)).toBeUndefined();
});

test('a sink that stores positions is the only authority, also when the state row is ahead or behind', () => {
  for (const statePosition of [undefined, at(5), at(50)]) {
    const begin = decideBegin(input({ statePosition, sinkPosition: at(10), sinkIncarnation: 'life-2' }));
    expect(begin).toEqual({ position: at(10), home: 'sink', earlier: undefined });
  }
});

test('a sink without positions leaves it to the state row', () => {
  expect(decideBegin(input({ capabilities: external, statePosition: at(5) }))).toMatchObject({ position: at(5), home: 'state' });
  expect(decideBegin(input({ capabilities: external }))).toMatchObject({ position: undefined, home: 'none' });
});

test('an empty sink beside an advanced state row is a conflict, not a hole', () => {
  expect(() => decideBegin(input({ statePosition: at(5) }))).toThrow(
    expect.objectContaining({ code: 'POSITION_CONFLICT', category: 'position' }),
  );
});

test('a sink of another life beside an advanced state row is a conflict', () => {
  expect(() => decideBegin(input({ statePosition: at(5), sinkPosition: at(9), sinkIncarnation: 'life-1' }))).toThrow(/another life/);
});

test('after a reset the rows of the earlier life count: its generations are used up', () => {
  expect(decideBegin(input({ sinkPosition: at(9), sinkIncarnation: 'life-1' }))).toEqual({
    position: undefined,
    home: 'none',
    earlier: at(9),
  });
});
