import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deferred } from '../internal/async.js';
import { silentLogger } from '../observe/logger.js';
import { BatchBuilder, tableVersion } from './batch-builder.js';
import { sinkConformance } from './sink-conformance.js';
import { startSinkServer, type SinkServer } from './sink-server.js';
import { socketSink } from './socket-sink.js';

const signal = new AbortController().signal;
const identity = { name: 'orders', incarnation: '00000000-0000-4000-8000-000000000009', logger: silentLogger, signal };

describe('the socket sink conforms', () => {
  let server: SinkServer;
  beforeAll(async () => {
    server = await startSinkServer();
  });
  afterAll(() => server.close());
  const harness = {
    create: () => socketSink(server.address),
    read: async (table: { keyspace: string; table: string }) => server.rows(table),
  };
  for (const { title, run } of sinkConformance()) test(title, () => run(harness));
});

test('every call is written down, with the epoch it came under and why it was refused', async () => {
  await using server = await startSinkServer();
  const [old, successor] = [socketSink(server.address), socketSink(server.address)];
  const orders = tableVersion('shop.orders', { id: 'bigint key' });
  const batches = new BatchBuilder('shop');
  await old.open({ ...identity, epoch: 1n });
  await old.apply(batches.copy(orders, '0', [{ id: 1n }, { id: 2n }]), { epoch: 1n, signal });
  await successor.open({ ...identity, epoch: 2n });
  await expect(old.apply(batches.copy(orders, '0', [{ id: 3n }]), { epoch: 1n, signal })).rejects.toMatchObject({ code: 'FENCED' });
  expect(server.audit).toEqual([
    { stream: 'orders', method: 'open', epoch: 1n, changes: 0, refused: undefined },
    { stream: 'orders', method: 'apply', epoch: 1n, changes: 2, refused: undefined },
    { stream: 'orders', method: 'open', epoch: 2n, changes: 0, refused: undefined },
    { stream: 'orders', method: 'apply', epoch: 1n, changes: 1, refused: 'FENCED' },
  ]);
  expect(server.stored('orders')?.epoch).toBe(2n);
  expect(server.rows({ keyspace: 'shop', table: 'orders' })).toHaveLength(2);
  await Promise.all([old.close(), successor.close()]);
});

test('a lost connection is a passing error, and the next call makes a new one under the same epoch', async () => {
  const held = deferred();
  const reached = deferred();
  await using server = await startSinkServer({
    before: async ({ method }) => {
      if (method !== 'apply') return;
      reached.resolve();
      await held.promise;
    },
  });
  const sink = socketSink(server.address);
  await sink.open({ ...identity, epoch: 1n });
  const orders = tableVersion('shop.orders', { id: 'bigint key' });
  const batches = new BatchBuilder('shop');
  const applying = sink.apply(batches.copy(orders, '0', [{ id: 1n }]), { epoch: 1n, signal });
  await reached.promise;
  server.disconnect();
  await expect(applying).rejects.toMatchObject({ code: 'SINK_FAILED', category: 'retry' });
  held.resolve();
  await sink.apply(batches.copy(orders, '0', [{ id: 2n }]), { epoch: 1n, signal });
  expect(server.audit.filter((one) => one.method === 'open')).toHaveLength(2);
  await sink.close();
});

test('a server that is not there is one error that names it', async () => {
  const server = await startSinkServer();
  await server.close();
  const sink = socketSink(server.address);
  await expect(sink.open({ ...identity, epoch: 1n })).rejects.toMatchObject({
    code: 'SINK_FAILED',
    message: expect.stringContaining(server.address) as string,
  });
  await sink.close();
});
