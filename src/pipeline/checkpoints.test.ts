import { expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { Position } from '../position/position.js';
import type { StatePatch } from '../stores/store.js';
import { Checkpoints } from './checkpoints.js';

const at = (n: number): Position =>
  new Position([{ keyspace: 'k', shard: '0', gtid: `MySQL56/11111111-1111-1111-1111-111111111111:1-${n}` }]);

function setUp() {
  const clock = new ManualClock();
  const written: Position[] = [];
  const offered: Position[] = [];
  const note = (list: Position[]) => (patch: StatePatch) => void (patch.position && list.push(patch.position));
  const ownership = { write: async (patch: StatePatch) => note(written)(patch), offer: note(offered) };
  return { clock, written, offered, checkpoints: new Checkpoints(ownership, clock, 1_000) };
}

test('positions are written at their own pace, whatever the number of batches', async () => {
  const { clock, written, checkpoints } = setUp();
  for (let n = 1; n <= 50; n++) {
    await checkpoints.reached(at(n), 'due');
    await clock.advance(100);
  }
  // At 0, 1, … 5 s.
  expect(written.length).toBe(6);
  expect(checkpoints.position).toEqual(at(50));
});

test('the last of several batches is written as well when nothing comes behind it', async () => {
  const { clock, written, checkpoints } = setUp();
  await checkpoints.reached(at(1), 'due');
  await clock.advance(400);
  await checkpoints.reached(at(2), 'due');
  await checkpoints.reached(at(3), 'due');
  expect(written).toEqual([at(1)]);
  await clock.advance(600);
  expect(written).toEqual([at(1), at(3)]);
  await clock.advance(60_000);
  expect(written).toEqual([at(1), at(3)]);
});

test('nothing is written behind the end', async () => {
  const { clock, written, checkpoints } = setUp();
  await checkpoints.reached(at(1), 'due');
  await checkpoints.reached(at(2), 'due');
  checkpoints.offer();
  await clock.advance(60_000);
  expect(written).toEqual([at(1)]);
});

test('without rows a position causes no write of its own: it travels with the next renewal (G41)', async () => {
  const { clock, written, offered, checkpoints } = setUp();
  await checkpoints.reached(at(1), 'due');
  for (let n = 2; n <= 20; n++) {
    await clock.advance(10_000);
    await checkpoints.reached(at(n), 'renewal');
  }
  expect(written).toEqual([at(1)]);
  expect(offered.at(-1)).toEqual(at(20));
});

test('the end writes what is not written yet, once', async () => {
  const { written, checkpoints } = setUp();
  await checkpoints.reached(at(1), 'due');
  await checkpoints.reached(at(2), 'due');
  await checkpoints.flush();
  await checkpoints.flush();
  expect(written).toEqual([at(1), at(2)]);
});

test('a reshard is written at once, with rows or without: the old shards may be deleted any time (G127)', async () => {
  const { written, checkpoints } = setUp();
  await checkpoints.reached(at(1), 'due');
  const resharded = at(2).with({ reshards: 1 });
  await checkpoints.reached(resharded, 'renewal');
  await checkpoints.reached(at(3).with({ reshards: 1 }), 'due');
  expect(written).toEqual([at(1), resharded]);
});

test('what the next rows depend on is written before them, however short ago the last write was', async () => {
  const { written, checkpoints } = setUp();
  await checkpoints.reached(at(1), 'due');
  await checkpoints.reached(at(2), 'now');
  await checkpoints.reached(at(3), 'due');
  expect(written).toEqual([at(1), at(2)]);
});
