import { expect, test } from 'vitest';
import { RawClient } from '../../test/support/raw-client.js';
import { ManualClock } from './clock.js';
import { Engine } from './engine.js';
import { startEmbeddedVtgate } from './server.js';
import { Shop, SHOP_KEYSPACE, SHOP_TABLES } from './shop.js';

const contents = (engine: Engine): unknown => SHOP_TABLES.map((table) => engine.rows(SHOP_KEYSPACE, table));

test('the same seed and ticks make the same shop', () => {
  const engines = [1, 1, 2].map((seed) => {
    const engine = new Engine({ clock: new ManualClock() });
    const shop = new Shop(engine, { seed, orders: 20 });
    for (let count = 0; count < 300; count += 1) shop.tick();
    return engine;
  });
  const [a, b, c] = engines.map(contents);
  expect(a).toEqual(b);
  expect(a).not.toEqual(c);
});

test('what a stream says of the shop adds up to its rows', async () => {
  const clock = new ManualClock();
  await using vtgate = await startEmbeddedVtgate({ clock, keyspaces: { [SHOP_KEYSPACE]: { shards: ['-80', '80-'] } } });
  const shop = new Shop(vtgate.engine, { orders: 50, customers: 20, products: 10 });
  const client = new RawClient(vtgate.address);
  const stream = client.stream({
    vgtid: { shardGtids: [{ keyspace: SHOP_KEYSPACE, shard: '', gtid: '' }] },
    filter: { rules: [{ match: '/.*', filter: '' }] },
  });
  const stop = shop.keepOrdering(50);
  await stream.untilCount('FIELD');
  clock.advance(1000); // some of it while tables are copied
  await stream.untilCount('COPY_COMPLETED', 3);
  clock.advance(4000);
  stop();
  await vtgate.quiet();
  vtgate.endStreams();
  await stream.ended();
  const counts: Record<string, Map<string, string>> = {};
  for (const change of stream.changes) {
    const rows = (counts[change.table] ??= new Map<string, string>());
    const keyOf = (row: (string | null)[]): string => (change.table === 'shop.order_items' ? `${row[0]}-${row[1]}` : String(row[0]));
    if (change.before && !change.after) rows.delete(keyOf(change.before));
    if (change.after) rows.set(keyOf(change.after), change.after.join('|'));
  }
  for (const table of SHOP_TABLES) expect(counts[`shop.${table}`]?.size).toBe(vtgate.engine.rows(SHOP_KEYSPACE, table).length);
  expect(stream.changes.filter((change) => change.before && change.after).length).toBeGreaterThan(0);
  client.close();
});
