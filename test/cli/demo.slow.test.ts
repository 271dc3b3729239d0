/** `vstream demo`, ended by Ctrl-C and without DuckDB. */
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ownFolder } from './own-folder.js';
import { runProgram, startProgram } from './program.js';

test('Ctrl-C ends the endless demonstration in order', async () => {
  await using folder = await ownFolder();
  await using demo = startProgram(['demo', '--for', 'forever'], { cwd: folder.path });
  await demo.seen('the shop takes orders');
  demo.child.kill('SIGINT');
  const { code, stdout, stderr } = await demo.ended;
  expect(code, stderr).toBe(0);
  expect(stdout).toContain('rows in the source and in ./vstream-demo.duckdb');
});

test('without the DuckDB driver it writes JSONL and says how to get the driver', async () => {
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
