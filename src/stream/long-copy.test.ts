/** Copies of hours: who is silent for good reason meanwhile, and what is a stall. A scripted VTGate and a clock by hand. */
import { expect, test } from 'vitest';
import { engineOver, transportOf } from '../../test/support/engine-fixture.js';
import { ManualClock } from '../../test/support/manual-clock.js';
import { heartbeat, response, ShardEvents, type WireEvent } from '../../test/support/wire-events.js';
import { VStreamError } from '../errors.js';
import { delay } from '../internal/clock.js';
import type { TableOptions } from '../schema/define.js';
import type { VStreamRequest } from '../wire/gen/vtgate_pb.js';

const set = (n: number): string => `MySQL56/ba05c1f7-e695-11f1-830a-02fc00000001:1-${n}`;
const HEARTBEAT_MS = 5_000;

interface World {
  readonly shards: readonly { readonly keyspace: string; readonly shard: string }[];
  readonly tables: Readonly<Record<string, TableOptions>>;
  readonly keyless?: readonly string[];
  /** What an RPC sends at its n-th heartbeat, from 0. */
  at(beat: number): readonly (readonly WireEvent[])[];
}

/** Runs a stream for that long; its requests, and the error it ended with. */
async function live({ shards, tables, keyless = [], at }: World, ms: number) {
  const clock = new ManualClock();
  const requests: VStreamRequest[] = [];
  const transport = transportOf(async function* (request, { signal } = {}) {
    requests.push(request);
    for (let beat = 0; ; beat++) {
      for (const message of at(beat)) yield response(...message);
      yield response(heartbeat());
      await delay(clock, HEARTBEAT_MS, signal);
    }
  });
  const abort = new AbortController();
  const engine = engineOver(transport, { clock, signal: abort.signal, shards, tables, keyless, stored: undefined });
  let error: VStreamError | undefined;
  const ended = new AbortController();
  const running = (async () => {
    for await (const batch of engine.batches()) void batch;
  })()
    .catch((thrown: unknown) => {
      error = VStreamError.from(thrown, 'INTERNAL');
    })
    .finally(() => ended.abort());
  while (!ended.signal.aborted && clock.monotonic() < ms) await clock.advance(5_000);
  abort.abort();
  await clock.advance(60_000);
  await running;
  return { requests, error };
}

/** A row of a table without a key, and of one that has one, each at its own place. */
const row = (on: ShardEvents, table: string, key: number): WireEvent[] => [
  on.begin(),
  on.row(table, [{ after: [String(key), 'x'] }]),
  on.vgtid([{ keyspace: on.keyspace, shard: on.shard, gtid: set(5), pending: [{ table, key }] }]),
  on.commit(),
];
const end = (on: ShardEvents): WireEvent[] => [
  on.begin(),
  on.vgtid([{ keyspace: on.keyspace, shard: on.shard, gtid: set(5), pending: [] }]),
  on.commit(),
];

test('a keyspace that waits for the copy of another one has not stalled: it is not asked for yet', async () => {
  const orders = new ShardEvents('0', 'commerce');
  const { requests, error } = await live(
    {
      shards: ['commerce', 'billing'].map((keyspace) => ({ keyspace, shard: '0' })),
      tables: { 'commerce.t': {}, 'billing.x': {} },
      // Begun again every ten minutes, this copy would never end.
      keyless: ['commerce.t'],
      at: (beat) => (beat === 0 ? [[orders.begin(), orders.field('t')]] : beat % 12 === 0 ? [row(orders, 't', beat)] : []),
    },
    1_500_000,
  );
  expect(error).toBeUndefined();
  expect(requests).toHaveLength(1);
});

test('a shard that is done with the table and idle has not stalled, however long another one copies', async () => {
  const [left, right] = [new ShardEvents('-80', 'shop'), new ShardEvents('80-', 'shop')];
  const { requests, error } = await live(
    {
      shards: ['-80', '80-'].map((shard) => ({ keyspace: 'shop', shard })),
      tables: { 'shop.t': {}, 'shop.u': {} },
      at: (beat) => {
        if (beat === 0) return [[left.begin(), left.field('t')], [right.begin(), right.field('t')], end(right)];
        return beat % 12 === 0 ? [row(left, 't', beat)] : [];
      },
    },
    1_500_000,
  );
  expect(error).toBeUndefined();
  expect(requests).toHaveLength(1);
});

test('a copy that brings nothing is opened again every ten minutes, and reported after five times', async () => {
  const { requests, error } = await live(
    { shards: [{ keyspace: 'shop', shard: '0' }], tables: { 'shop.t': {} }, at: () => [] },
    24 * 3_600_000,
  );
  expect(error).toMatchObject({ code: 'STREAM_STALLED', keyspace: 'shop', shard: '0' });
  expect(requests).toHaveLength(5);
});

test('a copy that goes on between its stalls is not reported', async () => {
  const on = new ShardEvents('0', 'shop');
  let rows = 0;
  const { requests, error } = await live(
    {
      shards: [{ keyspace: 'shop', shard: '0' }],
      tables: { 'shop.t': {} },
      at: (beat) => (beat === 1 ? [[on.begin(), on.field('t'), ...row(on, 't', ++rows).slice(1)]] : []),
    },
    4_200_000,
  );
  expect(error).toBeUndefined();
  expect(requests.length).toBeGreaterThan(6);
});
