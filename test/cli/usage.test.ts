/** What the program says before it has reached anything. */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildProgram } from '../../src/cli/program.js';
import { lastJson, runProgram, runShell, startProgram } from './program.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vstream-usage-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Message lines of a failure: at most three, of which the last is the next step. */
function complaint(stderr: string): string {
  const lines = stderr.trimEnd().split('\n');
  expect(lines.length, stderr).toBeLessThanOrEqual(3);
  expect(lines[0]).toMatch(/^error: \S/);
  expect(lines.at(-1)).toMatch(/^ {2}next: \S/);
  return stderr;
}

test('help goes to stdout and names every command', async () => {
  const { code, stdout, stderr } = await runProgram(['--help']);
  expect(code).toBe(0);
  expect(stderr).toBe('');
  for (const command of ['demo', 'tail', 'run', 'types', 'status', 'state', 'copy', 'pause', 'resume']) {
    expect(stdout).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
  }
});

test('without a command the help is a complaint', async () => {
  const { code, stdout, stderr } = await runProgram([]);
  expect(code).toBe(2);
  expect(stdout).toBe('');
  expect(stderr).toContain('Usage: vstream');
});

test.each(['demo', 'tail', 'run', 'types', 'status', 'state', 'copy'])('vstream %s --help explains itself', (name) => {
  const command = buildProgram().commands.find((one) => one.name() === name);
  expect(command?.helpInformation()).toContain(`Usage: vstream ${name}`);
});

test('the help of a command goes to stdout, and no flag takes a password itself', async () => {
  const { code, stdout } = await runProgram(['tail', '--help']);
  expect(code).toBe(0);
  expect(stdout).toContain('Usage: vstream tail');
  expect(stdout).toContain('--password-env');
  expect(stdout).toContain('--password-file');
  expect(stdout).not.toMatch(/--password[ <=]/);
});

test('the version is the one of the package', async () => {
  const { stdout } = await runProgram(['--version']);
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test.each<[string, readonly string[], string]>([
  ['an unknown command', ['tial'], 'Did you mean `tail`?'],
  ['a file where ids of letters are meant', ['dead-letter', 'remove', '--done', 'letters.jsonl'], 'named by --dead-letter FILE'],
  [
    'two names of a stream',
    ['state', 'reset', 'orders', '--name', 'customers', '--yes'],
    'two streams are named: orders and --name customers',
  ],
  ['an unknown flag', ['tail', '--keyspac', 'k'], 'Did you mean `--keyspace`?'],
  ['a password on the command line', ['tail', '--password', 'secret'], 'Give it by --password-env or --password-file'],
  ['a flag without its value', ['tail', '--vtgate'], 'argument missing'],
  ['an unknown format', ['tail', '--format', 'xml'], 'pretty, jsonl'],
  ['no address', ['tail', '--keyspace', 'k'], '--vtgate is missing'],
  ['no keyspace', ['tail', '--vtgate', 'localhost:1'], '--keyspace is missing'],
  ['an address without a port', ['tail', '--vtgate', 'localhost', '--keyspace', 'k'], '--vtgate has no port: "localhost"'],
  ['a misspelt start', ['tail', '--vtgate', 'a:1', '--keyspace', 'k', '--from', 'begining'], 'Did you mean `beginning`?'],
  [
    'an unreadable position',
    ['tail', '--vtgate', 'a:1', '--keyspace', 'k', '--from', '{"version":1'],
    '--from is not usable: unreadable position: this is not JSON',
  ],
  ['a position of a later release', ['tail', '--vtgate', 'a:1', '--keyspace', 'k', '--from', '{"version":9}'], 'format version 9'],
  [
    'a missing position file',
    ['tail', '--vtgate', 'a:1', '--keyspace', 'k', '--from', '@nowhere.json'],
    '--from cannot be read from nowhere.json (ENOENT)',
  ],
  ['no such configuration', ['run', 'nowhere.mjs'], 'there is no configuration file nowhere.mjs'],
  ['no configuration at all', ['run'], 'there is no configuration here'],
  ...['current', 'garbage'].map((gtid): [string, string[], string] => [
    `a position that is no place: ${gtid}`,
    ['state', 'set', `[{"keyspace":"k","shard":"0","gtid":"${gtid}"}]`],
    `k/0 has no GTID set but "${gtid}"`,
  ]),
  ['an unreadable position to store', ['state', 'set', 'x', '--name', 'n'], 'unreadable position'],
  ['a state nobody named', ['state', 'get'], 'nothing says where the state is'],
])('%s exits 2 with one error and the next step', async (_, args, part) => {
  const { code, stdout, stderr } = await runProgram(args, { cwd: folder });
  expect(complaint(stderr)).toContain(part);
  expect(code).toBe(2);
  expect(stdout).toBe('');
});

test('with --json the last line is the failure', async () => {
  const { code, stdout } = await runProgram(['tail', '--json', '--keyspace', 'k', '--vtgate', 'localhost']);
  expect(code).toBe(2);
  expect(lastJson(stdout)).toEqual({
    error: {
      code: 'CONFIG_INVALID',
      category: 'config',
      message: '--vtgate has no port: "localhost"',
      next: expect.stringContaining('localhost:15991'),
    },
  });
});

test('even a mistyped flag is JSON where JSON was asked for', async () => {
  const { code, stdout, stderr } = await runProgram(['tail', '--json', '--nonsense']);
  expect(code).toBe(2);
  expect(stderr).toBe('');
  expect(lastJson(stdout)).toMatchObject({ error: { code: 'CONFIG_INVALID', next: expect.any(String) } });
});

test('a configuration with several mistakes lists them all and starts nothing', async () => {
  const file = join(folder, 'bad.json');
  const config = {
    nmae: 'x',
    source: { vtgate: 'localhost', keyspace: 'k' },
    sink: { type: 'duckdb', path: 'x.duckdb' },
    state: { keyspace: 'k' },
  };
  await writeFile(file, JSON.stringify(config));
  const { code, stderr } = await runProgram(['run', file]);
  expect(code).toBe(2);
  for (const part of [
    'nmae is not an option',
    'Did you mean `name`?'.toLowerCase(),
    'source.vtgate has no port',
    'state.table is missing',
    'name is missing',
  ]) {
    expect(stderr.toLowerCase()).toContain(part);
  }
  expect(await readdir(folder)).not.toContain('x.duckdb');
});

test.each([
  ['{ "type": "duck" }', 'sink.type is not known: "duck"'],
  ['{ "module": "./gone.mjs" }', 'cannot load the sink'],
])('the sink %s is refused by name', async (sink, part) => {
  const file = join(folder, 'sink.json');
  await writeFile(file, `{"name":"x","source":{"vtgate":"a:1","keyspace":"k"},"state":{"type":"memory"},"sink":${sink}}`);
  const { code, stderr } = await runProgram(['run', file]);
  expect(complaint(stderr)).toContain(part);
  expect(code).toBe(2);
});

test.each([
  ['{ "type": "file" }', 'state.path is missing'],
  ['{ "type": "file", "directory": "x" }', 'state.directory is not an option'],
  ['{ "type": "memory", "path": "x" }', 'state.path is not an option'],
])('the state %s is refused by name', async (state, part) => {
  const file = join(folder, 'state.json');
  await writeFile(file, `{"name":"x","source":{"vtgate":"a:1","keyspace":"k"},"state":${state},"sink":{"type":"jsonl"}}`);
  const { code, stderr } = await runProgram(['run', file]);
  expect(stderr).toContain(part);
  expect(code).toBe(2);
});

test('a configuration in TypeScript is read on this Node', async () => {
  const file = join(folder, 'typed.mts');
  await writeFile(file, 'interface Named { name: string }\nconst named: Named = { name: "x" };\nexport default { ...named };\n');
  const { code, stderr } = await runProgram(['run', file]);
  expect(code).toBe(2);
  expect(stderr).toContain('source.vtgate is missing');
});

test.each(['import "node:fs"; export default {};', 'export default {};'])(
  'a configuration in .js that Node takes for CommonJS is told how to be read: %s',
  async (text) => {
    const project = await mkdtemp(join(folder, 'commonjs-'));
    await writeFile(join(project, 'package.json'), '{"type":"commonjs"}');
    await writeFile(join(project, 'vstream.config.js'), text);
    const { code, stderr } = await runProgram(['run'], { cwd: project });
    expect(code).toBe(2);
    expect(stderr).toContain('next: Rename it to .mjs, or set `"type": "module"` in package.json.');
  },
);

test.skipIf(!existsSync('/dev/full'))('a failure that cannot go to stdout as JSON goes to stderr', async () => {
  const { code, stderr } = await runShell('"$NODE" "$MAIN" tail --json > /dev/full');
  expect(code).toBe(2);
  expect(stderr).toMatch(/^error: 2 problems in the options\n/);
});

test.each([
  ['types', '--keyspace', 'k'],
  ['status', '--state-keyspace', 'k', '--state-table', 't'],
])('the first Ctrl-C ends a command that has nothing to finish: %s', async (...args) => {
  // Takes connections and never answers.
  const sockets: Socket[] = [];
  const mute = createServer((socket) => void sockets.push(socket.on('error', () => {})));
  await once(mute.listen(0, '127.0.0.1'), 'listening');
  try {
    const { port } = mute.address() as AddressInfo;
    await using program = startProgram([...args, '--vtgate', `127.0.0.1:${port}`]);
    await once(mute, 'connection');
    program.child.kill('SIGINT');
    const { code, stdout, stderr } = await program.ended;
    expect({ code, stdout, stderr: stderr.split('\n').filter((line) => line.startsWith('error')) }).toEqual({
      code: 130,
      stdout: '',
      stderr: [],
    });
  } finally {
    for (const socket of sockets) socket.destroy();
    mute.close();
  }
});
