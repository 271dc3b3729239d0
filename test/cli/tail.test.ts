/** `vstream tail` as a process, against the embedded VTGate. */
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { lastJson, runProgram, runShell, startProgram } from './program.js';
import { placeOrder, startShop } from './shop.js';

interface Line {
  readonly op: string;
  readonly table: string;
  readonly shard: string;
  readonly after?: { readonly id: string; readonly price: string };
}

const linesOf = (stdout: string): Line[] =>
  stdout
    .trimEnd()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line);

test('a copy prints a schema line, then every row once, and ends', async () => {
  await using shop = await startShop();
  const { code, stdout, stderr } = await runProgram(['tail', '--vtgate', shop.address, '--keyspace', 'shop', '--until', 'copied']);
  expect(code, stderr).toBe(0);
  const lines = linesOf(stdout);
  const rows = lines.filter((line) => line.op === 'copy');
  expect(rows.map((row) => Number(row.after?.id)).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, at) => at + 1));
  expect(rows[0]?.after).toMatchObject({ id: expect.any(String), price: '2.50' });
  const orders = lines.filter((line) => line.table === 'orders');
  expect(orders[0]?.op).toBe('schema');
  expect(stderr).toContain('50 rows in');
});

test('the position said at the end goes on where the stream was left', async () => {
  await using shop = await startShop();
  const source = ['--vtgate', shop.address, '--keyspace', 'shop', '--tables', 'orders'];
  const copied = await runProgram(['tail', ...source, '--until', 'copied']);
  const position = /--from '(.+)'/.exec(copied.stderr)?.[1] ?? '';
  placeOrder(shop, 1001);
  placeOrder(shop, 1002);
  const { code, stdout } = await runProgram(['tail', ...source, '--from', position, '--until', 'now']);
  expect(code).toBe(0);
  const rows = linesOf(stdout).filter((line) => line.op === 'insert');
  expect(rows.map((row) => Number(row.after?.id)).toSorted((a, b) => a - b)).toEqual([1001, 1002]);
  expect(linesOf(stdout).some((line) => line.op === 'copy')).toBe(false);
});

test('the first Ctrl-C ends a live stream in order', async () => {
  await using shop = await startShop();
  await using tail = startProgram(['tail', '--vtgate', shop.address, '--keyspace', 'shop', '--format', 'pretty']);
  await tail.seen('copy completed');
  placeOrder(shop, 2001);
  await tail.seen('id=2001');
  tail.child.kill('SIGINT');
  const { code, stderr } = await tail.ended;
  expect(code).toBe(0);
  expect(stderr).toContain('stopping');
  expect(stderr).toContain('51 rows in');
  await shop.idle();
});

test('a reader that goes away is no failure', async () => {
  await using shop = await startShop();
  await using tail = startProgram(['tail', '--vtgate', shop.address, '--keyspace', 'shop', '--tables', 'orders']);
  await tail.seen('"op":"copy"');
  tail.child.stdout.destroy();
  for (let id = 3001; id < 3004; id++) placeOrder(shop, id);
  const { code, stderr } = await tail.ended;
  expect(code).toBe(0);
  expect(stderr).not.toContain('error');
});

test.skipIf(!existsSync('/dev/full'))('a full disk behind a redirection is a failure with its reason', async () => {
  await using shop = await startShop();
  // The second writes once, just before it ends.
  for (const command of ['tail --until copied', 'types --no-config']) {
    const { code, stderr } = await runShell(`"$NODE" "$MAIN" ${command} --vtgate ${shop.address} --keyspace shop > /dev/full`);
    expect(stderr).toMatch(/^error: standard output cannot be written: .*ENOSPC/m);
    expect(code).toBe(1);
  }
});

test('--json makes a failure the last line, and nothing else of it', async () => {
  const { code, stdout, stderr } = await runProgram(['tail', '--json', '--vtgate', '127.0.0.1:1', '--keyspace', 'shop', '--quiet']);
  expect(code).toBe(1);
  expect(stderr).toBe('');
  expect(lastJson(stdout)).toMatchObject({
    error: { code: 'CONNECT_FAILED', message: expect.stringContaining('127.0.0.1:1'), next: expect.any(String) },
  });
});
