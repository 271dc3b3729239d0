/** Things that must not get into the repository, found by reading every tracked text file. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from './reference/imports.js';

const tracked = existsSync(join(ROOT, '.git'))
  ? execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: ROOT, encoding: 'utf8' })
      .split('\0')
      .filter((file) => file !== '' && existsSync(join(ROOT, file)))
  : [];
const texts = tracked
  .filter((file) => !/\.(br|png|tgz|parquet)$/.test(file))
  .map((file) => ({ file, text: readFileSync(join(ROOT, file), 'utf8') }));

function linesWith(pattern: RegExp, of = texts): string[] {
  return of.flatMap(({ file, text }) =>
    text.split('\n').flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}: ${line.trim().slice(0, 160)}`] : [])),
  );
}

test.runIf(tracked.length > 0)('no file names a path of the machine it was written on', () => {
  // Put together here so that this line is not found.
  const machinePath = new RegExp(`(?<![\\w.])/(?:${['work', 'root', 'home', 'Users'].join('|')})/\\w`);
  expect(linesWith(machinePath).filter((line) => !line.startsWith('test/hygiene.test.ts'))).toEqual([]);
});

test.runIf(tracked.length > 0)('lockfiles name no registry, so that any mirror serves them', () => {
  const lockfiles = texts.filter(({ file }) => file.endsWith('package-lock.json'));
  expect(lockfiles.length).toBeGreaterThan(1);
  expect(linesWith(/"resolved"/, lockfiles)).toEqual([]);
});

test.runIf(tracked.length > 0)('dependencies are exact versions', () => {
  const manifests = texts.filter(({ file }) => /(?:^|\/)package\.json$/.test(file));
  const loose = manifests.flatMap(({ file, text }) => {
    const { dependencies = {}, devDependencies = {} } = JSON.parse(text) as Record<string, Record<string, string>>;
    return Object.entries({ ...dependencies, ...devDependencies })
      .filter(([, version]) => !/^(?:npm:.*@)?\d+\.\d+\.\d+(?:-[\w.]+)?$|^file:/.test(version))
      .map(([name, version]) => `${file}: ${name}@${version}`);
  });
  expect(loose).toEqual([]);
});

test.runIf(tracked.length > 0)('no test is left out or alone', () => {
  const tests = texts.filter(({ file }) => /\.test(-d)?\.ts$/.test(file) && file !== 'test/hygiene.test.ts');
  expect(linesWith(/\b(?:test|it|describe)(?:\.\w+)*\.(?:only|skip|todo)\b/, tests)).toEqual([]);
});

test('a peer whose releases carry a pre-release tag is allowed in any version, as no range admits those of later numbers', () => {
  const { peerDependencies, devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<
    string,
    Record<string, string>
  >;
  const tagged = Object.keys(peerDependencies ?? {}).filter((name) => devDependencies?.[name]?.includes('-'));
  expect(tagged).toContain('@duckdb/node-api');
  expect(tagged.map((name) => peerDependencies?.[name])).toEqual(tagged.map(() => '*'));
});
