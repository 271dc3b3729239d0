/** Tables with keys and names that DuckDB or the sink itself could take for something else. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../observe/logger.js';
import type { Sink } from '../../pipeline/sink.js';
import { BatchBuilder, tableVersion } from '../../testing/batch-builder.js';
import { duckdb, readback } from './index.js';

let folder = '';
let path = '';
let sink: Sink;
const { signal } = new AbortController();
const applying = { epoch: 1n, signal };

async function open(): Promise<void> {
  sink = duckdb({ path });
  await sink.open({ name: 'odd', incarnation: '00000000-0000-4000-8000-000000000000', epoch: 1n, logger: silentLogger, signal });
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'duckdb-odd-'));
  path = join(folder, 'warehouse.duckdb');
  await open();
});
afterEach(async () => {
  await sink.close();
  await rm(folder, { recursive: true });
});

test('a BIT key is found again after a restart: an update replaces its row and a delete removes it (B26)', async () => {
  const version = tableVersion('shop.flags', { id: 'bit(16) key', note: 'text' });
  const key = (value: number): Uint8Array => new Uint8Array([value >> 8, value & 255]);
  const batches = new BatchBuilder('shop');
  await sink.apply(
    batches.copy(version, '0', [
      { id: key(1), note: 'a' },
      { id: key(5), note: 'b' },
    ]),
    applying,
  );
  await sink.close();
  await open();
  const update = { op: 'update', version, shard: '0', before: { id: key(1), note: 'a' }, after: { id: key(1), note: 'a2' } } as const;
  await sink.apply(batches.transactions([update]), applying);
  await sink.apply(batches.transactions([{ op: 'delete', version, shard: '0', before: { id: key(5), note: 'b' } }]), applying);
  await sink.apply(batches.transactions([{ op: 'insert', version, shard: '0', after: { id: key(65_535), note: 'c' } }]), applying);
  expect(await readback(path, 'select id, note from flags order by id')).toEqual([
    { id: 1n, note: 'a2' },
    { id: 65_535n, note: 'c' },
  ]);
});

test.each(['rowid', 'own', 'upsert', 't', 'k', 'row'])(
  'a column called %s changes nothing of rows that move between shards',
  async (name) => {
    const version = tableVersion('shop.moved', { id: 'int key', [name]: 'int', note: 'text' });
    const row = (id: number, note: string) => ({ id, [name]: 1, note });
    const batches = new BatchBuilder('shop');
    await sink.apply(batches.copy(version, '-80', [row(1, 'old'), row(2, 'old'), row(3, 'old')]), applying);
    await sink.apply(batches.transactions([{ op: 'insert', version, shard: '80-', after: row(1, 'new') }]), applying);
    expect(await readback(path, 'select note from moved order by id')).toEqual([{ note: 'new' }, { note: 'old' }, { note: 'old' }]);
    await sink.apply(batches.transactions([{ op: 'delete', version, shard: '80-', before: row(1, 'new') }]), applying);
    expect(await readback(path, 'select id, note from moved order by id')).toEqual([
      { id: 1, note: 'old' },
      { id: 2, note: 'old' },
      { id: 3, note: 'old' },
    ]);
  },
);

test.each(['rowid', 'own', 'upsert', 't', 'k'])('a key called %s does not either', async (name) => {
  const version = tableVersion('shop.moved', { [name]: 'int key', note: 'text' });
  const batches = new BatchBuilder('shop');
  await sink.apply(batches.copy(version, '-80', [{ [name]: 1, note: 'old' }]), applying);
  await sink.apply(batches.transactions([{ op: 'insert', version, shard: '80-', after: { [name]: 1, note: 'new' } }]), applying);
  await sink.apply(batches.transactions([{ op: 'delete', version, shard: '-80', before: { [name]: 1, note: 'old' } }]), applying);
  expect(await readback(path, `select "${name}" as id, note from moved`)).toEqual([{ id: 1, note: 'new' }]);
});

test('a decimal without digits before the point keeps its zero when its column becomes text', async () => {
  const one = tableVersion('shop.rates', { id: 'int key', rate: 'decimal(5,5)' });
  const two = tableVersion('shop.rates', { id: 'int key', rate: 'varchar(20)' }, 2);
  const batches = new BatchBuilder('shop');
  const copied = batches.copy(
    one,
    '0',
    ['0.05000', '-0.50000', '0.00000', null].map((rate, id) => ({ id, rate })),
  );
  await sink.apply(copied, applying);
  await sink.apply(batches.transactions([{ op: 'insert', version: two, shard: '0', after: { id: 4, rate: '0.1' } }]), applying);
  const rates = (await readback(path, 'select rate from rates order by id')).map(({ rate }) => rate);
  expect(rates).toEqual(['0.05000', '-0.50000', '0.00000', null, '0.1']);
});
