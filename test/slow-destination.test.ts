/** A destination that hangs, or fails for a while: what an operator sees of it meanwhile. */
import { expect, test } from 'vitest';
import { type EmbeddedVtgate, startEmbeddedVtgate } from '../src/embedded/index.js';
import { type Batch, type Logger, memoryStore, type RunOptions, silentLogger } from '../src/index.js';
import { deferred } from '../src/internal/async.js';
import { Recorder } from '../src/observe/recorder.js';
import { Runner } from '../src/pipeline/runner.js';
import { validateRunOptions } from '../src/pipeline/validate.js';
import { memorySink } from '../src/testing/memory-sink.js';
import { ManualClock } from './support/manual-clock.js';

const item = { columns: [{ name: 'id', type: 'bigint', key: true }], rows: [{ id: 1 }, { id: 2 }] };
const startShop = (): Promise<EmbeddedVtgate> => startEmbeddedVtgate({ keyspaces: { shop: { tables: { item } } } });

class Seen implements Logger {
  readonly warnings: (readonly [message: string, fields: Record<string, unknown>])[] = [];
  debug(): void {}
  info(): void {}
  error(): void {}
  warn(fields: Record<string, unknown>, message: string): void {
    this.warnings.push([message, fields]);
  }
}

function options(shop: EmbeddedVtgate, more: Partial<RunOptions>): ReturnType<typeof validateRunOptions> {
  const source = { vtgate: shop.address, keyspace: 'shop', tabletType: 'primary' as const };
  return validateRunOptions({
    name: 'slow',
    source,
    state: memoryStore(),
    sink: memorySink(),
    until: 'copied',
    logger: silentLogger,
    ...more,
  });
}

test('a sink that hangs is told of with the batch it hangs at, in the log and in stats(), until it goes on', async () => {
  await using shop = await startShop();
  const [hanging, going] = [deferred(), deferred()];
  const clock = new ManualClock();
  const recorder = new Recorder(clock);
  const logger = new Seen();
  const sink = async (batch: Batch): Promise<void> => {
    if (batch.changes.length === 0) return;
    hanging.resolve();
    await going.promise;
  };
  const run = new Runner(options(shop, { sink, logger }), recorder, clock, () => 0.5).run(new AbortController().signal);
  await Promise.race([hanging.promise, run]);
  await clock.advance(59_000);
  expect(logger.warnings).toEqual([]);
  await clock.advance(61_000);
  const where = { kind: 'copy', rows: 2, keyspace: 'shop', shard: '0', table: 'item' };
  expect(logger.warnings.filter(([message]) => message.includes('the destination'))).toEqual([
    ['the destination has been at one batch for 60 s', { ...where, seconds: 60 }],
    ['the destination has been at one batch for 120 s', { ...where, seconds: 120 }],
  ]);
  expect(recorder.snapshot().applyingSeconds).toBe(120);
  going.resolve();
  expect((await run).rows).toBe(2);
  expect(recorder.snapshot().applyingSeconds).toBeUndefined();
});

test('while a sink fails its last error is in stats() and in the state, and goes when the batch was taken', async () => {
  await using shop = await startShop();
  const clock = new ManualClock();
  const recorder = new Recorder(clock);
  const state = memoryStore();
  const inner = memorySink();
  const sink = {
    capabilities: { ...inner.capabilities, sweep: false },
    open: inner.open.bind(inner),
    close: inner.close.bind(inner),
    apply: async (...[batch, context]: Parameters<typeof inner.apply>) => {
      if (batch.changes.length > 0 && clock.monotonic() < 20_000) throw new Error('the warehouse is away');
      await inner.apply(batch, context);
    },
  };
  const run = new Runner(options(shop, { sink, state }), recorder, clock, () => 0.5).run(new AbortController().signal);
  const over = run.then(
    () => true,
    () => true,
  );
  const turn = (): Promise<false> => new Promise((resolve) => setImmediate(resolve, false));
  const errors = new Set<string | undefined>();
  while (!(await Promise.race([over, turn()]))) {
    // Each wait passes as it begins: of the next try, or of the lease.
    const [wait] = clock.pending;
    if (recorder.lastError && wait !== undefined) await clock.advance(wait);
    errors.add((await state.read('slow'))?.lastError);
  }
  expect((await run).rows).toBe(2);
  expect([...errors].filter((one) => one !== undefined)).toEqual([expect.stringContaining('the warehouse is away')]);
  expect(recorder.snapshot().lastError).toMatchObject({ code: 'SINK_FAILED', table: 'item' });
  expect((await state.read('slow'))?.lastError).toBeUndefined();
});
