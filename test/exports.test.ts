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

/** Every script V8 sees while the entry point is loaded, whichever module system asked for it. */
async function loadedBy(specifier: string): Promise<string[]> {
  const program = `
    import { Session } from 'node:inspector';
    const urls = [];
    const session = new Session();
    session.connect();
    session.on('Debugger.scriptParsed', ({ params }) => urls.push(params.url));
    session.post('Debugger.enable');
    urls.length = 0;
    await import('${specifier}');
    console.log(JSON.stringify(urls));`;
  return JSON.parse(await node('--input-type=module', '-e', program)) as string[];
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
  const names = JSON.parse(
    await node('--input-type=module', '-e', `console.log(JSON.stringify(Object.keys(await import('${specifier}')).sort()))`),
  ) as string[];
  expect(names).toEqual(declaredNames(String(target['types'])).filter((name) => !name.startsWith('type ')));
});

test.each(entries)('$specifier loads no package: grpc-js, protobuf, iconv and drivers come at first use', async ({ specifier }) => {
  const urls = await loadedBy(specifier);
  expect(urls.filter((url) => url.includes('/dist/')).length).toBeGreaterThan(0);
  expect(urls.filter((url) => url.includes('node_modules'))).toEqual([]);
});

test('the list of loaded scripts sees packages of both module systems', async () => {
  expect((await loadedBy('@grpc/grpc-js')).some((url) => url.includes('node_modules/@grpc/grpc-js'))).toBe(true);
  expect((await loadedBy('@bufbuild/protobuf')).some((url) => url.includes('node_modules/@bufbuild/protobuf'))).toBe(true);
});

test.each(entries)('require($specifier) gives the same names as import', async ({ specifier }) => {
  const program = `import('${specifier}').then((m) => console.log(JSON.stringify([Object.keys(m), Object.keys(require('${specifier}'))])))`;
  const [imported, required] = JSON.parse(await node('--no-warnings', '-e', program)) as [string[], string[]];
  expect(required.filter((name) => name !== '__esModule' && name !== 'module.exports')).toEqual(imported);
});

test('the program is built and starts with a shebang', () => {
  for (const file of Object.values(manifest.bin)) expect(readFileSync(join(ROOT, file), 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
});
