import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { silentLogger } from '../observe/logger.js';
import { Recorder } from '../observe/recorder.js';
import { Position } from '../position/position.js';
import { verdictLimits } from '../supervise/verdict.js';
import type { TabletKind } from '../sql/target.js';
import type { Transport } from '../transport/transport.js';
import { QueryResultSchema, Type } from '../wire/gen/query_pb.js';
import { Watch } from './watch.js';

const SERVER = '11111111-1111-1111-1111-111111111111';
const set = (last: number): string => `MySQL56/${SERVER}:1-${last}`;

const VALUES: Readonly<Record<string, readonly string[]>> = {
  'show vitess_throttler status': ['0', '1', '5', 'select'],
  'show vitess_throttled_apps': ['vstreamer', '2036-11-19 21:32:46', '1'],
};

/** A VTGate that answers every statement with one row: `show global gtid_executed` of one shard, and as `more` says. */
function executedIs(last: (target: string) => number, more: Readonly<Record<string, readonly string[]>> = {}): Transport {
  const row = (cells: readonly string[]): { lengths: bigint[]; values: Uint8Array } => ({
    lengths: cells.map((cell) => BigInt(cell.length)),
    values: Buffer.from(cells.join('')),
  });
  const fields = ['1', '2', '3', '4'].map((name) => ({ name, type: Type.VARCHAR }));
  return {
    address: 'localhost:1',
    open: () => {
      throw new Error('nothing is streamed here');
    },
    execute: async ({ target, text }) => {
      const cells = text === 'show global gtid_executed' ? ['shop', `${SERVER}:1-${last(target)}`, '0'] : more[text];
      if (!cells) throw new Error(`unexpected: ${text}`);
      return create(QueryResultSchema, { fields, rows: [row(cells)] });
    },
    rotate: () => 'localhost:1',
    close: async () => {},
  };
}

/** A shard at its fifth transaction, of which the servers executed seven. */
function setUp(transport: Transport, tabletKind: TabletKind = 'primary', expireSeconds = new Map<string, number>()) {
  const clock = new ManualClock();
  const recorder = new Recorder(clock);
  const shards = [{ keyspace: 'shop', shard: '0', gtid: set(5) }];
  recorder.position = new Position(shards);
  const said: string[] = [];
  const state = { received: 5 };
  const watch = new Watch({
    expireSeconds,
    warned: new Map(),
    clock,
    logger: { ...silentLogger, warn: (fields, text) => void said.push(`${text} ${JSON.stringify(fields)}`) },
    recorder,
    transport,
    tabletKind,
    limits: verdictLimits(5_000),
    socket: 'main',
    shards,
    copying: () => false,
    polled: () => {},
    gtid: () => set(state.received),
  });
  const look = () => {
    const stall = watch.judge();
    return { stall, shards: recorder.snapshot().shards.map(({ verdict, lagTransactions }) => [verdict, lagTransactions]) };
  };
  return { clock, watch, state, said, look, recorder };
}

test('a shard that has caught up since the last poll does not look behind until the next one', async () => {
  const { clock, watch, state, look } = setUp(executedIs(() => 7));
  const verdict = (): unknown => look().shards;
  // The first poll goes out; its answer is seen by the next look.
  await clock.advance(8_000);
  watch.message();
  verdict();
  await clock.advance(12_000);
  watch.message();
  expect(verdict()).toEqual([['lagging', 2]]);
  state.received = 7;
  watch.progress('shop', '0');
  await clock.advance(1_000);
  expect(verdict()).toEqual([['live', 0]]);
  expect(watch.caughtUp).toBe(true);
  watch.close();
});

test('a shard that does not move stalls, however busy the others keep the consumer (G135)', async () => {
  const { clock, watch, look } = setUp(executedIs(() => 7));
  let found = look();
  for (let seconds = 0; seconds < 600 && !found.stall; seconds++) {
    await clock.advance(1_000);
    watch.message();
    watch.progress('shop', '1');
    // A batch of the other shard's, which took the consumer a tenth of the time.
    watch.consumerWasBusy(clock.monotonic() - 100);
    found = look();
  }
  expect(found.stall).toMatchObject({ code: 'STREAM_STALLED', shard: '0' });
  watch.close();
});

test('time the consumer took is no silence: a shard stalls after a minute of listening', async () => {
  const { clock, watch, look } = setUp(executedIs(() => 7));
  await clock.advance(8_000);
  look();
  await clock.advance(2_000);
  for (let batches = 0; batches < 6; batches++) {
    // Five minutes for a batch, then some seconds of listening.
    await clock.advance(300_000);
    watch.message();
    watch.consumerWasBusy(clock.monotonic() - 300_000);
    expect(look().stall).toBe(undefined);
    await clock.advance(7_000);
    watch.message();
    expect(look().stall).toBe(undefined);
  }
  await clock.advance(14_000);
  watch.message();
  await clock.advance(14_000);
  watch.message();
  expect(look().stall).toMatchObject({ code: 'STREAM_STALLED' });
  watch.close();
});

test('the lag of a shard that nothing comes from grows by the clock, and is warned of before its logs are purged', async () => {
  const { clock, watch, said, look, recorder } = setUp(
    executedIs(() => 7),
    'primary',
    new Map([['shop/0', 60]]),
  );
  const listen = async (seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second++) {
      await clock.advance(1_000);
      watch.message();
      look();
    }
  };
  recorder.state = 'streaming';
  recorder.arrived('shop', '0', 1_500, 9);
  await listen(6);
  expect(recorder.snapshot().lagSeconds).toBeUndefined();
  await listen(22);
  expect(look().shards).toEqual([['lagging', 2]]);
  expect(recorder.snapshot().lagSeconds).toBe(29.5);
  expect(said).toEqual([]);
  await listen(1);
  expect(said).toEqual([expect.stringContaining('the position will be lost')]);
  expect(recorder.snapshot().lagSeconds).toBe(30.5);
  watch.close();
});

test('a position that SQL calls unusable is told, however busy the other shards keep the consumer', async () => {
  const answers = {
    'show vitess_tablets': ['test', 'shop', '0', 'PRIMARY'],
    'show vitess_shards': ['shop/0'],
    'select @@global.gtid_purged, @@global.gtid_executed': [`${SERVER}:1-6`, `${SERVER}:1-7`],
  };
  const { clock, watch } = setUp(executedIs(() => 7, answers));
  watch.probe([{ keyspace: 'shop', shard: '0', gtid: set(5) }]);
  await clock.advance(1_000);
  const listen = async (): Promise<void> => {
    for (let seconds = 0; seconds < 20; seconds++) {
      await clock.advance(1_000);
      watch.message();
      watch.consumerWasBusy(clock.monotonic() - 100);
      watch.judge();
    }
  };
  await expect(listen()).rejects.toMatchObject({ code: 'POSITION_PURGED', shard: '0' });
  watch.close();
});

test('a shard that a rule of the throttler holds back is no stall, and is warned of once (G119)', async () => {
  const { clock, watch, said, look } = setUp(executedIs(() => 7, VALUES));
  const verdicts = new Set<unknown>();
  for (let seconds = 0; seconds < 1_200; seconds++) {
    await clock.advance(1_000);
    watch.message();
    // A position is handed out now and then: that is no sign of the server's.
    if (seconds % 30 === 29) watch.consumerWasBusy(clock.monotonic() - 10);
    const { stall, shards } = look();
    expect(stall).toBe(undefined);
    if (seconds > 60) expect(shards).toEqual([['throttled', 2]]);
    verdicts.add(shards[0]?.[0]);
  }
  expect([...verdicts]).toEqual(['idle', 'live', 'throttled']);
  expect(said).toEqual([expect.stringMatching(/^the tablet throttler holds back shard shop\/0 .*"app":"vstreamer","ratio":1/)]);
  watch.close();
});

test.each([
  ['is on without a rule for streams', { ...VALUES, 'show vitess_throttled_apps': ['online-ddl', '2036-11-19 21:32:46', '1'] }, true],
  ['is off, though a rule is kept', { ...VALUES, 'show vitess_throttler status': ['0', '0', '5', 'select'] }, false],
  ['cannot be asked', {}, false],
])('a shard that does not move stalls where the throttler %s', async (_, answers, mayHold) => {
  const { clock, watch, look } = setUp(executedIs(() => 7, answers));
  let found = look();
  while (!found.stall) {
    await clock.advance(1_000);
    watch.message();
    found = look();
  }
  expect(found.shards).toEqual([['stalled', 2]]);
  expect(found.stall.next?.includes('Its tablet throttler is on (threshold 5)')).toBe(mayHold);
  watch.close();
});

test.each([
  ['are no stall where the primary has executed nothing else: they are written on demand', '5', undefined],
  ['are a stall where it has', '40', "its tablet's heartbeat rows stopped"],
])('heartbeat rows that end %s', async (_, last, expected) => {
  const text = 'select @@global.gtid_purged, @@global.gtid_executed';
  const { clock, watch, look } = setUp(executedIs(() => 5, { [text]: ['', `${SERVER}:1-${last}`] }));
  let stall: Error | undefined;
  for (let seconds = 0; seconds < 300 && !stall; seconds++) {
    await clock.advance(1_000);
    watch.message();
    if (seconds < 20) watch.tabletHeartbeats(['shop/0']);
    ({ stall } = look());
  }
  if (expected === undefined) expect(stall).toBe(undefined);
  else expect(stall?.message).toContain(expected);
  watch.close();
});

test('a replica that stopped following its primary is no idle shard: it lags, then stalls', async () => {
  const { clock, watch, look } = setUp(
    executedIs((target) => (target.endsWith('@replica') ? 5 : 9)),
    'replica',
  );
  const verdicts = new Set<unknown>();
  let found = look();
  while (!found.stall) {
    await clock.advance(1_000);
    watch.message();
    found = look();
    verdicts.add(found.shards[0]?.[0]);
  }
  expect([...verdicts]).toEqual(['idle', 'lagging', 'stalled']);
  expect(found.shards).toEqual([['stalled', 4]]);
  expect(found.stall.message).toContain('its primary executed transactions that the replica that is read has not');
  watch.close();
});
