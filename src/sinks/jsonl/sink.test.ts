import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLogger, type Logger } from '../../observe/logger.js';
import { BatchBuilder, columnsChange, tableVersion } from '../../testing/batch-builder.js';
import { sinkConformance } from '../../testing/sink-conformance.js';
import { jsonl } from './index.js';

const version = tableVersion('shop.orders', { id: 'bigint key' });
const applying = { epoch: 1n, signal: new AbortController().signal };
const context = (logger: Logger = silentLogger) => ({ name: 's', incarnation: 'i', epoch: 1n, logger, signal: applying.signal });

let path = '';
let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'jsonl-sink-'));
  path = join(folder, 'changes.jsonl');
});
afterEach(() => rm(folder, { recursive: true }));

const lines = async (): Promise<Record<string, unknown>[]> =>
  (await readFile(path, 'utf8'))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('the JSONL sink', () => {
  test('appends schema and changes in order, across reopening', async () => {
    const batches = new BatchBuilder('shop');
    for (const id of [1n, 2n]) {
      const sink = jsonl({ path });
      await sink.open(context());
      await sink.schema?.(columnsChange(version, '0'), applying);
      await sink.apply(batches.schema(columnsChange(version, '0')), applying);
      await sink.apply(batches.copy(version, '0', [{ id }]), applying);
      await sink.apply(batches.progress(), applying);
      await sink.close();
      await sink.close();
    }
    expect((await lines()).map((line) => [line['op'], line['after']])).toEqual([
      ['schema', undefined],
      ['copy', { id: '1' }],
      ['schema', undefined],
      ['copy', { id: '2' }],
    ]);
  });

  test.runIf(process.platform === 'linux')('a full disk may pass: its error is tried again', async () => {
    const sink = jsonl({ path: '/dev/full' });
    await sink.open(context());
    const applied = sink.apply(new BatchBuilder('shop').copy(version, '0', [{ id: 1n }]), applying);
    await expect(applied).rejects.toMatchObject({ code: 'SINK_FAILED', category: 'retry', message: expect.stringContaining('ENOSPC') });
    await sink.close();
  });

  test('a truncate is a line of its own', async () => {
    const sink = jsonl({ path });
    await sink.open(context());
    await sink.apply(new BatchBuilder('shop').schema({ ...columnsChange(version, '-80'), kind: 'truncate', to: undefined }), applying);
    await sink.close();
    expect(await lines()).toEqual([expect.objectContaining({ op: 'truncate', shard: '-80', table: 'orders' })]);
  });

  test('cuts off the half line a crash left, and says so', async () => {
    const sink = jsonl({ path });
    await sink.open(context());
    await sink.apply(new BatchBuilder('shop').copy(version, '0', [{ id: 1n }]), applying);
    await sink.close();
    await appendFile(path, `{"op":"copy","after":{"note":"${'x'.repeat(100_000)}`);
    const said: string[] = [];
    const again = jsonl({ path });
    await again.open(context({ ...silentLogger, warn: (_, message) => void said.push(message) }));
    await again.apply(new BatchBuilder('shop').copy(version, '0', [{ id: 2n }]), applying);
    await again.close();
    expect((await lines()).map((line) => line['after'])).toEqual([{ id: '1' }, { id: '2' }]);
    expect(said).toEqual([expect.stringContaining('unfinished last line of 100030 bytes')]);
  });

  test('a path that cannot be written is one clear error', async () => {
    const sink = jsonl({ path: join(folder, 'none', 'x.jsonl') });
    await expect(sink.open(context())).rejects.toMatchObject({
      code: 'SINK_FAILED',
      message: expect.stringContaining('x.jsonl'),
      next: expect.any(String),
    });
    await sink.close();
  });

  test('an aborted write is refused before it begins', async () => {
    const sink = jsonl({ path });
    await sink.open(context());
    const abort = new AbortController();
    abort.abort();
    await expect(
      sink.apply(new BatchBuilder('shop').copy(version, '0', [{ id: 1n }]), { epoch: 1n, signal: abort.signal }),
    ).rejects.toMatchObject({ code: 'ABORTED' });
    await sink.close();
    expect(await lines()).toEqual([]);
  });

  test('says that it keeps no position and removes nothing', () => {
    expect(jsonl({ path }).capabilities).toEqual({
      position: 'external',
      deletes: false,
      sweep: false,
      schema: 'evolve',
      input: 'objects',
    });
    expect(jsonl({ path })).not.toHaveProperty('truncate');
    expect(jsonl({ path })).not.toHaveProperty('sweep');
  });

  test('names every wrong option at once', () => {
    expect(() => jsonl({ path: '', fsync: 'yes', paht: 1 } as never)).toThrow(/`paht` is not an option.*`path` must be.*`fsync`/);
    expect(() => jsonl({} as never)).toThrow(/exactly one of/);
  });
});

describe('into a stream', () => {
  test('a write is done when the stream has taken it, not before', async () => {
    let take: (() => void) | undefined;
    const slow = new Writable({ write: (_chunk, _encoding, done) => void (take = done) });
    const sink = jsonl({ stream: slow });
    await sink.open(context());
    let done = false;
    const writing = sink.apply(new BatchBuilder('shop').copy(version, '0', [{ id: 1n }]), applying).then(() => (done = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(done).toBe(false);
    take?.();
    await writing;
    await sink.close();
    expect(slow.writableEnded).toBe(false);
  });

  test('a stream that fails is an error of the sink, not of the process', async () => {
    const broken = new Writable({ write: (_chunk, _encoding, done) => done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })) });
    const sink = jsonl({ stream: broken });
    await sink.open(context());
    await expect(sink.apply(new BatchBuilder('shop').copy(version, '0', [{ id: 1n }]), applying)).rejects.toMatchObject({
      code: 'SINK_FAILED',
      cause: expect.objectContaining({ code: 'EPIPE' }),
    });
  });

  test('an abort ends the wait for a stream that takes nothing', async () => {
    const stuck = new PassThrough({ highWaterMark: 1 });
    const sink = jsonl({ stream: stuck });
    await sink.open(context());
    const abort = new AbortController();
    const writing = [1n, 2n, 3n].map((id) =>
      sink.apply(new BatchBuilder('shop').copy(version, '0', [{ id }]), { epoch: 1n, signal: abort.signal }),
    );
    const outcome = Promise.allSettled(writing);
    abort.abort(new Error('stop'));
    expect((await outcome).some((one) => one.status === 'rejected' && (one.reason as { code?: string }).code === 'ABORTED')).toBe(true);
  });
});

describe('the JSONL sink conforms, read as the last image of each key', () => {
  const harness = {
    create: () => jsonl({ path }),
    async read({ keyspace, table }: { keyspace: string; table: string }) {
      const rows = new Map<string, Record<string, unknown>>();
      for (const line of await lines()) {
        if (line['keyspace'] !== keyspace || line['table'] !== table || line['op'] === 'schema') continue;
        const after = line['after'] as Record<string, unknown>;
        const key = JSON.stringify(Object.values(after)[0]);
        rows.set(key, { ...rows.get(key), ...after });
      }
      return [...rows.values()];
    },
  };
  // These compare bytes, which the lines carry as base64.
  const beyondThisReader = [
    'NULL, empty text and exact values survive, at the edges of their types',
    'a column missing in an update keeps its stored value; NULL does not (B41)',
  ];
  const capabilities = { ...jsonl({ path: 'x' }).capabilities, schema: 'fixed' } as const;
  for (const { title, run } of sinkConformance({ capabilities })) {
    if (!beyondThisReader.includes(title)) test(title, () => run(harness));
  }
});
