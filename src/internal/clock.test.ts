import { expect, test, vi } from 'vitest';
import { systemClock } from './clock.js';

test('a time of months is no time at all to Node, and 24 days here: a drain limit of 30d must not end at once', () => {
  const set = vi.spyOn(globalThis, 'setTimeout');
  try {
    systemClock.after(30 * 86_400_000, () => {})();
    expect(set.mock.calls.map(([, ms]) => ms)).toEqual([2 ** 31 - 1]);
  } finally {
    set.mockRestore();
  }
});
