/**
 * What people get wrong (issue "main job", bad input): each is one error of at most three lines that names the thing and the
 * next step, with the exit code of the contract, and leaves no half-written state.
 */
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { EmbeddedVtgate } from '../../src/embedded/index.js';
import { createAuthority } from '../support/x509.js';
import { type Ended, runProgram, startProgram } from './program.js';
import { startShop } from './shop.js';

let folder: string;
let shop: EmbeddedVtgate | undefined;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vstream-bad-input-'));
});
afterEach(async () => {
  await shop?.close();
  shop = undefined;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function expectFailure({ code, stderr }: Ended, exit: number, ...parts: readonly RegExp[]): void {
  // Log lines may come before; the failure itself is what counts.
  const failure = stderr.slice(stderr.indexOf('error: ')).trimEnd().split('\n');
  expect(failure.length, stderr).toBeLessThanOrEqual(3);
  expect(failure[0], stderr).toMatch(/^error: /);
  expect(failure.at(-1), stderr).toMatch(/^ {2}next: \S/);
  for (const part of parts) expect(stderr).toMatch(part);
  expect(code, stderr).toBe(exit);
}

const tail = (address: string, ...more: readonly string[]): Promise<Ended> =>
  runProgram(['tail', '--vtgate', address, '--keyspace', 'shop', '--until', 'copied', ...more]);

async function configFile(name: string, config: Record<string, unknown>): Promise<string> {
  const file = join(folder, name);
  const base = {
    name: 'orders',
    source: { vtgate: shop?.address, keyspace: 'shop' },
    state: { keyspace: 'vstream', table: 'streams' },
    until: 'copied',
  };
  await writeFile(file, JSON.stringify({ ...base, ...config }));
  return file;
}

test('wrong address', async () => {
  expectFailure(await tail('127.0.0.1:1'), 1, /127\.0\.0\.1:1\b/);
});

test('wrong host name', async () => {
  expectFailure(await tail('no-such-host.invalid:15991'), 1, /no-such-host\.invalid/);
});

test('no credentials, and wrong ones', async () => {
  shop = await startShop({ auth: { username: 'app', password: 'right' } });
  expectFailure(await tail(shop.address), 1, /user|credential|authenti/i);
  const wrong = await runProgram(
    ['tail', '--vtgate', shop.address, '--keyspace', 'shop', '--until', 'copied', '--username', 'app', '--password-env', 'SHOP_PASSWORD'],
    { env: { SHOP_PASSWORD: 'hunter2' } },
  );
  expectFailure(wrong, 1, /user|credential|authenti/i);
  expect(wrong.stderr).not.toContain('hunter2');
});

test('a secret that is not there is found before any contact', async () => {
  shop = await startShop();
  expectFailure(await tail(shop.address, '--username', 'app', '--password-env', 'NOT_SET_ANYWHERE'), 2, /NOT_SET_ANYWHERE/);
  expectFailure(await tail(shop.address, '--username', 'app', '--password-file', '/nowhere/pw'), 2, /\/nowhere\/pw/);
  expect(shop.requests).toHaveLength(0);
});

test('plain text against TLS, TLS against plain text, and an unknown authority', async () => {
  const authority = createAuthority();
  shop = await startShop({ tls: authority.issue({ ip: ['127.0.0.1'] }) });
  expectFailure(await tail(shop.address), 1, /TLS|tls/);
  expectFailure(await tail(shop.address, '--tls'), 1, /certificate/);
  const ca = join(folder, 'ca.pem');
  await writeFile(ca, authority.ca);
  expect((await tail(shop.address, '--tls-ca', ca)).code).toBe(0);
  await shop.close();
  shop = await startShop();
  expectFailure(await tail(shop.address, '--tls'), 1, /plain text/);
});

test('unknown keyspace', async () => {
  shop = await startShop();
  expectFailure(await runProgram(['tail', '--vtgate', shop.address, '--keyspace', 'shpo']), 1, /no keyspace "shpo"/, /next: .*shop/);
});

test('unknown table', async () => {
  shop = await startShop();
  expectFailure(await tail(shop.address, '--tables', 'orders,ordres'), 1, /"ordres"/, /next: .*orders/);
});

test('unreadable position', async () => {
  shop = await startShop();
  expectFailure(await tail(shop.address, '--from', '{"shards": 5}'), 2, /--from is not usable: unreadable position/);
});

test('unwritable DuckDB path: nothing of the stream is kept', async () => {
  shop = await startShop();
  const file = await configFile('unwritable.json', { sink: { type: 'duckdb', path: '/nowhere/at/all/x.duckdb' } });
  expectFailure(await runProgram(['run', file]), 1, /\/nowhere\/at\/all/);
  const locked = join(folder, 'locked');
  await mkdir(locked);
  await chmod(locked, 0o555);
  // For the superuser every folder can be written: there only the missing one above is tested.
  if (process.getuid?.() !== 0) {
    const other = await configFile('locked.json', { sink: { type: 'duckdb', path: join(locked, 'x.duckdb') } });
    expectFailure(await runProgram(['run', other]), 1, /locked/);
  }
  const status = await runProgram(['status', '--config', file, '--json']);
  const { streams } = JSON.parse(status.stdout) as { streams: { running: boolean; position: unknown }[] };
  for (const stream of streams) expect(stream).toMatchObject({ running: false, position: null });
});

test('a sharded, a missing keyspace for state', async () => {
  shop = await startShop();
  const sink = { type: 'duckdb', path: 'state.duckdb' };
  const sharded = await configFile('sharded.json', { sink, state: { keyspace: 'shop', table: 'streams' } });
  expectFailure(await runProgram(['run', sharded]), 1, /shop/, /shard/);
  const missing = await configFile('missing.json', { sink, state: { keyspace: 'nope', table: 'streams' } });
  expectFailure(await runProgram(['run', missing]), 1, /nope/);
});

test('a second process on the same stream with --no-wait', async () => {
  shop = await startShop();
  const config = await configFile('twice.json', { sink: { type: 'duckdb', path: 'twice.duckdb' }, until: '1h' });
  await using first = startProgram(['run', config, '--verbose']);
  await first.seen(/starting from|resuming from/);
  const second = await runProgram(['run', config, '--no-wait']);
  expectFailure(second, 1, /orders/, new RegExp(String(first.child.pid)));
  first.child.kill('SIGTERM');
  expect((await first.ended).code).toBe(0);
});
