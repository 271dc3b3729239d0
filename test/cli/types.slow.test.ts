/** `vstream types` as its users run it: against a VTGate, into a file that the compiler then accepts. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startEmbeddedVtgate, type EmbeddedVtgate } from '../../src/embedded/index.js';
import { lastJson, runProgram, type Ended } from './program.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const key = { name: 'id', type: 'bigint unsigned', key: true };

let vtgate: EmbeddedVtgate;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vstream-types-'));
  vtgate = await startEmbeddedVtgate({
    keyspaces: {
      commerce: {
        shards: ['-80', '80-'],
        tables: {
          orders: {
            columns: [
              key,
              { name: 'status', type: "enum('new','it''s')" },
              { name: 'tags', type: "set('a','b')" },
              { name: 'total', type: 'decimal(12,2)' },
              { name: 'paid', type: 'tinyint(1)' },
              { name: 'body', type: 'json' },
              { name: 'made at', type: 'timestamp(6)' },
            ],
          },
          // Names that are words or globals of the language, and three that become one identifier.
          eval: { columns: [key] },
          arguments: { columns: [key] },
          exports: { columns: [key, { name: 'constructor', type: 'varchar(9)' }] },
          select: { columns: [key] },
          class: { columns: [key] },
          global_this: { columns: [key] },
          globalThis: { columns: [key] },
          order_items: { columns: [key] },
          'order-items': { columns: [key] },
          '2024': { columns: [key] },
          _vt_hidden: { columns: [key] },
        },
      },
      billing: { tables: { orders: { columns: [key, { name: 'sum', type: 'bigint' }] }, states: { columns: [key] } } },
    },
  });
});
afterAll(async () => {
  await vtgate.close();
  await rm(folder, { recursive: true, force: true });
});

function types(...args: string[]): Promise<Ended> {
  return runProgram(['types', '--vtgate', vtgate.address, ...args], { cwd: folder });
}

/** Compiles against the declarations that are shipped, as strictly as the compiler can. */
async function compile(...files: string[]): Promise<string> {
  const project = join(folder, 'tsconfig.json');
  const compilerOptions = {
    target: 'es2023',
    module: 'nodenext',
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    isolatedModules: true,
    erasableSyntaxOnly: true,
    noUnusedLocals: true,
    noEmit: true,
    types: ['node'],
    typeRoots: [join(ROOT, 'node_modules', '@types')],
    paths: { 'vstream-client': [join(ROOT, 'dist', 'index.d.ts')] },
  };
  await writeFile(project, JSON.stringify({ compilerOptions, files: files.map((file) => join(folder, file)) }));
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  return promisify(execFile)(process.execPath, [tsc, '-p', project]).then(
    ({ stdout }) => stdout,
    ({ stdout }: { stdout: string }) => stdout,
  );
}

test('the file compiles in strict mode, whatever tables are called, and types what a loop gets', async () => {
  const { code, stderr } = await types('--keyspace', 'commerce', '--out', 'tables.mts');
  expect(stderr).toContain('tables.mts: 11 tables');
  expect(code).toBe(0);
  const use = `
    import { vstream } from 'vstream-client';
    import { orders, type Orders } from './tables.mjs';
    const stream = vstream({ source: { vtgate: 'a:1', keyspace: 'commerce' }, tables: { orders } });
    for await (const batch of stream)
      for (const change of batch.of('orders')) {
        const row: Orders | undefined = change.after;
        const id: bigint | undefined = change.after?.id;
        const status: 'new' | "it's" | null | undefined = change.after?.status;
        void [row, id, status];
      }
  `;
  await writeFile(join(folder, 'use.mts'), use);
  expect(await compile('tables.mts', 'use.mts')).toBe('');
  await writeFile(join(folder, 'wrong.mts'), use.replace('id: bigint', 'id: number'));
  expect(await compile('wrong.mts')).toContain("Type 'bigint' is not assignable to type 'number'");
});

test('--check is quiet about a current file and names tables and columns of one that is not', async () => {
  const args = ['--keyspace', 'commerce', '--out', 'checked.ts', '--check'];
  const missing = await types(...args);
  expect([missing.code, missing.stdout]).toEqual([3, 'checked.ts is not there\n']);
  await types('--keyspace', 'commerce', '--out', 'checked.ts');
  const current = await types(...args);
  expect([current.code, current.stdout]).toEqual([0, '']);
  const file = join(folder, 'checked.ts');
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replaceAll('\n', '\r\n'));
  expect((await types(...args)).code, 'line ends of a Windows checkout').toBe(0);
  const old = text
    .replace("total: 'decimal(12,2) null'", "total: 'decimal(10,2) null'")
    .replace(/\/\*\* A row of `commerce\.exports`[^]*?\}\);\n\n/, '');
  await writeFile(file, old);
  const stale = await types(...args);
  expect(stale.code).toBe(3);
  expect(stale.stdout).toBe(`checked.ts is out of date
  commerce.exports is new
  commerce.orders is different
    - total: 'decimal(10,2) null',
    + total: 'decimal(12,2) null',
`);
  expect(await readFile(file, 'utf8'), 'a check writes nothing').toBe(old);
  const json = await types(...args, '--json');
  expect(json.code).toBe(3);
  expect(lastJson(json.stdout)).toMatchObject({
    file: 'checked.ts',
    upToDate: false,
    missing: false,
    differences: [
      { table: 'commerce.exports', kind: 'added' },
      { table: 'commerce.orders', kind: 'changed' },
    ],
  });
});

test('a file that is current is not touched', async () => {
  await types('--keyspace', 'billing', '--out', 'same.ts');
  const before = await stat(join(folder, 'same.ts'), { bigint: true });
  const { stderr, stdout } = await types('--keyspace', 'billing', '--out', 'same.ts', '--json');
  expect(stderr).toContain('unchanged');
  expect(lastJson(stdout)).toEqual({ file: 'same.ts', tables: 2, changed: false });
  expect(await stat(join(folder, 'same.ts'), { bigint: true })).toMatchObject({ ino: before.ino, mtimeNs: before.mtimeNs });
});

test('tables, columns and overrides are those of the configuration in force; its sink and state are left alone', async () => {
  const config = {
    name: 'x',
    source: { vtgate: vtgate.address },
    types: { bigint: 'string' },
    tables: { 'commerce.orders': { columns: ['id', 'total', 'paid'], types: { total: 'number' } }, 'billing.*': true },
    state: { keyspace: 'billing', table: 'states' },
    sink: { module: './gone.mjs' },
  };
  await writeFile(join(folder, 'some.json'), JSON.stringify(config));
  const { stdout, code } = await runProgram(['types', 'some.json', '--out', 'configured.ts', '--json'], { cwd: folder });
  expect([code, lastJson(stdout)]).toEqual([0, { file: 'configured.ts', tables: 2, changed: true }]);
  const text = await readFile(join(folder, 'configured.ts'), 'utf8');
  expect(text).toContain('export interface CommerceOrders {\n  id: string;\n  total: number | null;\n  paid: number | null;\n}');
  expect(text).toContain('export interface BillingOrders {\n  id: string;\n  sum: string | null;\n}');
  expect(text).not.toContain('states');
  expect(await compile('configured.ts')).toBe('');
  const one = await runProgram(['types', 'some.json', '--tables', 'commerce.orders'], { cwd: folder });
  expect(one.stdout).toContain('export interface Orders {\n  id: string;\n  total: number | null;\n');
  expect(one.stdout).not.toContain('billing');
});

test('a configuration may use the file that is written from it', async () => {
  const config = `import { orders } from './loop.mts';
    export default { source: { vtgate: ${JSON.stringify(vtgate.address)}, keyspace: 'commerce' }, tables: { orders } };`;
  await writeFile(
    join(folder, 'seed.json'),
    JSON.stringify({ source: { vtgate: vtgate.address, keyspace: 'commerce' }, tables: { orders: { types: { total: 'number' } } } }),
  );
  await runProgram(['types', 'seed.json', '--out', 'loop.mts'], { cwd: folder });
  // Found from the folder itself, as the package would be from a project.
  const library = `export * from ${JSON.stringify(join(ROOT, 'dist', 'index.js'))};`;
  const loop = join(folder, 'loop.mts');
  const first = await readFile(loop, 'utf8');
  await writeFile(join(folder, 'library.mjs'), library);
  await writeFile(loop, first.replace("'vstream-client'", "'./library.mjs'"));
  await writeFile(join(folder, 'loop.config.mts'), config);
  const { stdout, stderr } = await runProgram(['types', 'loop.config.mts'], { cwd: folder });
  expect(stderr).toBe('');
  expect(stdout).toBe(first);
});

test.each<[string, readonly string[], number, string]>([
  ['an override that fits no column of its kind', ['bad.json'], 2, "'hex' is no way to read commerce.orders.total (decimal(12,2))"],
  ['a table that is not there', ['--keyspace', 'commerce', '--tables', 'order'], 1, 'Did you mean "orders"?'],
  ['a keyspace that is not there', ['--keyspace', 'comerce'], 1, 'Did you mean "commerce"?'],
  ['--check without a file', ['--keyspace', 'commerce', '--check'], 2, '--check needs a file to check'],
  ['a folder that is not there', ['--keyspace', 'commerce', '--out', 'no/such/tables.ts'], 2, '--out is in a folder that is not there'],
  ['a folder as the file', ['--keyspace', 'commerce', '--out', '.'], 2, '--out is a folder'],
  ['no keyspace', [], 2, '--keyspace is missing'],
])('%s is refused with the next step', async (_, args, code, part) => {
  const tables = { orders: { types: { total: 'hex' } } };
  await writeFile(join(folder, 'bad.json'), JSON.stringify({ source: { vtgate: vtgate.address, keyspace: 'commerce' }, tables }));
  const ended = await types(...args);
  expect(ended.stderr).toContain(part);
  expect(ended.stderr).toContain('next: ');
  expect([ended.code, ended.stdout]).toEqual([code, '']);
});
