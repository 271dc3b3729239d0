/** `vstream run` and the commands around its state, as processes, into a DuckDB file. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EmbeddedVtgate } from '../../src/embedded/index.js';
import { must } from '../../src/internal/must.js';
import { readback } from '../../src/sinks/duckdb/index.js';
import { lastJson, runProgram, startProgram } from './program.js';
import { placeOrder, startShop } from './shop.js';

let folder: string;
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vstream-run-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Setup {
  readonly config: string;
  readonly database: string;
}

async function setUp(shop: EmbeddedVtgate, more: Record<string, unknown> = {}): Promise<Setup> {
  const name = `run-${count++}`;
  const config = join(folder, `${name}.json`);
  const content = {
    name,
    source: { vtgate: shop.address, keyspace: 'shop' },
    tables: ['orders'],
    state: { keyspace: 'vstream', table: 'streams' },
    // Relative: it must land beside the configuration, wherever the program was started.
    sink: { type: 'duckdb', path: `${name}.duckdb` },
    ...more,
  };
  await writeFile(config, JSON.stringify(content));
  return { config, database: join(folder, `${name}.duckdb`) };
}

async function orderIds(database: string): Promise<number[]> {
  const rows = await readback(database, 'select id from orders order by id');
  return rows.map((row) => Number(row['id']));
}

const sourceIds = (shop: EmbeddedVtgate): number[] =>
  shop.engine
    .rows('shop', 'orders')
    .map((row) => Number(row['id']))
    .toSorted((a, b) => a - b);

test('a configuration file is enough: copy, end, last line as JSON, and the next run goes on', async () => {
  await using shop = await startShop();
  const { config, database } = await setUp(shop);
  const first = await runProgram(['run', config, '--until', 'copied', '--json']);
  expect(first.code, first.stderr).toBe(0);
  expect(lastJson(first.stdout)).toMatchObject({
    rows: 50,
    tables: 1,
    seconds: expect.any(Number),
    position: { version: 1 },
    reason: 'until',
  });
  placeOrder(shop, 1001);
  const second = await runProgram(['run', config, '--until', 'now', '--json']);
  expect(second.code, second.stderr).toBe(0);
  expect(lastJson(second.stdout)).toMatchObject({ rows: 1 });
  expect(second.stderr).toContain('resuming from the position stored in the sink');
  expect(await orderIds(database)).toEqual(sourceIds(shop));
});

test('SIGTERM drains: exit 0, everything seen is in the sink, the lease is free', async () => {
  await using shop = await startShop();
  const { config, database } = await setUp(shop);
  await using running = startProgram(['run', config]);
  await running.seen('starting from beginning');
  placeOrder(shop, 1001);
  running.child.kill('SIGTERM');
  const { code, stderr } = await running.ended;
  expect(code, stderr).toBe(0);
  const status = await runProgram(['status', '--config', config, '--json']);
  expect(lastJson(status.stdout)).toMatchObject({ streams: [{ running: false, owner: null }] });
  const again = await runProgram(['run', config, '--until', 'now', '--no-wait']);
  expect(again.code, again.stderr).toBe(0);
  expect(await orderIds(database)).toEqual(sourceIds(shop));
});

test('the second Ctrl-C ends a drain that hangs, with 130', async () => {
  await using shop = await startShop();
  const module = join(folder, 'hang.mjs');
  await writeFile(
    module,
    'export default async () => { console.error("handler entered"); setInterval(() => {}, 1000); await new Promise(() => {}); };',
  );
  const { config } = await setUp(shop, { sink: { module: './hang.mjs' } });
  await using running = startProgram(['run', config]);
  await running.seen('handler entered');
  running.child.kill('SIGINT');
  await running.seen('Ctrl-C again');
  running.child.kill('SIGINT');
  expect((await running.ended).code).toBe(130);
});

test('a handler of the user may be the sink of a configuration in JavaScript', async () => {
  await using shop = await startShop();
  const config = join(folder, 'handler.mjs');
  await writeFile(
    config,
    `let rows = 0;
export default {
  name: 'handled', source: { vtgate: '${shop.address}', keyspace: 'shop' }, tables: ['orders'], until: 'copied',
  state: { keyspace: 'vstream', table: 'streams' },
  sink: async (batch) => { rows += batch.of('orders').length; console.log('rows so far', rows); },
};`,
  );
  const { code, stdout, stderr } = await runProgram(['run', config]);
  expect(code, stderr).toBe(0);
  expect(stdout).toContain('rows so far 50');
});

test('where a handler threw is shown with --verbose', async () => {
  await using shop = await startShop();
  const config = join(folder, 'throws.mjs');
  await writeFile(
    config,
    `const save = () => { throw new TypeError('no such warehouse'); };
export default {
  name: 'throws', source: { vtgate: '${shop.address}', keyspace: 'shop' }, tables: ['orders'],
  state: { type: 'memory' }, sink: async (batch) => { save(batch); },
};`,
  );
  const { code, stderr } = await runProgram(['run', config, '--verbose']);
  expect(code).toBe(1);
  expect(stderr).toMatch(/caused by TypeError: no such warehouse\n\s+at save .*throws\.mjs:1/);
  expect((await runProgram(['run', config])).stderr).not.toContain('    at ');
});

test('the state may be files in a folder beside the configuration', async () => {
  await using shop = await startShop();
  const { config } = await setUp(shop, { state: { type: 'file', path: 'kept' }, sink: { type: 'jsonl', path: 'kept.jsonl' } });
  const { code, stderr } = await runProgram(['run', config, '--until', 'copied']);
  expect(code, stderr).toBe(0);
  const { stdout } = await runProgram(['status', '--config', config, '--json']);
  expect(lastJson(stdout)).toMatchObject({ streams: [{ running: false, position: { version: 1 } }] });
  expect(await readdir(join(folder, 'kept'))).toEqual([expect.stringMatching(/^run-\d+/)]);
});

test('a second process waits as hot standby and goes on where the first stopped', async () => {
  await using shop = await startShop();
  const { config, database } = await setUp(shop);
  await using first = startProgram(['run', config]);
  await first.seen('starting from beginning');
  await using second = startProgram(['run', config, '--until', 'now']);
  await second.seen(new RegExp(`waiting for .*${first.child.pid}, lease ends in \\d+ s`));
  placeOrder(shop, 1001);
  first.child.kill('SIGTERM');
  expect((await first.ended).code).toBe(0);
  placeOrder(shop, 1002);
  const { code, stderr } = await second.ended;
  expect(code, stderr).toBe(0);
  expect(stderr).toContain('resuming from the position stored in the sink');
  expect(await orderIds(database)).toEqual(sourceIds(shop));
});

test('the stored position is read, replaced and forgotten by hand', async () => {
  await using shop = await startShop();
  const { config } = await setUp(shop, { sink: { type: 'jsonl', path: 'state.jsonl' } });
  const state = (...args: readonly string[]): ReturnType<typeof runProgram> => runProgram(['state', ...args, '--config', config]);
  const none = await state('get');
  expect(none.code).toBe(1);
  expect(none.stderr).toMatch(/^error: there is no state table vstream\.streams/);
  expect((await runProgram(['run', config, '--until', 'copied'])).code).toBe(0);
  const other = await state('get', 'nobody');
  expect(other.stderr).toMatch(/^error: there is no state of a stream "nobody" in vstream\.streams.*\n {2}next: Known there: run-\d+\.\n$/);
  const stored = await state('get');
  expect(stored.code).toBe(0);
  expect(lastJson(stored.stdout)).toMatchObject({ version: 1, copy: { shop: { orders: { state: 'done' } } } });

  const unconfirmed = await state('reset');
  expect(unconfirmed.code).toBe(2);
  expect(unconfirmed.stderr).toContain('repeat this with --yes.');
  expect((await state('get')).stdout).toBe(stored.stdout);

  expect((await state('reset', '--yes')).code).toBe(0);
  expect((await state('get')).stderr).toContain('has no stored position yet');
  const vgtid = {
    shardGtids: ['-80', '80-'].map((shard) => ({ keyspace: 'shop', shard, gtid: `MySQL56/${shop.engine.executed('shop', shard)}` })),
  };
  expect((await state('import', JSON.stringify(vgtid), '--yes')).code).toBe(0);
  expect(lastJson((await state('get')).stdout)).toMatchObject({ version: 1, shards: vgtid.shardGtids });
});

test('the position of another client can be stored before the first start, which then copies nothing', async () => {
  await using shop = await startShop();
  const { config } = await setUp(shop, { sink: { type: 'jsonl' } });
  const entries = ['-80', '80-'].map((shard) => ({ keyspace: 'shop', shard, gtid: `MySQL56/${shop.engine.executed('shop', shard)}` }));
  const imported = await runProgram(['state', 'import', JSON.stringify({ latest_vgtid: JSON.stringify(entries) }), '--config', config]);
  expect(imported.code, imported.stderr).toBe(0);
  placeOrder(shop, 1001);
  const { code, stdout, stderr } = await runProgram(['run', config, '--until', 'now']);
  expect(code, stderr).toBe(0);
  const rows = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { op: string; after?: { id: string } });
  expect(rows.filter((row) => row.op !== 'schema')).toMatchObject([{ op: 'insert', after: { id: '1001' } }]);
});

test('a position that a sink keeps with its rows is not stored beside it: refused at once, and the next step works', async () => {
  await using shop = await startShop();
  const { config, database } = await setUp(shop);
  const state = (...args: readonly string[]): ReturnType<typeof runProgram> => runProgram(['state', ...args, '--yes']);
  const refusal =
    /^error: the sink of (\S+) keeps its position with the rows.*\(POSITION_CONFLICT\)\n {2}next: .*`vstream state reset \1`.*--from POSITION/;
  const vgtid = JSON.stringify({
    shardGtids: [{ keyspace: 'shop', shard: '-80', gtid: `MySQL56/${shop.engine.executed('shop', '-80')}` }],
  });
  const early = await state('import', vgtid, '--config', config);
  expect([early.code, early.stderr]).toEqual([1, expect.stringMatching(refusal)]);

  expect((await runProgram(['run', config, '--until', 'copied'])).code).toBe(0);
  const position = (await runProgram(['state', 'get', '--config', config])).stdout.trim();
  placeOrder(shop, 1001);
  expect((await runProgram(['run', config, '--until', 'now'])).code).toBe(0);
  // Without a configuration the state row knows it.
  const name = lastJson((await runProgram(['status', '--config', config, '--json'])).stdout) as { streams: { name: string }[] };
  const flags = [
    '--vtgate',
    shop.address,
    '--state-keyspace',
    'vstream',
    '--state-table',
    'streams',
    '--name',
    must(name.streams[0], 'a stream').name,
  ];
  for (const place of [['--config', config], flags]) {
    const refused = await state('set', position, ...place);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(refusal)]);
  }

  expect((await state('reset', '--config', config)).code).toBe(0);
  const again = await runProgram(['run', config, '--from', position, '--until', 'now', '--json']);
  expect(again.code, again.stderr).toBe(0);
  expect(lastJson(again.stdout)).toMatchObject({ rows: 1 });
  expect(await orderIds(database)).toEqual(sourceIds(shop));
});

test('the position of a running stream cannot be changed under it', async () => {
  await using shop = await startShop();
  const { config } = await setUp(shop);
  await using running = startProgram(['run', config]);
  await running.seen('starting from beginning');
  const reset = await runProgram(['state', 'reset', '--yes', '--config', config]);
  expect(reset.code).toBe(1);
  expect(reset.stderr).toContain('is running at');
  const status = await runProgram(['status', '--config', config]);
  expect(status.stdout).toContain(`running at`);
  running.child.kill('SIGTERM');
  await running.ended;
});

test('a request is taken by the owner, and its outcome comes back', async () => {
  await using shop = await startShop();
  const { config, database } = await setUp(shop, { lease: '2s' });
  await using running = startProgram(['run', config]);
  await running.seen('starting from beginning');
  const paused = await runProgram(['pause', '--config', config]);
  expect(paused.code, paused.stderr).toBe(0);
  expect(paused.stderr).toContain(' is paused: ');
  // Asked for in the pause, it is taken when the pause is over.
  const later = await runProgram(['copy', 'orders', '--where', 'id < 5', '--config', config]);
  expect(later.code, later.stderr).toBe(0);
  expect(later.stderr).toContain('is paused: it takes the request once it is resumed');
  expect((await runProgram(['status', '--config', config])).stdout).toMatch(
    /paused at [^]*pause: done[^]*copy orders where id < 5 \(not taken yet\)/,
  );
  const resumed = await runProgram(['resume', '--config', config]);
  expect(resumed.code, resumed.stderr).toBe(0);
  await running.seen('a range of shop.orders is copied again');
  const copy = await runProgram(['copy', 'orders', '--config', config, '--json']);
  expect(lastJson(copy.stdout), copy.stderr).toMatchObject({ request: { verb: 'copy', table: 'orders' }, outcome: 'done' });
  const wrong = await runProgram(['copy', 'ordres', '--config', config]);
  expect(wrong.code).toBe(1);
  expect(wrong.stderr).toMatch(/error: stream \S+ did not copy: shop.ordres is not a table of this stream. Its tables are orders/);
  const range = await runProgram(['copy', 'orders', '--config', config, '--where', "item = 'tea'"]);
  expect(range.code).toBe(1);
  expect(range.stderr).toMatch(/did not copy: .*item is not part of the primary key \(id\)/);
  running.child.kill('SIGTERM');
  await running.ended;
  expect((await runProgram(['run', config, '--until', 'copied'])).code).toBe(0);
  expect(await orderIds(database)).toEqual(sourceIds(shop));
});

test('a range asked for while nobody runs the stream is copied again at the next start, and mends the file', async () => {
  await using shop = await startShop();
  const { config, database } = await setUp(shop, { lease: '2s' });
  expect((await runProgram(['run', config, '--until', 'copied'])).code).toBe(0);
  await readback(database, 'delete from orders where id in (5, 7, 30)');
  const bad = await runProgram(['copy', 'orders', '--config', config, '--where', 'id = 5 or id = 7']);
  expect([bad.code, bad.stderr]).toEqual([2, expect.stringContaining('only AND can join conditions')]);
  const asked = await runProgram(['copy', 'orders', '--config', config, '--where', 'id > 4 and id < 10']);
  expect(asked.code, asked.stderr).toBe(0);
  expect(asked.stderr).toContain('it takes the request at its next start');
  const waiting = await runProgram(['status', '--config', config]);
  expect(waiting.stdout).toContain('copy orders where id > 4 and id < 10 (not taken yet)');
  const run = await runProgram(['run', config, '--until', 'copied']);
  expect(run.code, run.stderr).toBe(0);
  expect(run.stderr).toContain('a range of shop.orders is copied again');
  expect(await orderIds(database)).toEqual(sourceIds(shop).filter((id) => id !== 30));
  const taken = await runProgram(['status', '--config', config]);
  expect(taken.stdout).toContain('copy orders where id > 4 and id < 10: done');
});
