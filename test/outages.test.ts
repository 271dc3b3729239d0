/** What takes a running stream down for a while: after each every row is there, once, from the place where it broke off. */
import { expect, test } from 'vitest';
import type { EmbeddedVtgate } from '../src/embedded/index.js';
import { memoryStore, start } from '../src/index.js';
import { placeOrder, startShop } from './cli/shop.js';
import { WatchedSink } from './support/watched-sink.js';

/** Harms the stream; `again` resolves when the client says for the nth time that it reconnects. */
type Outage = (shop: EmbeddedVtgate, again: (nth: number) => Promise<void>) => Promise<void>;

const tabletError =
  'error starting stream from shard GTID keyspace:"shop" shard:"-80": persistent error in vstream for shop/-80 on tablet zone1-100; giving up: target: shop.-80.replica: vttablet: rpc error: code = Unavailable desc = connection refused';

test.each<[string, Outage]>([
  [
    'a network that cuts every connection',
    async (shop, again) => {
      shop.faults.cut();
      await again(1);
    },
  ],
  [
    'a VTGate that is down for two tries of the client and comes back',
    async (shop, again) => {
      const up = shop.faults.refuseConnections();
      shop.faults.cut();
      await again(2);
      up();
    },
  ],
  [
    'a VTGate that shuts down gently',
    async (shop, again) => {
      shop.faults.goaway(0);
      await again(1);
    },
  ],
  [
    'a tablet that goes away',
    async (shop, again) => {
      shop.faults.failWith(14, tabletError);
      await again(1);
    },
  ],
  [
    'a new primary',
    async (shop) => {
      for (const shard of ['-80', '80-']) shop.engine.reparent('shop', shard);
    },
  ],
])('%s loses and doubles nothing', async (_, harm) => {
  await using shop = await startShop();
  const sink = new WatchedSink();
  let times = 0;
  const watchers = new Set<() => void>();
  const again = (nth: number): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (times >= nth) resolve();
      };
      watchers.add(look);
      look();
    });
  const quiet = (): void => {};
  const warn = (_fields: object, message: string): void => {
    if (!message.endsWith('; reconnecting')) return;
    times++;
    for (const look of watchers) look();
  };
  await using running = start({
    name: 'outage',
    source: { vtgate: shop.address, keyspace: 'shop', tabletType: 'primary' },
    state: memoryStore(),
    sink,
    logger: { debug: quiet, info: quiet, warn, error: quiet },
  });
  const got = (id: number) => (): boolean => sink.batches.some(({ changes }) => changes.some((one) => Number(one.after?.['id']) === id));
  await sink.until(() => sink.batches.some(({ progress }) => progress?.type === 'copy-completed'), running.finished);
  placeOrder(shop, 1_000);
  await sink.until(got(1_000), running.finished);
  const harmed = harm(shop, again);
  for (let id = 1_001; id < 1_010; id++) placeOrder(shop, id);
  await harmed;
  for (let id = 1_010; id < 1_020; id++) placeOrder(shop, id);
  for (let id = 1_000; id < 1_020; id++) await sink.until(got(id), running.finished);
  const inserted = sink.batches.flatMap(({ changes }) =>
    changes.filter((one) => one.op === 'insert').map((one) => Number(one.after?.['id'])),
  );
  expect(inserted.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (__, at) => 1_000 + at));
});
