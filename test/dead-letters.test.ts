/** Where dead letters are kept: each once, before the position moves on, in a file or in a table; and rows a filter cannot judge. */
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EmbeddedVtgate, startEmbeddedVtgate } from '../src/embedded/index.js';
import { memoryStore, run, type RunOptions, silentLogger, type Sink, start, table, VStreamError } from '../src/index.js';
import { systemClock } from '../src/internal/clock.js';
import type { DeadLetter } from '../src/pipeline/dead-letter.js';
import { bySequence, type LetterBox, openLetterBox } from '../src/pipeline/letter-box.js';
import { type LetterOutcome, replayLetters } from '../src/pipeline/replay-letters.js';
import { validateRunOptions } from '../src/pipeline/validate.js';
import { duckdb, readback } from '../src/sinks/duckdb/index.js';
import { placeOrder, startShop } from './cli/shop.js';
import { WatchedSink } from './support/watched-sink.js';

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'vstream-letters-'))));
afterAll(() => rm(folder, { recursive: true, force: true }));

type Place = NonNullable<RunOptions['deadLetter']>;
const TABLE: Place = { keyspace: 'vstream', table: 'bad_rows' };
const PLACES: readonly (readonly [string, (name: string) => Place])[] = [
  ['a file', (name) => ({ path: join(folder, `${name}.jsonl`) })],
  ['a table', () => TABLE],
];

const refusing = (...items: string[]) =>
  table({
    types: {
      item: ({ text }: { readonly text: string }) => {
        if (items.includes(text)) throw new Error('no such item');
        return text;
      },
    },
  });

function options(shop: EmbeddedVtgate, sink: RunOptions['sink'], more: object = {}): RunOptions {
  return {
    name: 'letters',
    source: { vtgate: shop.address, keyspace: 'shop', tabletType: 'primary' },
    tables: { orders: refusing('item 7', 'item 30', 'bad') },
    state: memoryStore(),
    sink,
    logger: silentLogger,
    until: 'now',
    onBadRow: 'dead-letter',
    deadLetter: TABLE,
    ...more,
  };
}

async function withBox<T>(from: RunOptions, work: (box: LetterBox) => Promise<T>): Promise<T> {
  const { deadLetter, source, logger } = validateRunOptions(from);
  if (!deadLetter) throw new Error('no place');
  const calls = { clock: systemClock, random: Math.random, signal: new AbortController().signal };
  const box = await openLetterBox(deadLetter, { source, logger }, calls);
  try {
    return await work(box);
  } finally {
    await box.close();
  }
}

/** Whole letters, in the order of their changes. */
const lettersOf = (from: RunOptions): Promise<DeadLetter[]> =>
  withBox(from, async (box) => {
    const { letters } = await box.list();
    const out: DeadLetter[] = [];
    for (const { head } of [...letters].sort(bySequence)) out.push(await box.read(head));
    return out;
  });

const replay = (from: RunOptions, isComplete?: () => boolean): Promise<LetterOutcome['kind'][]> =>
  withBox(from, async (box) => {
    const open = (await box.list()).letters.filter(({ done }) => !done).sort(bySequence);
    const kinds: LetterOutcome['kind'][] = [];
    const heads = open.map(({ head }) => head);
    await replayLetters(validateRunOptions(from), heads, {
      clock: systemClock,
      random: Math.random,
      signal: new AbortController().signal,
      read: (head) => box.read(head),
      settled: async (head, { kind }) => {
        kinds.push(kind);
        if (kind !== 'failed') await box.settle(head, kind);
      },
      ...(isComplete ? { isComplete } : {}),
    });
    return kinds;
  });

const ORDERS = { keyspace: 'shop', table: 'orders' };
const ids = (rows: readonly Record<string, unknown>[]): number[] => rows.map((row) => Number(row['id'])).toSorted((a, b) => a - b);

/** Dies on the batch behind which a letter was stored, as a process that is killed there. */
function dyingSink(inner: WatchedSink, dies: () => boolean): Sink {
  return {
    capabilities: inner.capabilities,
    open: (context) => inner.open(context),
    apply: async (batch, context) => {
      if (dies() && batch.position.incomplete.length > 0) throw new VStreamError('SINK_FAILED', 'killed');
      await inner.apply(batch, context);
    },
    truncate: (ref, shard, context) => inner.truncate(ref, shard, context),
    sweep: (ref, shard, generation, context) => inner.sweep(ref, shard, generation, context),
    close: () => inner.close(),
  };
}

describe.each(PLACES)('dead letters in %s', (_, place) => {
  test('hold the whole row, and a replay with a repaired decoder brings it to the sink', async () => {
    await using shop = await startShop();
    const sink = new WatchedSink();
    const more = { state: memoryStore(), deadLetter: place('whole') };
    await run(options(shop, sink, more));
    const letters = await lettersOf(options(shop, sink, more));
    expect(letters).toHaveLength(2);
    expect(letters[0]).toMatchObject({
      id: expect.stringMatching(/^[0-9a-f]{32}$/),
      time: expect.stringMatching(/^20\d\d-\d\d-\d\dT[\d:.]+Z$/),
      stream: 'letters',
      keyspace: 'shop',
      table: 'orders',
      op: 'copy',
      phase: 'copy',
      ordinal: expect.any(Number),
      generation: 1,
      reason: { code: 'DECODE_FAILED', column: 'item' },
      position: { version: 1, shards: [{ keyspace: 'shop' }] },
    });
    expect(await replay(options(shop, new WatchedSink(sink.destination), more))).toEqual(['failed', 'failed']);
    const repaired = { ...more, tables: { orders: refusing() } };
    expect(await replay(options(shop, new WatchedSink(sink.destination), repaired))).toEqual(['replayed', 'replayed']);
    expect(ids(sink.destination.rows(ORDERS))).toHaveLength(50);
    // Again: nothing is left to do.
    expect(await replay(options(shop, new WatchedSink(sink.destination), repaired))).toEqual([]);
  });

  test('are stored once, though the process dies behind them and the rows come again from another snapshot', async () => {
    await using shop = await startShop();
    const sink = new WatchedSink();
    let dying = true;
    const more = { state: memoryStore(), deadLetter: place('once') };
    const once = options(
      shop,
      dyingSink(sink, () => dying),
      more,
    );
    await expect(run(once)).rejects.toThrow('killed');
    const first = await lettersOf(once);
    expect(first.length).toBeGreaterThan(0);
    placeOrder(shop, 1_001);
    dying = false;
    await run(once);
    const copied = (await lettersOf(once)).filter(({ op }) => op === 'copy');
    expect(copied).toHaveLength(2);
    expect(copied.map(({ id }) => id)).toEqual(expect.arrayContaining(first.map(({ id }) => id)));

    // The same for a change: a later start begins before it.
    const [known] = ids(shop.engine.rows('shop', 'orders', '-80'));
    const change = { op: 'update', table: 'orders', where: { id: known as number }, set: { item: 'bad' } } as const;
    shop.engine.transaction('shop', '-80', [change]);
    dying = true;
    await expect(run(once)).rejects.toThrow('killed');
    dying = false;
    await run(once);
    expect((await lettersOf(once)).map(({ op }) => op)).toEqual(['copy', 'copy', 'update']);
  });

  test('of a table without a key count equal rows one by one', async () => {
    const columns = [
      { name: 'at', type: 'int' },
      { name: 'item', type: 'varchar(40)' },
    ];
    const rows = [1, 1, 1, 2].map((at) => ({ at, item: 'bad' }));
    await using shop = await startEmbeddedVtgate({ keyspaces: { vstream: {}, shop: { tables: { notes: { columns, rows } } } } });
    const once = options(shop, new WatchedSink(), { tables: { notes: refusing('bad') }, deadLetter: place('keyless') });
    await run(once);
    expect(await lettersOf(once)).toHaveLength(4);
  });

  test('keep both images, and come back in the order of their changes', async () => {
    await using shop = await startShop();
    const sink = new WatchedSink();
    const once = options(shop, sink, { tables: { orders: refusing('bad') }, deadLetter: place('ordered'), until: '1h' });
    const running = start(once);
    await sink.until(() => sink.positions.at(-1)?.copied === true, running.finished);
    const [id] = ids(shop.engine.rows('shop', 'orders', '-80')) as [number];
    const set = (price: string) => ({ op: 'update', table: 'orders', where: { id }, set: { item: 'bad', price } }) as const;
    for (const price of ['1.00', '2.00', '3.00']) shop.engine.transaction('shop', '-80', [set(price)]);
    const last = shop.engine.executed('shop', '-80');
    await sink
      .until(() => sink.positions.at(-1)?.gtid('shop', '-80') === `MySQL56/${last}`, running.finished)
      .catch((error: unknown) => {
        throw new Error(`${String(error)}: ${last} ${sink.positions.at(-1)?.gtid('shop', '-80')}`);
      });
    await running.close();
    const letters = await lettersOf(once);
    const sizes = letters.map(({ transactions }) => BigInt(transactions));
    expect(letters).toHaveLength(3);
    expect(sizes).toEqual(sizes.toSorted((a, b) => Number(a - b)));
    expect(letters.map(({ before, after }) => [before !== undefined, after !== undefined])).toEqual([1, 2, 3].map(() => [true, true]));
  });
});

test('bad rows of a transaction in parts are letters once, whichever part the process dies in', async () => {
  await using shop = await startShop();
  const sink = new WatchedSink();
  const split = { hugeTransaction: 'split', limits: { transactionBytes: 3_000, batchChanges: 20 } };
  const more = { state: memoryStore(), tables: { orders: refusing('bad') }, ...split };
  let left = Number.POSITIVE_INFINITY;
  const once = options(
    shop,
    dyingSink(sink, () => left-- <= 0),
    more,
  );
  await run(once);
  const rows = Array.from({ length: 200 }, (_, at) => ({ id: 5_000 + at, item: at % 10 === 3 ? 'bad' : 'tea', price: '1.00' }));
  shop.engine.transaction(
    'shop',
    '-80',
    rows.map((row) => ({ op: 'insert', table: 'orders', row })),
  );
  let deaths = 0;
  for (let after = 0; ; after++) {
    left = after;
    try {
      await run(once);
      break;
    } catch (error) {
      if (!(error instanceof Error && error.message === 'killed')) throw error;
      deaths++;
    }
  }
  expect(deaths).toBeGreaterThan(2);
  const letters = await lettersOf(once);
  const bad = rows.flatMap(({ item }, at) => (item === 'bad' ? [at] : []));
  expect(letters.map(({ ordinal }) => ordinal)).toEqual(bad);
  const found = sink.destination.rows(ORDERS).filter((row) => Number(row['id']) >= 5_000);
  expect(ids(found)).toEqual(rows.filter(({ item }) => item !== 'bad').map(({ id }) => id));
});

describe('a table of dead letters', () => {
  test('in a streamed keyspace is taken by no pattern', async () => {
    const columns = [
      { name: 'id', type: 'bigint', key: true },
      { name: 'item', type: 'varchar(40)' },
    ];
    const rows = [
      { id: 1, item: 'tea' },
      { id: 2, item: 'bad' },
    ];
    await using shop = await startEmbeddedVtgate({ keyspaces: { shop: { tables: { orders: { columns, rows } } } } });
    const sink = new WatchedSink();
    const more = { tables: { '*': refusing('bad') }, deadLetter: { keyspace: 'shop', table: 'bad_rows' } };
    const once = options(shop, sink, more);
    await run(once);
    // There from the start, and with a row in it.
    shop.engine.transaction('shop', '0', [{ op: 'insert', table: 'orders', row: { id: 3, item: 'bad' } }]);
    await run({ ...once, from: 'beginning' });
    expect(await lettersOf(once)).toHaveLength(2);
    expect(new Set(sink.batches.flatMap(({ changes }) => changes.map((change) => change.table)))).toEqual(new Set(['orders']));
    expect(sink.positions.at(-1)?.plan.table('shop', 'bad_rows')).toBeUndefined();
  });

  test('keeps the letters of several streams apart', async () => {
    await using shop = await startShop();
    const one = options(shop, new WatchedSink());
    await run(one);
    await run({ ...one, name: 'other', sink: new WatchedSink(), state: memoryStore() });
    const letters = await lettersOf(one);
    expect(letters.map(({ stream }) => stream).toSorted()).toEqual(['letters', 'letters', 'other', 'other']);
  });

  test.each([
    ['a sharded keyspace', { keyspace: 'shop', table: 'bad_rows' }, { code: 'CONFIG_INVALID', next: expect.stringContaining('vstream') }],
    ['a keyspace that is not there', { keyspace: 'nowhere', table: 'bad_rows' }, { code: 'KEYSPACE_NOT_FOUND' }],
    [
      'a table of something else',
      { keyspace: 'vstream', table: 'mine' },
      { code: 'SINK_FAILED', next: expect.stringContaining('another name') },
    ],
  ])('is refused at the start: %s', async (_, deadLetter, error) => {
    await using shop = await startShop();
    shop.engine.ddl('vstream', 'create table mine (id int primary key)');
    const sink = new WatchedSink();
    await expect(run(options(shop, sink, { deadLetter }))).rejects.toMatchObject(error);
    expect(sink.batches).toEqual([]);
  });

  test('takes no row that no server would: the error says so, and the position stays before it', async () => {
    const columns = [
      { name: 'id', type: 'bigint', key: true },
      { name: 'item', type: 'mediumtext' },
    ];
    const rows = [{ id: 1, item: 'x'.repeat(16 << 20) }];
    await using shop = await startEmbeddedVtgate({ keyspaces: { vstream: {}, shop: { tables: { orders: { columns, rows } } } } });
    const sink = new WatchedSink();
    const never = table({
      types: {
        item: () => {
          throw new Error('no');
        },
      },
    });
    await expect(run(options(shop, sink, { tables: { orders: never } }))).rejects.toMatchObject({
      code: 'SINK_FAILED',
      table: 'orders',
      message: expect.stringContaining('16.0 MiB'),
      next: expect.stringContaining('Use a file'),
    });
    expect(sink.batches.flatMap(({ changes }) => changes)).toEqual([]);
  });
});

test('a file that cannot be written is found at the start, before a row is read', async () => {
  await using shop = await startShop();
  const sink = new WatchedSink();
  const once = options(shop, sink, { tables: { orders: refusing() }, deadLetter: { path: join(folder, 'nowhere', 'letters.jsonl') } });
  await expect(run(once)).rejects.toMatchObject({ code: 'SINK_FAILED', message: expect.stringContaining('ENOENT') });
  expect(sink.batches).toEqual([]);
});

test.runIf(process.platform === 'linux')('a full disk under the file stops the stream before the row, and nothing is skipped', async () => {
  await access('/dev/full');
  await using shop = await startShop();
  const sink = new WatchedSink();
  const failed = run(options(shop, sink, { deadLetter: { path: '/dev/full' } }));
  await expect(failed).rejects.toMatchObject({ code: 'SINK_FAILED', message: expect.stringContaining('ENOSPC') });
  expect(ids(sink.destination.rows(ORDERS))).not.toContain(7);
});

test('a replay evaluates the filter of now: what is outside of it is not applied', async () => {
  await using shop = await startShop();
  const sink = new WatchedSink();
  const state = memoryStore();
  await run(options(shop, sink, { state }));
  const narrow = { orders: table({ where: 'id > 10' }) };
  const again = new WatchedSink(sink.destination);
  expect((await replay(options(shop, again, { state, tables: narrow }))).toSorted()).toEqual(['filtered', 'replayed']);
  expect(again.batches.flatMap(({ changes }) => changes.map((change) => change.after?.['id']))).toEqual([30n]);
});

describe('the mark of a table with dead letters', () => {
  test('stays after a replay, and goes where the operator says that all is there', async () => {
    await using shop = await startShop();
    const sink = new WatchedSink();
    const state = memoryStore();
    const once = (): RunOptions => options(shop, new WatchedSink(sink.destination), { state, tables: { orders: refusing('item 7') } });
    await run(once());
    const marked = async () => (await state.read('letters'))?.position?.incomplete;
    expect(await marked()).toHaveLength(1);
    const repaired = (): RunOptions => ({ ...once(), tables: { orders: refusing() } });
    await replay(repaired());
    expect(await marked()).toHaveLength(1);
    await replay(repaired(), () => false);
    expect(await marked()).toHaveLength(1);
    await replay(repaired(), () => true);
    expect(await marked()).toEqual([]);
    placeOrder(shop, 1_001);
    // The sink's own position, which is the one that counts, says the same at the next start.
    const { position } = await run(repaired());
    expect(position?.incomplete).toEqual([]);
  });
});

test('rows DuckDB refuses by a constraint of the user’s are left out, and the rest of their batch commits', async () => {
  await using shop = await startShop();
  const path = join(folder, 'constrained.duckdb');
  const once = options(shop, duckdb({ path }), { tables: ['orders'], state: memoryStore() });
  await run(once);
  await readback(path, 'alter table orders alter column item set not null');
  const shardOf = (id: number): string => (ids(shop.engine.rows('shop', 'orders', '-80')).includes(id) ? '-80' : '80-');
  const set = (id: number, item: string | null) =>
    shop.engine.transaction('shop', shardOf(id), [{ op: 'update', table: 'orders', where: { id }, set: { item } }]);
  for (const id of [1, 2, 3, 4]) set(id, id === 2 ? null : 'new');
  const again = { ...once, sink: duckdb({ path }) };
  await expect(run({ ...again, onBadRow: 'fail', deadLetter: undefined } as unknown as RunOptions)).rejects.toMatchObject({
    code: 'SINK_FAILED',
    table: 'orders',
    shard: shardOf(2),
    position: expect.stringMatching(/:\d+$/),
    message: expect.stringContaining('NOT NULL constraint failed'),
  });
  const { position } = await run({ ...again, sink: duckdb({ path }) });
  expect(await readback(path, 'select id::int as id, item from orders where id < 5 order by id')).toEqual([
    { id: 1, item: 'new' },
    { id: 2, item: 'item 2' },
    { id: 3, item: 'new' },
    { id: 4, item: 'new' },
  ]);
  expect(position?.incomplete).toMatchObject([{ reason: 'row-dead-lettered', shard: shardOf(2) }]);
  expect(await lettersOf(once)).toMatchObject([{ op: 'update', reason: { message: expect.stringContaining('NOT NULL') } }]);
  // The constraint is gone: the row can come.
  await readback(path, 'alter table orders alter column item drop not null');
  expect(await replay({ ...again, sink: duckdb({ path }) })).toEqual(['replayed']);
  expect(await readback(path, 'select item from orders where id = 2')).toEqual([{ item: null }]);
});
