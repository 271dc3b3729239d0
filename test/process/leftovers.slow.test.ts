/** However a stream ends, nothing of it stays in the process or at the server. */
import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type EmbeddedVtgate, startEmbeddedVtgate } from '../../src/embedded/index.js';
import { type SinkServer, startSinkServer } from '../../src/testing/sink-server.js';

const SCRIPT = fileURLToPath(new URL('./leftovers.mjs', import.meta.url));
const WAYS = [...readFileSync(SCRIPT, 'utf8').matchAll(/^ {2}(?:async )?'([^']+)'/gm)].map(([, way = '']) => way);

interface Left {
  readonly before: { readonly resources: object; readonly listeners: object };
  readonly after: { readonly resources: object; readonly listeners: object };
  readonly abortListeners: number;
}

let vtgate: EmbeddedVtgate;
let sink: SinkServer;
beforeAll(async () => {
  const item = { columns: [{ name: 'id', type: 'bigint', key: true }], rows: [{ id: 1 }, { id: 2 }] };
  vtgate = await startEmbeddedVtgate({ keyspaces: { vstream: {}, shop: { tables: { item } } } });
  sink = await startSinkServer();
});
afterAll(async () => {
  await sink.close();
  await vtgate.close();
});

test('every way to use the client is tried', () => {
  expect(WAYS.length).toBeGreaterThan(12);
});

test.each(WAYS)('%s leaves no handle, timer, listener, stream or connection', async (way) => {
  const child = fork(SCRIPT, [JSON.stringify({ way, address: vtgate.address, sink: sink.address })], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const told: Left[] = [];
  child.on('message', (message) => told.push(message as Left));
  // It ends by itself, or this test runs into its limit.
  onTestFinished(() => void child.kill('SIGKILL'));
  const code = await new Promise((resolve) => child.once('exit', resolve));
  expect(code).toBe(0);
  const [left] = told;
  expect(left?.after).toEqual(left?.before);
  expect(left?.abortListeners).toBe(0);
  await vtgate.idle();
  expect([vtgate.openStreams, vtgate.openConnections, sink.connections]).toEqual([0, 0, 0]);
  // Its lease is free, or was never taken.
  const states = vtgate.engine.shard('vstream').tables.has('streams') ? vtgate.engine.rows('vstream', 'streams') : [];
  expect(states.filter((row) => row['name'] === way && row['owner'] !== null)).toEqual([]);
});
