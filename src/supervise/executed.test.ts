import { expect, test } from 'vitest';
import { must } from '../internal/must.js';
import { parseGtidSet, type GtidSet } from '../position/gtid.js';
import { ExecutedWatch } from './executed.js';

const to = (n: number): GtidSet => must(parseGtidSet(`aaaaaaaa-0000-0000-0000-000000000001:1-${n}`), 'a set');

test('nothing is known before the first poll', () => {
  const watch = new ExecutedWatch();
  watch.received(to(5));
  expect(watch.signs()).toBeUndefined();
});

test('what was executed before a poll and has arrived is not missing', () => {
  const watch = new ExecutedWatch();
  watch.received(to(5));
  watch.polled(to(5), 100);
  expect(watch.signs()).toEqual({ missing: 0n, missingSince: undefined });
  watch.received(to(9));
  expect(watch.signs()).toEqual({ missing: 0n, missingSince: undefined });
});

test('missing counts from the poll that first saw it, until the position reaches that poll', () => {
  const watch = new ExecutedWatch();
  watch.received(to(5));
  watch.polled(to(7), 100);
  watch.polled(to(9), 200);
  expect(watch.signs()).toEqual({ missing: 4n, missingSince: 100 });
  watch.received(to(6));
  expect(watch.signs()).toEqual({ missing: 3n, missingSince: 100 });
  watch.received(to(8));
  expect(watch.signs()).toEqual({ missing: 1n, missingSince: 200 });
  watch.received(to(9));
  expect(watch.signs()).toEqual({ missing: 0n, missingSince: undefined });
});

test('a busy shard that keeps up never has something missing for long', () => {
  const watch = new ExecutedWatch();
  for (let second = 0; second < 600; second += 1) {
    watch.polled(to(100 * second + 50), second * 1_000);
    watch.received(to(100 * second + 40));
    const since = watch.signs()?.missingSince;
    if (since !== undefined) expect(second * 1_000 - since).toBeLessThanOrEqual(1_000);
  }
});
