/** A reshard that happened while nobody streamed: the old shards lead to the new ones as long as they are there (G127). */
import { expect, test } from 'vitest';
import { startEmbeddedVtgate } from '../src/embedded/index.js';
import { memoryStore, type RunOptions, run } from '../src/index.js';
import { MemoryDestination, memorySink } from '../src/testing/memory-sink.js';

const ITEM = { keyspace: 'shop', table: 'item' };

async function world() {
  const columns = [
    { name: 'id', type: 'bigint', key: true },
    { name: 'v', type: 'varchar(20)' },
  ];
  const rows = Array.from({ length: 40 }, (_, id) => ({ id, v: 'first' }));
  const vtgate = await startEmbeddedVtgate({ keyspaces: { shop: { shards: ['-80', '80-'], tables: { item: { columns, rows } } } } });
  const destination = new MemoryDestination();
  const options: RunOptions = {
    name: 'stopped',
    source: { vtgate: vtgate.address, keyspace: 'shop', tabletType: 'primary' },
    state: memoryStore(),
    sink: memorySink(destination),
    until: 'now',
  };
  const lines = (found: readonly Record<string, unknown>[]): string[] => found.map((row) => `${row['id']} ${row['v']}`).toSorted();
  const agrees = (at = destination): void => expect(lines(at.rows(ITEM))).toEqual(lines(vtgate.engine.rows('shop', 'item')));
  return { vtgate, options, agrees };
}

test.each([
  ['a split', ['-40', '40-80', '80-']],
  ['a merge', ['-']],
])('%s is followed from the old position, with what was written before and after it', async (_, shards) => {
  const { vtgate, options, agrees } = await world();
  await using _closing = vtgate;
  await run(options);
  vtgate.engine.write('shop', [
    { op: 'update', table: 'item', where: { id: 3 }, set: { v: 'before' } },
    { op: 'delete', table: 'item', where: { id: 4 } },
  ]);
  vtgate.engine.reshard('shop', shards);
  vtgate.engine.write('shop', [
    { op: 'update', table: 'item', where: { id: 5 }, set: { v: 'after' } },
    { op: 'insert', table: 'item', row: { id: 100, v: 'after' } },
    { op: 'delete', table: 'item', where: { id: 6 } },
  ]);
  const { position } = await run(options);
  agrees();
  expect(position?.shards.map(({ shard }) => shard).toSorted()).toEqual(shards.toSorted());
  // Nothing is copied again.
  expect(vtgate.requests.flatMap((request) => request.flags?.tablesToCopy ?? [])).toEqual(['item']);
});

test('with the old shards deleted it is an error that names the shard and the way out, and the position stays', async () => {
  const { vtgate, options, agrees } = await world();
  await using _closing = vtgate;
  await run(options);
  vtgate.engine.reshard('shop', ['-']);
  for (const gone of ['-80', '80-']) vtgate.engine.keyspace('shop').shards.delete(gone);
  for (let times = 0; times < 2; times++) {
    await expect(run(options)).rejects.toMatchObject({
      code: 'SHARD_NOT_FOUND',
      category: 'position',
      keyspace: 'shop',
      shard: expect.stringMatching(/^(-80|80-)$/) as string,
      next: expect.stringContaining('start again from a copy') as string,
    });
  }
  const anew = new MemoryDestination();
  await run({ ...options, state: memoryStore(), sink: memorySink(anew) });
  agrees(anew);
});
