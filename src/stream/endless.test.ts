/** Failures that come back: what ends a stream, and what must not (protocol.md E.2, G138). A scripted VTGate and a clock by hand. */
import { expect, test } from 'vitest';
import { engineOver, transportOf } from '../../test/support/engine-fixture.js';
import { ManualClock } from '../../test/support/manual-clock.js';
import { heartbeat, response, ShardEvents, type VectorEntry, type WireEvent } from '../../test/support/wire-events.js';
import { VStreamError } from '../errors.js';
import { delay } from '../internal/clock.js';
import { CopyPlan } from '../position/plan.js';
import { Position } from '../position/position.js';
import { REPEAT_LIMIT } from '../supervise/repeats.js';
import { rpcError } from '../transport/failure.js';
import { serverStatus } from '../transport/status.js';

const UUID = 'ba05c1f7-e695-11f1-830a-02fc00000001';
const set = (n: number): string => `MySQL56/${UUID}:1-${n}`;
const right = new ShardEvents('80-', 'shop');
const failure = (code: number, text: string) => (): VStreamError => rpcError(serverStatus('grpc', code, text), 'vtgate:15991');
const onLeft = (text: string): string => `error starting stream from shard GTID keyspace:"shop" shard:"-80" gtid:"x": ${text}`;

/** What the n-th RPC sends before it lives on with heartbeats, and ends. */
interface Rpc {
  readonly events: readonly WireEvent[];
  readonly lifeMs: number;
  fail(): VStreamError;
}

/** `asked` is the position of shard `80-` in the request. */
function setUp(rpc: (n: number, asked: string) => Rpc) {
  const clock = new ManualClock();
  let opened = 0;
  const transport = transportOf(async function* ({ vgtid }, { signal } = {}) {
    const { events, lifeMs, fail } = rpc(++opened, vgtid?.shardGtids.find(({ shard }) => shard === '80-')?.gtid ?? '');
    if (events.length > 0) yield response(...events);
    for (let lived = 0; lived < lifeMs; lived += 5_000) {
      await delay(clock, Math.min(5_000, lifeMs - lived), signal);
      yield response(heartbeat());
    }
    throw fail();
  });
  const shards = ['-80', '80-'].map((shard) => ({ keyspace: 'shop', shard }));
  const abort = new AbortController();
  const engine = engineOver(transport, {
    clock,
    signal: abort.signal,
    shards,
    tables: { 'shop.t': {} },
    stored: new Position(
      shards.map((one) => ({ ...one, gtid: set(1) })),
      CopyPlan.fromJson({ shop: { t: { state: 'done', generation: 1, fingerprint: 'f' } } }),
    ),
  });
  return { clock, engine, abort, opened: () => opened };
}

/** Runs the stream while the clock moves on, for at most this long; the error it ended with, and when. */
async function live(
  { clock, engine, abort }: ReturnType<typeof setUp>,
  ms: number,
): Promise<{ error: VStreamError | undefined; afterMs: number }> {
  let error: VStreamError | undefined;
  const ended = new AbortController();
  const running = (async () => {
    for await (const batch of engine.batches()) void batch;
  })()
    .catch((thrown: unknown) => {
      error = VStreamError.from(thrown, 'INTERNAL');
    })
    .finally(() => ended.abort());
  while (!ended.signal.aborted && clock.monotonic() < ms) await clock.advance(1_000);
  abort.abort();
  await clock.advance(60_000);
  await running;
  return { error, afterMs: clock.monotonic() };
}

const moved = (n: number): WireEvent[] => {
  const vector: VectorEntry[] = [
    { keyspace: 'shop', shard: '-80', gtid: set(1), pending: [] },
    { keyspace: 'shop', shard: '80-', gtid: set(n + 1), pending: [] },
  ];
  return [right.begin(9), right.vgtid(vector), right.commit(9)];
};

test('a shard that fails for ever ends the stream, though the other one moves between all failures', async () => {
  const fail = failure(2, onLeft('position after fastforward was odd'));
  const world = setUp((n) => ({ events: moved(n), lifeMs: 0, fail }));
  const { error } = await live(world, 3_600_000);
  expect(error).toMatchObject({ code: 'STREAM_LOST', category: 'fatal', keyspace: 'shop', shard: '-80' });
  expect(error?.message).toMatch(/\(\d+ times at the same position, within \d+ s\)/);
  // Waits grow all the same: progress elsewhere does not make them short again.
  expect(world.opened()).toBeGreaterThanOrEqual(REPEAT_LIMIT);
  expect(world.opened()).toBeLessThan(3 * REPEAT_LIMIT);
});

test('an outage of the same shape has the whole budget of ten minutes, and no more', async () => {
  const world = setUp(() => ({ events: [], lifeMs: 0, fail: failure(14, 'Connection dropped') }));
  const { error, afterMs } = await live(world, 3_600_000);
  expect(error).toMatchObject({ code: 'STREAM_LOST' });
  expect(afterMs).toBeGreaterThan(600_000);
});

test('an idle stream whose connection is cut every ten minutes lives on: each RPC was well, though nothing moved', async () => {
  const world = setUp(() => ({ events: [], lifeMs: 600_000, fail: failure(14, 'Connection dropped') }));
  const { error } = await live(world, 7_200_000);
  expect(error).toBeUndefined();
  expect(world.opened()).toBeGreaterThan(9);
});

test('one that is cut before it could be judged well ends after the budget', async () => {
  const world = setUp(() => ({ events: [], lifeMs: 10_000, fail: failure(14, 'Connection dropped') }));
  expect((await live(world, 3_600_000)).error).toBeDefined();
});

test('a failure behind transactions without rows ends the stream: they are no progress when they come again', async () => {
  const fail = failure(
    2,
    'error starting stream from shard GTID keyspace:"shop" shard:"80-": stream (at source tablet) error @ x: Code: FAILED_PRECONDITION column `name` not found in table t',
  );
  // As a server does: what lies between the position asked for and the failure, each time.
  const world = setUp((_, asked) => ({ events: asked === set(1) ? [...moved(1), ...moved(2)] : [], lifeMs: 0, fail }));
  const { error, afterMs } = await live(world, 3_600_000);
  expect(error).toMatchObject({ code: 'COLUMN_NOT_FOUND', keyspace: 'shop', shard: '80-' });
  expect(error?.message).toContain('column `name` not found in table t');
  expect(afterMs).toBeLessThan(300_000);
});
