/**
 * What users can import, checked on the build output: the names per entry point, that loading one stays cheap, and that both
 * module systems get it. `npm test` builds first.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { ROOT } from './reference/imports.js';

interface Manifest {
  readonly bin: Record<string, string>;
  readonly exports: Record<string, string | Record<string, string>>;
}

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest;
const entries = Object.entries(manifest.exports).flatMap(([entry, target]) =>
  typeof target === 'string' ? [] : [{ entry, specifier: entry.replace('.', 'vstream-client'), target }],
);

async function node(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT, maxBuffer: 1 << 26 });
  return stdout;
}

interface Loaded {
  /** Every script V8 sees while the entry point is loaded, whichever module system asked for it. */
  readonly urls: readonly string[];
  /** Names that `import` gives, and then `require`. */
  readonly imported: readonly string[];
  readonly required: readonly string[];
}

const loaded = new Map<string, Promise<Loaded>>();

/** What an entry point does in a process of its own, found out once. */
function load(specifier: string): Promise<Loaded> {
  const found = loaded.get(specifier) ?? loadAnew(specifier);
  loaded.set(specifier, found);
  return found;
}

async function loadAnew(specifier: string): Promise<Loaded> {
  const program = `
    import { Session } from 'node:inspector';
    import { createRequire } from 'node:module';
    const require = createRequire(process.cwd() + '/');
    const seen = [];
    const session = new Session();
    session.connect();
    session.on('Debugger.scriptParsed', ({ params }) => seen.push(params.url));
    session.post('Debugger.enable');
    seen.length = 0;
    const imported = Object.keys(await import('${specifier}'));
    const urls = [...seen];
    console.log(JSON.stringify({ urls, imported, required: Object.keys(require('${specifier}')) }));`;
  return JSON.parse(await node('--no-warnings', '--input-type=module', '-e', program)) as Loaded;
}

/** Names in the declaration file, types included. */
function declaredNames(file: string): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
  expect(text, `${file} names what it exports`).not.toMatch(/^export \*/m);
  const listed = [...text.matchAll(/^export (type )?\{([^}]*)\}/gm)].flatMap(([, type, list = '']) =>
    list
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '')
      .map((name) => (type || name.startsWith('type ') ? `type ${name.replace(/^type /, '')}` : name))
      .map((name) => name.replace(/\S+ as /, '')),
  );
  const declared = [...text.matchAll(/^export (?:declare )?(?:abstract )?(interface|type|class|const|function) (\w+)/gm)].map(
    ([, kind, name = '']) => (kind === 'interface' || kind === 'type' ? `type ${name}` : name),
  );
  return [...new Set([...listed, ...declared])].sort();
}

test('each entry point has the conditions types and default, in that order, and its files are built', () => {
  expect(entries.map(({ entry }) => entry)).toContain('.');
  for (const { entry, target } of entries) {
    expect(Object.keys(target), entry).toEqual(['types', 'default']);
    for (const file of Object.values(target)) expect(existsSync(join(ROOT, file)), `${file} is built`).toBe(true);
  }
});

test('the public names are these; a change of the list is a change of the contract', async () => {
  const lines = entries.flatMap(({ specifier, target }) => [
    specifier,
    ...declaredNames(String(target['types'])).map((name) => `  ${name}`),
    '',
  ]);
  await expect(`${lines.join('\n').trim()}\n`).toMatchFileSnapshot('golden/exports.txt');
});

test.each(entries)('$specifier exports at run time what its declarations say', async ({ specifier, target }) => {
  const { imported } = await load(specifier);
  expect([...imported].sort()).toEqual(declaredNames(String(target['types'])).filter((name) => !name.startsWith('type ')));
});

test.each(entries)('$specifier loads no package: grpc-js, protobuf, iconv and drivers come at first use', async ({ specifier }) => {
  const { urls } = await load(specifier);
  expect(urls.filter((url) => url.includes('/dist/')).length).toBeGreaterThan(0);
  expect(urls.filter((url) => url.includes('node_modules'))).toEqual([]);
});

test('the list of loaded scripts sees packages of both module systems', async () => {
  expect((await load('@grpc/grpc-js')).urls.some((url) => url.includes('node_modules/@grpc/grpc-js'))).toBe(true);
  expect((await load('@bufbuild/protobuf')).urls.some((url) => url.includes('node_modules/@bufbuild/protobuf'))).toBe(true);
});

test.each(entries)('require($specifier) gives the same names as import', async ({ specifier }) => {
  const { imported, required } = await load(specifier);
  expect(required.filter((name) => name !== '__esModule' && name !== 'module.exports')).toEqual(imported);
});

test('the program is built and starts with a shebang', () => {
  for (const file of Object.values(manifest.bin)) expect(readFileSync(join(ROOT, file), 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
});
