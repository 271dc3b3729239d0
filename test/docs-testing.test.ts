/** The programs of docs/testing.md run as they stand there, on what was built. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { ROOT } from './reference/imports.js';

const programs = [...readFileSync(join(ROOT, 'docs/testing.md'), 'utf8').matchAll(/^## (.+)$|^```js\n([\s\S]*?)^```$/gm)].reduce<
  { title: string; code: string }[]
>(
  (found, [, heading, code]) =>
    heading ? [...found, { title: heading, code: '' }] : [...found.slice(0, -1), { title: found.at(-1)?.title ?? '', code: code ?? '' }],
  [],
);

test.each(programs.filter(({ code }) => code !== ''))('$title', async ({ code }) => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--test-reporter=tap', '--input-type=module', '-e', code], { cwd: ROOT });
  const [passed, failed] = [/^# pass (\d+)/m, /^# fail (\d+)/m].map((line) => Number(line.exec(stdout)?.[1]));
  expect(failed, stdout).toBe(0);
  expect(passed).toBeGreaterThan(0);
});

test('no program of the page is left out', () => {
  expect(programs.filter(({ code }) => code !== '')).toHaveLength(4);
});
