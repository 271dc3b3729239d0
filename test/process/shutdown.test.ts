/** How a run ends: what is in flight is finished, its position stored, the lease freed; and it ends, whatever hangs. */
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { type EmbeddedVtgate, startEmbeddedVtgate } from '../../src/embedded/index.js';
import { memoryStore, Position, run, type RunOptions, silentLogger, type Sink, start, vstream } from '../../src/index.js';
import { deferred } from '../../src/internal/async.js';
import { type SinkServer, startSinkServer } from '../../src/testing/sink-server.js';
import { socketSink } from '../../src/testing/socket-sink.js';
import { Child } from './child.js';

const ROWS = 1_000;
let vtgate: EmbeddedVtgate;
let sink: SinkServer;

beforeEach(async () => {
  const item = { columns: [{ name: 'id', type: 'bigint', key: true }], rows: Array.from({ length: ROWS }, (_, id) => ({ id })) };
  vtgate = await startEmbeddedVtgate({ keyspaces: { vstream: {}, shop: { tables: { item } } }, packetBytes: 100 });
  sink = await startSinkServer();
});
afterEach(async () => {
  await sink.close();
  await vtgate.close();
});

const options = () => ({
  source: { vtgate: vtgate.address, keyspace: 'shop' },
  state: { keyspace: 'vstream', table: 'streams' },
  name: 'items',
  logger: silentLogger,
});

function startChild(gate: boolean, more: object = {}): Child {
  const { source, state, name } = options();
  const child = new Child({
    source,
    state,
    sink: sink.address,
    gate,
    signals: true,
    options: { name, limits: { batchChanges: 10 }, ...more },
  });
  onTestFinished(() => child[Symbol.asyncDispose]());
  return child;
}

const stateRow = () => vtgate.engine.rows('vstream', 'streams')[0];

describe.each(['SIGTERM', 'SIGINT'] as const)('%s', (signal) => {
  test('finishes the batch in flight, stores its position, frees the lease and ends with 0', async () => {
    const child = startChild(true);
    // The first batch with rows is at the sink's door.
    for (let nth = 1; Number((await child.until('applying', nth))['changes']) === 0; nth++) child.say('go');
    child.kill(signal);
    child.say('open');
    expect((await child.until('finished'))['finished']).toMatchObject({ reason: 'aborted' });
    expect(await child.exited).toEqual({ code: 0, signal: null });
    const held = sink.rows({ keyspace: 'shop', table: 'item' }).length;
    expect(held).toBeGreaterThan(0);
    expect(held).toBeLessThan(ROWS);
    expect(stateRow()?.['owner']).toBeNull();
    expect(sink.stored('items')?.position?.equals(Position.parse(stateRow()?.['position']))).toBe(true);
    // The next process has nothing to wait for and copies only what is left.
    const next = startChild(false, { until: 'copied', wait: false });
    expect((await next.until('finished'))['finished']).toMatchObject({ reason: 'until', rows: ROWS - held });
    expect(sink.rows({ keyspace: 'shop', table: 'item' })).toHaveLength(ROWS);
  });
});

describe('the drain limit', () => {
  test('ends a run whose sink hangs and listens to nobody; the position stays before its batch', async () => {
    const entered = deferred();
    const running = start({
      ...options(),
      drainTimeout: '50ms',
      limits: { batchChanges: 10 },
      sink: async (batch) => {
        if (batch.kind !== 'copy') return;
        entered.resolve();
        await new Promise(() => {});
      },
    });
    await entered.promise;
    expect(await running.close()).toMatchObject({ reason: 'closed', rows: 0 });
    expect(stateRow()?.['owner']).toBeNull();
    const rows: unknown[] = [];
    await run({ ...options(), until: 'copied', sink: (batch) => void rows.push(...batch.changes) });
    expect(rows).toHaveLength(ROWS);
  });

  test('tells a sink that listens, and ends a run whose sink does not close', async () => {
    const entered = deferred();
    const told = deferred<unknown>();
    const target = socketSink(sink.address);
    const hanging: Sink = {
      capabilities: target.capabilities,
      open: (context) => target.open(context),
      apply: (_, { signal }) => {
        entered.resolve();
        return new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => {
            told.resolve(signal.reason);
            reject(signal.reason);
          }),
        );
      },
      sweep: async () => 0,
      close: () => new Promise(() => {}),
    };
    const running = start({ ...options(), drainTimeout: '50ms', sink: hanging });
    await entered.promise;
    expect(await running.close()).toMatchObject({ reason: 'closed' });
    expect(await told.promise).toMatchObject({ code: 'ABORTED', message: 'the drain limit was reached' });
    expect(stateRow()?.['owner']).toBeNull();
    await target.close();
  });

  test('lets no batch reach the sink once it has passed', async () => {
    const entered = deferred();
    const hung = deferred();
    const later: string[] = [];
    const running = start({
      ...options(),
      drainTimeout: '20ms',
      limits: { batchChanges: 10 },
      sink: async (batch) => {
        later.push(batch.kind);
        if (batch.kind !== 'copy') return;
        entered.resolve();
        await hung.promise;
      },
    });
    await entered.promise;
    await running.close();
    const before = later.length;
    hung.resolve();
    await vtgate.idle();
    expect(later.length).toBe(before);
  });
});

describe('ending twice', () => {
  const whole = (): RunOptions => ({ ...options(), state: memoryStore(), sink: () => {} });

  test('close() resolves with the same summary each time, and after await using', async () => {
    let kept: ReturnType<typeof start>;
    {
      await using running = start(whole());
      kept = running;
    }
    const [first, second] = await Promise.all([kept.close(), kept.close()]);
    expect(first).toBe(second);
    expect(first.reason).toBe('closed');
    expect(await kept.finished).toBe(first);
  });

  test('close() after the end keeps its reason', async () => {
    const running = start({ ...whole(), until: 'copied' });
    const summary = await running.finished;
    expect(summary).toMatchObject({ reason: 'until', rows: ROWS });
    expect(await running.close()).toBe(summary);
  });

  test('an own loop may be closed before, during and after its iteration', async () => {
    const { source } = options();
    const before = vstream({ source });
    await before.close();
    for await (const _ of before) throw new Error('a closed stream gives nothing');
    await using during = vstream({ source });
    let batches = 0;
    for await (const _ of during) {
      batches++;
      void during.close();
    }
    expect(batches).toBe(1);
    await during.close();
    await during.close();
    await vtgate.idle();
  });

  test('an abort before the start is an end like any other', async () => {
    const signal = AbortSignal.abort();
    expect(await run({ ...whole(), signal })).toMatchObject({ reason: 'aborted', rows: 0 });
    for await (const _ of vstream({ source: options().source, signal })) throw new Error('an aborted stream gives nothing');
  });
});
