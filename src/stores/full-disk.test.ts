/** A folder of states on a disk that is full: a limit of the operating system on the files of the process that writes there. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const SCRIPT = `
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileStore } from './dist/stores/file.js';
process.on('SIGXFSZ', () => {});
const [path] = process.argv.slice(2);
const limit = (bytes) => execFileSync('prlimit', ['--fsize=' + bytes, '--pid', String(process.pid)]);
const store = fileStore({ path });
const { claim } = await store.claim('orders', 'a:1:x', 60_000);
limit('0:unlimited');
const { code, message } = await store.write(claim, {}, 60_000).catch((error) => error);
const left = readdirSync(path);
limit('unlimited:unlimited');
await store.write(claim, {}, 60_000);
console.log(JSON.stringify({ code, message, left }));
`;

const canLimit = process.platform === 'linux' && spawnSync('prlimit', ['--version']).status === 0;

test.runIf(canLimit)('a write that finds no room says where, leaves no lock behind, and works again once there is room', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'state-full-'));
  try {
    const path = join(folder, 'states');
    const run = join(folder, 'run.mjs');
    await writeFile(run, SCRIPT.replaceAll('./dist/', `${process.cwd()}/dist/`));
    const ended = spawnSync('bash', ['-c', `trap "" XFSZ; exec "$0" "$1" "$2"`, process.execPath, run, path], {
      encoding: 'utf8',
    });
    expect(ended.stderr).toBe('');
    expect(JSON.parse(ended.stdout)).toEqual({
      code: 'STATE_FAILED',
      message: `cannot write the state in ${path}: EFBIG`,
      left: ['orders.json'],
    });
    expect(await readdir(path)).toEqual(['orders.json']);
  } finally {
    await rm(folder, { recursive: true });
  }
});
