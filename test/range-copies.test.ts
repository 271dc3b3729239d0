/** A range of a table copied again: rows inside are mended at the sink, rows outside are not touched, changes keep coming. */
import { expect, test } from 'vitest';
import { type EmbeddedVtgate, startEmbeddedVtgate } from '../src/embedded/index.js';
import { must } from '../src/internal/must.js';
import { memoryStore, type Position, type Running, type RunOptions, silentLogger, start } from '../src/index.js';
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
  return { name: 'ranges', source, tables: ['item', 'other'], state: memoryStore(), sink, logger: silentLogger, ...more };
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
  await sink.until(() => sink.batches.some(({ progress }) => progress?.type === 'copy-completed'), running.finished);
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

/** Final equality of sink and source, once a mark written last has come. */
async function settled(vtgate: EmbeddedVtgate, sink: WatchedSink, running: Running): Promise<void> {
  for (const shard of SHARDS) {
    vtgate.engine.transaction('shop', shard, [{ op: 'insert', table: 'other', row: { id: SHARDS.indexOf(shard) + 5000, v: 'mark' } }]);
  }
  const marks = (): number => sink.destination.rows({ keyspace: 'shop', table: 'other' }).filter((row) => row['v'] === 'mark').length;
  await sink.until(() => marks() === SHARDS.length, running.finished);
  expect(sunk(sink)).toEqual(source(vtgate));
  expect(sunk(sink, 'other')).toEqual(source(vtgate, 'other'));
}

test('changes before, inside and behind the range come while it is copied, of the table and of others (G111)', async () => {
  await using vtgate = await startShop();
  const sink = new WatchedSink();
  await using running = await live(vtgate, sink);
  tamper(sink.destination, 42, undefined);
  let next = 1001;
  vtgate.faults.atCopyPoint(({ shard, at }) => {
    const there = vtgate.engine.rows('shop', 'item', shard).map((row) => Number(row['id']));
    const any = (from: number, to: number): number | undefined => there.find((id) => id >= from && id < to);
    const [before, inside, behind] = [any(0, 30), any(30, 60), any(60, 900)];
    vtgate.engine.transaction('shop', shard, [
      ...(before === undefined ? [] : [{ op: 'delete' as const, table: 'item', where: { id: before } }]),
      ...(inside === undefined ? [] : [{ op: 'update' as const, table: 'item', where: { id: inside }, set: { id: next++ } }]),
      ...(behind === undefined ? [] : [{ op: 'update' as const, table: 'item', where: { id: behind }, set: { v: `${at} ${next++}` } }]),
      { op: 'insert', table: 'item', row: { id: next * 2 + 1, v: `new ${next++}` } },
      { op: 'insert', table: 'other', row: { id: next++, v: 'other' } },
    ]);
  });
  await running.recopy('item', { where: 'id between 30 and 59' });
  await sink.until(isCopied(sink, 2), running.finished);
  vtgate.faults.atCopyPoint(() => {});
  await settled(vtgate, sink, running);
  expect(next).toBeGreaterThan(1010);
  // The server copies behind the key before the range: without one it would drop the changes before its first row.
  const copies = vtgate.requests.filter((request) => request.flags?.tablesToCopy.includes('item')).slice(1);
  expect(copies.length).toBeGreaterThan(0);
  for (const request of copies)
    for (const { tablePKs } of request.vgtid?.shardGtids ?? [])
      for (const { lastpk } of tablePKs) expect(Buffer.from(lastpk?.rows[0]?.values ?? []).toString()).toMatch(/^(29|[345]\d)$/);
});

test('a range under way goes on after its last key when the process starts again', async () => {
  await using vtgate = await startShop();
  const state = memoryStore();
  const first = new WatchedSink();
  const running = await live(vtgate, first, { state });
  for (const id of [12, 70]) tamper(first.destination, id, undefined);
  tamper(first.destination, 33, 'not at the source');
  const after = vtgate.requests.length;
  await running.recopy('item', { where: 'id > 10 and id < 90' });
  await first.until(() => first.batches.some(({ copy }) => copy?.generation === 2), running.finished);
  await running.close();
  expect(lastOf(first)?.copied).toBe(false);
  const second = new WatchedSink(first.destination);
  const again = start(options(vtgate, second, { state }));
  await second.until(isCopied(second, 2), again.finished);
  await settled(vtgate, second, again);
  await again.close();
  const copied = [...first.batches, ...second.batches].flatMap(({ copy, changes }) =>
    copy?.generation === 2 ? changes.map(({ key }) => Number(key?.['id'])) : [],
  );
  expect(new Set(copied).size).toBe(copied.length);
  expect(vtgate.requests.length).toBeGreaterThan(after + 1);
});

test('ranges of one table wait for one another and for a copy of the whole table; a new whole copy takes their place', async () => {
  await using vtgate = await startShop();
  const sink = new WatchedSink();
  await using running = await live(vtgate, sink);
  const before = sink.batches.length;
  await running.recopy('item', { where: 'id < 20' });
  await running.recopy('item', { where: 'id < 20' });
  await running.recopy('item', { where: 'id >= 100' });
  await running.recopy('other', { where: 'id = 4' });
  await sink.until(() => isCopied(sink, 3)() && lastOf(sink)?.plan.table('shop', 'other')?.generation === 2, running.finished);
  const ends = (from: number): string[] =>
    sink.batches
      .slice(from)
      .flatMap(({ progress: one }) => (one?.type === 'table-end' ? [`${one.table} ${one.generation} ${one.range?.where ?? 'all'}`] : []));
  // Asked for twice before it began, the range is copied once.
  expect([...new Set(ends(before))]).toEqual(['item 2 id < 20', 'item 3 id >= 100', 'other 2 id = 4']);
  const later = sink.batches.length;
  await running.recopy('item', { where: 'id < 8' });
  await running.recopy('item');
  await running.recopy('item', { where: 'id < 8' });
  await sink.until(isCopied(sink, 5), running.finished);
  expect([...new Set(ends(later))]).toEqual(['item 5 all']);
  await settled(vtgate, sink, running);
});

test('a range that VTGate begins again inside the RPC, and one that ends while the server still copies, lose nothing', async () => {
  await using vtgate = await startShop();
  const sink = new WatchedSink();
  await using running = await live(vtgate, sink);
  const removed = new Set<string>();
  let restarts = 0;
  vtgate.faults.atCopyPoint(({ shard, at, rows: read }) => {
    if (at !== 'rows') return;
    if (restarts < 4 && read > 2) {
      restarts++;
      vtgate.faults.restartShardInsideRpc('shop', shard);
    }
    const id = vtgate.engine
      .rows('shop', 'item', shard)
      .map((row) => Number(row['id']))
      .find((one) => one < 20 || one > 60);
    if (id === undefined) return;
    removed.add(String(id));
    vtgate.engine.transaction('shop', shard, [{ op: 'delete', table: 'item', where: { id } }]);
  });
  await running.recopy('item', { where: 'id > 20 and id <= 50' });
  await sink.until(isCopied(sink, 2), running.finished);
  vtgate.faults.atCopyPoint(() => {});
  await settled(vtgate, sink, running);
  expect(restarts).toBe(4);
  expect(removed.size).toBeGreaterThan(3);
});

test('TRUNCATE, a new column and the removal of the table while a range is copied', async () => {
  await using vtgate = await startShop();
  const sink = new WatchedSink();
  await using running = await live(vtgate, sink);
  const once = (work: () => void): void => {
    const off = vtgate.faults.atCopyPoint(({ at }) => {
      if (at !== 'rows') return;
      off();
      work();
    });
  };
  once(() => {
    vtgate.engine.ddl('shop', 'truncate table item');
    vtgate.engine.write('shop', [{ op: 'insert', table: 'item', row: { id: 44, v: 'after' } }]);
  });
  await running.recopy('item', { where: 'id >= 10' });
  await sink.until(isCopied(sink, 2), running.finished);
  await settled(vtgate, sink, running);
  vtgate.engine.write(
    'shop',
    rows.slice(30).map((row) => ({ op: 'insert', table: 'item', row })),
  );
  once(() => vtgate.engine.ddl('shop', 'alter table item add column more int'));
  await running.recopy('item', { where: 'id >= 20' });
  await sink.until(isCopied(sink, 3), running.finished);
  expect(sunk(sink)).toEqual(source(vtgate));
  let removing: Promise<void> | undefined;
  once(() => void (removing = running.removeTable('item')));
  await running.recopy('item', { where: 'id >= 20' });
  await sink.until(() => lastOf(sink)?.plan.table('shop', 'item')?.removed === true, running.finished);
  await removing;
  expect(lastOf(sink)?.plan.table('shop', 'item')).toEqual({ state: 'done', generation: 4, removed: true });
});

test('changes after the copy of a range carry its generation, and a later copy of the whole table sweeps all older ones', async () => {
  await using vtgate = await startShop();
  const sink = new WatchedSink();
  await using running = await live(vtgate, sink);
  await running.recopy('item', { where: 'id = 20' });
  await sink.until(isCopied(sink, 2), running.finished);
  tamper(sink.destination, 77, 'not at the source');
  vtgate.engine.write('shop', [{ op: 'update', table: 'item', where: { id: 90 }, set: { v: 'later' } }]);
  await sink.until(() => sink.batches.at(-1)?.kind === 'transactions', running.finished);
  expect(sink.batches.at(-1)?.changes.map((change) => change.generation)).toEqual([2]);
  await running.recopy('item');
  await sink.until(isCopied(sink, 3), running.finished);
  expect(lastOf(sink)?.plan.table('shop', 'item')?.ranged).toBeUndefined();
  await settled(vtgate, sink, running);
});

test.each([
  ['v = 1', 'FILTER_REFUSED', /not part of the primary key \(id\).*still there/],
  ['id = 1 or id = 2', 'FILTER_REFUSED', /only AND/],
  ['id is not null', 'FILTER_REFUSED', /never NULL/],
  ["id = 'x'", 'FILTER_REFUSED', /plain digits/],
  ['ident = 5', 'COLUMN_NOT_FOUND', /no column "ident"/],
])('the range %j is refused with the reason', async (where, code, message) => {
  await using vtgate = await startShop();
  const sink = new WatchedSink();
  await using running = await live(vtgate, sink);
  await expect(running.recopy('item', { where })).rejects.toMatchObject({ code, message: expect.stringMatching(message) as string });
  expect(lastOf(sink)?.plan.table('shop', 'item')?.generation).toBe(1);
});

test('a table without a primary key, and a sink that cannot sweep ranges, are refused', async () => {
  await using vtgate = await startShop();
  vtgate.engine.createTable('shop', { name: 'loose', columns: [{ name: 'n', type: 'int' }] });
  const sink = new WatchedSink();
  await using running = await live(vtgate, sink, { tables: ['item', 'other', 'loose'] });
  await expect(running.recopy('loose', { where: 'n = 1' })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    next: expect.stringContaining('whole table') as string,
  });
  const unable = new WatchedSink();
  Object.assign(unable, { sweepRange: undefined });
  await using other = await live(vtgate, unable);
  await expect(other.recopy('item', { where: 'id = 1' })).rejects.toMatchObject({ code: 'SINK_UNSUPPORTED', table: 'item' });
});

test('a range asked for in the middle of the first copy is copied after it, also by the next process', async () => {
  await using vtgate = await startShop();
  const state = memoryStore();
  let asked: Promise<void> | undefined;
  /** Holds the copy at its first rows until the range was taken. */
  class Asking extends WatchedSink {
    override async apply(...[batch, context]: Parameters<WatchedSink['apply']>): Promise<void> {
      await super.apply(batch, context);
      if (batch.copy?.table === 'item') await (asked ??= running.recopy('item', { where: 'id >= 20 and id < 40' }));
    }
  }
  const first = new Asking();
  const running = start(options(vtgate, first, { state, limits: { batchChanges: 4 } }));
  await first.until(() => lastOf(first)?.plan.table('shop', 'item')?.waiting !== undefined, running.finished);
  await running.close();
  const second = new WatchedSink(first.destination);
  await using again = start(options(vtgate, second, { state }));
  await second.until(isCopied(second, 2), again.finished);
  const copied = second.batches.flatMap(({ copy, changes }) =>
    copy?.generation === 2 ? changes.map(({ key }) => Number(key?.['id'])) : [],
  );
  expect(copied.sort((a, b) => a - b)).toEqual([20, 22, 24, 26, 28, 30, 32, 34, 36, 38]);
  await settled(vtgate, second, again);
});

test('an update of the key whose image lacks a column, just before its range is read, keeps that column (B41)', async () => {
  const body = { name: 'body', type: 'text' };
  const notes = Array.from({ length: 20 }, (_, id) => ({ id, v: `row ${id}`, body: `body ${id}` }));
  await using vtgate = await startEmbeddedVtgate({
    rowImage: 'noblob',
    keyspaces: { shop: { shards: SHARDS, tables: { item: { columns: [...columns, body], rows: notes }, other: { columns } } } },
  });
  const sink = new WatchedSink();
  await using running = await live(vtgate, sink, { images: 'partial' });
  const moved = vtgate.faults.atCopyPoint(({ at }) => {
    if (at !== 'snapshot') return;
    moved();
    for (const shard of SHARDS) {
      const [first] = vtgate.engine.rows('shop', 'item', shard).filter((row) => Number(row['id']) >= 5);
      const id = Number(first?.['id']);
      vtgate.engine.transaction('shop', shard, [{ op: 'update', table: 'item', where: { id }, set: { id: id + 100 } }]);
    }
  });
  await running.recopy('item', { where: 'id >= 5 and id < 50' });
  await sink.until(isCopied(sink, 2), running.finished);
  await settled(vtgate, sink, running);
  const bodies = (list: readonly Readonly<Record<string, unknown>>[]): string[] => list.map((row) => `${row['id']} ${row['body']}`).sort();
  expect(bodies(sink.destination.rows({ keyspace: 'shop', table: 'item' }))).toEqual(bodies(vtgate.engine.rows('shop', 'item')));
  expect(bodies(vtgate.engine.rows('shop', 'item')).filter((one) => /^1\d\d /.test(one))).toHaveLength(2);
});
