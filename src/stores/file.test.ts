import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../internal/clock.js';
import { fileStore } from './file.js';
import { withFileLock } from './file-lock.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vstream-file-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function deadProcess(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  if (child.pid === undefined) throw new Error('no process was started');
  return child.pid;
}

describe('the file store', () => {
  test('keeps one readable JSON file per stream and leaves nothing else behind', async () => {
    const store = fileStore({ path: folder });
    await store.prepare();
    for (const name of ['orders', 'a/b', '..', 'ü*']) await store.claim(name, 'a:1:x', 1_000);
    await store.claim('orders', 'a:1:x', 1_000, '-80');
    const names = await readdir(folder);
    expect(names.sort()).toEqual(['%2e%2e.json', '%C3%BC%2a.json', 'a%2Fb.json', 'orders.-80.json', 'orders.json']);
    expect(JSON.parse(await readFile(join(folder, 'orders.json'), 'utf8'))).toMatchObject({ name: 'orders', epoch: '1', format: 1 });
  });

  test('a name never reaches the record of another name and part', async () => {
    const store = fileStore({ path: folder });
    await store.claim('a', 'a:1:x', 1_000, 'b');
    expect(await store.read('a.b')).toBeUndefined();
    await store.claim('a.b', 'b:2:y', 1_000);
    expect((await store.read('a', 'b'))?.owner).toBe('a:1:x');
  });

  test('a name of any length and script has a file of its own', async () => {
    const store = fileStore({ path: folder });
    const names = ['注'.repeat(128), `${'注'.repeat(127)}文`, ' '.repeat(100), 'a/b'.repeat(40)];
    for (const name of names) await store.claim(name, 'a:1:x', 1_000, '-80');
    expect((await store.list()).map((one) => one.name).sort()).toEqual(names.sort());
    for (const name of names) expect(await store.read(name, '-80')).toMatchObject({ name });
  });

  test('a file that is not ours is refused with its path, and not overwritten', async () => {
    const path = join(folder, 'orders.json');
    await writeFile(path, '{"half":');
    const store = fileStore({ path: folder });
    await expect(store.claim('orders', 'a:1:x', 1_000)).rejects.toMatchObject({
      code: 'STATE_FAILED',
      message: expect.stringContaining(path),
    });
    expect(await readFile(path, 'utf8')).toBe('{"half":');
    expect(existsSync(`${path}.lock`)).toBe(false);
  });

  test('a folder that cannot be made is told with the reason', async () => {
    await writeFile(join(folder, 'file'), '');
    await expect(fileStore({ path: join(folder, 'file', 'below') }).prepare()).rejects.toMatchObject({
      code: 'STATE_FAILED',
      message: expect.stringContaining('ENOTDIR'),
    });
  });
});

describe('the lock', () => {
  test('lets one in at a time', async () => {
    const path = join(folder, 'x.lock');
    let inside = 0;
    let most = 0;
    const section = async (): Promise<void> => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise((resolve) => setImmediate(resolve));
      inside -= 1;
    };
    await Promise.all(Array.from({ length: 8 }, () => withFileLock(path, systemClock, section)));
    expect(most).toBe(1);
    expect(await readdir(folder)).toEqual([]);
  });

  test('of a process that died inside is taken over, by one at a time', async () => {
    const path = join(folder, 'x.lock');
    await writeFile(path, `${hostname()}\n${await deadProcess()}\nleft`);
    let inside = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 8 }, () =>
        withFileLock(path, systemClock, async () => {
          inside += 1;
          most = Math.max(most, inside);
          await new Promise((resolve) => setImmediate(resolve));
          inside -= 1;
        }),
      ),
    );
    expect(most).toBe(1);
    expect(await readdir(folder)).toEqual([]);
  });

  test.each([
    ['a living process', () => `${hostname()}\n${process.pid}\nx`],
    ['another machine', () => `elsewhere.example\n1\nx`],
  ])('of %s is never broken: who waits too long is told the file', async (_who, content) => {
    const path = join(folder, 'x.lock');
    await writeFile(path, content());
    let time = 0;
    const impatient = { ...systemClock, monotonic: () => (time += 1_000) };
    await expect(withFileLock(path, impatient, async () => {})).rejects.toMatchObject({
      code: 'STATE_FAILED',
      category: 'retry',
      message: expect.stringContaining(path),
    });
    expect(existsSync(path)).toBe(true);
  });

  test('is given back when the section fails', async () => {
    const path = join(folder, 'x.lock');
    await expect(withFileLock(path, systemClock, () => Promise.reject(new Error('inside')))).rejects.toThrow('inside');
    expect(existsSync(path)).toBe(false);
  });
});
