import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Away } from './away.js';

test('counts what lies behind a time, and nothing before the stream was opened', () => {
  const away = new Away(1_000);
  away.add(500, 1_500);
  away.add(10_000, 13_000);
  expect([0, 1_499, 1_500, 9_000, 13_000, 20_000].map((at) => away.since(at))).toEqual([3_500, 3_500, 3_000, 3_000, 0, 0]);
});

test('is exact to a second a mark for recent times, and never less than it was for old ones, however often the consumer is busy', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(3_000), fc.nat(3_000)), { maxLength: 3_000 }), fc.nat(), (spells, pick) => {
      const away = new Away(0);
      const ends: { at: number; total: number }[] = [{ at: 0, total: 0 }];
      let now = 0;
      let total = 0;
      for (const [listening, busy] of spells) {
        const since = now + listening;
        now = since + busy;
        total += busy;
        away.add(since, now);
        ends.push({ at: now, total });
      }
      const { at, total: before } = ends[pick % ends.length] as { at: number; total: number };
      const exact = total - before;
      const said = away.since(at);
      // Spells that end within a second of each other are one.
      expect(said).toBeGreaterThanOrEqual(exact - 1_000);
      if (ends.length < 128) expect(said).toBeLessThanOrEqual(exact + 1_000);
    }),
  );
});
