/** One stream over keyspaces that have different tables. A copy fails where an exact rule names a table its keyspace does not have (G70). */
import { expect, test } from 'vitest';
import { type EmbeddedVtgate, startEmbeddedVtgate } from '../src/embedded/index.js';
import { memoryStore, type RunOptions, silentLogger, start, table } from '../src/index.js';
import { WatchedSink } from './support/watched-sink.js';

const columns = [
  { name: 'id', type: 'bigint', key: true },
  { name: 'v', type: 'varchar(40)' },
];
const rows = Array.from({ length: 20 }, (_, id) => ({ id, v: 'copied' }));
const SHARDS: Readonly<Record<string, readonly string[]>> = { shop: ['-80', '80-'], depot: ['0'] };
const TABLES = ['shop.item', 'shop.order', 'depot.item', 'depot.shelf'];

async function startBoth(): Promise<EmbeddedVtgate> {
  const tables = (...names: string[]): Record<string, { columns: typeof columns; rows: typeof rows }> =>
    Object.fromEntries(names.map((name) => [name, { columns, rows }]));
  return startEmbeddedVtgate({
    keyspaces: { shop: { shards: ['-80', '80-'], tables: tables('item', 'order') }, depot: { tables: tables('item', 'shelf') } },
    packetBytes: 60,
  });
}

const text = (found: readonly Readonly<Record<string, unknown>>[]): string[] => found.map((row) => `${row['id']} ${row['v']}`).toSorted();

test.each<[string, NonNullable<RunOptions['tables']>]>([
  ['plain tables', TABLES],
  ['columns of a table', { 'shop.item': true, 'depot.item': true, 'depot.shelf': true, 'shop.order': table({ columns: ['id', 'v'] }) }],
  [
    'a filter',
    { 'shop.item': true, 'depot.item': true, 'depot.shelf': table({ where: 'id < 1000' }), 'shop.order': table({ where: 'id >= 0' }) },
  ],
  ['no copy in one', { 'shop.item': true, 'shop.order': true, 'depot.shelf': table({ copy: false }) }],
])('with %s every table is copied and followed, also when it begins again in between (G70)', async (_, tables) => {
  await using vtgate = await startBoth();
  const names = Array.isArray(tables) ? (tables as readonly string[]) : Object.keys(tables);
  let next = 100;
  const write = (): void => {
    for (const name of names) {
      const [keyspace = '', of = ''] = name.split('.');
      for (const shard of SHARDS[keyspace] ?? [])
        vtgate.engine.transaction(keyspace, shard, [{ op: 'insert', table: of, row: { id: next++, v: 'new' } }]);
    }
  };
  const sink = new WatchedSink();
  const waits: string[] = [];
  const options: RunOptions = {
    name: 'both',
    source: { vtgate: vtgate.address },
    tables,
    state: memoryStore(),
    logger: { ...silentLogger, warn: (_, message) => void (message.includes('waits at its position') && waits.push(message)) },
    limits: { batchChanges: 7 },
    sink,
  };
  const off = vtgate.faults.atCopyPoint(({ at, rows: read }) => {
    if (at === 'rows' && read < 12) write();
  });
  const first = start(options);
  // Somewhere in the copy of the second keyspace's tables.
  await sink.until(() => sink.batches.filter(({ progress }) => progress?.type === 'table-end').length > 3, first.finished);
  await first.close();
  off();
  write();
  const again = new WatchedSink(sink.destination);
  const second = start({ ...options, sink: again });
  await again.until(() => again.positions.at(-1)?.copied === true, second.finished);
  write();
  // A request for a copy cannot name columns and filters of another keyspace; who has none waits for nothing.
  expect(waits.some((one) => one.startsWith('keyspace shop'))).toBe(_ === 'columns of a table' || _ === 'a filter');
  const last = next - 1;
  await again.until(() => again.batches.some((batch) => batch.changes.some((one) => Number(one.after?.['id']) === last)), second.finished);
  await second.close();
  await start({ ...options, sink: new WatchedSink(sink.destination), until: 'now' }).finished;
  for (const name of names) {
    const [keyspace = '', of = ''] = name.split('.');
    const source = (SHARDS[keyspace] ?? []).flatMap((shard) => vtgate.engine.rows(keyspace, of, shard));
    const wanted = _ === 'no copy in one' && keyspace === 'depot' ? source.filter((row) => Number(row['id']) >= 100) : source;
    expect(text(sink.destination.rows({ keyspace, table: of })), name).toEqual(text(wanted));
  }
});

test('a keyspace selected no longer leaves the stream with a warning; selected again it is copied anew, and what went meanwhile is swept', async () => {
  await using vtgate = await startBoth();
  const sink = new WatchedSink();
  const warnings: string[] = [];
  const state = memoryStore();
  const toNow = (tables: readonly string[]): Promise<unknown> =>
    start({
      name: 'both',
      source: { vtgate: vtgate.address },
      tables,
      state,
      logger: { ...silentLogger, warn: (_, message) => void warnings.push(message) },
      sink: new WatchedSink(sink.destination),
      until: 'now',
    }).finished;
  const sunk = (keyspace: string): string[] => text(sink.destination.rows({ keyspace, table: 'item' }));
  const source = (keyspace: string, shards: readonly string[]): string[] =>
    text(shards.flatMap((shard) => vtgate.engine.rows(keyspace, 'item', shard)));
  const both = ['shop.item', 'depot.item'];
  await toNow(both);
  const before = sunk('depot');
  vtgate.engine.transaction('depot', '0', [{ op: 'delete', table: 'item', where: { id: 3 } }]);
  vtgate.engine.transaction('shop', '-80', [{ op: 'insert', table: 'item', row: { id: 500, v: 'new' } }]);
  await toNow(['shop.item']);
  expect([sunk('depot'), sunk('shop')]).toEqual([before, source('shop', ['-80', '80-'])]);
  expect(warnings).toEqual(['keyspace depot is selected no longer: its rows stay at the destination, and its place is given up']);
  await toNow(both);
  expect(sunk('depot')).toEqual(source('depot', ['0']));
  vtgate.engine.transaction('depot', '0', [{ op: 'delete', table: 'item', where: { id: 4 } }]);
  await toNow(['depot.item']);
  // Nothing of what is stored is meant any more: another stream's name, or a slip.
  await expect(toNow(['shop.order'])).rejects.toMatchObject({
    code: 'POSITION_INVALID',
    next: expect.stringContaining('state reset') as string,
  });
});
