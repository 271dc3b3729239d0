/** A consumer that stops, in front of a backlog larger than its memory may become: reading stops, the connection stays. */
import { expect, test } from 'vitest';
import type { EmbeddedVtgate } from '../../src/embedded/index.js';
import { LARGE_ROWS } from './backlog.js';
import { held, MEMORY_LIMIT } from './held.js';

/** Three renewals of the lease: the rest of the client goes on working. */
function renewals(vtgate: EmbeddedVtgate): Promise<void> {
  let left = 3;
  return new Promise((resolve) => {
    const stop = vtgate.engine.shard('vstream').server.onCommit(() => {
      left -= 1;
      if (left > 0) return;
      stop();
      resolve();
    });
  });
}

test.each([
  ['run', 200_000_000, renewals],
  ['loop', 150_000_000, () => Promise.resolve()],
] as const)('a held %s stays under 200 MB, keeps its connection, and then gets everything', async (way, bytes, pause) => {
  const { peakBytes, rows, reconnects, ...result } = await held({ way, backlogBytes: bytes, shapes: LARGE_ROWS, pause });
  expect(result).toMatchObject({ lost: 0, duplicated: 0, different: 0 });
  expect(result.backlogBytes).toBeGreaterThanOrEqual(bytes);
  expect(rows).toBe(bytes / 100_000);
  expect(peakBytes).toBeLessThan(MEMORY_LIMIT);
  // One stream all along: nobody lost the connection while holding.
  expect(reconnects).toBe(0);
});

test('one transaction of 150 MB in parts stays under 200 MB, held at its first part, and arrives whole', async () => {
  const shapes = [{ rows: 60_000, size: 2_500 }];
  const { peakBytes, rows, ...result } = await held({
    way: 'run',
    backlogBytes: 1,
    shapes,
    options: { hugeTransaction: 'split' },
    pause: renewals,
  });
  expect(result).toMatchObject({ backlogBytes: 150_000_000, reconnects: 0, lost: 0, duplicated: 0, different: 0 });
  expect(rows).toBe(60_000);
  expect(peakBytes).toBeLessThan(MEMORY_LIMIT);
});
