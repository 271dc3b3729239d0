/** A consumer that stops, in front of a backlog far larger than its memory may become: reading stops, the connection stays. */
import { expect, onTestFinished, test } from 'vitest';
import { startEmbeddedVtgate } from '../../src/embedded/index.js';
import { Child } from './child.js';

const PAYLOAD = 'x'.repeat(100_000);
/** The promise of the design, for the whole life of the process. */
const LIMIT = 200 * 2 ** 20;

test.each([
  ['run', 3_000],
  ['loop', 1_500],
] as const)('a held %s stays under 200 MB, keeps its connection, and then gets everything', { timeout: 60_000 }, async (way, rows) => {
  const item = {
    columns: [
      { name: 'id', type: 'bigint', key: true },
      { name: 'payload', type: 'mediumtext' },
    ],
  };
  await using vtgate = await startEmbeddedVtgate({ keyspaces: { shop: { tables: { item } } } });
  const client = new Child({ address: vtgate.address, way, rows }, 'memory.mjs');
  onTestFinished(() => client[Symbol.asyncDispose]());
  await client.until('started');
  for (let id = 0; id < rows; id++)
    vtgate.engine.transaction('shop', '0', [{ op: 'insert', table: 'item', row: { id, payload: PAYLOAD } }]);
  await client.until('holding');
  await vtgate.blocked();
  // Held through three renewals of its lease: the rest of the client goes on working.
  if (way === 'run') await client.until('renewed', client.count('renewed') + 3);
  expect(vtgate.openStreams).toBe(1);
  client.say('open');
  const { done, peakBytes } = await client.until('done');
  expect(done).toBe(rows);
  expect(Number(peakBytes)).toBeLessThan(LIMIT);
  // One stream all along: nobody lost the connection while holding.
  expect(vtgate.requests).toHaveLength(1);
});
