/** `vstream demo`: the first thing a newcomer runs. Its ends by Ctrl-C and without DuckDB: demo.slow.test.ts. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readback } from '../../src/sinks/duckdb/index.js';
import { ownFolder } from './own-folder.js';
import { lastJson, runProgram } from './program.js';

test('copies, follows, survives a cut, and ends with the source in the file', async () => {
  await using folder = await ownFolder();
  const { code, stdout, stderr } = await runProgram(['demo', '--for', '1s', '--json'], { cwd: folder.path });
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

test('a file of the user is not overwritten', async () => {
  await using folder = await ownFolder();
  const file = join(folder.path, 'mine.duckdb');
  await writeFile(file, 'precious');
  const { code, stderr } = await runProgram(['demo', '--path', file, '--for', '2s'], { cwd: folder.path });
  expect(code).toBe(2);
  expect(stderr).toContain('exists already');
});
