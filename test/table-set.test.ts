/** The set of tables changed under a running stream: one added, one removed, one copied again, while the others go on. */
import { expect, test } from 'vitest';
import { startEmbeddedVtgate } from '../src/embedded/index.js';
import { type CheckpointStore, memoryStore, type RunOptions, type Sink, start, type StateRequest, vstream } from '../src/index.js';
import { WatchedSink } from './support/watched-sink.js';

const columns = [
  { name: 'id', type: 'bigint', key: true },
  { name: 'v', type: 'varchar(40)' },
];
const rowsOf = (name: string) => Array.from({ length: 30 }, (_, id) => ({ id, v: `${name} ${id}` }));

async function world(capabilities: Partial<Sink['capabilities']> = {}) {
  const tables = Object.fromEntries(['first', 'second'].map((name) => [name, { columns, rows: rowsOf(name) }]));
  const vtgate = await startEmbeddedVtgate({
    keyspaces: { shop: { shards: ['-80', '80-'], tables }, depot: { tables } },
    packetBytes: 120,
  });
  const sink = new WatchedSink(undefined, capabilities);
  const options: RunOptions = {
    name: 'tables',
    source: { vtgate: vtgate.address, keyspace: 'shop', tabletType: 'primary' },
    tables: ['first'],
    state: memoryStore(),
    sink,
  };
  const running = start(options);
  const lines = (rows: readonly Readonly<Record<string, unknown>>[]): string[] => rows.map((row) => `${row['id']} ${row['v']}`).toSorted();
  const source = (table: string): string[] => lines(vtgate.engine.rows('shop', table));
  const sunk = (table: string): string[] => lines(sink.destination.rows({ keyspace: 'shop', table }));
  /** Resolves once every copy is done and the last change of `table` has arrived. */
  const settled = (table: string, id: number): Promise<void> =>
    sink.until(
      () =>
        sink.positions.at(-1)?.copied === true &&
        sink.batches.some((batch) => batch.changes.some((one) => one.table === table && Number(one.after?.['id']) === id)),
      running.finished,
    );
  const insert = (table: string, id: number): void =>
    void vtgate.engine.write('shop', [{ op: 'insert', table, row: { id, v: `new ${id}` } }]);
  const entry = (table: string) => sink.positions.at(-1)?.plan.table('shop', table);
  await sink.until(() => sink.batches.some(({ progress }) => progress?.type === 'copy-completed'), running.finished);
  return { vtgate, sink, options, running, entry, source, sunk, settled, insert };
}

test('an added table is copied while changes of the others arrive, and follows', async () => {
  const { vtgate, sink, running, entry, source, sunk, settled, insert } = await world();
  await using _vtgate = vtgate;
  await using _running = running;
  // At each packet of the copy a change of the table that is streamed already, and of the one that is copied.
  let id = 1_000;
  const stop = vtgate.faults.atCopyPoint(({ at, table }) => {
    if (table !== 'second' || at !== 'rows') return;
    insert('first', id++);
    insert('second', id++);
  });
  await running.addTable('second');
  await sink.until(() => entry('second')?.state === 'done', running.finished);
  stop();
  expect(id).toBeGreaterThan(1_002);
  insert('first', 5_000);
  insert('second', 5_001);
  await settled('first', 5_000);
  await settled('second', 5_001);
  expect([sunk('first'), sunk('second')]).toEqual([source('first'), source('second')]);
  // The first table was copied once, and every change came once.
  const firsts = sink.batches.flatMap((batch) =>
    batch.changes.filter((one) => one.table === 'first').map((one) => Number(one.after?.['id'])),
  );
  expect(firsts.length).toBe(new Set(firsts).size);
});

test('a removed table sends nothing more and keeps its rows; added again it is copied anew, and stale rows are swept', async () => {
  const { vtgate, sink, running, entry, source, sunk, settled, insert } = await world();
  await using _vtgate = vtgate;
  await using _running = running;
  await running.addTable('second');
  await sink.until(() => entry('second')?.state === 'done', running.finished);
  await running.removeTable('second');
  // It takes effect between two batches.
  insert('first', 4_999);
  await settled('first', 4_999);
  const before = sunk('second');
  vtgate.engine.write('shop', [
    { op: 'delete', table: 'second', where: { id: 3 } },
    { op: 'update', table: 'second', where: { id: 4 }, set: { v: 'unseen' } },
  ]);
  insert('first', 5_000);
  await settled('first', 5_000);
  expect(sunk('second')).toEqual(before);
  await running.addTable('second');
  await sink.until(() => entry('second')?.state === 'done' && entry('second')?.generation !== 1, running.finished);
  expect(sunk('second')).toEqual(source('second'));
  expect(sunk('first')).toEqual(source('first'));
});

test('a table copied again ends as the source is, whatever the sink held, and the next run knows the set', async () => {
  const { vtgate, sink, options, running, entry, source, sunk, settled, insert } = await world();
  await using _vtgate = vtgate;
  // Rows that the source does not have, and none of those it has.
  sink.destination.tables.get('shop.first')?.keyed.clear();
  await running.recopy('first');
  await sink.until(() => entry('first')?.generation === 2 && entry('first')?.state === 'done', running.finished);
  insert('first', 5_000);
  await settled('first', 5_000);
  expect(sunk('first')).toEqual(source('first'));
  await running.close();
  const next = new WatchedSink(sink.destination);
  insert('first', 5_001);
  await start({ ...options, sink: next, until: 'now' }).finished;
  expect(next.batches.flatMap((batch) => batch.changes.map((one) => one.op))).toEqual(['insert']);
  expect(sunk('first')).toEqual(source('first'));
});

test('a table that is not there is refused, and the stream goes on', async () => {
  const { vtgate, running, settled, insert } = await world();
  await using _vtgate = vtgate;
  await using _running = running;
  await expect(running.addTable('thrid')).rejects.toMatchObject({ code: 'TABLE_NOT_FOUND', table: 'thrid' });
  await expect(running.removeTable('second')).rejects.toMatchObject({ code: 'TABLE_NOT_FOUND', table: 'second' });
  insert('first', 5_000);
  await settled('first', 5_000);
});

test('all names that no table has are told in one error, with those meant', async () => {
  await using vtgate = await startEmbeddedVtgate({ keyspaces: { shop: { tables: { orders: { columns }, customers: { columns } } } } });
  const batches = vstream({ source: { vtgate: vtgate.address, keyspace: 'shop' }, tables: ['ordres', 'customers', 'custmers', 'x_*'] });
  await expect(batches[Symbol.asyncIterator]().next()).rejects.toMatchObject({
    code: 'TABLE_NOT_FOUND',
    table: 'ordres',
    message: 'keyspace shop has no table "ordres", no table "custmers", no table that matches "x_*"',
    next: 'Did you mean "orders" and "customers"? It has customers, orders.',
  });
});

test('a table that left and comes back is refused where the sink cannot sweep: what went meanwhile would stay', async () => {
  const { vtgate, running, sink } = await world({ sweep: false });
  await using _vtgate = vtgate;
  await using _running = running;
  await running.addTable('second');
  await sink.until(() => sink.positions.at(-1)?.plan.table('shop', 'second')?.state === 'done', running.finished);
  await running.removeTable('second');
  await sink.until(() => sink.positions.at(-1)?.plan.table('shop', 'second')?.removed === true, running.finished);
  await expect(running.addTable('second')).rejects.toMatchObject({ code: 'SINK_UNSUPPORTED', table: 'second' });
});

test.each([true, false])(
  'a table added that is there already is not copied again, also when asked twice at once; the sink can sweep: %s',
  async (sweep) => {
    const { vtgate, running, sink, entry, settled, insert } = await world({ sweep });
    await using _vtgate = vtgate;
    await using _running = running;
    await Promise.all([running.addTable('first'), running.addTable('second'), running.addTable('second')]);
    await sink.until(() => entry('second')?.state === 'done', running.finished);
    await running.addTable('second');
    insert('first', 5_000);
    await settled('first', 5_000);
    insert('second', 5_001);
    await settled('second', 5_001);
    expect([entry('first'), entry('second')]).toMatchObject([{ generation: 1 }, { generation: 1 }]);
    // The end of all copies is told for each time something was copied.
    expect(sink.batches.filter(({ progress }) => progress?.type === 'copy-completed')).toHaveLength(2);
  },
);

test('a table of a keyspace that the stream does not read is refused: its copy would never begin', async () => {
  const { vtgate, running } = await world();
  await using _vtgate = vtgate;
  await using _running = running;
  await expect(running.addTable('depot.second')).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    keyspace: 'depot',
    next: expect.stringContaining('`tables`') as string,
  });
});

test('a request that this release does not know changes nothing, and says so', async () => {
  const { vtgate, running, options, sink, entry } = await world();
  await using _vtgate = vtgate;
  await running.close();
  const state = options.state as CheckpointStore;
  const verb = 'rename-table' as StateRequest['verb'];
  await state.request('tables', { id: 'r1', verb, table: 'first' });
  await start({ ...options, sink: new WatchedSink(sink.destination), until: 'now' }).finished;
  expect((await state.read('tables'))?.requests).toMatchObject([
    { id: 'r1', outcome: 'failed: this release knows no request to rename-table' },
  ]);
  expect(entry('first')?.removed).toBeUndefined();
});
