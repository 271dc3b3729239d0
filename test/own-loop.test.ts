/** Own loops over `vstream()`: what they may do, and where their position is kept. */
import { expect, test } from 'vitest';
import type { EmbeddedVtgate } from '../src/embedded/index.js';
import { startEmbeddedVtgate } from '../src/embedded/index.js';
import { VStreamError } from '../src/errors.js';
import { silentLogger } from '../src/observe/logger.js';
import { run, start as begin } from '../src/pipeline/start.js';
import { vstream } from '../src/pipeline/vstream.js';
import type { Position } from '../src/position/position.js';
import { memoryStore } from '../src/stores/memory.js';

const columns = [
  { name: 'id', type: 'bigint', key: true },
  { name: 'item', type: 'varchar(20)' },
];
const start = (): Promise<EmbeddedVtgate> =>
  startEmbeddedVtgate({
    keyspaces: {
      shop: { tables: { orders: { columns, rows: [{ id: 1, item: 'tea' }] } } },
      vstream: {},
      depot: { tables: { orders: { columns, rows: [{ id: 1, item: 'shelf' }] } } },
    },
  });

async function failure(promise: Promise<unknown>): Promise<VStreamError> {
  return promise.then(
    () => expect.fail('it did not fail'),
    (error: VStreamError) => error,
  );
}

test('a second loop over one stream is refused', async () => {
  await using vtgate = await start();
  await using stream = vstream({ source: { vtgate: vtgate.address, keyspace: 'shop' }, until: 'copied' });
  const first = stream[Symbol.asyncIterator]();
  expect(() => stream[Symbol.asyncIterator]()).toThrow('already being iterated');
  await first.return?.();
});

test('closing before the first iteration makes no request, and the loop then ends at once', async () => {
  await using vtgate = await start();
  const stream = vstream({ source: { vtgate: vtgate.address, keyspace: 'shop' } });
  await stream.close();
  await stream.close();
  for await (const batch of stream) expect.fail(`a batch of kind ${batch.kind}`);
  expect(vtgate.requests).toEqual([]);
});

test('one table name in two keyspaces is two tables', async () => {
  await using vtgate = await start();
  const rows: string[] = [];
  const stream = vstream({
    source: { vtgate: vtgate.address },
    tables: { 'shop.orders': true, 'depot.orders': true },
    until: 'copied',
  });
  for await (const batch of stream) {
    for (const { after } of batch.of('shop.orders')) rows.push(`shop ${String(after?.['item'])}`);
    for (const { after } of batch.of('depot.orders')) rows.push(`depot ${String(after?.['item'])}`);
  }
  expect(rows.toSorted()).toEqual(['depot shelf', 'shop tea']);
});

test('iterating acknowledges nothing; commit stores, and the next loop goes on from there', async () => {
  await using vtgate = await start();
  const options = {
    source: { vtgate: vtgate.address, keyspace: 'shop' },
    name: 'loop',
    state: memoryStore(),
    until: 'now' as const,
  };
  const copied = async (commit: boolean): Promise<number> => {
    await using stream = vstream(options);
    let rows = 0;
    for await (const batch of stream) {
      rows += batch.changes.length;
      if (commit) await stream.commit(batch);
    }
    return rows;
  };
  expect(await copied(false)).toBe(1);
  expect(await copied(true)).toBe(1);
  expect(await copied(false)).toBe(0);
});

test('a commit without a place, of an older batch or of another stream is refused', async () => {
  await using vtgate = await start();
  const source = { vtgate: vtgate.address, keyspace: 'shop' };
  const batches = [];
  await using plain = vstream({ source, until: 'copied' });
  for await (const batch of plain) batches.push(batch);
  const [stranger] = batches;
  if (!stranger) throw new Error('nothing was copied');
  expect((await failure(plain.commit(stranger))).message).toBe('commit() needs somewhere to store');

  await using stream = vstream({ source, name: 'loop', state: memoryStore(), until: 'copied' });
  let first: { readonly position: Position } | undefined;
  for await (const batch of stream) {
    await stream.commit(batch);
    first ??= batch;
    if (batch.position !== first.position)
      expect((await failure(stream.commit(first as typeof batch))).message).toBe('a later batch is committed already');
  }
  expect((await failure(stream.commit(stranger as never))).message).toBe('this batch is not of this stream');
});

test('a position given again replays what came after it, and stores nothing', async () => {
  await using vtgate = await start();
  const source = { vtgate: vtgate.address, keyspace: 'shop' };
  const positions: Position[] = [];
  for await (const batch of vstream({ source, until: 'copied' })) positions.push(batch.position);
  const from = positions.at(-1);
  if (!from) throw new Error('nothing was copied');
  vtgate.engine.write('shop', [{ op: 'insert', table: 'orders', row: { id: 2, item: 'cup' } }]);
  for (let run = 0; run < 2; run++) {
    const items: unknown[] = [];
    for await (const batch of vstream({ source, from, until: 'now' })) for (const { after } of batch.changes) items.push(after?.['item']);
    expect(items).toEqual(['cup']);
  }
});

test('a state row deleted under a run fences it, and the next run replays what was not stored', async () => {
  await using vtgate = await start();
  const seen: string[] = [];
  const options = {
    name: 'deleted',
    source: { vtgate: vtgate.address, keyspace: 'shop' },
    state: { keyspace: 'vstream', table: 'streams' },
    until: 'copied' as const,
  };
  let deleted = false;
  const sink = async ({ changes }: { readonly changes: readonly { readonly op: string }[] }): Promise<void> => {
    for (const { op } of changes) seen.push(op);
    if (deleted || changes.length === 0) return;
    deleted = true;
    vtgate.engine.write('vstream', [{ op: 'delete', table: 'streams', where: { name: 'deleted' } }]);
  };
  expect(await failure(run({ ...options, sink }))).toMatchObject({ code: 'FENCED', category: 'fatal' });
  await run({ ...options, sink });
  expect(seen).toEqual(['copy', 'copy']);
});

test('minimal row images are refused before the first request, naming the shard', async () => {
  await using vtgate = await start();
  vtgate.engine.variables['binlog_row_image'] = 'MINIMAL';
  const loop = async (): Promise<void> => {
    for await (const batch of vstream({ source: { vtgate: vtgate.address, keyspace: 'shop' } })) expect.fail(batch.kind);
  };
  expect(await failure(loop())).toMatchObject({ code: 'ROW_IMAGE_REFUSED', keyspace: 'shop', shard: '0' });
  expect(vtgate.requests).toEqual([]);
});

test('a commit behind the end of the loop says so: its lease is gone, and no other process is to blame', async () => {
  await using vtgate = await start();
  const options = { source: { vtgate: vtgate.address, keyspace: 'shop' }, name: 'late', state: memoryStore(), until: 'copied' as const };
  const stream = vstream(options);
  const batches = [];
  for await (const batch of stream) batches.push(batch);
  const last = batches.at(-1);
  if (!last) throw new Error('nothing was copied');
  expect(await failure(stream.commit(last))).toMatchObject({
    code: 'CONFIG_INVALID',
    message: 'the loop has ended, and its lease with it',
  });
});

test('what ended a loop is told by its state, after the process is gone as well', async () => {
  await using vtgate = await start();
  const state = memoryStore();
  const stream = vstream({ source: { vtgate: vtgate.address, keyspace: 'shop' }, name: 'ended', state });
  const loop = async (): Promise<void> => {
    for await (const batch of stream) {
      if (batch.progress?.type === 'copy-completed') vtgate.faults.failWith(2, 'position of minimal binlog_row_image');
    }
  };
  expect(await failure(loop())).toMatchObject({ code: 'ROW_IMAGE_REFUSED' });
  expect(stream.stats()).toMatchObject({ state: 'failed', lastError: { code: 'ROW_IMAGE_REFUSED' } });
  expect(JSON.parse((await state.read('ended'))?.lastError ?? 'null')).toMatchObject({ code: 'ROW_IMAGE_REFUSED' });
});

test('a run that was refused before it began answers who wants to pause it', async () => {
  const running = begin({
    name: 'refused',
    source: { vtgate: 'localhost:1', keyspace: 'shop' },
    state: memoryStore(),
    sink: async () => {},
    onPurged: 'recopy',
  });
  expect(await failure(running.pause())).toMatchObject({ code: 'SINK_UNSUPPORTED' });
  expect(await failure(running.finished)).toMatchObject({ code: 'SINK_UNSUPPORTED' });
});

test('a claim whose answer was lost is found again as its own: nobody waits for a lease of himself', async () => {
  await using vtgate = await start();
  const store = memoryStore();
  let claims = 0;
  const state: typeof store = {
    ...store,
    claim: async (...of) => {
      const result = await store.claim(...of);
      if (++claims === 1) throw new VStreamError('QUERY_FAILED', 'the answer was lost', { category: 'retry' });
      return result;
    },
  };
  const source = { vtgate: vtgate.address, keyspace: 'shop' };
  const summary = await run({ name: 'once', source, state, sink: async () => {}, wait: false, until: 'copied', logger: silentLogger });
  expect(summary.rows).toBe(1);
  expect(claims).toBe(2);
});
