import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { deferred } from '../../internal/async.js';
import { systemClock, type Clock } from '../../internal/clock.js';
import type { Logger } from '../../observe/logger.js';
import { silentLogger } from '../../observe/logger.js';
import type { Sink } from '../../pipeline/sink.js';
import type { Row } from '../../schema/values.js';
import { BatchBuilder, columnsChange, tableVersion, type ChangeSpec } from '../../testing/batch-builder.js';
import { MemoryDestination, memorySink } from '../../testing/memory-sink.js';
import { duckdb, readback, type DuckDbOptions } from './index.js';
import { isCalendarDate } from './writers.js';

let folder = '';
let path = '';
const open: Sink[] = [];
const children: ChildProcess[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'duckdb-sink-'));
  path = join(folder, 'warehouse.duckdb');
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const sink of open.splice(0)) await sink.close();
  await rm(folder, { recursive: true });
});

const context = (signal = new AbortController().signal, logger: Logger = silentLogger) => ({
  name: 'orders-to-warehouse',
  incarnation: '00000000-0000-4000-8000-000000000000',
  epoch: 1n,
  logger,
  signal,
});
const applying = { epoch: 1n, signal: new AbortController().signal };

async function start(options: Partial<DuckDbOptions> = {}): Promise<Sink> {
  const sink = duckdb({ path, ...options });
  open.push(sink);
  await sink.open(context());
  return sink;
}

const types = async (table: string): Promise<Record<string, unknown>> => {
  const rows = await readback(
    path,
    `select column_name, data_type from duckdb_columns() where table_name = '${table}' order by column_index`,
  );
  return Object.fromEntries(rows.map((row) => [row['column_name'], row['data_type']]));
};

describe('the file', () => {
  test('rows and position are on disk after a close and come back in another process', async () => {
    const version = tableVersion('shop.orders', { id: 'bigint key', note: 'text' });
    const batches = new BatchBuilder('shop');
    const sink = await start();
    await sink.apply(batches.copy(version, '0', [{ id: 1n, note: 'a' }]), applying);
    await sink.close();
    const script = `import('@duckdb/node-api').then(async (d) => {
      const c = await (await d.DuckDBInstance.create(process.argv[1], { access_mode: 'READ_ONLY' })).connect();
      console.log(JSON.stringify((await c.runAndReadAll('select o.id, note, stream from orders o, _vstream_state')).getRowsJson()));
    })`;
    const other = spawnSync(process.execPath, ['-e', script, path], { encoding: 'utf8' });
    expect(other.stderr).toBe('');
    expect(JSON.parse(other.stdout)).toEqual([['1', 'a', 'orders-to-warehouse']]);
    const again = duckdb({ path });
    open.push(again);
    expect(((await again.open({ ...context(), epoch: 2n })) || {}).position?.equals(batches.position)).toBe(true);
  });

  test('a batch that moves nothing is no write; the next that does, is', async () => {
    const written = async (): Promise<unknown> => (await readback(path, 'select updated_at from main._vstream_state'))[0]?.['updated_at'];
    const batches = new BatchBuilder('shop');
    const sink = await start();
    const moving = batches.progress();
    await sink.apply(moving, applying);
    const first = await written();
    await sink.apply({ ...moving, progress: { type: 'table-start', keyspace: 'shop', table: 'customers' } }, applying);
    expect(await written()).toEqual(first);
    await sink.apply(batches.progress(), applying);
    expect(await written()).not.toEqual(first);
  });

  test('a process that is killed leaves whole batches only, each with its position', async () => {
    const script = `
      import { duckdb } from './dist/sinks/duckdb/index.js';
      import { BatchBuilder, tableVersion } from './dist/testing/batch-builder.js';
      const sink = duckdb({ path: process.argv[2] });
      await sink.open({ name: 's', incarnation: 'i', epoch: 1n, logger: console, signal: new AbortController().signal });
      const version = tableVersion('shop.t', { n: 'int', batch: 'int' });
      const batches = new BatchBuilder('shop');
      for (let batch = 1; ; batch++) {
        const rows = Array.from({ length: 3000 }, (_, n) => ({ n, batch }));
        await sink.apply(batches.copy(version, '0', rows), { epoch: 1n, signal: new AbortController().signal });
        process.stdout.write('.');
      }`;
    const run = join(folder, 'run.mjs');
    await writeFile(run, script.replaceAll('./dist/', `${process.cwd()}/dist/`));
    const child = spawn(process.execPath, [run, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    for (let seen = 0; seen < 8; ) seen += String((await once(child.stdout, 'data'))[0]).length;
    child.kill('SIGKILL');
    await once(child, 'close');
    const found = await duckdbPosition('s', 'i');
    const batches = await readback(path, 'select batch, count(*)::int as rows from t group by batch order by batch');
    expect(batches.map((row) => row['rows'])).toEqual(batches.map(() => 3000));
    expect(batches.length).toBeGreaterThanOrEqual(8);
    expect(found?.gtid('shop', '0')).toMatch(new RegExp(`:1-${batches.length}$`));
  });

  async function duckdbPosition(name: string, incarnation: string) {
    const sink = duckdb({ path });
    open.push(sink);
    return ((await sink.open({ ...context(), name, incarnation, epoch: 2n })) || {}).position;
  }

  test.each([
    ['a folder that does not exist', async () => join(folder, 'none', 'x.duckdb'), /folder of the DuckDB file .* does not exist/],
    ['a folder', async () => folder, /is a folder/],
    [
      'a file that is no database',
      async () => {
        const other = join(folder, 'notes.txt');
        await writeFile(other, 'dear diary '.repeat(1_000));
        return other;
      },
      /is not a DuckDB database/,
    ],
  ])('%s is one clear error', async (_, make, message) => {
    const wrong = await make();
    const sink = duckdb({ path: wrong });
    open.push(sink);
    await expect(sink.open(context())).rejects.toMatchObject({
      code: 'SINK_FAILED',
      message: expect.stringMatching(message),
      next: expect.any(String),
    });
  });

  test('a file that is no database is left as it was', async () => {
    await writeFile(path, 'dear diary '.repeat(1_000));
    await expect(start()).rejects.toMatchObject({ code: 'SINK_FAILED' });
    expect(await readFile(path, 'utf8')).toBe('dear diary '.repeat(1_000));
    expect(await stat(`${path}.wal`).catch(() => undefined)).toBe(undefined);
  });

  test.runIf(process.platform === 'linux')('a place nobody can write to is one clear error', async () => {
    const sink = duckdb({ path: '/proc/warehouse.duckdb' });
    await expect(sink.open(context())).rejects.toMatchObject({
      code: 'SINK_FAILED',
      message: expect.stringContaining('cannot be opened for writing'),
    });
  });

  test('while another process holds the file, open says who, waits, and goes on when it is free', async () => {
    const holder = await holdFile();
    const said = deferred<string>();
    const ticks: (() => void)[] = [];
    const logger: Logger = { ...silentLogger, info: (_, message) => said.resolve(message) };
    // Time stands still until the holder has gone: each try happens when the test says so.
    const waiting = deferred();
    const clock: Clock = { ...systemClock, after: (_, fn) => (ticks.push(fn), waiting.resolve(), () => {}) };
    const sink = duckdb({ path, clock });
    open.push(sink);
    const opening = sink.open(context(undefined, logger));
    expect(await said.promise).toContain(`(process ${holder.pid})`);
    await waiting.promise;
    holder.kill('SIGKILL');
    await once(holder, 'close');
    for (const tick of ticks.splice(0)) tick();
    expect(await opening).toEqual({ incarnation: context().incarnation });
  });

  test('waiting for the file ends when the signal aborts, and does not happen with waitForFile: false', async () => {
    const holder = await holdFile();
    const abort = new AbortController();
    const clock: Clock = { ...systemClock, after: () => (queueMicrotask(() => abort.abort(new Error('stop'))), () => {}) };
    const waiting = duckdb({ path, clock });
    await expect(waiting.open(context(abort.signal))).rejects.toMatchObject({ code: 'ABORTED' });
    await expect(start({ waitForFile: false })).rejects.toMatchObject({
      code: 'SINK_FAILED',
      message: expect.stringContaining(`(process ${holder.pid})`),
    });
    holder.kill('SIGKILL');
    await once(holder, 'close');
  });

  async function holdFile() {
    const script = `import('@duckdb/node-api').then(async (d) => {
      globalThis.held = await d.DuckDBInstance.create(process.argv[1]);
      console.log('held');
      setInterval(() => {}, 1e6);
    })`;
    const child = spawn(process.execPath, ['-e', script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    await once(child.stdout, 'data');
    return child;
  }

  test('wrong options are named together before anything is opened', () => {
    expect(() => duckdb({ path: '', identity: 'row', memoryLimit: 'lots', paht: 'x' } as never)).toThrow(
      /`path`.*`identity`.*`memoryLimit`.*`paht` is not an option/s,
    );
  });
});

describe('tables', () => {
  test('every MySQL type gets the column and value it should have', async () => {
    const version = tableVersion('shop.types', {
      id: 'int key',
      u: 'bigint unsigned',
      d: 'decimal(20,6)',
      f: 'float',
      b1: 'bit(1)',
      b64: 'bit(64)',
      e: "enum('a','b')",
      s: "set('a','b')",
      j: 'json',
      g: 'geometry',
      v: 'vector(3)',
      t: 'time(3)',
      y: 'year',
      bin: 'binary(3)',
      day: 'date',
      at: 'datetime(6)',
      ts: 'timestamp',
    });
    const sink = await start();
    const row: Row = {
      id: 1,
      u: 18446744073709551615n,
      d: '-0.500000',
      f: 16777216,
      b1: new Uint8Array([1]),
      b64: new Uint8Array(8).fill(255),
      e: 'b',
      s: 'a,b',
      j: '{"k": [1, 2.50]}',
      g: new Uint8Array([0, 0, 0, 0, 1]),
      v: new Float32Array([1.5, -2]),
      t: '-838:59:59.000',
      y: 2155,
      bin: new Uint8Array([0, 39, 255]),
      day: '0001-01-01',
      at: '9999-12-31 23:59:59.999999',
      ts: '1970-01-01 00:00:01',
    };
    await sink.apply(new BatchBuilder('shop').copy(version, '0', [row]), applying);
    expect(await readback(path, 'select * exclude (_vstream_shard, _vstream_generation) from types')).toEqual([
      {
        id: 1,
        u: 18446744073709551615n,
        d: '-0.500000',
        f: 16777216,
        b1: 1n,
        b64: 18446744073709551615n,
        e: 'b',
        s: 'a,b',
        j: '{"k": [1, 2.50]}',
        g: new Uint8Array([0, 0, 0, 0, 1]),
        v: [1.5, -2],
        t: '-838:59:59.000',
        y: 2155,
        bin: new Uint8Array([0, 39, 255]),
        day: '0001-01-01',
        at: '9999-12-31 23:59:59.999999',
        ts: '1970-01-01 00:00:01',
      },
    ]);
    expect(await readback(path, "select j->>'$.k[1]' as k from types")).toEqual([{ k: '2.5' }]);
  });

  test('text keeps NUL characters and what has no UTF-8 becomes U+FFFD', async () => {
    const version = tableVersion('shop.texts', { id: 'int key', t: 'text' });
    const sink = await start();
    await sink.apply(
      new BatchBuilder('shop').copy(version, '0', [
        { id: 1, t: 'a\u0000b and more than twelve' },
        { id: 2, t: '\ud800' },
      ]),
      applying,
    );
    expect(await readback(path, 'select t from texts order by id')).toEqual([{ t: 'a\u0000b and more than twelve' }, { t: '\ufffd' }]);
  });

  test('dates that no calendar has are NULL, kept as text, or refused (B31); in a key never NULL', async () => {
    const version = tableVersion('shop.days', { id: 'int key', day: 'date', at: 'datetime' });
    const rows = [
      { id: 1, day: '0000-00-00', at: '2024-00-15 00:00:00' },
      { id: 2, day: '2024-02-30', at: '2023-02-28 01:02:03' },
    ];
    const sink = await start();
    await sink.apply(new BatchBuilder('shop').copy(version, '0', rows), applying);
    expect(await readback(path, 'select id, day, "at" from days order by id')).toEqual([
      { id: 1, day: null, at: null },
      { id: 2, day: null, at: '2023-02-28 01:02:03' },
    ]);
    const keyed = tableVersion('shop.by_day', { day: 'date key' });
    await expect(sink.apply(new BatchBuilder('shop').copy(keyed, '0', [{ day: '0000-00-00' }]), applying)).rejects.toMatchObject({
      code: 'SINK_FAILED',
      column: 'day',
      next: expect.stringContaining('zeroDates'),
    });
    await sink.close();
    const text = await start({ path: join(folder, 'text.duckdb'), zeroDates: 'text' });
    await text.apply(new BatchBuilder('shop').copy(version, '0', rows), applying);
    expect(await readback(join(folder, 'text.duckdb'), 'select id, day, "at" from days order by id')).toEqual(rows);
    const strict = await start({ path: join(folder, 'strict.duckdb'), zeroDates: 'fail' });
    await expect(strict.apply(new BatchBuilder('shop').copy(version, '0', rows), applying)).rejects.toMatchObject({
      code: 'SINK_FAILED',
      column: 'day',
    });
  });

  test('the calendar is the one of Date, for every day the text can hold', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9999 }),
        fc.integer({ min: 0, max: 13 }),
        fc.integer({ min: 0, max: 32 }),
        (year, month, day) => {
          const text = `${String(year).padStart(4, '0')}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`;
          const date = new Date(`${text}T00:00:00Z`);
          expect(isCalendarDate(text)).toBe(!Number.isNaN(date.valueOf()) && date.toISOString().slice(0, 10) === text);
        },
      ),
    );
    expect(isCalendarDate('0000-01-01')).toBe(false);
  });

  test('types only ever widen, in the table that is there', async () => {
    const sink = await start();
    await sink.schema?.(
      columnsChange(tableVersion('shop.w', { id: 'int key', a: 'smallint', b: 'json', c: 'varchar(5)', d: 'date' }), '0'),
      applying,
    );
    await sink.schema?.(
      columnsChange(tableVersion('shop.w', { id: 'bigint key', a: 'tinyint', b: 'text', c: 'blob', d: 'datetime' }, 2), '0'),
      applying,
    );
    expect(await types('w')).toEqual({
      id: 'BIGINT',
      a: 'SMALLINT',
      b: 'VARCHAR',
      c: 'BLOB',
      d: 'TIMESTAMP',
      _vstream_shard: 'VARCHAR',
      _vstream_generation: 'INTEGER',
    });
  });

  test('text that becomes bytes keeps its bytes', async () => {
    const one = tableVersion('shop.enc', { id: 'int key', c: 'varchar(20)' });
    const two = tableVersion('shop.enc', { id: 'int key', c: 'blob' }, 2);
    const sink = await start();
    const batches = new BatchBuilder('shop');
    await sink.apply(batches.copy(one, '0', [{ id: 1, c: 'é\\x41' }]), applying);
    await sink.apply(batches.copy(two, '0', [{ id: 2, c: new Uint8Array([255]) }]), applying);
    await sink.apply(batches.transactions([{ op: 'insert', version: one, shard: '0', after: { id: 3, c: 'ü' } }]), applying);
    expect(await readback(path, 'select c from enc order by id')).toEqual([
      { c: new Uint8Array(Buffer.from('é\\x41')) },
      { c: new Uint8Array([255]) },
      { c: new Uint8Array(Buffer.from('ü')) },
    ]);
  });

  test('two source tables never share a DuckDB table, whatever the case of their names', async () => {
    const sink = await start();
    await sink.schema?.(columnsChange(tableVersion('shop.orders', { id: 'int key' }), '0'), applying);
    for (const name of ['billing.orders', 'shop.Orders']) {
      await expect(sink.schema?.(columnsChange(tableVersion(name, { id: 'int key' }), '0'), applying)).rejects.toMatchObject({
        code: 'SINK_FAILED',
        message: expect.stringContaining('already holds shop.orders'),
        next: expect.stringContaining('schemaPerKeyspace'),
      });
    }
  });

  test('schemaPerKeyspace and tablePrefix keep tables of one name apart', async () => {
    const sink = await start({ schemaPerKeyspace: true, tablePrefix: 'v_' });
    const batches = new BatchBuilder('shop');
    await sink.apply(batches.copy(tableVersion('shop.orders', { id: 'int key' }), '0', [{ id: 1 }]), applying);
    await sink.apply(batches.copy(tableVersion('billing.orders', { id: 'int key' }), '0', [{ id: 2 }]), applying);
    expect(await readback(path, 'select s.id as s, b.id as b from shop.v_orders s, billing.v_orders b')).toEqual([{ s: 1, b: 2 }]);
  });

  test('a table of the user is never written to, and a column with a name of ours is refused', async () => {
    const sink = await start();
    await readback(path, 'create table orders (id int)');
    await expect(sink.schema?.(columnsChange(tableVersion('shop.orders', { id: 'int key' }), '0'), applying)).rejects.toMatchObject({
      code: 'SINK_FAILED',
      message: expect.stringContaining('was not made by this sink'),
    });
    await expect(
      sink.schema?.(columnsChange(tableVersion('shop.bad', { id: 'int key', _VSTREAM_shard: 'int' }), '0'), applying),
    ).rejects.toMatchObject({
      code: 'SINK_FAILED',
      column: '_VSTREAM_shard',
    });
  });

  test('a refused batch leaves no table, no row and no position behind, and the sink goes on', async () => {
    const sink = await start();
    const batches = new BatchBuilder('shop');
    const good = tableVersion('shop.good', { id: 'int key' });
    const bad = tableVersion('shop.bad', { id: 'int key', n: 'int' });
    await sink.apply(batches.copy(good, '0', [{ id: 1 }]), applying);
    const position = batches.position;
    const mixed = batches.transactions([
      { op: 'insert', version: good, shard: '0', after: { id: 2 } },
      { op: 'insert', version: bad, shard: '0', after: { id: 1, n: 'no number' } },
    ]);
    await expect(sink.apply(mixed, applying)).rejects.toMatchObject({ code: 'SINK_FAILED', keyspace: 'shop', table: 'bad' });
    expect(await readback(path, 'select id from good')).toEqual([{ id: 1 }]);
    expect(await types('bad')).toEqual({});
    expect((await readback(path, 'select position from _vstream_state'))[0]?.['position']).toBe(JSON.stringify(position));
    await sink.apply(batches.copy(good, '0', [{ id: 3 }]), applying);
    await sink.apply(batches.copy(bad, '0', [{ id: 1, n: 5 }]), applying);
    expect(await readback(path, 'select id from good order by id')).toEqual([{ id: 1 }, { id: 3 }]);
  });

  test('an abort in the middle of a batch rolls it back', async () => {
    const sink = await start();
    const version = tableVersion('shop.big', { id: 'int key', text: 'text' });
    const rows = Array.from({ length: 30_000 }, (_, id) => ({ id, text: `row ${id}` }));
    const abort = new AbortController();
    let read = 0;
    const batch = new BatchBuilder('shop').copy(version, '0', rows);
    for (const change of batch.changes) {
      const cells = change.afterCells;
      if (!cells) continue;
      const text = cells.text.bind(cells);
      Object.assign(cells, { text: (column: number) => (++read === 75_000 && abort.abort(new Error('stop')), text(column)) });
    }
    await expect(sink.apply(batch, { epoch: 1n, signal: abort.signal })).rejects.toMatchObject({ code: 'ABORTED' });
    expect(await readback(path, 'select position from _vstream_state')).toEqual([{ position: null }]);
    expect(await types('big')).toEqual({});
    await sink.apply(new BatchBuilder('shop').copy(version, '0', rows), applying);
    expect(await readback(path, 'select count(*)::int as n from big')).toEqual([{ n: 30_000 }]);
  });
});

describe('tables written as a log', () => {
  test('a table without a key, or listed in `append`, keeps one row per change with where it came from', async () => {
    const sink = await start({ append: ['shop.history'] });
    const batches = new BatchBuilder('shop', ['-80', '80-']);
    const keyless = tableVersion('shop.keyless', { a: 'int' });
    const history = tableVersion('shop.history', { id: 'bigint key', a: 'int' });
    await sink.apply(batches.copy(keyless, '-80', [{ a: 1 }, { a: 1 }]), applying);
    await sink.apply(
      batches.transactions([
        { op: 'update', version: keyless, shard: '-80', before: { a: 1 }, after: { a: 2 } },
        { op: 'delete', version: keyless, shard: '-80', before: { a: 2 } },
        { op: 'insert', version: history, shard: '80-', after: { id: 5n, a: 1 } },
        { op: 'update', version: history, shard: '80-', before: { id: 5n, a: 1 }, after: { id: 5n, a: 2 } },
      ]),
      applying,
    );
    expect(
      await readback(
        path,
        'select a, _vstream_op as op, _vstream_ordinal as ordinal, _vstream_before as before, _vstream_shard as shard from keyless order by op, ordinal',
      ),
    ).toEqual([
      { a: 1, op: 'copy', ordinal: 0, before: null, shard: '-80' },
      { a: 1, op: 'copy', ordinal: 1, before: null, shard: '-80' },
      { a: 2, op: 'delete', ordinal: 1, before: null, shard: '-80' },
      { a: 2, op: 'update', ordinal: 0, before: '{"a":1}', shard: '-80' },
    ]);
    expect(
      await readback(
        path,
        'select id, a, _vstream_op as op, _vstream_gtid as gtid, _vstream_before as before, _vstream_commit_time as at from history order by a',
      ),
    ).toEqual([
      { id: 5n, a: 1, op: 'insert', gtid: '00000000-0000-4000-8000-000000000001:2', before: null, at: '2023-11-14 22:13:22' },
      { id: 5n, a: 2, op: 'update', gtid: '00000000-0000-4000-8000-000000000001:2', before: '{"id":"5","a":1}', at: '2023-11-14 22:13:22' },
    ]);
  });

  test('a table that gets a key goes on as rows', async () => {
    const sink = await start();
    const batches = new BatchBuilder('shop');
    await sink.apply(
      batches.copy(tableVersion('shop.t', { a: 'int', b: 'int' }), '0', [
        { a: 1, b: 1 },
        { a: 1, b: 2 },
      ]),
      applying,
    );
    const keyed = tableVersion('shop.t', { a: 'int key', b: 'int' }, 2);
    await sink.apply(batches.copy(keyed, '0', [{ a: 1, b: 3 }], 2), applying);
    await sink.apply(batches.copy(keyed, '0', [{ a: 1, b: 4 }], 2), applying);
    expect(await sink.sweep?.(keyed, '0', 2, applying)).toBe(0);
    expect(await readback(path, 'select a, b from t')).toEqual([{ a: 1, b: 4 }]);
  });
});

test('a partial update takes nothing from a stored row that an earlier change of its batch made void', async () => {
  const version = tableVersion('shop.t', { id: 'int key', a: 'text', b: 'int' });
  const sink = await start();
  const batches = new BatchBuilder('shop');
  await sink.apply(batches.transactions([{ op: 'insert', version, shard: '-80', after: { id: 1, a: 'old', b: 7 } }]), applying);
  // Both shards overlap the stored one, and not one another, as after a split.
  const changes = batches.transactions([
    { op: 'insert', version, shard: '40-80', after: { id: 1, a: 'new', b: 8 } },
    { op: 'update', version, shard: '-40', before: { id: 1 }, after: { id: 2, a: 'u' } },
  ]);
  await sink.apply(changes, applying);
  expect(await readback(path, 'select id, a, b from t order by id')).toEqual([
    { id: 1, a: 'new', b: 8 },
    { id: 2, a: 'u', b: null },
  ]);
});

test('a partial row is completed for the shard of the change that lacks the column, not for one that wrote on top of it', async () => {
  const version = tableVersion('shop.t', { id: 'int key', a: 'text', b: 'int' });
  const sink = await start();
  const batches = new BatchBuilder('shop');
  await sink.apply(batches.transactions([{ op: 'insert', version, shard: '40-80', after: { id: 1, a: 'other', b: 7 } }]), applying);
  // Row 1 of 40-80 is none of -40's, though -80 overlaps both.
  const changes = batches.transactions([
    { op: 'update', version, shard: '-40', before: { id: 1 }, after: { id: 4, a: 'u' } },
    { op: 'update', version, shard: '-80', before: { id: 4 }, after: { id: 0, a: 'v' } },
  ]);
  await sink.apply(changes, applying);
  expect(await readback(path, 'select id, a, b from t order by id')).toEqual([
    { id: 0, a: 'v', b: null },
    { id: 1, a: 'other', b: 7 },
  ]);
});

test('random changes, cut at random, end in the rows of the reference sink', async () => {
  const version = tableVersion('shop.t', { id: 'int key', a: 'text', b: 'int' });
  const shard = fc.constantFrom('-80', '80-', '-40', '40-80');
  const id = fc.integer({ min: 0, max: 4 });
  const value = fc.option(fc.integer({ min: 0, max: 99 }), { nil: undefined });
  const full = fc.record({ id, a: fc.string({ maxLength: 3 }), b: fc.integer({ min: 0, max: 99 }) });
  const generation = fc.integer({ min: 1, max: 3 });
  type Step = { spec: Omit<ChangeSpec, 'gtid' | 'ordinal'> } | { sweep: number; shard: string } | { truncate: true; shard: string };
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 4,
      arbitrary: fc
        .tuple(shard, full, generation)
        .map(([at, after, generation]) => ({ spec: { op: 'insert' as const, version, shard: at, after, generation } })),
    },
    {
      weight: 4,
      arbitrary: fc.tuple(shard, id, id, value, generation).map(([at, from, to, b, generation]) => ({
        spec: {
          op: 'update' as const,
          version,
          shard: at,
          before: { id: from },
          after: b === undefined ? { id: to, a: 'u' } : { id: to, b },
          generation,
        },
      })),
    },
    {
      weight: 3,
      arbitrary: fc.tuple(shard, id).map(([at, id]) => ({ spec: { op: 'delete' as const, version, shard: at, before: { id } } })),
    },
    { weight: 1, arbitrary: fc.tuple(shard, generation).map(([at, sweep]) => ({ sweep, shard: at })) },
    { weight: 1, arbitrary: shard.map((at) => ({ truncate: true as const, shard: at })) },
  );
  const sink = await start();
  const query = (): Promise<Record<string, unknown>[]> => readback(path, 'select id, a, b, _vstream_shard as shard from t order by id');
  await sink.apply(new BatchBuilder('shop').copy(version, '0', []), applying);
  await sink.schema?.(columnsChange(version, '0'), applying);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(step, { maxLength: 6 }), { maxLength: 6 }), async (batches) => {
      await sink.truncate?.(version, '-', applying);
      const destination = new MemoryDestination();
      const reference = memorySink(destination);
      await reference.open(context());
      await reference.apply(new BatchBuilder('shop').copy(version, '0', []), applying);
      const builder = new BatchBuilder('shop');
      for (const steps of batches) {
        const specs: Omit<ChangeSpec, 'gtid' | 'ordinal'>[] = [];
        const flush = async (): Promise<void> => {
          const batch = builder.transactions(specs.splice(0));
          await sink.apply(batch, applying);
          for (const change of batch.changes) await reference.apply(builder.replay([change]), applying);
        };
        for (const one of steps) {
          if ('spec' in one) specs.push(one.spec);
          else {
            await flush();
            for (const each of [sink, reference]) {
              if ('sweep' in one) await each.sweep?.(version, one.shard, one.sweep, applying);
              else await each.truncate?.(version, one.shard, applying);
            }
          }
        }
        await flush();
      }
      const expected = destination
        .rows(version)
        .map((row) => ({ id: row['id'], a: row['a'] ?? null, b: row['b'] ?? null }))
        .sort((x, y) => Number(x.id) - Number(y.id));
      expect((await query()).map(({ shard, ...row }) => (expect(shard).toBeTypeOf('string'), row))).toEqual(expected);
    }),
    { numRuns: 30 },
  );
});
