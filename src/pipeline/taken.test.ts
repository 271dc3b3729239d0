/** When a request counts as taken: not before what it changed is stored. */
import { expect, test } from 'vitest';
import { Taken } from './taken.js';

function watched(taken: Taken): { applied: () => void; readonly done: () => Promise<boolean> } {
  let applied = (): void => undefined;
  let isDone = false;
  void taken.wait((callback) => (applied = callback)).then(() => (isDone = true));
  return {
    applied: () => applied(),
    done: async () => {
      await Promise.resolve();
      return isDone;
    },
  };
}

test('a change is taken with the first batch that was asked for after it, not with those before', async () => {
  const taken = new Taken();
  const before = taken.asked();
  const change = watched(taken);
  const after = taken.asked();
  change.applied();
  taken.stored(before);
  expect(await change.done()).toBe(false);
  taken.stored(after);
  expect(await change.done()).toBe(true);
});

test('a change the plan does not hold yet is not taken by any batch', async () => {
  const taken = new Taken();
  const change = watched(taken);
  taken.stored(taken.asked());
  expect(await change.done()).toBe(false);
  taken.asked();
  change.applied();
  taken.stored(2);
  expect(await change.done()).toBe(true);
});
