/**
 * The import layers of DESIGN.md, read from the import lines. A file may import its own folder and what its row lists; `type x`
 * allows `import type` only, which the compiler erases. A new folder has to be entered here: that is the moment to ask where
 * it belongs.
 */
import { expect, test } from 'vitest';
import { type Import, importsOf, readSource, sourceFiles } from './reference/imports.js';

const L0 = ['errors.ts', 'internal', 'wire/gen'];
const L1 = [...L0, 'wire', 'position', 'observe'];
const L2 = [...L1, 'schema', 'transport', 'sql'];
/** What a destination may know: the contract and the data, never the stream that feeds it. */
const SINK = ['errors.ts', 'internal', 'observe/logger.ts', 'position', 'schema', 'pipeline/sink.ts', 'type stream/change.ts'];

const MAY_IMPORT: Record<string, readonly string[]> = {
  'errors.ts': [],
  internal: ['errors.ts'],
  'wire/gen': [],
  wire: L0,
  position: [...L0, 'wire'],
  observe: [...L0, 'type position'],
  schema: L1,
  transport: L1,
  sql: L1,
  // Layer 3. The decisions of copy and supervision are pure: they see the stream's shapes, not its code.
  copy: [...L2, 'type stream'],
  supervise: [...L2, 'type stream'],
  stream: [...L2, 'copy', 'supervise'],
  stores: L2,
  ownership: [...L2, 'stores/store.ts', 'stores/requests.ts', 'supervise'],
  // Layer 4: stores through their interface; the Vitess one is the default that `state: { keyspace, table }` stands for, and
  // a table of dead letters needs the same kind of keyspace.
  pipeline: [
    ...L2,
    'copy',
    'supervise',
    'stream',
    'ownership',
    'stores/store.ts',
    'stores/requests.ts',
    'stores/vitess.ts',
    'stores/unsharded.ts',
  ],
  // Layer 5.
  'sinks/*': SINK,
  verify: [...L2, 'stream', 'pipeline/sink.ts'],
  doctor: [...L2, 'stream', 'supervise', 'stores/store.ts'],
  // Layer 6. The embedded VTGate shares no code with the client, so that no bug can hide on both sides.
  embedded: ['wire/gen'],
  testing: [...L2, 'embedded', 'pipeline', 'type stream', 'stores/store.ts'],
  monitor: [...L0, 'observe', 'type stream', 'type stores', 'type position', 'sql', 'type transport'],
  cli: ['*'],
  // The roots put the parts together.
  'run.ts': [...L2, 'copy', 'supervise', 'stream', 'ownership', 'stores', 'pipeline'],
  'index.ts': [...L2, 'copy', 'supervise', 'stream', 'ownership', 'stores', 'pipeline', 'run.ts'],
};

/** Loaded at first use: they cost time, memory or an optional install. Behind an `import()`, or in a file that is behind one. */
const LAZY = ['@grpc/grpc-js', '@bufbuild/protobuf', '@duckdb/node-api', 'iconv-lite', 'jiti', 'commander'];

const files = sourceFiles();
const imports = files.flatMap((file) => importsOf(file));
const isGenerated = (file: string): boolean => file.startsWith('wire/gen/');

function rowOf(file: string): string | undefined {
  if (isGenerated(file)) return 'wire/gen';
  const [first = '', second = ''] = file.split('/');
  if (first === 'sinks') return second.endsWith('.ts') ? undefined : 'sinks/*';
  return first in MAY_IMPORT ? first : undefined;
}

/** Own folder: the row's folder, except that each sink is a folder of its own. */
function ownFolder(file: string): string {
  if (isGenerated(file)) return 'wire/gen/';
  const parts = file.split('/');
  return parts.length === 1 ? file : `${parts.slice(0, parts[0] === 'sinks' ? 2 : 1).join('/')}/`;
}

function matches(target: string, allowed: string): boolean {
  return allowed === '*' || target === allowed || target.startsWith(`${allowed}/`);
}

function violation({ file, target, kind }: Import): string | undefined {
  const row = rowOf(file);
  if (row === undefined) return undefined;
  const inGen = isGenerated(target);
  if (target.startsWith(ownFolder(file)) && !inGen) return undefined;
  const allowed = [...(MAY_IMPORT[row] ?? []), ...(row === 'wire/gen' ? ['wire/gen'] : [])];
  const ok = allowed.some((rule) =>
    rule.startsWith('type ')
      ? kind === 'type' && matches(target, rule.slice('type '.length))
      : matches(target, rule) && (!inGen || rule === 'wire/gen' || rule === '*'),
  );
  return ok
    ? undefined
    : `${file} imports ${target}${kind === 'static' ? '' : ` (${kind})`}: ${row} may import ${allowed.join(', ') || 'nothing of ours'}`;
}

test('every file belongs to a layer', () => {
  expect(files.filter((file) => rowOf(file) === undefined)).toEqual([]);
  expect(files.length).toBeGreaterThan(20);
});

test('imports go down the layers only', () => {
  expect(
    imports
      .filter((one) => one.relative)
      .map(violation)
      .filter((text) => text !== undefined),
  ).toEqual([]);
});

test('relative imports name files that exist', () => {
  const known = new Set(files);
  expect(
    imports
      .filter((one) => one.relative && one.target.endsWith('.ts') && !known.has(one.target))
      .map((one) => `${one.file} -> ${one.target}`),
  ).toEqual([]);
});

test('what an entry point loads reaches no heavy package and no generated code', () => {
  const entries = files.filter(
    (file) => file === 'index.ts' || file === 'cli/main.ts' || /^(?:testing|sinks\/[^/]+)\/index\.ts$/.test(file),
  );
  const packageOf = (target: string): string =>
    target
      .split('/')
      .slice(0, target.startsWith('@') ? 2 : 1)
      .join('/');
  const offenders: string[] = [];
  for (const entry of entries) {
    const cameFrom = new Map<string, string>([[entry, '']]);
    for (const file of cameFrom.keys()) {
      for (const { target, relative } of imports.filter((one) => one.file === file && one.kind === 'static')) {
        if (relative && !isGenerated(target)) {
          if (!cameFrom.has(target)) cameFrom.set(target, file);
          continue;
        }
        // The program needs its argument parser at once.
        if (target === 'commander' && entry.startsWith('cli/')) continue;
        if (relative || LAZY.includes(packageOf(target))) offenders.push(`${trail(cameFrom, file)} -> ${target}`);
      }
    }
  }
  expect(offenders).toEqual([]);
});

test('no two files load each other', () => {
  const edges = new Map(
    files.map((file) => [
      file,
      imports
        .filter((one) => one.file === file && one.relative && one.kind === 'static' && !isGenerated(one.target))
        .map((one) => one.target),
    ]),
  );
  const cycles: string[] = [];
  const done = new Set<string>();
  const walk = (file: string, path: readonly string[]): void => {
    const at = path.indexOf(file);
    if (at >= 0) cycles.push([...path.slice(at), file].join(' -> '));
    if (at >= 0 || done.has(file)) return;
    for (const next of edges.get(file) ?? []) walk(next, [...path, file]);
    done.add(file);
  };
  for (const file of files) walk(file, []);
  expect(cycles).toEqual([]);
});

test('no file awaits at its top level, so that require() of the package works', () => {
  expect(
    files.filter((file) => /^(?:await\b|(?:export\s+)?(?:const|let|var)\b[^;{]*=\s*await\b|for await\b)/m.test(readSource(file))),
  ).toEqual([]);
});

test('index.ts only names what it exports', () => {
  if (!files.includes('index.ts')) return;
  const code = readSource('index.ts').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
  const statements = code.replace(/export\s+(?:type\s+)?\{[^}]*\}\s+from\s+'[^']+';/g, '').trim();
  expect(statements).toBe('');
});

test('the rules see what they forbid', () => {
  const of = (file: string, text: string): Array<string | undefined> =>
    importsOf(file, text)
      .filter((one) => one.relative)
      .map(violation);
  expect(of('sinks/duckdb/x.ts', "import { a } from '../../stream/a.js';")).toHaveLength(1);
  expect(of('sinks/duckdb/x.ts', "import { a } from '../../stream/a.js';")[0]).toContain('sinks/* may import');
  expect(of('sinks/duckdb/x.ts', "import { a } from '../jsonl/a.js';")[0]).toBeDefined();
  expect(of('sinks/duckdb/x.ts', "import type { Change } from '../../stream/change.js';")).toEqual([undefined]);
  expect(of('embedded/x.ts', "import {\n  a,\n  b,\n} from '../wire/cursor.js';")[0]).toBeDefined();
  expect(of('embedded/x.ts', "import { a } from '../wire/gen/query_pb.js';")).toEqual([undefined]);
  expect(of('schema/x.ts', "export * from '../transport/grpc.js';")[0]).toBeDefined();
  expect(of('pipeline/x.ts', "const { a } = await import('../stores/memory.js');")[0]).toContain('(dynamic)');
  expect(
    importsOf('cli/x.ts', "import type { A } from 'commander';\nconst m: typeof import('jiti') = await import('jiti');").map(
      (one) => one.kind,
    ),
  ).toEqual(['type', 'type', 'dynamic']);
});

function trail(cameFrom: ReadonlyMap<string, string>, file: string): string {
  const steps = [file];
  for (let at = cameFrom.get(file); at; at = cameFrom.get(at)) steps.unshift(at);
  return steps.join(' -> ');
}
