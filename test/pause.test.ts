/** A pause: nothing is written while it lasts, not at the end of the process either, and it outlives the process. */
import { EventEmitter, once } from 'node:events';
import { expect, test } from 'vitest';
import { memoryStore, start, type RunOptions, type VStream, vstream } from '../src/index.js';
import type { StateRequest } from '../src/stores/store.js';
import { placeOrder, startShop } from './cli/shop.js';
import { WatchedSink } from './support/watched-sink.js';

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
  expect((await store.read('orders'))?.requests).toMatchObject([{ verb: 'pause' }]);

  const { logger, said } = listener();
  const [paused, resumed] = [said('a batch waits for the end of the pause'), said('resumed')];
  const stream = run({ logger, until: 'now' });
  await paused;
  await ask('resume');
  await resumed;
  await stream.finished;
  expect(ids).toEqual([1001n, 1002n]);
});

test('what is asked for in a pause, or before a start, waits for the resume, and none of it is lost', async () => {
  await using shop = await startShop();
  const store = memoryStore();
  const options = { name: 'orders', source: { vtgate: shop.address, keyspace: 'shop' }, tables: ['orders'], state: store, lease: '1s' };
  const sink = new WatchedSink();
  await start({ ...options, sink, until: 'copied' } as RunOptions).finished;
  const ask = (id: string, verb: StateRequest['verb'], table?: string) => store.request('orders', { id, verb, table });
  await ask('p', 'pause');
  await ask('c', 'copy', 'orders');
  const { logger, said } = listener();
  const [taking, resumed] = [said('taking a request'), said('resumed')];
  const stream = start({ ...options, sink, until: 'now', logger } as RunOptions);
  await taking;
  await ask('r', 'resume');
  await resumed;
  await stream.finished;
  // The pause was carried out; whether that was written before the resume came is chance.
  expect((await store.read('orders'))?.requests.slice(1)).toMatchObject([
    { id: 'c', outcome: 'done' },
    { id: 'r', outcome: 'done' },
  ]);
  expect(sink.positions.at(-1)?.plan.table('shop', 'orders')?.generation).toBe(2);
});

test('a stream read by its own loop is paused and resumed, also over a restart; a copy it cannot do is refused at once', async () => {
  await using shop = await startShop();
  const store = memoryStore();
  const options = {
    name: 'orders',
    source: { vtgate: shop.address, keyspace: 'shop' },
    tables: ['orders'],
    state: store,
    lease: '1s',
  } as const;
  const ids: unknown[] = [];
  const loop = async (stream: VStream): Promise<void> => {
    for await (const batch of stream) {
      ids.push(...batch.changes.map(({ after }) => after?.['id']));
      await stream.commit(batch);
    }
  };
  const ask = (verb: StateRequest['verb'], table?: string) => store.request('orders', { id: verb, verb, table });
  await loop(vstream({ ...options, until: 'copied' }));
  expect(ids.splice(0)).toHaveLength(50);

  await ask('pause');
  const { logger, said } = listener();
  const paused = said('a batch waits for the end of the pause');
  const waiting = vstream({ ...options, logger });
  const ended = loop(waiting);
  placeOrder(shop, 1001);
  await paused;
  expect(waiting.stats().state).toBe('paused');
  await waiting.close();
  await ended;
  expect(ids).toEqual([]);

  const [pausedAgain, resumed] = [said('a batch waits for the end of the pause'), said('resumed')];
  const going = loop(vstream({ ...options, logger, until: 'now' }));
  await pausedAgain;
  await ask('copy', 'orders');
  await ask('resume');
  await resumed;
  await going;
  expect(ids).toEqual([1001n]);
  expect((await store.read('orders'))?.requests).toMatchObject([
    { verb: 'pause' },
    { verb: 'copy', outcome: expect.stringContaining('refused: a loop of its own reads this stream') as string },
    { verb: 'resume', outcome: 'done' },
  ]);
});
