/** Transactions the server cannot decode, end to end through the embedded VTGate (measured.md section 6, G139). */
import { expect, test } from 'vitest';
import { type EmbeddedVtgate } from '../src/embedded/index.js';
import { memoryStore, type Position, type RunOptions, type Running, silentLogger, type Sink, start } from '../src/index.js';
import { containsGtids, parseGtidSet } from '../src/position/gtid.js';
import { must } from '../src/internal/must.js';
import { startShop } from './cli/shop.js';
import { WatchedSink } from './support/watched-sink.js';

const PANIC = 'uncaught panic: runtime error: slice bounds out of range [:6147] with capacity 256';
const ORDERS = { keyspace: 'shop', table: 'orders' };

function follow(shop: EmbeddedVtgate, sink: Sink, more: Partial<RunOptions> = {}): Running {
  return start({
    name: 'undecodable',
    source: { vtgate: shop.address, keyspace: 'shop', tabletType: 'primary' },
    state: memoryStore(),
    sink,
    onUndecodable: 'skip-and-recopy',
    logger: silentLogger,
    ...more,
  });
}

const copied = (sink: WatchedSink) => (): boolean => sink.batches.some((batch) => batch.progress?.type === 'copy-completed');
const isBehind = (position: Position | undefined, shard: string, gtid: string): boolean =>
  containsGtids(must(parseGtidSet(position?.gtid('shop', shard) ?? ''), 'a set'), must(parseGtidSet(gtid), 'a set'));
const byId = (rows: readonly Record<string, unknown>[]): string[] => rows.map((row) => `${row['id']} ${row['item']}`).toSorted();
const sourceRows = (shop: EmbeddedVtgate): string[] => byId(shop.engine.rows('shop', 'orders'));
const idsOf = (shop: EmbeddedVtgate, shard: string): unknown[] => shop.engine.rows('shop', 'orders', shard).map((row) => row['id']);

test('the transaction is stepped over, and the copy that follows brings what it did: updates and deletes', async () => {
  await using shop = await startShop();
  const sink = new WatchedSink();
  await using running = follow(shop, sink);
  await sink.until(copied(sink), running.finished);
  const [changed, deleted] = idsOf(shop, '-80');
  const gtid = shop.engine.transaction(
    'shop',
    '-80',
    [
      { op: 'update', table: 'orders', where: { id: changed as number }, set: { item: 'poison' } },
      { op: 'delete', table: 'orders', where: { id: deleted as number } },
    ],
    { undecodable: PANIC },
  );
  await sink.until(() => isBehind(sink.positions.at(-1), '-80', gtid) && sink.positions.at(-1)?.copied === true, running.finished);
  expect(byId(sink.destination.rows(ORDERS))).toEqual(sourceRows(shop));

  // One position holds the step, the debt and the mark; none before it is past the transaction.
  const first = must(
    sink.positions.find((one) => isBehind(one, '-80', gtid)),
    'the step',
  );
  expect(first.plan.shard('shop', 'orders', '-80')).toEqual({ state: 'pending', generation: 2 });
  expect(first.plan.shard('shop', 'orders', '80-')).toMatchObject({ state: 'done', generation: 1 });
  expect(first.incomplete).toEqual([{ keyspace: 'shop', shard: '-80', reason: 'transaction-skipped', tables: { orders: 1, empty: 1 } }]);
  expect(sink.positions.at(-1)?.incomplete).toEqual([]);
  await running.close();
  expect(running.stats().incomplete).toEqual([]);
  expect(shop.unexpectedStatements).toEqual([]);
});

test('neighbouring transactions are stepped over one by one, and later changes arrive as ever', async () => {
  await using shop = await startShop();
  const sink = new WatchedSink();
  await using running = follow(shop, sink);
  await sink.until(copied(sink), running.finished);
  const ids = idsOf(shop, '80-') as number[];
  for (const id of ids.slice(0, 2)) {
    shop.engine.transaction('shop', '80-', [{ op: 'update', table: 'orders', where: { id }, set: { item: `poison ${id}` } }], {
      undecodable: PANIC,
    });
  }
  const last = shop.engine.transaction('shop', '80-', [
    { op: 'update', table: 'orders', where: { id: must(ids[0], 'a row') }, set: { item: 'after' } },
  ]);
  await sink.until(() => isBehind(sink.positions.at(-1), '80-', last) && sink.positions.at(-1)?.copied === true, running.finished);
  expect(byId(sink.destination.rows(ORDERS))).toEqual(sourceRows(shop));
});

test('the policy `fail` ends the stream at the second meeting, and names shard, position and transaction', async () => {
  await using shop = await startShop();
  const sink = new WatchedSink();
  const running = follow(shop, sink, { onUndecodable: 'fail' });
  await sink.until(copied(sink), running.finished);
  const gtid = shop.engine.transaction('shop', '-80', [], { undecodable: PANIC });
  await expect(running.finished).rejects.toMatchObject({
    code: 'TRANSACTION_UNDECODABLE',
    category: 'fatal',
    keyspace: 'shop',
    shard: '-80',
    position: expect.stringMatching(/^MySQL56\//),
    message: expect.stringContaining(`it is transaction ${gtid}`),
  });
  // The stream's own, which copies nothing, and one more after the first meeting.
  expect(shop.requests.filter(({ flags }) => (flags?.tablesToCopy ?? []).length === 0).length).toBe(2);
});

test('a panic that is gone after a reconnect costs nothing but that', async () => {
  await using shop = await startShop();
  const sink = new WatchedSink();
  await using running = follow(shop, sink, { onUndecodable: 'fail' });
  await sink.until(copied(sink), running.finished);
  const where = 'error starting stream from shard GTID keyspace:"shop" shard:"-80"';
  shop.faults.failWith(2, `${where}: persistent error in vstream for shop/-80 on tablet zone1-100; giving up: ${PANIC}`, {
    atEvent: 'ROW',
  });
  const id = must(idsOf(shop, '-80')[0], 'a row') as number;
  const gtid = shop.engine.transaction('shop', '-80', [{ op: 'update', table: 'orders', where: { id }, set: { item: 'fine' } }]);
  await sink.until(() => isBehind(sink.positions.at(-1), '-80', gtid), running.finished);
  expect(sink.positions.at(-1)?.plan.shard('shop', 'orders', '-80')?.generation).toBe(1);
});

test('with transactions of two servers missing nothing is skipped, and the error lists both', async () => {
  await using shop = await startShop();
  const sink = new WatchedSink();
  const running = follow(shop, sink);
  await sink.until(copied(sink), running.finished);
  const { server } = shop.engine.shard('shop', '-80');
  const poison = shop.engine.transaction('shop', '-80', [], { undecodable: PANIC });
  server.uuid = shop.engine.newUuid();
  const other = shop.engine.transaction('shop', '-80', []);
  const error = await running.finished.then(
    () => undefined,
    (thrown: unknown) => thrown as Error,
  );
  expect(error?.message).toContain('which transaction it is cannot be told');
  for (const candidate of [poison, other]) expect(error?.message).toContain(candidate);
  expect(sink.positions.some((one) => one.copied && isBehind(one, '-80', poison))).toBe(false);
});

test('a stop between step and copy is made good by the next run', async () => {
  await using shop = await startShop();
  const state = memoryStore();
  const sink = new WatchedSink();
  const stop = new AbortController();
  const first = follow(shop, sink, { state, signal: stop.signal });
  await sink.until(copied(sink), first.finished);
  const id = must(idsOf(shop, '-80')[0], 'a row') as number;
  const gtid = shop.engine.transaction('shop', '-80', [{ op: 'delete', table: 'orders', where: { id } }], { undecodable: PANIC });
  shop.faults.atCopyPoint(({ at }) => {
    if (at === 'snapshot') stop.abort();
  });
  await sink.until(() => isBehind(sink.positions.at(-1), '-80', gtid), first.finished);
  await first.finished;
  const again = new WatchedSink(sink.destination);
  await follow(shop, again, { state, until: 'copied' }).finished;
  expect(byId(again.destination.rows(ORDERS))).toEqual(sourceRows(shop));
  expect(again.positions.at(-1)?.incomplete).toEqual([]);
});

test('a sink that cannot sweep is refused with this policy', async () => {
  await using shop = await startShop();
  const sink = new WatchedSink(undefined, { sweep: false });
  await expect(follow(shop, sink).finished).rejects.toMatchObject({
    code: 'SINK_UNSUPPORTED',
    message: expect.stringContaining('onUndecodable'),
  });
});
