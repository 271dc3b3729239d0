/** Positions no server can serve any more: told with their range, or copied again by policy (measured.md section 4). */
import { afterEach, expect, test } from 'vitest';
import { type EmbeddedVtgate, startEmbeddedVtgate } from '../src/embedded/index.js';
import { type CheckpointStore, memoryStore, Position, silentLogger, table } from '../src/index.js';
import { Recorder } from '../src/observe/recorder.js';
import type { RunOptions, Summary } from '../src/pipeline/options.js';
import { Runner } from '../src/pipeline/runner.js';
import { validateRunOptions } from '../src/pipeline/validate.js';
import { MemoryDestination, memorySink } from '../src/testing/memory-sink.js';
import { PacedClock } from './support/paced-clock.js';

const SHARDS = ['-80', '80-'];
const columns = [
  { name: 'id', type: 'bigint', key: true },
  { name: 'v', type: 'varchar(20)' },
];
let vtgate: EmbeddedVtgate;
let clock: PacedClock;
afterEach(() => vtgate.close());

async function start(): Promise<void> {
  const rows = Array.from({ length: 40 }, (_, at) => ({ id: at + 1, v: `row ${at + 1}` }));
  clock = new PacedClock();
  vtgate = await startEmbeddedVtgate({
    clock,
    keyspaces: { shop: { shards: SHARDS, tables: { item: { columns, rows }, other: { columns } } } },
  });
}

function runToNow(more: Partial<RunOptions>): Promise<Summary> {
  const options = validateRunOptions({
    name: 'orders',
    source: { vtgate: vtgate.address, keyspace: 'shop' },
    state: memoryStore(),
    sink: memorySink(),
    until: 'now',
    logger: silentLogger,
    ...more,
  });
  return new Runner(options, new Recorder(clock), clock, () => 0.5).run(new AbortController().signal);
}

function write(): void {
  for (const shard of SHARDS) {
    const [first] = vtgate.engine.rows('shop', 'item', shard);
    if (first) vtgate.engine.transaction('shop', shard, [{ op: 'delete', table: 'item', where: { id: first['id'] } }]);
  }
}

/** A stream that has copied everything and stopped. */
async function copiedStream(): Promise<{ readonly state: CheckpointStore; readonly destination: MemoryDestination }> {
  await start();
  const state = memoryStore();
  const destination = new MemoryDestination();
  await runToNow({ state, sink: memorySink(destination) });
  return { state, destination };
}

const ids = (destination: MemoryDestination): string[] =>
  destination
    .rows({ keyspace: 'shop', table: 'item' })
    .map((row) => String(row['id']))
    .sort();
const truth = (): string[] =>
  vtgate.engine
    .rows('shop', 'item')
    .map((row) => String(row['id']))
    .sort();

test('a purged position is an error with the missing range, in seconds, where VTGate only sends heartbeats (G33)', async () => {
  const { state, destination } = await copiedStream();
  write();
  for (const shard of SHARDS) vtgate.engine.purge('shop', shard);
  await expect(runToNow({ state, sink: memorySink(destination) })).rejects.toMatchObject({
    code: 'POSITION_PURGED',
    category: 'position',
    keyspace: 'shop',
    message: expect.stringMatching(/transactions [0-9a-f-]{36}:\d+ are gone/),
    next: expect.stringContaining('recopy'),
  });
});

test('policy recopy copies the shards concerned again and sweeps what was deleted meanwhile', async () => {
  const { state, destination } = await copiedStream();
  write();
  vtgate.engine.purge('shop', '80-');
  const warned: object[] = [];
  const warn = (fields: object, message?: string): void =>
    void (message?.includes('copying the tables of this shard') && warned.push(fields));
  await runToNow({ state, sink: memorySink(destination), onPurged: 'recopy', logger: { ...silentLogger, warn } });
  expect(ids(destination)).toEqual(truth());
  // With what is gone, and without advice that is followed already.
  expect(warned).toEqual([
    expect.objectContaining({ code: 'POSITION_PURGED', keyspace: 'shop', shard: '80-', message: expect.stringContaining('are gone') }),
  ]);
  expect(warned[0]).not.toHaveProperty('next');
  const copied = vtgate.requests.filter((request) => request.flags?.tablesToCopy.includes('item')).at(-1);
  // Only the purged shard begins anew; the other one goes on from its position.
  expect(copied?.vgtid?.shardGtids.map(({ shard, gtid }) => [shard, gtid === ''])).toEqual([
    ['-80', false],
    ['80-', true],
  ]);
});

test('a position of another cluster is foreign, not merely ahead', async () => {
  await start();
  const shards = SHARDS.map((shard) => ({ keyspace: 'shop', shard, gtid: 'MySQL56/99999999-9999-9999-9999-999999999999:1-5' }));
  const { Position } = await import('../src/index.js');
  await expect(runToNow({ from: new Position(shards) })).rejects.toMatchObject({ code: 'POSITION_FOREIGN' });
});

test('an idle stream from a good position is not mistaken for a lost one', async () => {
  const { state, destination } = await copiedStream();
  // Nothing is written: a minute of silence on the stream's clock, heartbeats apart.
  const summary = await runToNow({ state, sink: memorySink(destination), until: '1m' });
  expect(summary.reason).toBe('until');
  expect(vtgate.requests.filter((request) => request.flags?.tablesToCopy.length === 0).length).toBeLessThan(4);
});

test('a position that knows nothing of a selected shard is refused: the stream would go on without it, in silence (C43)', async () => {
  await start();
  const state = memoryStore();
  const sink = new MemoryDestination();
  // A pilot with one shard; then the whole keyspace under the same name.
  await runToNow({ state, sink: memorySink(sink), source: { vtgate: vtgate.address, keyspace: 'shop', shards: ['-80'] } });
  await expect(runToNow({ state, sink: memorySink(sink) })).rejects.toMatchObject({
    code: 'POSITION_INVALID',
    keyspace: 'shop',
    shard: '80-',
    next: expect.stringContaining('source.shards') as string,
  });
  const half = [{ keyspace: 'shop', shard: '80-', gtid: `MySQL56/${vtgate.engine.executed('shop', '80-')}` }];
  await expect(runToNow({ from: new Position(half) })).rejects.toMatchObject({ code: 'POSITION_INVALID', shard: '-80' });
});

test('a position of more shards than `source.shards` names is refused: narrowed, the stream went on with all of them, in silence', async () => {
  const { state, destination: sink } = await copiedStream();
  const narrowed = { vtgate: vtgate.address, keyspace: 'shop', shards: ['-80'] };
  write();
  await expect(runToNow({ state, sink: memorySink(sink), source: narrowed })).rejects.toMatchObject({
    code: 'POSITION_INVALID',
    keyspace: 'shop',
    shard: '80-',
    next: expect.stringContaining('Add 80- to `source.shards`') as string,
  });
  await runToNow({ state, sink: memorySink(sink) });
  expect(ids(sink)).toEqual(truth());
});

test('after a reshard a position of the old shards knows all of the new ones', async () => {
  const { state, destination: sink } = await copiedStream();
  vtgate.engine.reshard('shop', ['-40', '40-c0', 'c0-']);
  for (const shard of ['-40', '40-c0', 'c0-']) {
    const [first] = vtgate.engine.rows('shop', 'item', shard);
    vtgate.engine.transaction('shop', shard, [{ op: 'delete', table: 'item', where: { id: first?.['id'] } }]);
  }
  await runToNow({ state, sink: memorySink(sink) });
  expect(sink.rows({ keyspace: 'shop', table: 'item' }).length).toBe(37);
});

test('policy recopy marks tables whose rows are not copied, and stops where there is nothing to copy: their changes are gone', async () => {
  await start();
  const purged = async (tables: NonNullable<RunOptions['tables']>): Promise<Summary> => {
    const [state, destination] = [memoryStore(), new MemoryDestination()];
    await runToNow({ state, tables, sink: memorySink(destination) });
    write();
    vtgate.engine.purge('shop', '80-');
    return runToNow({ state, tables, sink: memorySink(destination), onPurged: 'recopy' });
  };
  const { position } = await purged({ item: table({ copy: false }), other: true });
  expect(position?.incomplete).toEqual([{ keyspace: 'shop', shard: '80-', reason: 'transaction-skipped', tables: { item: 1 } }]);
  await expect(purged({ item: table({ copy: false }) })).rejects.toMatchObject({ code: 'POSITION_PURGED', shard: '80-' });
});

const said = (code: string, text: string): string =>
  `error starting stream from shard GTID keyspace:"shop" shard:"80-": persistent error in vstream for shop/80- on tablet zone1-200; giving up: target: shop.80-.replica: vttablet: rpc error: code = ${code} desc = ${text}`;

test.each([
  [
    'lags',
    3,
    said('InvalidArgument', 'GTIDSet Mismatch: requested source position:MySQL56/a:1-9, current target vrep position: MySQL56/a:1-8'),
  ],
  ['lost its logs', 2, said('Unknown', 'Cannot replicate because the source purged required binary logs. (errno 1236) (sqlstate HY000)')],
])('one tablet that %s is no proof: what SQL says counts as well, and nothing is copied again', async (_, code, text) => {
  const { state, destination } = await copiedStream();
  write();
  vtgate.faults.refuseNext(code, text);
  const { position } = await runToNow({ state, sink: memorySink(destination), onPurged: 'recopy' });
  for (const shard of SHARDS) expect(position?.plan.shard('shop', 'item', shard)).toMatchObject({ generation: 1, state: 'done' });
  expect(ids(destination)).toEqual(truth());
});

test('what one tablet says and SQL proves is a lost position at once', async () => {
  const { state, destination } = await copiedStream();
  write();
  vtgate.engine.purge('shop', '80-');
  vtgate.faults.refuseNext(2, said('Unknown', 'purged required binary logs. (errno 1236) (sqlstate HY000)'));
  await expect(runToNow({ state, sink: memorySink(destination) })).rejects.toMatchObject({
    code: 'POSITION_PURGED',
    shard: '80-',
    message: expect.stringContaining('are gone from its binary logs') as string,
  });
});
