/** A pause: nothing is written while it lasts, not at the end of the process either, and it outlives the process. */
import { EventEmitter, once } from 'node:events';
import { expect, test } from 'vitest';
import { memoryStore, start, type RunOptions } from '../src/index.js';
import type { StateRequest } from '../src/stores/store.js';
import { placeOrder, startShop } from './cli/shop.js';

/** What the stream says, as events: tests wait for words instead of for a time. */
function listener() {
  const events = new EventEmitter();
  const say = (_fields: Record<string, unknown>, message: string): void => void events.emit(message.split(':')[0] ?? '');
  return { logger: { debug: say, info: say, warn: say, error: say }, said: (message: string) => once(events, message) };
}

test('a paused stream writes nothing, not when it is stopped and not when it is started again, until it is resumed', async () => {
  await using shop = await startShop();
  const store = memoryStore();
  const ids: unknown[] = [];
  const run = (more: Partial<RunOptions> = {}) =>
    start({
      name: 'orders',
      source: { vtgate: shop.address, keyspace: 'shop' },
      tables: ['orders'],
      state: store,
      lease: '3s',
      sink: (batch) => void ids.push(...batch.changes.map(({ after }) => after?.['id'])),
      ...more,
    });
  const ask = (verb: StateRequest['verb']) => store.request('orders', { id: verb, verb });
  await run({ until: 'copied' }).finished;
  expect(ids.splice(0)).toHaveLength(50);

  await ask('pause');
  for (const id of [1001, 1002]) {
    const { logger, said } = listener();
    const paused = said('a batch waits for the end of the pause');
    const stream = run({ logger });
    placeOrder(shop, id);
    await paused;
    expect(stream.stats().state).toBe('paused');
    expect(await stream.close()).toMatchObject({ reason: 'closed', rows: 0 });
  }
  expect(ids).toEqual([]);
  expect((await store.read('orders'))?.request).toMatchObject({ verb: 'pause' });

  const { logger, said } = listener();
  const [paused, resumed] = [said('a batch waits for the end of the pause'), said('resumed')];
  const stream = run({ logger, until: 'now' });
  await paused;
  await ask('resume');
  await resumed;
  await stream.finished;
  expect(ids).toEqual([1001n, 1002n]);
});
