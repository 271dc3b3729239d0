/** What a run ends with when several things could end it, and that silence holds up no end. */
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { type EmbeddedVtgate } from '../src/embedded/index.js';
import { deferred, type Deferred } from '../src/internal/async.js';
import { type CheckpointStore, memoryStore, type Running, type RunOptions, run, start } from '../src/index.js';
import { placeOrder, startShop } from './cli/shop.js';

let shop: EmbeddedVtgate;
let state: CheckpointStore;

beforeEach(async () => {
  shop = await startShop();
  state = memoryStore();
  onTestFinished(() => shop.close());
});

const follow = (sink: RunOptions['sink']): Running =>
  start({
    name: 'ends',
    source: { vtgate: shop.address, keyspace: 'shop', tabletType: 'primary' },
    tables: ['orders'],
    from: 'current',
    state,
    drainTimeout: '1h',
    sink,
  });

/** A run whose handler holds a batch with one order until it is told to go on, or to throw. */
async function holding(): Promise<{ running: Running; going: Deferred<void>; rest: () => Promise<number> }> {
  const begun = deferred();
  const entered = deferred();
  const going = deferred();
  const running = follow(async ({ changes, progress }) => {
    if (progress?.type === 'position') begun.resolve();
    if (changes.length === 0) return;
    entered.resolve();
    await going.promise;
  });
  await Promise.race([begun.promise, running.finished]);
  placeOrder(shop, 1_000);
  await Promise.race([entered.promise, running.finished]);
  /** Rows that the next run still gets. */
  const rest = async (): Promise<number> => {
    let rows = 0;
    const sink: RunOptions['sink'] = (batch) => void (rows += batch.changes.length);
    await run({ name: 'ends', source: { vtgate: shop.address, keyspace: 'shop' }, tables: ['orders'], state, until: 'now', sink });
    return rows;
  };
  return { running, going, rest };
}

/** Nothing that trying again would mend. */
const failStream = (): void => shop.faults.failWith(16, 'the credentials were withdrawn');

describe('of several reasons to end', () => {
  test('an error of the stream comes after the batch in flight, which is applied and stored', async () => {
    const { running, going, rest } = await holding();
    failStream();
    going.resolve();
    await expect(running.finished).rejects.toMatchObject({ code: 'AUTH_FAILED' });
    expect(await rest()).toBe(0);
  });

  test('a stop wins over what the stream says afterwards', async () => {
    const { running, going, rest } = await holding();
    const closed = running.close();
    failStream();
    going.resolve();
    expect(await closed).toMatchObject({ reason: 'closed', rows: 1 });
    expect(await rest()).toBe(0);
  });

  test('a handler that throws while a stop drains is told, and its rows come again', async () => {
    const { running, going, rest } = await holding();
    const closed = running.close();
    going.reject(new Error('no space left'));
    await expect(closed).rejects.toMatchObject({ code: 'HANDLER_FAILED', message: expect.stringContaining('no space left') as string });
    expect(await rest()).toBe(1);
  });

  test('the handler that throws wins over the stream that fails behind it', async () => {
    const { running, going, rest } = await holding();
    failStream();
    going.reject(new Error('no space left'));
    await expect(running.finished).rejects.toMatchObject({ code: 'HANDLER_FAILED' });
    expect(await rest()).toBe(1);
  });
});

describe('a stop while nothing comes', () => {
  test('ends at once, however long a drain may take', async () => {
    const begun = deferred();
    const running = follow(({ progress }) => {
      if (progress?.type === 'position') begun.resolve();
    });
    await Promise.race([begun.promise, running.finished]);
    const speak = shop.faults.stall();
    placeOrder(shop, 1_000);
    expect(await running.close()).toMatchObject({ reason: 'closed', rows: 0 });
    speak();
  });

  test('ends a start that gets no answer, too', async () => {
    const release = shop.faults.blackHole();
    const running = follow(() => {});
    expect(await running.close()).toMatchObject({ reason: 'closed', rows: 0, position: undefined });
    release();
    expect(shop.requests).toEqual([]);
  });
});
