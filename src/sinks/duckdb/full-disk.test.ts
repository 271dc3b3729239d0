/** A file that cannot grow, as on a full disk: a limit of the operating system on the process that writes it. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readback } from './index.js';

const SCRIPT = `
import { execFileSync } from 'node:child_process';
import { duckdb } from './dist/sinks/duckdb/index.js';
import { BatchBuilder, tableVersion } from './dist/testing/batch-builder.js';
process.on('SIGXFSZ', () => {});
const sink = duckdb({ path: process.argv[2] });
const applying = { epoch: 1n, signal: new AbortController().signal };
const silent = () => {};
await sink.open({ name: 's', incarnation: 'i', epoch: 1n, logger: { debug: silent, info: silent, warn: silent, error: silent }, signal: applying.signal });
const version = tableVersion('shop.t', { id: 'bigint key', text: 'text' });
const batches = new BatchBuilder('shop');
const errors = [];
for (let n = 0; n < 12; n++) {
  const rows = Array.from({ length: 3000 }, (_, at) => ({ id: BigInt(n * 3000 + at), text: 'x'.repeat(200) + at }));
  const batch = batches.copy(version, '0', rows);
  // The same batch again, as the pipeline does; before the third try somebody makes room.
  for (let left = 3; ; left--) {
    try {
      await sink.apply(batch, applying);
      break;
    } catch (error) {
      errors.push(error.category);
      if (left === 0) throw error;
      if (left === 2) execFileSync('prlimit', ['--fsize=unlimited', '--pid', String(process.pid)]);
    }
  }
}
await sink.close();
console.log(JSON.stringify(errors));
`;

const canLimit = process.platform === 'linux' && spawnSync('prlimit', ['--version']).status === 0;

test.runIf(canLimit)('a batch that finds no room is tried again, and nothing is missing or doubled once there is', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'duckdb-full-'));
  try {
    const path = join(folder, 'full.duckdb');
    const run = join(folder, 'run.mjs');
    await writeFile(run, SCRIPT.replaceAll('./dist/', `${process.cwd()}/dist/`));
    // 4 MB: the log beside the file reaches that within a few batches.
    const limited = `trap "" XFSZ; ulimit -S -f 4000; exec "$0" "$1" "$2"`;
    const ended = spawnSync('bash', ['-c', limited, process.execPath, run, path], { encoding: 'utf8' });
    expect(ended.stderr).toBe('');
    expect(JSON.parse(ended.stdout)).toEqual(['retry', 'retry']);
    expect(await readback(path, 'select count(*)::int as rows, count(distinct id)::int as different from t')).toEqual([
      { rows: 36_000, different: 36_000 },
    ]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
