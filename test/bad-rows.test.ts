/** Rows that cannot be decoded or are refused: policies, dead letters, and what is left in the position. */
import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startEmbeddedVtgate, type EmbeddedVtgate } from '../src/embedded/index.js';
import { type Batch, memoryStore, rowsRefused, run, type RunOptions, silentLogger, type Sink, start, table } from '../src/index.js';
import { deferred } from '../src/internal/async.js';
import { systemClock } from '../src/internal/clock.js';
import { FileLetterBox } from '../src/pipeline/letter-file.js';
import { bySequence, type KeptLetters, type LetterBox } from '../src/pipeline/letter-box.js';
import type { DeadLetter } from '../src/pipeline/dead-letter.js';
import { type LetterOutcome, replayLetters } from '../src/pipeline/replay-letters.js';
import { validateRunOptions } from '../src/pipeline/validate.js';
import { duckdb, readback } from '../src/sinks/duckdb/index.js';
import { placeOrder, startShop } from './cli/shop.js';
import { WatchedSink } from './support/watched-sink.js';

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'vstream-bad-rows-'))));
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Refuses the item of one order, as an override of the user's may. */
const refusing = (...items: string[]) =>
  table({
    types: {
      item: ({ text }: { readonly text: string }) => {
        if (items.includes(text)) throw new Error('no such item');
        return text;
      },
    },
  });

function options(shop: EmbeddedVtgate, sink: Sink, more: Partial<RunOptions> = {}): RunOptions {
  return {
    name: 'bad-rows',
    source: { vtgate: shop.address, keyspace: 'shop', tabletType: 'primary' },
    tables: { orders: refusing('item 7') },
    state: memoryStore(),
    sink,
    logger: silentLogger,
    until: 'copied',
    onBadRow: 'skip',
    ...more,
  };
}

const ORDERS = { keyspace: 'shop', table: 'orders' };
const ids = (rows: readonly Record<string, unknown>[]): number[] => rows.map((row) => Number(row['id'])).toSorted((a, b) => a - b);
const allBut = (...without: number[]): number[] => Array.from({ length: 50 }, (_, at) => at + 1).filter((id) => !without.includes(id));

test('without a policy the stream ends before the batch with the row is handed out', async () => {
  await using shop = await startShop();
  const sink = new WatchedSink();
  await expect(run(options(shop, sink, { onBadRow: 'fail' }))).rejects.toMatchObject({
    code: 'DECODE_FAILED',
    table: 'orders',
    column: 'item',
  });
  expect(ids(sink.destination.rows(ORDERS))).not.toContain(7);
});

test('`skip` leaves out that row alone, counts it, and marks the table on its shard in every position from then on', async () => {
  await using shop = await startShop();
  const sink = new WatchedSink();
  const running = start(options(shop, sink));
  const { rows, position } = await running.finished;
  expect(ids(sink.destination.rows(ORDERS))).toEqual(allBut(7));
  expect(rows).toBe(49);
  const [shard] = ['-80', '80-'].filter((one) => shop.engine.rows('shop', 'orders', one).some((row) => Number(row['id']) === 7));
  const marks = [{ keyspace: 'shop', shard, reason: 'row-skipped', tables: { orders: 1 } }];
  expect(running.stats()).toMatchObject({ badRows: 1, incomplete: marks });
  expect(position?.incomplete).toEqual(marks);
  const at = sink.batches.findIndex((batch) => batch.position.incomplete.length > 0);
  expect(sink.batches[at]?.changes.length).toBeGreaterThan(0);
  expect(sink.positions.slice(at).every((one) => one.incomplete.length > 0)).toBe(true);
});

test('the mark outlives a restart, and goes when the table was copied again', async () => {
  await using shop = await startShop();
  const state = memoryStore();
  const sink = new WatchedSink();
  await run(options(shop, sink, { state }));
  placeOrder(shop, 1001);
  const again = new WatchedSink(sink.destination);
  // The table's definition is the user's: here the override was repaired.
  const running = start(options(shop, again, { state, tables: { orders: refusing() }, until: '1h' }));
  await again.until(() => again.batches.length > 0, running.finished);
  expect(running.stats().incomplete).toHaveLength(1);
  await running.recopy('orders');
  await again.until(() => again.positions.at(-1)?.incomplete.length === 0, running.finished);
  await running.close();
  expect(ids(again.destination.rows(ORDERS))).toEqual([...allBut(), 1001]);
});

test('of a transaction the other changes are kept, and its position is passed', async () => {
  await using shop = await startShop();
  const sink = new WatchedSink();
  const running = start(options(shop, sink, { until: '1h', tables: { orders: refusing('bad') } }));
  await sink.until(() => sink.positions.at(-1)?.copied === true, running.finished);
  const [first, second] = ids(shop.engine.rows('shop', 'orders', '-80'));
  const gtid = shop.engine.transaction('shop', '-80', [
    { op: 'update', table: 'orders', where: { id: first as number }, set: { item: 'good' } },
    { op: 'update', table: 'orders', where: { id: second as number }, set: { item: 'bad' } },
  ]);
  const only = shop.engine.transaction('shop', '-80', [
    { op: 'update', table: 'orders', where: { id: second as number }, set: { item: 'bad' } },
  ]);
  await sink.until(
    () =>
      sink.positions
        .at(-1)
        ?.gtid('shop', '-80')
        ?.includes(only.split(':')[1] as string) === true,
    running.finished,
  );
  await running.close();
  const batch = sink.batches.find((one) => one.transactions.some((transaction) => transaction.gtid === gtid));
  expect(batch?.of('orders').map((change) => change.after?.['item'])).toEqual(['good']);
  expect(sink.batches.flatMap((one) => one.transactions).map((one) => one.gtid)).not.toContain(only);
});

test('`dead-letter` writes the row first, and a replay with a repaired decoder brings it to the sink', async () => {
  await using shop = await startShop();
  const path = join(folder, 'replayed.jsonl');
  const state = memoryStore();
  const sink = new WatchedSink();
  const deadLetter = { onBadRow: 'dead-letter', deadLetter: { path } } as const;
  await run(options(shop, sink, { state, ...deadLetter }));
  const { letters } = await lettersIn(path);
  expect(letters).toHaveLength(1);
  expect(letters[0]?.head).toMatchObject({
    stream: 'bad-rows',
    keyspace: 'shop',
    table: 'orders',
    op: 'copy',
    generation: 1,
    reason: { code: 'DECODE_FAILED', column: 'item' },
  });
  expect(await firstLetter(path)).toMatchObject({ phase: 'copy', position: { version: 1, shards: [{ keyspace: 'shop' }] } });
  expect((await stat(path)).mode & 0o077).toBe(0);

  const still = await replay(options(shop, new WatchedSink(sink.destination), { state, ...deadLetter }), path);
  expect(still).toMatchObject([{ kind: 'failed', error: { code: 'DECODE_FAILED' } }]);
  expect((await lettersIn(path)).letters[0]?.done).toBeUndefined();

  const repaired = { state, tables: { orders: refusing() }, ...deadLetter };
  expect(await replay(options(shop, new WatchedSink(sink.destination), repaired), path)).toEqual([{ kind: 'replayed' }]);
  expect(ids(sink.destination.rows(ORDERS))).toEqual(allBut());
  expect((await lettersIn(path)).letters[0]?.done).toMatchObject({ how: 'replayed' });
});

test('a letter of a table that was copied again since needs no replay', async () => {
  await using shop = await startShop();
  const path = join(folder, 'superseded.jsonl');
  const state = memoryStore();
  const sink = new WatchedSink();
  await run(options(shop, sink, { state, onBadRow: 'dead-letter', deadLetter: { path } }));
  placeOrder(shop, 1001);
  const again = new WatchedSink(sink.destination);
  const more = { state, tables: { orders: refusing() } };
  const running = start(options(shop, again, { ...more, until: '1h' }));
  await again.until(() => again.batches.length > 0, running.finished);
  await running.recopy('orders');
  await again.until(() => again.positions.at(-1)?.incomplete.length === 0, running.finished);
  await running.close();
  const third = new WatchedSink(sink.destination);
  expect(await replay(options(shop, third, more), path)).toEqual([{ kind: 'superseded' }]);
  expect(third.batches).toEqual([]);
});

test('the stream has to be stopped for a replay', async () => {
  await using shop = await startShop();
  const path = join(folder, 'held.jsonl');
  const state = memoryStore();
  const sink = new WatchedSink();
  await using running = start(options(shop, sink, { state, until: '1h', onBadRow: 'dead-letter', deadLetter: { path } }));
  await sink.until(() => sink.positions.at(-1)?.copied === true, running.finished);
  await expect(replay(options(shop, new WatchedSink(), { state }), path)).rejects.toMatchObject({ code: 'LEASE_HELD' });
});

test('a file that cannot be written stops the stream: nothing is skipped that is not kept', async () => {
  await using shop = await startShop();
  const sink = new WatchedSink();
  const deadLetter = { path: join(folder, 'nowhere', 'letters.jsonl') };
  await expect(run(options(shop, sink, { onBadRow: 'dead-letter', deadLetter }))).rejects.toMatchObject({
    code: 'SINK_FAILED',
    message: expect.stringContaining('ENOENT'),
  });
  expect(ids(sink.destination.rows(ORDERS))).not.toContain(7);
});

test('rows that a handler refuses by name are left out, and it is called again with the others', async () => {
  await using shop = await startShop();
  const path = join(folder, 'refused.jsonl');
  const seen: number[] = [];
  const handler = (batch: Batch): void => {
    const bad = batch.of('orders').filter((change) => [3n, 4n].includes(change.after?.['id'] as bigint));
    if (bad.length > 0) throw rowsRefused(bad, 'unlucky');
    seen.push(...batch.of('orders').map((change) => Number(change.after?.['id'])));
  };
  const more = { tables: ['orders'], onBadRow: 'dead-letter', deadLetter: { path }, sink: handler } as unknown as Partial<RunOptions>;
  const summary = await run(options(shop, new WatchedSink(), more));
  expect(seen.toSorted((a, b) => a - b)).toEqual(allBut(3, 4));
  expect(summary.position?.incomplete).not.toEqual([]);
  const { letters } = await lettersIn(path);
  expect(letters.map(({ head }) => head.reason.code)).toEqual(['SINK_FAILED', 'SINK_FAILED']);
  expect(letters[0]?.head.reason.message).toContain('unlucky');
});

/** Keeps the last state of each order, outside of the stream; throws whatever it likes at some of them. */
function upserting(refuses: (id: number) => boolean) {
  const rows = new Map<number, string>();
  const sink: Sink = {
    capabilities: { position: 'external', deletes: true, sweep: false, schema: 'fixed', bisect: true },
    async open() {},
    async apply({ changes }) {
      for (const { before, after } of changes) {
        const [was, is] = [before?.['id'], after?.['id']].map((id) => (id === undefined ? undefined : Number(id)));
        if (is !== undefined && refuses(is)) throw new Error('constraint orders_check');
        if (was !== undefined) rows.delete(was);
        if (is !== undefined) rows.set(is, String(after?.['item']));
      }
    },
    async close() {},
  };
  return { sink, rows };
}

test('rows that an upserting sink refuses without naming them are found, copied or changed, and become dead letters', async () => {
  await using shop = await startShop();
  const path = join(folder, 'bisect.jsonl');
  const { sink, rows } = upserting((id) => [3, 30, 31, 501].includes(id));
  const state = memoryStore();
  const more = { tables: ['orders'], onBadRow: 'dead-letter', deadLetter: { path }, sinkRetry: 0, state } as const;
  await run(options(shop, sink, more));
  expect([...rows.keys()].toSorted((a, b) => a - b)).toEqual(allBut(3, 30, 31));
  const late = [500, 501, 502].map((id) => ({ id, item: 'late', price: '1.00' }));
  shop.engine.transaction('shop', '-80', [{ op: 'insert', table: 'orders', rows: late }]);
  const { position } = await run(options(shop, sink, { ...more, until: 'now' }));
  expect([...rows.keys()].filter((id) => id >= 500)).toEqual([500, 502]);
  const { letters } = await lettersIn(path);
  expect(letters.map(({ head }) => head.reason.message)).toEqual(
    letters.map(({ head }) => expect.stringContaining(`of shop.orders on ${head.shard}`) as string),
  );
  expect(letters).toHaveLength(4);
  expect(position?.incomplete.map(({ reason }) => reason)).toContain('row-dead-lettered');
});

test('a refused row that stands alone behind a start waits for another row, is left out then, and a stop meanwhile stops', async () => {
  await using shop = await startShop();
  const { sink, rows } = upserting((id) => id === 500);
  const waits = deferred();
  const logger = { ...silentLogger, warn: (_: unknown, message: string) => void (message.includes('waiting for one') && waits.resolve()) };
  const more = { tables: ['orders'], sinkRetry: 0, state: memoryStore(), logger } as const;
  await run(options(shop, sink, more));
  const place = (id: number): void =>
    void shop.engine.transaction('shop', '-80', [{ op: 'insert', table: 'orders', row: { id, item: 'late', price: '1.00' } }]);
  place(500);
  const { until: _, ...endless } = options(shop, sink, more);
  const stopped = start(endless);
  await waits.promise;
  expect((await stopped.close()).reason).toBe('closed');
  for (const id of [501, 502]) place(id);
  const { position } = await run(options(shop, sink, { ...more, until: 'now', limits: { batchChanges: 1 } }));
  expect([...rows.keys()].filter((id) => id >= 500)).toEqual([501, 502]);
  expect(position?.incomplete).toMatchObject([{ shard: '-80', reason: 'row-skipped', tables: { orders: 1 } }]);
});

test('an upserting sink that takes nothing any more loses no row to `skip`: the stream ends before its batch', async () => {
  await using shop = await startShop();
  let down = false;
  const { sink, rows } = upserting(() => down);
  const state = memoryStore();
  const more = { tables: ['orders'], sinkRetry: 0, state } as const;
  await run(options(shop, sink, more));
  down = true;
  for (const id of [500, 501]) placeOrder(shop, id);
  await expect(run(options(shop, sink, { ...more, until: 'now' }))).rejects.toMatchObject({ code: 'SINK_FAILED', table: 'orders' });
  down = false;
  const { position } = await run(options(shop, sink, { ...more, until: 'now' }));
  expect(rows.size).toBe(52);
  expect(position?.incomplete).toEqual([]);
});

test('another error of the sink is not the rows’ fault', async () => {
  await using shop = await startShop();
  const handler = (): never => {
    throw new Error('disk full');
  };
  await expect(run(options(shop, new WatchedSink(), { sink: handler }))).rejects.toMatchObject({ code: 'HANDLER_FAILED' });
});

test('DuckDB, which reads cells, gets the batch again without the row', async () => {
  const columns = [
    { name: 'id', type: 'bigint', key: true },
    { name: 'note', type: 'varchar(40)' },
  ];
  await using shop = await startEmbeddedVtgate({
    keyspaces: {
      shop: {
        tables: {
          notes: {
            columns,
            rows: [
              { id: 1, note: 'fine' },
              { id: 2, note: Buffer.from([0xff, 0xfe]) },
            ],
          },
        },
      },
    },
  });
  const path = join(folder, 'cells.duckdb');
  const letters = join(folder, 'cells.jsonl');
  // Of no use to a sink of cells, so the other row is not its victim.
  const never = () => {
    throw new Error('not asked for');
  };
  const more = {
    tables: { notes: table({ types: { note: never } }) },
    onBadRow: 'dead-letter',
    deadLetter: { path: letters },
  } as unknown as Partial<RunOptions>;
  const summary = await run(options(shop, duckdb({ path }), more));
  expect(summary.position?.incomplete).toHaveLength(1);
  expect((await readback(path, 'select id from notes')).map((row) => Number(row['id']))).toEqual([1]);
  expect((await lettersIn(letters)).letters).toHaveLength(1);
});

test('a cell DuckDB cannot read ends the stream with its row: shard, table, column and position', async () => {
  const columns = [
    { name: 'id', type: 'bigint', key: true },
    { name: 'note', type: 'varchar(40)' },
  ];
  const rows = [
    { id: 1, note: 'fine' },
    { id: 2, note: Buffer.from([0xff, 0xfe]) },
  ];
  await using shop = await startEmbeddedVtgate({ keyspaces: { shop: { tables: { notes: { columns, rows } } } } });
  const more = { tables: ['notes'], onBadRow: 'fail' } as unknown as Partial<RunOptions>;
  const failed: unknown = await run(options(shop, duckdb({ path: join(folder, 'fails.duckdb') }), more)).catch((error: unknown) => error);
  const where = { keyspace: 'shop', shard: '0', table: 'notes', column: 'note' };
  expect(failed).toMatchObject({ code: 'DECODE_FAILED', ...where, position: expect.stringMatching(/^MySQL56\//) });
});

test('a row written twice, as after a crash, is one letter, and done once', async () => {
  await using shop = await startShop();
  const path = join(folder, 'twice.jsonl');
  await run(options(shop, new WatchedSink(), { onBadRow: 'dead-letter', deadLetter: { path } }));
  const [line = ''] = (await readFile(path, 'utf8')).split('\n');
  const { id } = JSON.parse(line) as { id: string };
  await appendFile(path, `${JSON.stringify({ done: id, time: '2026-01-01T00:00:00.000Z', how: 'replayed' })}\n${line}\n`);
  expect((await lettersIn(path)).letters).toMatchObject([{ head: { id }, done: { how: 'replayed' } }]);
});

test('a line cut by a crash is counted and hurts no other', async () => {
  const path = join(folder, 'cut.jsonl');
  await writeFile(path, '{"id":"half');
  const box = new FileLetterBox(path, systemClock);
  await box.settle({ id: 'x' } as DeadLetter, 'replayed');
  await box.close();
  await appendFile(path, '\n\n');
  expect(await lettersIn(path)).toEqual({ letters: [], damaged: 1 });
  expect(await readFile(path, 'utf8')).toContain('{"id":"half\n{"done"');
});

async function lettersIn(path: string): Promise<KeptLetters> {
  return new FileLetterBox(path, systemClock).list();
}

async function firstLetter(path: string): Promise<DeadLetter | undefined> {
  const box = new FileLetterBox(path, systemClock);
  const [first] = (await box.list()).letters;
  return first && box.read(first.head);
}

/** As `vstream dead-letter replay` does it. */
async function replayFrom(box: LetterBox, from: RunOptions): Promise<LetterOutcome[]> {
  const outcomes: LetterOutcome[] = [];
  try {
    const open = (await box.list()).letters.filter(({ done }) => !done).sort(bySequence);
    await replayLetters(
      validateRunOptions(from),
      open.map(({ head }) => head),
      {
        clock: systemClock,
        random: Math.random,
        signal: new AbortController().signal,
        read: (head) => box.read(head),
        settled: async (head, outcome) => {
          outcomes.push(outcome);
          if (outcome.kind !== 'failed') await box.settle(head, outcome.kind);
        },
      },
    );
  } finally {
    await box.close();
  }
  return outcomes;
}

const replay = (from: RunOptions, path: string): Promise<LetterOutcome[]> => replayFrom(new FileLetterBox(path, systemClock), from);
