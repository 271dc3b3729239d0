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

/** What is wrong with the way the program failed; nothing, when it failed as it should. */
function flaws({ code, stderr }: Ended, exit: number, ...parts: readonly RegExp[]): readonly string[] {
  // Log lines may come before; the failure itself is what counts.
  const failure = stderr.slice(stderr.indexOf('error: ')).trimEnd().split('\n');
  const found: string[] = [];
  if (code !== exit) found.push(`exit code ${code}`);
  if (failure.length > 3) found.push(`${failure.length} lines`);
  if (!failure[0]?.startsWith('error: ')) found.push('no error');
  if (!/^ {2}next: \S/.test(failure.at(-1) ?? '')) found.push('no next step');
  for (const part of parts) if (!part.test(stderr)) found.push(`no ${part}`);
  return found.length > 0 ? [...found, stderr] : [];
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
  expect(flaws(await tail('127.0.0.1:1'), 1, /127\.0\.0\.1:1\b/)).toEqual([]);
});

test('wrong host name', async () => {
  expect(flaws(await tail('no-such-host.invalid:15991'), 1, /no-such-host\.invalid/)).toEqual([]);
});

test('no credentials, and wrong ones', async () => {
  shop = await startShop({ auth: { username: 'app', password: 'right' } });
  expect(flaws(await tail(shop.address), 1, /user|credential|authenti/i)).toEqual([]);
  const wrong = await runProgram(
    ['tail', '--vtgate', shop.address, '--keyspace', 'shop', '--until', 'copied', '--username', 'app', '--password-env', 'SHOP_PASSWORD'],
    { env: { SHOP_PASSWORD: 'hunter2' } },
  );
  expect(flaws(wrong, 1, /user|credential|authenti/i)).toEqual([]);
  expect(wrong.stderr).not.toContain('hunter2');
});

test('a secret that is not there is found before any contact', async () => {
  shop = await startShop();
  expect(flaws(await tail(shop.address, '--username', 'app', '--password-env', 'NOT_SET_ANYWHERE'), 2, /NOT_SET_ANYWHERE/)).toEqual([]);
  expect(flaws(await tail(shop.address, '--username', 'app', '--password-file', '/nowhere/pw'), 2, /\/nowhere\/pw/)).toEqual([]);
  expect(shop.requests).toHaveLength(0);
});

test('plain text against TLS, TLS against plain text, and an unknown authority', async () => {
  const authority = createAuthority();
  shop = await startShop({ tls: authority.issue({ ip: ['127.0.0.1'] }) });
  expect(flaws(await tail(shop.address), 1, /TLS|tls/)).toEqual([]);
  expect(flaws(await tail(shop.address, '--tls'), 1, /certificate/)).toEqual([]);
  const ca = join(folder, 'ca.pem');
  await writeFile(ca, authority.ca);
  expect((await tail(shop.address, '--tls-ca', ca)).code).toBe(0);
  await shop.close();
  shop = await startShop();
  expect(flaws(await tail(shop.address, '--tls'), 1, /plain text/)).toEqual([]);
});

test('unknown keyspace', async () => {
  shop = await startShop();
  expect(
    flaws(await runProgram(['tail', '--vtgate', shop.address, '--keyspace', 'shpo']), 1, /no keyspace "shpo"/, /next: .*shop/),
  ).toEqual([]);
});

test('unknown table', async () => {
  shop = await startShop();
  expect(flaws(await tail(shop.address, '--tables', 'orders,ordres'), 1, /"ordres"/, /next: .*orders/)).toEqual([]);
});

test('unreadable position', async () => {
  shop = await startShop();
  expect(flaws(await tail(shop.address, '--from', '{"shards": 5}'), 2, /--from is not usable: unreadable position/)).toEqual([]);
});

test('unwritable DuckDB path: nothing of the stream is kept', async () => {
  shop = await startShop();
  const file = await configFile('unwritable.json', { sink: { type: 'duckdb', path: '/nowhere/at/all/x.duckdb' } });
  expect(flaws(await runProgram(['run', file]), 1, /\/nowhere\/at\/all/)).toEqual([]);
  const locked = join(folder, 'locked');
  await mkdir(locked);
  await chmod(locked, 0o555);
  // For the superuser every folder can be written: there only the missing one above is tested.
  if (process.getuid?.() !== 0) {
    const other = await configFile('locked.json', { sink: { type: 'duckdb', path: join(locked, 'x.duckdb') } });
    expect(flaws(await runProgram(['run', other]), 1, /locked/)).toEqual([]);
  }
  const status = await runProgram(['status', '--config', file, '--json']);
  const { streams } = JSON.parse(status.stdout) as { streams: { running: boolean; position: unknown }[] };
  for (const stream of streams) expect(stream).toMatchObject({ running: false, position: null });
});

test('a sharded, a missing keyspace for state', async () => {
  shop = await startShop();
  const sink = { type: 'duckdb', path: 'state.duckdb' };
  const sharded = await configFile('sharded.json', { sink, state: { keyspace: 'shop', table: 'streams' } });
  expect(flaws(await runProgram(['run', sharded]), 1, /shop/, /shard/)).toEqual([]);
  const missing = await configFile('missing.json', { sink, state: { keyspace: 'nope', table: 'streams' } });
  expect(flaws(await runProgram(['run', missing]), 1, /nope/)).toEqual([]);
});

test('a second process on the same stream with --no-wait', async () => {
  shop = await startShop();
  const config = await configFile('twice.json', { sink: { type: 'duckdb', path: 'twice.duckdb' }, until: '1h' });
  await using first = startProgram(['run', config, '--verbose']);
  await first.seen(/starting from|resuming from/);
  const second = await runProgram(['run', config, '--no-wait']);
  expect(flaws(second, 1, /orders/, new RegExp(String(first.child.pid)))).toEqual([]);
  first.child.kill('SIGTERM');
  expect((await first.ended).code).toBe(0);
});
