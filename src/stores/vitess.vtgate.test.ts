/** The same suite over a real Vitess: `VSTREAM_TEST_VTGATE=host:port`, keyspaces `vstream` (unsharded) and `sharded`. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { delay, systemClock } from '../internal/clock.js';
import { must } from '../internal/must.js';
import { storeConformance } from '../testing/store-conformance.js';
import { createTransport } from '../transport/grpc.js';
import type { Transport } from '../transport/transport.js';
import { vitessStore } from './vitess.js';

const vtgate = process.env['VSTREAM_TEST_VTGATE'];

describe.skipIf(vtgate === undefined)('Vitess store on a real Vitess', () => {
  let transport: Transport;
  const table = `state_${process.pid}`;
  beforeAll(async () => {
    transport = createTransport({ vtgate: must(vtgate, 'VSTREAM_TEST_VTGATE') });
    await vitessStore(transport, { keyspace: 'vstream', table }).prepare();
  });
  afterAll(async () => {
    await transport.execute({ target: 'vstream@primary', text: `drop table if exists ${table}` });
    await transport.close();
  });
  const harness = {
    open: async () => vitessStore(transport, { keyspace: 'vstream', table }),
    // The lease ends by the clock of a real database.
    passTime: (ms: number) => delay(systemClock, ms),
  };
  for (const { title, run } of storeConformance) test(title, () => run(harness));

  test('a sharded keyspace is refused with the unsharded ones to choose from', async () => {
    await expect(vitessStore(transport, { keyspace: 'sharded', table }).prepare()).rejects.toMatchObject({
      code: 'STATE_KEYSPACE_INVALID',
      next: expect.stringContaining('vstream'),
    });
  });

  test('a missing keyspace is refused with the ones there are', async () => {
    await expect(vitessStore(transport, { keyspace: 'nope', table }).prepare()).rejects.toMatchObject({
      code: 'STATE_KEYSPACE_INVALID',
      message: expect.stringContaining('does not exist'),
    });
  });

  test('a table of something else is not taken for a state table', async () => {
    await expect(vitessStore(transport, { keyspace: 'commerce', table: 'product' }).prepare()).rejects.toMatchObject({
      code: 'STATE_FAILED',
      next: expect.stringContaining('another name'),
    });
  });
});
