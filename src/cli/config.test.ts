import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findConfig, loadConfig } from './config.js';
import { silentLogger } from '../observe/logger.js';
import { withParts } from './parts.js';
import { loadRun } from './run.js';
import type { Session } from './session.js';

let folder: string;
let count = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vstream-config-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Modules are cached by path: every test writes a file of its own. */
async function written(ending: string, text: string): Promise<string> {
  const file = join(folder, `c${count++}.${ending}`);
  await writeFile(file, text);
  return file;
}

test.each([
  ['json', '{"name":"x"}'],
  ['json', '\ufeff{"name":"x"}'],
  ['mjs', 'export default { name: "x" };'],
  ['mjs', 'export default async () => ({ name: "x" });'],
  ['ts', 'const name: string = "x"; export default { name } as const;'],
  ['mts', 'type T = { name: string }; export default { name: "x" } satisfies T;'],
])('a .%s file is loaded: %s', async (ending, text) => {
  expect((await loadConfig(await written(ending, text))).value).toMatchObject({ name: 'x' });
});

test.each([
  ['json', '{"name":', 'is not JSON'],
  ['json', '[]', 'holds no configuration'],
  ['mjs', 'export default () => { throw new Error("boom"); };', 'threw: boom'],
  ['mjs', 'export default async () => { throw "boom"; };', 'threw: boom'],
  ['mjs', 'export const name = 1;', 'exports no configuration'],
  ['mjs', 'export default [];', 'exports no configuration'],
  ['mjs', 'throw new Error("boom");', 'boom'],
  ['mjs', 'export default {', 'cannot load the configuration'],
])('a broken .%s file is one error: %s', async (ending, text, part) => {
  const file = await written(ending, text);
  await expect(loadConfig(file)).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining(part) });
  await expect(loadConfig(file)).rejects.toThrow(file);
});

test('a folder in the place of the file is named', async () => {
  const file = join(folder, 'folder.json');
  await mkdir(file);
  await expect(loadConfig(file)).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: `${file} cannot be read (EISDIR)` });
});

test('a sink whose function throws is the configuration at fault, not a bug of ours', async () => {
  const file = await written('mjs', 'export default ({ url }) => { throw new Error(`no such host: ${url}`); };');
  await expect(withParts({ sink: { module: file, options: { url: 'x' } } }, folder)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: `${file}, called for the sink, threw: no such host: x`,
  });
});

test('the first of the known names is found, and a missing one is named', async () => {
  expect(findConfig(undefined, folder)).toBeUndefined();
  await writeFile(join(folder, 'vstream.config.json'), '{}');
  await writeFile(join(folder, 'vstream.config.mjs'), '');
  expect(findConfig(undefined, folder)).toBe(join(folder, 'vstream.config.mjs'));
  expect(() => findConfig('other.mjs', folder)).toThrow('there is no configuration file other.mjs');
});

test('files of secrets lie beside the configuration', async () => {
  const source = {
    vtgate: 'a:1',
    tls: { ca: { file: 'ca.pem' }, cert: { env: 'C' } },
    auth: { username: 'u', password: { file: '/abs' } },
  };
  const { value } = await loadConfig(await written('json', JSON.stringify({ source })));
  expect(value['source']).toEqual({ ...source, tls: { ca: { file: join(folder, 'ca.pem') }, cert: { env: 'C' } } });
});

test('a part may be a module of the user: an export, or a function of options', async () => {
  const file = await written(
    'mjs',
    'export default (batch) => batch; export const make = (options) => ({ made: options }); export const value = {};',
  );
  const module = file.slice(folder.length + 1);
  expect(await withParts({ sink: { module } }, folder)).toEqual({ sink: expect.any(Function) });
  expect(await withParts({ sink: { module, export: 'make', options: { a: 1 } } }, folder)).toEqual({ sink: { made: { a: 1 } } });
  await expect(withParts({ sink: { module, export: 'mkae' } }, folder)).rejects.toMatchObject({
    next: 'Set `sink.export` to `make` or `value`.',
  });
  await expect(withParts({ sink: { module, export: 'value', options: {} } }, folder)).rejects.toThrow('sink.options needs a function');
  await expect(withParts({ sink: { modul: 'x', type: 5 } }, folder)).rejects.toThrow('sink.type is not known: 5');
  await expect(withParts({ sink: { module: './nowhere.mjs' } }, folder)).rejects.toThrow(
    `cannot load the sink ${join(folder, 'nowhere.mjs')}`,
  );
});

test('an unknown type of sink or state names the known ones', async () => {
  await expect(withParts({ sink: { type: 'duck' } }, folder)).rejects.toMatchObject({
    next: expect.stringContaining('`duckdb` or `jsonl`'),
  });
  await expect(withParts({ state: { type: 'redis' } }, folder)).rejects.toMatchObject({
    next: expect.stringContaining('`file` or `memory`'),
  });
});

test('what is wrong in sink and state is told together with everything else', async () => {
  const file = await written(
    'json',
    JSON.stringify({
      nam: 'x',
      source: { vtgat: 'a:1', keyspace: 'k' },
      tables: 'orders',
      state: { type: 'redis' },
      sink: { type: 'duck', path: 'x' },
    }),
  );
  const session = { logger: silentLogger, signal: new AbortController().signal } as unknown as Session;
  const error = await loadRun(session, {}, file).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
  const [first, ...lines] = (error as Error).message.split('\n');
  expect(first).toBe(`${lines.length} problems in the options`);
  for (const start of ['sink.type', 'state.type', 'nam ', 'source.vtgat ', 'source.vtgate is missing', 'tables ', 'name is missing'])
    expect(lines.filter((line) => line.startsWith(`  ${start}`))).toHaveLength(1);
});

test('what is no data is left to the validation', async () => {
  const sink = async (): Promise<void> => {};
  const state = { keyspace: 'k', table: 't' };
  expect(await withParts({ sink, state, name: 'x' }, folder)).toEqual({ sink, state, name: 'x' });
});
