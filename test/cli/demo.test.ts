/** `vstream demo`: the first thing a newcomer runs. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readback } from '../../src/sinks/duckdb/index.js';
import { lastJson, runProgram, startProgram } from './program.js';

/** A folder of its own for each demonstration: they run at the same time. */
async function ownFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'vstream-demo-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

test.concurrent('copies, follows, survives a cut, and ends with the source in the file', async () => {
  await using folder = await ownFolder();
  const { code, stdout, stderr } = await runProgram(['demo', '--for', '3s', '--json'], { cwd: folder.path });
  expect(code, stderr).toBe(0);
  const last = lastJson(stdout) as { rows: number; tables: number; seconds: number; position: unknown };
  expect(Object.keys(last)).toEqual(['rows', 'tables', 'seconds', 'position']);
  expect(last).toMatchObject({ tables: 3, position: { version: 1 } });
  const file = join(folder.path, 'vstream-demo.duckdb');
  const [stored] = await readback(
    file,
    'select (select count(*) from customers) + (select count(*) from products) + (select count(*) from orders) as n',
  );
  expect(Number(stored?.['n'])).toBe(last.rows);
  for (const part of ['copied orders', 'cutting our own connection', 'resumed after', 'equal', 'p50', 'next, on your own Vitess']) {
    expect(stderr).toContain(part);
  }
  expect(stderr).not.toContain('DIFFERENT');
});

test.concurrent('Ctrl-C ends the endless demonstration in order', async () => {
  await using folder = await ownFolder();
  await using demo = startProgram(['demo', '--for', 'forever'], { cwd: folder.path });
  await demo.seen('the shop takes orders');
  demo.child.kill('SIGINT');
  const { code, stdout, stderr } = await demo.ended;
  expect(code, stderr).toBe(0);
  expect(stdout).toContain('rows in the source and in ./vstream-demo.duckdb');
});

test.concurrent('without the DuckDB driver it writes JSONL and says how to get the driver', async () => {
  await using folder = await ownFolder();
  const hook = join(folder.path, 'no-duckdb.mjs');
  const resolve = `export async function resolve(name, context, next) {
  if (name === '@duckdb/node-api') throw Object.assign(new Error('not here'), { code: 'ERR_MODULE_NOT_FOUND' });
  return next(name, context);
}`;
  await writeFile(
    hook,
    `import { register } from 'node:module';\nregister('data:text/javascript,' + encodeURIComponent(${JSON.stringify(resolve)}));\n`,
  );
  const { code, stdout, stderr } = await runProgram(['demo', '--for', '1s'], {
    cwd: folder.path,
    env: { NODE_OPTIONS: `--import ${hook}` },
  });
  expect(code, stderr).toBe(0);
  expect(stdout).toContain('npm install @duckdb/node-api');
  expect(stdout).toContain('equal');
  expect(await readdir(folder.path)).toContain('vstream-demo.jsonl');
});

test('a file of the user is not overwritten', async () => {
  await using folder = await ownFolder();
  const file = join(folder.path, 'mine.duckdb');
  await writeFile(file, 'precious');
  const { code, stderr } = await runProgram(['demo', '--path', file, '--for', '2s'], { cwd: folder.path });
  expect(code).toBe(2);
  expect(stderr).toContain('exists already');
});
