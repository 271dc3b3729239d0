/** `source.socket: 'thread'` seen from outside: the same changes, and a connection that survives a blocked event loop. */
import { expect, onTestFinished, test } from 'vitest';
import { type EmbeddedVtgate, startEmbeddedVtgate } from '../../src/embedded/index.js';
import { Child } from './child.js';

const item = {
  columns: [
    { name: 'id', type: 'bigint', key: true },
    { name: 'payload', type: 'mediumtext' },
  ],
  rows: Array.from({ length: 500 }, (_, id) => ({ id: id + 1, payload: 'x'.repeat(id * 10) })),
};

function client(vtgate: EmbeddedVtgate, options: object): Child {
  const child = new Child({ address: vtgate.address, ...options }, 'socket.mjs');
  onTestFinished(() => child[Symbol.asyncDispose]());
  return child;
}

const insert = (vtgate: EmbeddedVtgate, id: number, payload = ''): void =>
  void vtgate.engine.transaction('shop', '0', [{ op: 'insert', table: 'item', row: { id, payload } }]);

test('copy and replication bring the same changes in the same order, whatever thread holds the socket', async () => {
  await using vtgate = await startEmbeddedVtgate({ keyspaces: { shop: { tables: { item } } } });
  const clients = [client(vtgate, { socket: 'main' }), client(vtgate, { socket: 'thread' })];
  for (const one of clients) await one.until('copied');
  for (let id = 1_000; id < 1_300; id += 1) insert(vtgate, id, 'y'.repeat(id));
  vtgate.engine.transaction('shop', '0', [
    { op: 'update', table: 'item', where: { id: 7 }, set: { payload: 'changed' } },
    { op: 'delete', table: 'item', where: { id: 8 } },
  ]);
  insert(vtgate, -1);
  const [main, thread] = await Promise.all(clients.map((one) => one.until('done')));
  expect(main?.['done']).toHaveLength(500 + 300 + 2 + 1);
  expect(thread?.['done']).toEqual(main?.['done']);
  expect(await Promise.all(clients.map((one) => one.exited))).toEqual(clients.map(() => ({ code: 0, signal: null })));
});

test.each([
  ['main', false],
  ['thread', true],
] as const)(
  'a handler that blocks the event loop for longer than the server waits, socket in %s: the connection survives: %s',
  async (socket, survives) => {
    // VTGate waits 10 s for the answer to a ping; here that is one.
    await using vtgate = await startEmbeddedVtgate({
      keyspaces: { shop: { tables: { item } } },
      keepalive: { everyMs: 200, timeoutMs: 1_000 },
    });
    const one = client(vtgate, { socket, blockMs: 2_500 });
    await one.until('copied');
    insert(vtgate, 1_000);
    await one.until('blocking');
    for (let id = 1_001; id < 1_400; id += 1) insert(vtgate, id, 'z'.repeat(10_000));
    // Behind the block: what arrived before a cut could still be read.
    await one.until('awake');
    insert(vtgate, -1);
    const { done } = await one.until('done');
    expect(done).toHaveLength(500 + 400 + 1);
    expect(vtgate.requests.length === 1).toBe(survives);
  },
);
