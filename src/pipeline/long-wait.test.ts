import { expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { deferred } from '../internal/async.js';
import { sayingHowLong } from './long-wait.js';

const MINUTE = 60_000;

test('work that hangs is told of after 1, 2, 4, 8 and 16 minutes, then every 10, until it ends', async () => {
  const clock = new ManualClock();
  const work = deferred<string>();
  const said: number[] = [];
  const waiting = sayingHowLong(work.promise, clock, (seconds) => said.push(seconds / 60));
  await clock.advance(50 * MINUTE);
  expect(said).toEqual([1, 2, 4, 8, 16, 26, 36, 46]);
  work.resolve('done');
  expect(await waiting).toBe('done');
  expect(clock.pending).toEqual([]);
});

test('work that fails leaves no timer, and its error is passed on', async () => {
  const clock = new ManualClock();
  await expect(sayingHowLong(Promise.reject(new Error('no')), clock, () => {})).rejects.toThrow('no');
  expect(clock.pending).toEqual([]);
});
