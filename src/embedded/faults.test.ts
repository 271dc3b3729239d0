import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadRecording } from '../../test/captures/load.js';
import { RawClient, select, type RawStream } from '../../test/support/raw-client.js';
import { ManualClock } from './clock.js';
import { startEmbeddedVtgate, type EmbeddedVtgate } from './server.js';

const USERS = {
  columns: [
    { name: 'id', type: 'bigint', key: true },
    { name: 'name', type: 'varchar(200)' },
  ],
};
const rows = Array.from({ length: 50 }, (_, index) => ({ id: index, name: 'x'.repeat(100) }));
const clock = new ManualClock();
let vtgate: EmbeddedVtgate;
let client: RawClient;
let next = 1000;

beforeEach(async () => {
  vtgate = await startEmbeddedVtgate({
    clock,
    packetBytes: 1000,
    keyspaces: {
      commerce: { tables: { ta: { ...USERS, rows }, tb: { ...USERS, rows } } },
      customer: { shards: ['-80', '80-'], tables: { users: USERS } },
    },
  });
  client = new RawClient(vtgate.address);
});

afterEach(async () => {
  client.close();
  await vtgate.close();
});

const live = (): RawStream =>
  client.stream({
    vgtid: { shardGtids: [{ keyspace: 'commerce', shard: '0', gtid: 'current' }] },
    filter: select('ta'),
    flags: { heartbeatInterval: 1 },
  });
const insert = (): string =>
  vtgate.engine.transaction('commerce', '0', [{ op: 'insert', table: 'ta', row: { id: (next += 1), name: 'n' } }]);

test('cutMidFrame drops the connection inside a message', async () => {
  const stream = await live().untilCount('OTHER');
  vtgate.faults.cutMidFrame();
  insert();
  expect(await stream.ended()).toMatchObject({ code: 14 });
  expect(stream.changes).toEqual([]);
  expect((await live().untilCount('OTHER')).end).toBeUndefined();
});

test('goaway ends the connection and a new stream gets a new one', async () => {
  const stream = await live().untilCount('OTHER');
  vtgate.faults.goaway();
  expect((await stream.ended()).code).not.toBe(0);
  await live().untilCount('OTHER');
});

test('a black hole passes nothing on until it is closed', async () => {
  const stream = await live().untilCount('OTHER');
  const release = vtgate.faults.blackHole();
  insert();
  await vtgate.quiet();
  expect(stream.changes).toEqual([]);
  release();
  await stream.untilCount('COMMIT');
});

test('slow bytes arrive whole', async () => {
  const release = vtgate.faults.slowBytes(50, 0);
  const stream = await live().untilCount('OTHER');
  insert();
  await stream.untilCount('COMMIT');
  release();
  expect(stream.changes).toHaveLength(1);
});

test('refused connections fail the call', async () => {
  const release = vtgate.faults.refuseConnections();
  expect((await live().ended()).code).toBe(14);
  release();
});

test.each(['BEGIN', 'FIELD', 'ROW', 'VGTID', 'COMMIT'] as const)('failWith puts a status in place of %s', async (atEvent) => {
  const stream = await live().untilCount('OTHER');
  vtgate.faults.failWith(2, 'some text', { atEvent });
  insert();
  expect(await stream.ended()).toEqual({ code: 2, details: 'some text' });
  const order = ['BEGIN', 'FIELD', 'ROW', 'VGTID', 'COMMIT'];
  expect(stream.types.slice(2)).toEqual(order.slice(0, order.indexOf(atEvent)));
});

test('failWith without a place ends what runs now; refuseNext ends the next stream before it begins', async () => {
  const stream = await live().untilCount('OTHER');
  vtgate.faults.failWith(14, 'gone');
  expect(await stream.ended()).toEqual({ code: 14, details: 'gone' });
  vtgate.faults.refuseNext(8, 'too many');
  expect(await live().ended()).toEqual({ code: 8, details: 'too many' });
});

test('heartbeatsOnly keeps heartbeats coming and data back; stall keeps both back', async () => {
  const stream = await live().untilCount('OTHER');
  const release = vtgate.faults.heartbeatsOnly();
  insert();
  clock.advance(1000);
  await stream.untilCount('HEARTBEAT');
  expect(stream.types).toEqual(['VGTID', 'OTHER', 'HEARTBEAT']);
  release();
  await stream.untilCount('COMMIT');
  const go = vtgate.faults.stall();
  insert();
  clock.advance(5000);
  await vtgate.quiet();
  go();
  await stream.untilCount('COMMIT', 2);
  expect(stream.types.filter((type) => type === 'HEARTBEAT')).toHaveLength(1);
});

test('a throttled shard is silent while the other goes on', async () => {
  const stream = client.stream({ vgtid: { shardGtids: [{ keyspace: 'customer', shard: '', gtid: 'current' }] }, filter: select('users') });
  await stream.untilCount('OTHER', 2);
  const release = vtgate.faults.throttle('customer', '-80');
  const held = vtgate.engine.transaction('customer', '-80', []);
  vtgate.engine.transaction('customer', '80-', []);
  await stream.untilCount('COMMIT');
  await vtgate.quiet();
  expect(stream.events.some((event) => event.eventGtid === held)).toBe(false);
  release();
  await stream.untilCount('COMMIT', 2);
});

test('duplicateAfterResume delivers transactions before the position once more', async () => {
  insert();
  insert();
  const gtid = `MySQL56/${vtgate.engine.executed('commerce')}`;
  vtgate.faults.duplicateAfterResume(2);
  const stream = client.stream({ vgtid: { shardGtids: [{ keyspace: 'commerce', shard: '0', gtid }] }, filter: select('ta') });
  await stream.untilGtid('commerce', '0', gtid);
  expect(stream.changes).toHaveLength(2);
});

test('a shard restarted inside the RPC copies the finished table again, and its delete never comes', async () => {
  let restarted = false;
  vtgate.faults.atCopyPoint(({ table, at }) => {
    if (restarted || table !== 'tb' || at !== 'rows') return;
    restarted = true;
    vtgate.engine.transaction('commerce', '0', [{ op: 'delete', table: 'ta', where: { id: 7 } }]);
    vtgate.faults.restartShardInsideRpc('commerce', '0');
  });
  const stream = client.stream({ vgtid: { shardGtids: [{ keyspace: 'commerce', shard: '0', gtid: '' }] }, filter: select('ta', 'tb') });
  await stream.untilCount('COPY_COMPLETED', 2);
  await vtgate.quiet();
  expect(stream.changes.filter((change) => change.table === 'commerce.ta')).toHaveLength(50 + 49);
  expect(stream.changes.filter((change) => change.table === 'commerce.tb')).toHaveLength(50);
  expect(stream.changes.some((change) => change.before)).toBe(false);
});

test('a transaction the tablet cannot decode fails every stream at that position', async () => {
  const stream = await live().untilCount('OTHER');
  const from = `MySQL56/${vtgate.engine.executed('commerce')}`;
  vtgate.engine.transaction('commerce', '0', [], { undecodable: 'uncaught panic: slice bounds out of range' });
  expect((await stream.ended()).details).toContain(
    'giving up: target: commerce.0.primary: vttablet: rpc error: code = Unknown desc = uncaught panic',
  );
  const again = client.stream({ vgtid: { shardGtids: [{ keyspace: 'commerce', shard: '0', gtid: from }] }, filter: select('ta') });
  expect((await again.ended()).code).toBe(2);
});

test('a client that reads nothing holds the copy back, and gets all of it afterwards', async () => {
  vtgate.engine.seed(
    'commerce',
    'tb',
    Array.from({ length: 40_000 }, (_, index) => ({ id: 1000 + index, name: 'y'.repeat(200) })),
  );
  const stream = client.stream({ vgtid: { shardGtids: [{ keyspace: 'commerce', shard: '0', gtid: '' }] }, filter: select('tb') });
  let copied = 0;
  vtgate.faults.atCopyPoint((point) => {
    copied = point.rows;
  });
  await stream.untilCount('FIELD');
  stream.pause();
  await vtgate.blocked();
  expect(copied).toBeLessThan(40_050);
  stream.resume();
  await stream.untilCount('COPY_COMPLETED', 2);
  expect(copied).toBe(40_050);
});

test('a recording is served as it was received', async () => {
  const recording = loadRecording('shapes/sharded-tx');
  vtgate.replayNext({ frames: recording.frames, end: { code: 14, details: 'over' } });
  const stream = live();
  expect(await stream.ended()).toEqual({ code: 14, details: 'over' });
  expect(stream.events).toHaveLength(recording.events?.length ?? 0);
});

test('closing leaves no connection open', async () => {
  await live().untilCount('OTHER');
  expect([vtgate.openStreams, vtgate.openConnections]).toEqual([1, 1]);
  client.close();
  await vtgate.close();
  await vtgate.idle();
  expect([vtgate.openStreams, vtgate.openConnections]).toEqual([0, 0]);
});
