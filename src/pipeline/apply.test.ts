import { expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { VStreamError } from '../errors.js';
import type { Clock } from '../internal/clock.js';
import { silentLogger } from '../observe/logger.js';
import { Position } from '../position/position.js';
import type { Batch } from '../stream/change.js';
import { asBatch, StreamBatch } from '../stream/batch.js';
import { BatchBuilder, tableVersion } from '../testing/batch-builder.js';
import { applyBatch } from './apply.js';
import { atChange } from './at-change.js';
import { handlerSink } from './handler-sink.js';
import type { Sink } from './sink.js';

const position = new Position([{ keyspace: 'k', shard: '0', gtid: '' }]);
/** Time passes while somebody waits, and only then. */
class WaitingClock implements Clock {
  #time = 0;

  now(): number {
    return this.#time;
  }
  monotonic(): number {
    return this.#time;
  }
  after(ms: number, fn: () => void): () => void {
    // No timer comes exactly in time.
    this.#time += ms + 1;
    setImmediate(fn);
    return () => {};
  }
}

const options = { clock: new WaitingClock(), logger: silentLogger, random: () => 0, retryMs: 2_000 };
const context = () => ({ epoch: 1n, signal: new AbortController().signal });

function sinkOf(apply: Sink['apply'], calls: string[] = []): Sink {
  return {
    capabilities: { position: 'external', deletes: true, sweep: true, schema: 'evolve' },
    open: async () => ({}),
    schema: async (change) => void calls.push(`schema ${change.table}`),
    truncate: async (table, shard) => void calls.push(`truncate ${table.table} ${shard}`),
    sweep: async (table, shard, generation) => (calls.push(`sweep ${table.table} ${shard} ${generation}`), 0),
    apply: async (batch, applyContext) => {
      calls.push(`apply ${batch.kind}`);
      await apply(batch, applyContext);
    },
    close: async () => {},
  };
}

const batchOf = (content: Partial<ConstructorParameters<typeof StreamBatch>[0]>): Batch =>
  asBatch(new StreamBatch({ kind: 'transactions', position, ...content }));

test('truncates, sweeps and schema changes come before the batch that carries their position', async () => {
  const calls: string[] = [];
  const sink = sinkOf(async () => {}, calls);
  const schema = { keyspace: 'k', table: 't', shard: '-80', from: undefined, to: undefined, statement: undefined };
  await applyBatch(sink, batchOf({ kind: 'schema', schema: { kind: 'truncate', ...schema } }), context(), options);
  await applyBatch(sink, batchOf({ kind: 'schema', schema: { kind: 'columns', ...schema } }), context(), options);
  const end = { type: 'table-end', keyspace: 'k', table: 't', shard: '-80', generation: 2 } as const;
  await applyBatch(sink, batchOf({ kind: 'progress', progress: { ...end, sweep: true } }), context(), options);
  await applyBatch(sink, batchOf({ kind: 'progress', progress: { ...end, sweep: false } }), context(), options);
  expect(calls).toEqual([
    'truncate t -80',
    'apply schema',
    'schema t',
    'apply schema',
    'sweep t -80 2',
    'apply progress',
    'apply progress',
  ]);
});

test('a sink that fails and recovers gets the same batch again', async () => {
  let failures = 2;
  const calls: string[] = [];
  const sink = sinkOf(async () => {
    if (failures-- > 0) throw new Error('the warehouse is away');
  }, calls);
  await applyBatch(sink, batchOf({}), context(), options);
  expect(calls).toEqual(['apply transactions', 'apply transactions', 'apply transactions']);
});

test('a sink that stays broken ends the stream with its last error and the next step', async () => {
  const sink = sinkOf(async () => {
    throw new Error('the warehouse is away');
  });
  const failure = await applyBatch(sink, batchOf({}), context(), options).catch((error: unknown) => error);
  expect(failure).toMatchObject({
    code: 'SINK_FAILED',
    message: expect.stringContaining('the warehouse is away'),
    next: expect.any(String),
  });
});

test.each([
  [0, 1],
  [2_000, 4],
  [30_000, 8],
  [600_000, 33],
])('a batch is tried again for as long as `sinkRetry` says: %d ms are %d tries', async (retryMs, tries) => {
  const clock = new WaitingClock();
  const calls: string[] = [];
  const sink = sinkOf(async () => {
    throw new Error('the warehouse is away');
  }, calls);
  await expect(applyBatch(sink, batchOf({}), context(), { ...options, clock, random: () => 0.5, retryMs })).rejects.toThrow('away');
  expect(clock.monotonic()).toBeGreaterThanOrEqual(retryMs);
  expect(calls).toHaveLength(tries);
});

test('what is given up names the batch, the tries and the next step, also where the sink has only said that it may pass', async () => {
  const clock = new WaitingClock();
  const away = handlerSink(() => {
    throw new VStreamError('SINK_FAILED', 'the webhook answers 503', { category: 'retry' });
  });
  const limits = { ...options, clock, random: () => 0.5, retryMs: 2_000 };
  const version = tableVersion('k.orders', { id: 'bigint key' });
  const batch = new BatchBuilder('k', ['0']).copy(version, '0', [{ id: 1 }, { id: 2 }]);
  await expect(applyBatch(away, batch, context(), limits)).rejects.toMatchObject({
    code: 'SINK_FAILED',
    category: 'retry',
    message: expect.stringMatching(/^the webhook answers 503 \(tried 4 times within \d+ s: 2 changes .*orders/),
    table: 'orders',
    next: expect.stringMatching(/^Mend the destination and start again/),
  });
});

test('each failed try is told while others follow, and so is the one that succeeds', async () => {
  let failures = 2;
  const told: (string | undefined)[] = [];
  const sink = sinkOf(async () => {
    if (failures-- > 0) throw new Error('the warehouse is away');
  });
  const failed = (error: VStreamError | undefined): void => void told.push(error?.message);
  await applyBatch(sink, batchOf({}), context(), { ...options, failed });
  expect(told).toEqual([expect.stringContaining('away'), expect.stringContaining('away'), undefined]);
  await applyBatch(sink, batchOf({}), context(), { ...options, failed });
  expect(told).toHaveLength(3);
});

test('an error of a sink or a handler says where its batch begins and ends', async () => {
  const version = tableVersion('k.t', { id: 'bigint key' });
  const insert = (id: number) => ({ op: 'insert', version, shard: '-80', after: { id } }) as const;
  const batch = new BatchBuilder('k', ['-80']).transactions([insert(1), insert(2)], [insert(3)]);
  const [first, , last] = batch.changes;
  const range = `from k.t on -80 (${first?.gtid}, change 0) to k.t on -80 (${last?.gtid}, change 0)`;
  const where = { keyspace: 'k', shard: '-80', table: 't', position: first?.gtid };
  const throwing = async (): Promise<never> => {
    throw new Error('no such order');
  };
  for (const sink of [handlerSink(throwing), sinkOf(throwing)]) {
    const error: unknown = await applyBatch(sink, batch, context(), { ...options, retryMs: 0 }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ ...where, message: expect.stringContaining(`3 changes ${range}`) });
    expect(error).toMatchObject({ message: expect.stringContaining('no such order') });
  }
});

test('an error of the work of one change has the coordinates of that change, of a copied row its place in the batch', async () => {
  const version = tableVersion('k.t', { id: 'bigint key' });
  const batches = new BatchBuilder('k', ['-80']);
  const insert = (id: number) => ({ op: 'insert', version, shard: '-80', after: { id } }) as const;
  const changed = batches.transactions([insert(1)], [insert(2), insert(3)]);
  const copied = batches.copy(version, '-80', [{ id: 4 }, { id: 3 }]);
  const putting: Sink['apply'] = async ({ changes }) => {
    for (const change of changes)
      await atChange(change, () => {
        if (change.after?.['id'] === 3) throw new Error('no such order');
      });
  };
  const gtid = changed.changes[2]?.gtid;
  for (const sink of [handlerSink(putting), sinkOf(putting)]) {
    const failure = async (batch: Batch): Promise<unknown> =>
      applyBatch(sink, batch, context(), { ...options, retryMs: 0 }).catch((error: unknown) => error);
    expect(await failure(changed)).toMatchObject({
      ...{ keyspace: 'k', shard: '-80', table: 't', position: gtid },
      message: expect.stringMatching(`at k.t on -80 \\(${gtid}, change 1\\), of 3 changes from .*: no such order`),
    });
    expect(await failure(copied)).toMatchObject({
      table: 't',
      message: expect.stringContaining('at k.t on -80 (copied, row 2), of 2 changes of k.t on -80 (copied)'),
    });
  }
});

test('what a sink calls final is not tried again', async () => {
  const calls: string[] = [];
  const sink = sinkOf(async () => {
    throw new VStreamError('FENCED', 'another process took over');
  }, calls);
  await expect(applyBatch(sink, batchOf({}), context(), options)).rejects.toMatchObject({ code: 'FENCED' });
  expect(calls).toHaveLength(1);
});

test('a handler that throws ends the stream at once, with its message', async () => {
  let calls = 0;
  const sink = handlerSink(async () => {
    calls++;
    throw new Error('no such order');
  });
  await expect(applyBatch(sink, batchOf({}), context(), options)).rejects.toMatchObject({
    code: 'HANDLER_FAILED',
    message: expect.stringContaining('no such order'),
  });
  expect(calls).toBe(1);
});

test('waiting between tries ends with an abort', async () => {
  const clock = new ManualClock();
  const abort = new AbortController();
  const sink = sinkOf(async () => {
    abort.abort();
    throw new Error('away');
  });
  await expect(applyBatch(sink, batchOf({}), { epoch: 1n, signal: abort.signal }, { ...options, clock })).rejects.toMatchObject({
    code: 'SINK_FAILED',
  });
});

test('a handler whose error is of category retry gets the same batch again; any other error of its ends the stream', async () => {
  const given: Batch[] = [];
  const handler = handlerSink(async (batch) => {
    given.push(batch);
    if (given.length < 3) throw new VStreamError('SINK_FAILED', 'the webhook answers 503', { category: 'retry' });
  });
  const batch = batchOf({});
  await applyBatch(handler, batch, context(), options);
  expect(given).toEqual([batch, batch, batch]);
  const away = handlerSink(() => {
    throw new VStreamError('SINK_FAILED', 'the webhook is gone for good');
  });
  await expect(applyBatch(away, batch, context(), options)).rejects.toMatchObject({ message: 'the webhook is gone for good' });
});
