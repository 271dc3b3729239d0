import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { systemClock, type Clock } from '../internal/clock.js';
import { storeConformance, type StoreHarness } from '../testing/store-conformance.js';
import { fileStore } from './file.js';
import { memoryStore } from './memory.js';

/** Time that stands still until it is told to pass; waiting (for a lock) is real. */
function handClock(): Clock & { pass(ms: number): void } {
  let offset = 0;
  return {
    now: () => Date.UTC(2026, 0, 1) + offset,
    monotonic: () => offset,
    after: (ms, fn, ref) => systemClock.after(ms, fn, ref),
    pass: (ms) => {
      offset += ms;
    },
  };
}

function suite(makeHarness: () => Promise<StoreHarness>): void {
  let harness: StoreHarness;
  beforeAll(async () => {
    harness = await makeHarness();
  });
  for (const { title, run } of storeConformance) test(title, () => run(harness));
}

describe('memory store', () => {
  suite(async () => {
    const clock = handClock();
    const store = memoryStore({ clock });
    return { open: async () => store, passTime: (ms) => clock.pass(ms) };
  });
});

describe('file store', () => {
  let folder = '';
  afterAll(() => rm(folder, { recursive: true, force: true }));
  suite(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vstream-state-'));
    const clock = handClock();
    return { open: async () => fileStore({ path: join(folder, 'made', 'on demand'), clock }), passTime: (ms) => clock.pass(ms) };
  });
});
