/** A range of a table copied again: rows inside are mended at the sink, rows outside are not touched, changes keep coming. */
import { expect, test } from 'vitest';
import { type EmbeddedVtgate, startEmbeddedVtgate } from '../src/embedded/index.js';
import { must } from '../src/internal/must.js';
import { memoryStore, type Position, type Running, type RunOptions, start } from '../src/index.js';
import type { MemoryDestination } from '../src/testing/memory-sink.js';
import { WatchedSink } from './support/watched-sink.js';

const SHARDS = ['-80', '80-'];
const columns = [
  { name: 'id', type: 'bigint', key: true },
  { name: 'v', type: 'varchar(40)' },
];
/** Even numbers: what is odd at the sink is not from the source. */
const rows = Array.from({ length: 60 }, (_, at) => ({ id: at * 2, v: `row ${at * 2}` }));

const startShop = (): Promise<EmbeddedVtgate> =>
  startEmbeddedVtgate({
    keyspaces: { shop: { shards: SHARDS, tables: { item: { columns, rows }, other: { columns, rows: rows.slice(0, 9) } } } },
    packetBytes: 120,
  });

function options(vtgate: EmbeddedVtgate, sink: WatchedSink, more: Partial<RunOptions> = {}): RunOptions {
  const source = { vtgate: vtgate.address, keyspace: 'shop' };
  return { name: 'ranges', source, tables: ['item', 'other'], state: memoryStore(), sink, ...more };
}

const texts = (list: readonly Readonly<Record<string, unknown>>[]): string[] => list.map((row) => `${row['id']} ${row['v']}`).sort();
const source = (vtgate: EmbeddedVtgate, table = 'item'): string[] => texts(vtgate.engine.rows('shop', table));
const sunk = (sink: WatchedSink, table = 'item'): string[] => texts(sink.destination.rows({ keyspace: 'shop', table }));

/** What somebody does to the destination behind the client's back. */
function tamper(destination: MemoryDestination, id: number, v: string | undefined): void {
  const keyed = must(destination.tables.get('shop.item'), 'the table at the sink').keyed;
  const stored = [...keyed].find(([, versions]) => versions.some(({ values }) => Number(values.get('id')) === id));
  if (!stored) {
    const values = new Map<string, unknown>([
      ['id', BigInt(id)],
      ['v', v],
    ]);
    keyed.set(`ghost ${id}`, [{ values, shard: '-80', generation: 1 }]);
  } else if (v === undefined) keyed.delete(stored[0]);
  else for (const { values } of stored[1]) values.set('v', v);
}

const lastOf = (sink: WatchedSink): Position | undefined => sink.positions.at(-1);
const isCopied = (sink: WatchedSink, generation: number) => (): boolean => {
  const entry = lastOf(sink)?.plan.table('shop', 'item');
  return entry?.state === 'done' && entry.generation === generation && !entry.shards && lastOf(sink)?.copied === true;
};

async function live(vtgate: EmbeddedVtgate, sink: WatchedSink, more: Partial<RunOptions> = {}): Promise<Running> {
  const running = start(options(vtgate, sink, more));
  await sink.until(() => lastOf(sink)?.copied === true, running.finished);
  return running;
}

test('rows deleted, changed and made up at the sink are mended inside the range, and stay as they are outside', async () => {
  await using vtgate = await startShop();
  const sink = new WatchedSink();
  await using running = await live(vtgate, sink);
  for (const id of [22, 80]) tamper(sink.destination, id, undefined);
  for (const id of [24, 84]) tamper(sink.destination, id, 'changed at the sink');
  for (const id of [31, 99]) tamper(sink.destination, id, 'not at the source');
  await running.recopy('item', { where: 'id >= 20 and id < 40' });
  await sink.until(isCopied(sink, 2), running.finished);
  const expected = source(vtgate).filter((one) => !one.startsWith('80 ') && !one.startsWith('84 '));
  expect(sunk(sink)).toEqual([...expected, '84 changed at the sink', '99 not at the source'].sort());
  const copied = sink.batches
    .filter(({ copy }) => copy?.generation === 2)
    .flatMap((batch) => batch.changes.map(({ key }) => Number(key?.['id'])));
  expect(copied.sort((a, b) => a - b)).toEqual([20, 22, 24, 26, 28, 30, 32, 34, 36, 38]);
  const said = sink.batches.flatMap(({ progress }) => (progress?.range ? [`${progress.type} ${progress.range.where}`] : []));
  expect(said).toEqual(['table-start', 'table-end', 'table-end'].map((one) => `${one} id >= 20 and id < 40`));
});
