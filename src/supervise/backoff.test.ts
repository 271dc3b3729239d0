import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { createBackoff } from './backoff.js';

test('waits grow from half a second to half a minute, whatever the dice say', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), { minLength: 12, maxLength: 12 }), (dice) => {
      const backoff = createBackoff({ clock: new ManualClock(), random: () => dice[backoff.attempts - 1] ?? 0, budgetMs: Infinity });
      const waits = dice.map(() => backoff.next() ?? -1);
      const ceilings = waits.map((_, index) => Math.min(30_000, 1_000 * 2 ** index));
      return waits.every((wait, index) => wait >= Math.max(500, (ceilings[index] ?? 0) / 2) && wait <= (ceilings[index] ?? 0));
    }),
  );
});

test('the budget counts from the first failure since progress, and the last try comes at its end', async () => {
  const clock = new ManualClock();
  const backoff = createBackoff({ clock, random: () => 0, budgetMs: 10_000 });
  const at: number[] = [];
  for (let wait = backoff.next(); wait !== undefined; wait = backoff.next()) {
    await clock.advance(wait);
    at.push(clock.monotonic());
    if (at.length > 50) break;
    if (clock.monotonic() >= 10_000) await clock.advance(1);
  }
  expect(at.at(-1)).toBe(10_000);
  expect(at).toEqual([...new Set(at)]);
  expect(clock.monotonic()).toBe(10_001);
  backoff.reset();
  expect(backoff.next()).toBe(500);
  expect(backoff.attempts).toBe(1);
});
