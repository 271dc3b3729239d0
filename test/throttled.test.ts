/** A throttled tablet: VTGate shows heartbeats only (B.11), SQL shows the rule; the stream waits and goes on in the same RPC. */
import { expect, test } from 'vitest';
import { startEmbeddedVtgate } from '../src/embedded/index.js';
import { memoryStore } from '../src/index.js';
import { deferred } from '../src/internal/async.js';
import { Recorder } from '../src/observe/recorder.js';
import type { RunOptions } from '../src/pipeline/options.js';
import { Runner } from '../src/pipeline/runner.js';
import { validateRunOptions } from '../src/pipeline/validate.js';
import { PacedClock } from './support/paced-clock.js';

const SHARDS = ['-80', '80-'];

test('a throttled shard is told by its verdict and a warning that names the rule, and is no reason to reconnect', async () => {
  const clock = new PacedClock();
  await using vtgate = await startEmbeddedVtgate({
    clock,
    keyspaces: { shop: { shards: SHARDS, tables: { item: { columns: [{ name: 'id', type: 'bigint', key: true }] } } } },
  });
  const recorder = new Recorder(clock);
  const warned = deferred<object>();
  const arrived = deferred();
  const stop = new AbortController();
  let release = (): void => {};
  const quiet = (): void => {};
  const write = (id: number): void => {
    for (const shard of SHARDS) vtgate.engine.transaction('shop', shard, [{ op: 'insert', table: 'item', rows: [{ id }] }]);
  };
  const options: RunOptions = {
    name: 'items',
    source: { vtgate: vtgate.address, keyspace: 'shop' },
    state: memoryStore(),
    logger: { debug: quiet, info: quiet, error: quiet, warn: (fields, text) => warned.resolve({ text, ...fields }) },
    sink: (batch) => {
      if (batch.progress?.type === 'copy-completed') {
        release = vtgate.faults.throttle('shop', '80-', { by: 'rule' });
        write(1);
      }
      if (batch.changes.some((change) => change.shard === '80-')) arrived.resolve();
    },
  };
  const running = new Runner(validateRunOptions(options), recorder, clock, () => 0.5).run(stop.signal);
  const before = vtgate.requests.length;
  expect(await Promise.race([warned.promise, running])).toEqual({
    text: 'the tablet throttler holds back shard shop/80-',
    keyspace: 'shop',
    shard: '80-',
    app: 'vstreamer',
    ratio: 1,
    expiresAt: expect.stringMatching(/^2036-/) as string,
  });
  expect(recorder.snapshot().shards.find(({ shard }) => shard === '80-')?.verdict).toBe('throttled');
  expect(recorder.snapshot().shards.find(({ shard }) => shard === '-80')?.verdict).not.toBe('throttled');
  const requests = vtgate.requests.length;
  expect(requests).toBeGreaterThan(before);
  release();
  await Promise.race([arrived.promise, running]);
  expect(vtgate.requests.length).toBe(requests);
  expect(vtgate.unexpectedStatements).toEqual([]);
  stop.abort();
  await running;
});
