/** Rows that DuckDB refuses: named, and the others written with their position in one transaction. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { VStreamError } from '../../errors.js';
import { silentLogger } from '../../observe/logger.js';
import { refusedRows, type Sink } from '../../pipeline/sink.js';
import type { Batch, Change } from '../../stream/change.js';
import { BatchBuilder, tableVersion } from '../../testing/batch-builder.js';
import { duckdb, type DuckDbOptions, readback } from './index.js';
import { findRefused, MAX_REFUSED } from './refusals.js';

let folder = '';
let path = '';
const open: Sink[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'duckdb-refusals-'));
  path = join(folder, 'warehouse.duckdb');
});
afterEach(async () => {
  for (const sink of open.splice(0)) await sink.close();
  await rm(folder, { recursive: true });
});

const applying = { epoch: 1n, signal: new AbortController().signal };
const INCARNATION = '00000000-0000-4000-8000-000000000000';

async function start(options: Partial<DuckDbOptions> = {}): Promise<Sink> {
  const sink = duckdb({ path, ...options });
  open.push(sink);
  await sink.open({ name: 's', incarnation: INCARNATION, epoch: 1n, logger: silentLogger, signal: applying.signal });
  return sink;
}

async function refusedBy(sink: Sink, batch: Batch): Promise<[error: VStreamError, ids: unknown[], reasons: string[]]> {
  const error: unknown = await sink.apply(batch, applying).catch((thrown: unknown) => thrown);
  if (!VStreamError.is(error)) throw new Error(`no error of ours: ${String(error)}`);
  const refused = [...refusedRows(error)];
  return [error, refused.map(([{ after, before }]) => (after ?? before)?.['id']), refused.map(([, { message }]) => message)];
}

/** As the pipeline does it. */
async function applyWithout(sink: Sink, batches: BatchBuilder, batch: Batch, without: readonly unknown[]): Promise<void> {
  await sink.apply(
    batches.replay(batch.changes.filter((change: Change) => !without.includes((change.after ?? change.before)?.['id']))),
    applying,
  );
}

const orders = tableVersion('shop.orders', { id: 'bigint key', note: 'varchar(40)', price: 'decimal(4,2)', day: 'date' });
const order = (id: bigint, more: object = {}): Record<string, unknown> => ({
  id,
  note: `note ${id}`,
  price: '1.50',
  day: '2024-05-01',
  ...more,
});
const ids = async (): Promise<number[]> => (await readback(path, 'select id from orders order by id')).map((row) => Number(row['id']));

describe('DuckDB refuses', () => {
  test('NULL where the user wants none: exactly those rows are named, nothing of the batch is written, and the rest is taken', async () => {
    const sink = await start();
    const batches = new BatchBuilder('shop');
    await sink.apply(batches.copy(orders, '0', [order(1n)]), applying);
    await readback(path, 'alter table orders alter column note set not null');
    const rows = Array.from({ length: 5_000 }, (_, at) => order(BigInt(at + 2), [700, 701, 4_444].includes(at) ? { note: null } : {}));
    const batch = batches.copy(orders, '0', rows);
    const before = await readback(path, 'select position from _vstream_state');
    const [error, named, reasons] = await refusedBy(sink, batch);
    expect(named).toEqual([702n, 703n, 4_446n]);
    expect(reasons[0]).toBe('the sink refused the row: NOT NULL constraint failed: orders.note');
    expect(error).toMatchObject({ code: 'SINK_FAILED', keyspace: 'shop', table: 'orders', shard: '0' });
    expect(await ids()).toEqual([1]);
    expect(await readback(path, 'select position from _vstream_state')).toEqual(before);
    await applyWithout(sink, batches, batch, named);
    expect(await ids()).toHaveLength(1 + 5_000 - 3);
    expect(await readback(path, 'select position from _vstream_state')).not.toEqual(before);
  });

  test('a row that breaks a CHECK or a unique index; reasons hold no values', async () => {
    const sink = await start();
    const batches = new BatchBuilder('shop');
    await sink.apply(batches.copy(orders, '0', [order(1n, { note: 'secret' })]), applying);
    await readback(path, 'create unique index one_note on orders (note)');
    const update = { op: 'update', version: orders, shard: '0' } as const;
    const insert = { op: 'insert', version: orders, shard: '0' } as const;
    const batch = batches.transactions(
      // A change that frees a value, and one that takes it: both are fine together.
      [{ ...update, before: order(1n, { note: 'secret' }), after: order(1n, { note: 'x' }) }],
      [{ ...insert, after: order(2n, { note: 'secret' }) }],
      // Held by a row of this very batch.
      [{ ...insert, after: order(3n, { note: 'it\'s "secret"' }) }],
      [{ ...insert, after: order(4n, { note: 'it\'s "secret"' }) }],
      [{ ...insert, after: order(5n, { note: 'x' }) }],
    );
    const [error, named, reasons] = await refusedBy(sink, batch);
    expect(named).toEqual([4n, 5n]);
    expect(`${error.message} ${reasons.join()}`).not.toContain('secret');
    expect(reasons.join()).toMatch(/unique/i);
    await applyWithout(sink, batches, batch, named);
    expect(await readback(path, 'select id::int as id, note from orders order by id')).toEqual([
      { id: 1, note: 'x' },
      { id: 2, note: 'secret' },
      { id: 3, note: 'it\'s "secret"' },
    ]);
  });

  test('a value that does not fit its column, with the column', async () => {
    const sink = await start();
    const batches = new BatchBuilder('shop');
    const [error, named, reasons] = await refusedBy(
      sink,
      batches.copy(orders, '0', [order(1n), order(2n, { price: '12345.5' }), order(3n)]),
    );
    expect(named).toEqual([2n]);
    expect(reasons).toEqual(['the sink refused the row: a value does not fit DECIMAL(4,2) of column price']);
    expect(error.message).toContain('refused 1 rows of shop.orders');
  });

  test('dates no calendar has, under `zeroDates: fail`, in current rows and in a log', async () => {
    const log = tableVersion('shop.log', { id: 'bigint', day: 'date' });
    const sink = await start({ zeroDates: 'fail' });
    const batches = new BatchBuilder('shop');
    const rows = Array.from({ length: 20 }, (_, at) => order(BigInt(at), at % 7 === 3 ? { day: '2024-02-30' } : {}));
    expect((await refusedBy(sink, batches.copy(orders, '0', rows)))[1]).toEqual([3n, 10n, 17n]);
    const [, named, reasons] = await refusedBy(
      sink,
      batches.copy(log, '0', [
        { id: 1n, day: '2024-01-01' },
        { id: 2n, day: '0000-00-00' },
      ]),
    );
    expect([named, reasons[0]]).toEqual([[2n], expect.stringContaining('no date for DuckDB')]);
  });

  test('more rows than can be bad by chance: then it is the table, and no row is named', async () => {
    const sink = await start();
    const batches = new BatchBuilder('shop');
    await sink.apply(batches.copy(orders, '0', [order(1n)]), applying);
    await readback(path, 'alter table orders alter column note set not null');
    const rows = Array.from({ length: 300 }, (_, at) => order(BigInt(at + 2), { note: null }));
    const [error, named] = await refusedBy(sink, batches.copy(orders, '0', rows));
    expect(named).toEqual([]);
    expect(error.message).toMatch(/more than 100 rows/);
  });

  test('what is no row’s fault stays what it is', async () => {
    const sink = await start();
    await readback(path, 'create table orders (mine int)');
    const [error, named] = await refusedBy(sink, new BatchBuilder('shop').copy(orders, '0', [order(1n)]));
    expect(named).toEqual([]);
    expect(error.message).toContain('was not made by this sink');
  });
});

describe('finding what is refused', () => {
  test('names what cannot be written behind the others, in few tries, whatever depends on whatever', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(30), { maxLength: 60 }), fc.uniqueArray(fc.nat(30), { maxLength: 4 }), async (values, taken) => {
        const items = values.map((value, at) => ({ value, at }));
        let tries = 0;
        // Each value once, as under a unique index; some are taken already.
        const refused = await findRefused(items, async (some) => {
          tries++;
          const seen = new Set(taken);
          return some.every(({ value }) => !seen.has(value) && seen.add(value)) ? undefined : 'twice';
        });
        const expected = items.filter(({ value, at }) => taken.includes(value) || values.indexOf(value) < at);
        expect([...(refused?.keys() ?? [])]).toEqual(expected);
        expect(tries).toBeLessThanOrEqual(1 + 2 * expected.length * Math.ceil(Math.log2(Math.max(2, items.length)) + 1));
      }),
    );
  });

  test('gives up beyond its limit, and passes on what is another trouble', async () => {
    const items = Array.from({ length: 4 * MAX_REFUSED }, (_, at) => at);
    expect(await findRefused(items, async () => 'no')).toBeUndefined();
    await expect(findRefused(items, () => Promise.reject(new Error('disk full')))).rejects.toThrow('disk full');
  });
});
