/** What a run leaves behind when it ends with an error: nothing. */
import { expect, test } from 'vitest';
import { startEmbeddedVtgate } from '../embedded/index.js';
import { type Clock, systemClock } from '../internal/clock.js';
import { silentLogger } from '../observe/logger.js';
import { Recorder } from '../observe/recorder.js';
import { memoryStore } from '../stores/memory.js';
import { Runner } from './runner.js';
import { validateRunOptions } from './validate.js';

/** The clock of the system, with the timers that are set. */
class CountingClock implements Clock {
  readonly timers = new Set<() => void>();

  now(): number {
    return systemClock.now();
  }

  monotonic(): number {
    return systemClock.monotonic();
  }

  after(ms: number, fn: () => void, ref?: boolean): () => void {
    const cancel = systemClock.after(
      ms,
      () => {
        this.timers.delete(stop);
        fn();
      },
      ref,
    );
    const stop = (): void => {
      this.timers.delete(stop);
      cancel();
    };
    this.timers.add(stop);
    return stop;
  }
}

test.each([1, 2, 3, 4, 5])(
  'a run that a destination ends at batch %i leaves no timer and no stream, whatever was read ahead',
  async (last) => {
    const columns = [{ name: 'id', type: 'bigint', key: true }];
    const rows = Array.from({ length: 50 }, (_, id) => ({ id }));
    await using vtgate = await startEmbeddedVtgate({ keyspaces: { shop: { tables: { t: { columns, rows } } } }, packetBytes: 60 });
    const clock = new CountingClock();
    let batches = 0;
    const options = validateRunOptions({
      name: 'fails',
      source: { vtgate: vtgate.address, keyspace: 'shop' },
      state: memoryStore(),
      limits: { batchChanges: 5 },
      logger: silentLogger,
      sink: async () => {
        if (++batches < last) return;
        // The batch that is read ahead is there by then.
        await vtgate.quiet();
        throw new Error('no more');
      },
    });
    await expect(new Runner(options, new Recorder(clock), clock, () => 0).run(new AbortController().signal)).rejects.toMatchObject({
      code: 'HANDLER_FAILED',
    });
    await vtgate.idle();
    expect(clock.timers.size).toBe(0);
  },
);

test('a run that is aborted before its first batch was taken says no position: from there its rows would be missing', async () => {
  const columns = [{ name: 'id', type: 'bigint', key: true }];
  await using vtgate = await startEmbeddedVtgate({ keyspaces: { shop: { tables: { t: { columns, rows: [{ id: 1 }] } } } } });
  const abort = new AbortController();
  const options = validateRunOptions({
    name: 'hangs',
    source: { vtgate: vtgate.address, keyspace: 'shop' },
    state: memoryStore(),
    drainTimeout: 0,
    logger: silentLogger,
    sink: () => {
      abort.abort();
      return new Promise(() => {});
    },
  });
  const summary = await new Runner(options, new Recorder(systemClock), systemClock, () => 0).run(abort.signal);
  expect(summary).toMatchObject({ reason: 'aborted', position: undefined });
});
