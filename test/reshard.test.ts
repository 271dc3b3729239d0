/** A reshard under a running stream: one replacement, in one RPC, and an order of every key's versions that holds across it (G123). */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type EmbeddedVtgate, startEmbeddedVtgate } from '../src/embedded/index.js';
import { deferred } from '../src/internal/async.js';
import { type Change, type CheckpointStore, memoryStore, run, silentLogger, start, type Summary, vstream } from '../src/index.js';
import { must } from '../src/internal/must.js';
import { MemoryDestination, memorySink } from '../src/testing/memory-sink.js';

const columns = [
  { name: 'id', type: 'bigint', key: true },
  { name: 'v', type: 'bigint' },
];
const KEYS = Array.from({ length: 12 }, (_, at) => at + 1);
let vtgate: EmbeddedVtgate;
beforeEach(async () => {
  const rows = KEYS.map((id) => ({ id, v: 0 }));
  vtgate = await startEmbeddedVtgate({
    keyspaces: { shop: { shards: ['0'], tables: { item: { columns, rows }, other: { columns, rows } } } },
  });
});
afterEach(() => vtgate.close());

const updateAll = (v: number): void => {
  for (const id of KEYS) vtgate.engine.write('shop', [{ op: 'update', table: 'item', where: { id }, set: { v } }]);
};

test('splits, a merge and a way back are one replacement each, in one RPC, and every version of a key is newer than the one before', async () => {
  const said: string[] = [];
  const log = (fields: object, message: string): void => void said.push(`${message} ${JSON.stringify(fields)}`);
  const versions = new Map<bigint, Change['sequence'][]>();
  const counts = new Set<number>();
  const steps = [['-80', '80-'], ['-40', '40-80', '80-'], ['-'], ['-80', '80-']];
  let expected = 0;
  await using stream = vstream({
    source: { vtgate: vtgate.address, keyspace: 'shop' },
    tables: ['item'],
    logger: { debug: () => {}, info: () => {}, warn: log, error: log },
  });
  const seen = new Map<bigint, bigint>();
  for await (const batch of stream) {
    counts.add(batch.position.reshards);
    for (const change of batch.of('item')) {
      const id = change.after?.['id'] as bigint;
      seen.set(id, change.after?.['v'] as bigint);
      versions.set(id, [...(versions.get(id) ?? []), change.sequence]);
    }
    if (seen.size < KEYS.length || [...seen.values()].some((v) => v !== BigInt(expected)) || !batch.position.copied) continue;
    expected++;
    if (expected === 2 + steps.length) break;
    // A change before the first switch, and one after each.
    const next = steps[expected - 2];
    if (expected > 1 && next) vtgate.engine.reshard('shop', next);
    updateAll(expected);
  }
  expect(vtgate.requests.length).toBe(1);
  expect([...counts]).toEqual([0, 1, 2, 3, 4]);
  expect(said.filter((text) => text.includes('resharded')).length).toBe(4);
  for (const list of versions.values()) {
    expect(list).toEqual(list.toSorted(compare));
  }
});

function compare(one: Change['sequence'], other: Change['sequence']): number {
  return one[0] - other[0] || Number(one[1] - other[1]) || one[2] - other[2];
}

test('the new shards are stored with the first sign of them, rows or none, as the old ones may be deleted any time (G127)', async () => {
  const kept = memoryStore();
  const stored = deferred<readonly string[]>();
  const state: CheckpointStore = {
    ...kept,
    async write(claim, patch, ...rest) {
      const request = await kept.write(claim, patch, ...rest);
      if ((patch.position?.reshards ?? 0) > 0) stored.resolve(must(patch.position, 'the position').shards.map(({ shard }) => shard));
      return request;
    },
  };
  const running = start({
    name: 'idle',
    source: { vtgate: vtgate.address, keyspace: 'shop' },
    state,
    tables: ['item'],
    // Nothing else causes a write.
    checkpointInterval: '1h',
    lease: '1h',
    logger: silentLogger,
    sink: ({ progress }) => {
      if (progress?.type !== 'copy-completed') return;
      vtgate.engine.reshard('shop', ['-80', '80-']);
      vtgate.engine.trackSchema('shop', '80-');
    },
  });
  expect(await stored.promise).toEqual(['-80', '80-']);
  await running.close();
});

/** A stream that is stopped and started again, and where its rows end. */
function stoppable() {
  const destination = new MemoryDestination();
  const state = memoryStore();
  const byId = (rows: readonly Readonly<Record<string, unknown>>[]): string[] => rows.map(({ id, v }) => `${id} ${v}`).sort();
  return {
    toNow: (): Promise<Summary> =>
      run({
        name: 'stopped',
        source: { vtgate: vtgate.address, keyspace: 'shop' },
        state,
        sink: memorySink(destination),
        until: 'now',
        logger: silentLogger,
      }),
    beginAnew: () => state.reset('stopped', undefined),
    rows: () => byId(destination.rows({ keyspace: 'shop', table: 'item' })),
    source: () => byId(vtgate.engine.rows('shop', 'item')),
  };
}

const change = (v: number): void => {
  vtgate.engine.write('shop', [{ op: 'delete', table: 'item', where: { id: v } }]);
  updateAll(v);
};

test('a stream that was stopped meanwhile reads the old shards to their end, and goes on with the new ones', async () => {
  const stream = stoppable();
  await stream.toNow();
  change(1);
  vtgate.engine.reshard('shop', ['-80', '80-']);
  change(2);
  const { position } = await stream.toNow();
  expect(stream.rows()).toEqual(stream.source());
  expect(position).toMatchObject({ reshards: 1, shards: [{ shard: '-80' }, { shard: '80-' }] });
});

test('a stream that was stopped meanwhile ends at `now` also where nothing was written since the reshard: its workflow writes to each new shard', async () => {
  const stream = stoppable();
  await stream.toNow();
  vtgate.engine.reshard('shop', ['-80', '80-']);
  const { position, reason } = await stream.toNow();
  expect(reason).toBe('until');
  expect(position).toMatchObject({ reshards: 1, shards: [{ shard: '-80' }, { shard: '80-' }] });
});

test('old shards that were deleted meanwhile are an error, and its next step brings the rows of the new ones (G127)', async () => {
  const stream = stoppable();
  await stream.toNow();
  vtgate.engine.reshard('shop', ['-80', '80-']);
  vtgate.engine.keyspace('shop').shards.delete('0');
  change(1);
  await expect(stream.toNow()).rejects.toMatchObject({
    code: 'SHARD_NOT_FOUND',
    category: 'position',
    keyspace: 'shop',
    shard: '0',
    next: expect.stringContaining('`vstream state reset NAME`') as string,
  });
  await stream.beginAnew();
  await stream.toNow();
  expect(stream.rows()).toEqual(stream.source());
});

test('a reshard between two tables of a copy stops it with the shards before and after, and its next step copies the new ones', async () => {
  const stream = stoppable();
  const off = vtgate.faults.atCopyPoint(({ at, table }) => {
    if (at !== 'rows' || table !== 'item') return;
    off();
    vtgate.engine.reshard('shop', ['-80', '80-']);
    change(1);
  });
  await expect(stream.toNow()).rejects.toMatchObject({
    code: 'SHARDS_CHANGED',
    category: 'position',
    message: expect.stringContaining('0 became -80, 80-') as string,
    next: expect.stringContaining('`vstream state reset NAME`') as string,
  });
  await stream.beginAnew();
  await stream.toNow();
  expect(stream.rows()).toEqual(stream.source());
});
