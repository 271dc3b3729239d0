/** The examples are run as their readers run them: as programs, with the built package, against an embedded VTGate. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readTable } from '../examples/custom-sink/sink.js';
import { readback } from '../src/sinks/duckdb/index.js';
import { runProgram, startProgram, watchProgram, type Program } from './cli/program.js';
import { placeOrder, startShop } from './cli/shop.js';
import { ROOT } from './reference/imports.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vstream-examples-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const JITI = join(ROOT, 'node_modules/jiti/lib/jiti-cli.mjs');

/** An example that is a program of its own; in a folder of its own for what it writes. */
function example(name: string, ...args: string[]): Program {
  return watchProgram(spawn(process.execPath, [JITI, join(ROOT, 'examples', name, 'main.ts'), ...args], { cwd: folder }));
}

test('tail prints what changes from now on, and Ctrl-C ends it', async () => {
  await using shop = await startShop();
  await using tail = example('tail', shop.address, 'shop', 'orders');
  await tail.seen('at {"version":1');
  placeOrder(shop, 1001);
  await tail.seen(/ insert orders \{ id: 1001n/);
  tail.child.kill('SIGINT');
  const { code, stdout } = await tail.ended;
  expect(code).toBe(0);
  expect(stdout.split('\n')).toHaveLength(2);
});

test('own-loop copies, follows, and goes on from its file', async () => {
  await using shop = await startShop();
  const once = async (until: string): Promise<void> => {
    await using loop = example('own-loop', shop.address, 'shop', 'sum.json');
    await loop.seen(until);
    loop.child.kill('SIGINT');
    expect((await loop.ended).code).toBe(0);
  };
  await once('sum 125.00');
  placeOrder(shop, 1001);
  await once('sum 128.20');
  expect(JSON.parse(await readFile(join(folder, 'sum.json'), 'utf8'))).toMatchObject({ position: { version: 1 } });
});

test('own-loop counts an order once that comes as a change and again with an interrupted copy (G111)', async () => {
  await using shop = await startShop({ packetBytes: 200 });
  shop.faults.failWith(14, 'error streaming from tablet', { atEvent: 'ROW', nth: 40 });
  const off = shop.faults.atCopyPoint(({ rows }) => {
    if (rows === 0) return;
    off();
    for (let id = 1001; id <= 1010; id++) placeOrder(shop, id);
  });
  await using loop = example('own-loop', shop.address, 'shop', 'sum-cut.json');
  await loop.seen('sum 157.00');
  placeOrder(shop, 1011);
  await loop.seen('sum 160.20');
  loop.child.kill('SIGINT');
  expect((await loop.ended).code).toBe(0);
});

test('to-duckdb runs with the address given by flags', async () => {
  await using shop = await startShop();
  const file = join(folder, 'orders.duckdb');
  const args = [
    'run',
    join(ROOT, 'examples/to-duckdb/vstream.config.ts'),
    '--vtgate',
    shop.address,
    '--keyspace',
    'shop',
    '--until',
    'copied',
  ];
  const { code, stderr } = await runProgram(args, { env: { STATE_KEYSPACE: 'vstream', ORDERS_FILE: file } });
  expect(code, stderr).toBe(0);
  expect(await readback(file, 'select count(*) as orders, sum(price) as total from orders')).toMatchObject([{ orders: 50n }]);
});

test('custom-sink is named by a configuration, and goes on where it was', async () => {
  await using shop = await startShop();
  const written = JSON.parse(await readFile(join(ROOT, 'examples/custom-sink/vstream.config.json'), 'utf8')) as Record<string, unknown>;
  const files = join(folder, 'orders-json');
  const config = join(folder, 'custom.json');
  await writeFile(
    config,
    JSON.stringify({
      ...written,
      source: { vtgate: shop.address, keyspace: 'shop' },
      state: { keyspace: 'vstream', table: 'streams' },
      sink: { module: join(ROOT, 'examples/custom-sink/sink.ts'), export: 'jsonFiles', options: { path: files } },
    }),
  );
  const first = await runProgram(['run', config, '--until', 'copied']);
  expect(first.code, first.stderr).toBe(0);
  placeOrder(shop, 1001);
  await using second = startProgram(['run', config, '--until', 'now']);
  const { code, stderr } = await second.ended;
  expect(code, stderr).toBe(0);
  const rows = await readTable(files, { keyspace: 'shop', table: 'orders' });
  expect(rows).toHaveLength(51);
  expect(rows).toContainEqual({ id: '1001', item: 'tea', price: '3.20' });
});

test('warehouse copies and follows, and Ctrl-C ends it in order', async () => {
  await using shop = await startShop();
  await using connector = example('warehouse', shop.address, 'shop');
  await connector.seen('50 orders in the warehouse');
  placeOrder(shop, 1001);
  await connector.seen('51 orders in the warehouse');
  connector.child.kill('SIGINT');
  const { code, stdout } = await connector.ended;
  expect(code).toBe(0);
  expect(stdout).toContain('aborted after 51 changes: 51 orders in the warehouse');
});
