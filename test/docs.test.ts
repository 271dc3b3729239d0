/** Documentation that can be checked is checked. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { ERROR_CODES } from '../src/errors.js';
import { GOTCHAS_PAGE, renderGotchas, titlesIn } from '../tools/docs/gotchas.js';
import { ROOT, readSource, sourceFiles } from './reference/imports.js';

const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const documents = [
  ...readdirSync(ROOT),
  ...(existsSync(join(ROOT, 'docs')) ? readdirSync(join(ROOT, 'docs')).map((file) => `docs/${file}`) : []),
]
  .filter((file) => file.endsWith('.md'))
  .sort();
const scripts = Object.keys((JSON.parse(read('package.json')) as { scripts: Record<string, string> }).scripts);

test('every folder of src is in the file map of DESIGN.md', () => {
  const map = read('DESIGN.md');
  const folders = readdirSync(join(ROOT, 'src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `src/${entry.name}/`);
  expect(
    folders.filter((folder) => sourceFiles().some((file) => `src/${file}`.startsWith(folder)) && !map.includes(`| \`${folder}\``)),
  ).toEqual([]);
});

test('every source file says first what it is', () => {
  const silent = sourceFiles().filter((file) => !file.startsWith('wire/gen/') && !/^(?:#!.*\n)?\/\*\*/.test(readSource(file)));
  expect(silent).toEqual([]);
});

test('every npm script is in CONTRIBUTING.md, and every script a document names exists', () => {
  const contributing = read('CONTRIBUTING.md');
  const hooks = ['prepack'];
  expect(scripts.filter((name) => !hooks.includes(name) && !new RegExp(`npm (?:run )?${name}\\b`).test(contributing))).toEqual([]);
  for (const file of documents) {
    const named = [...read(file).matchAll(/npm run ([\w:-]+)/g)].map(([, name = '']) => name);
    expect(
      named.filter((name) => !scripts.includes(name)),
      file,
    ).toEqual([]);
  }
});

test('links between documents lead somewhere', () => {
  for (const file of documents) {
    const targets = [...read(file).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)].map(([, target = '']) => target);
    expect(
      targets.filter((target) => !existsSync(join(ROOT, dirname(file), target))),
      file,
    ).toEqual([]);
  }
});

test('the table of the Go client’s scenarios is complete, and each test it names exists', () => {
  const rows = read('docs/go-client-scenarios.md')
    .split('\n')
    .filter((line) => /^\| E\d/.test(line))
    .map((line) => line.split('|').map((cell) => cell.trim()));
  expect(rows.map((cells) => cells[1])).toEqual(Array.from({ length: 117 }, (_, index) => `E${index + 1}`));
  for (const [, number, , status, proof = ''] of rows) {
    expect(['covered', 'not applicable'], number).toContain(status);
    if (status !== 'covered') continue;
    const [, file = '', title = ''] = /^`([^`]+)`: (.+)$/.exec(proof) ?? [];
    expect(existsSync(join(ROOT, file)), `${number}: ${proof}`).toBe(true);
    expect(read(file), `${number}: ${proof}`).toContain(title);
  }
});

test('the code of README.md is what test/readme.test-d.ts compiles', () => {
  const lines = (text: string): string[] => text.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]));
  const compiled = lines(read('test/readme.test-d.ts')).join('\n');
  const blocks = [...read('README.md').matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = '']) => code);
  expect(blocks).toHaveLength(3);
  for (const block of blocks) {
    // Statements stand in functions there, and imports come from the sources.
    for (const part of block.split(/\n\n/)) {
      if (!part.startsWith('import')) expect(compiled).toContain(lines(part).join('\n'));
    }
  }
});

test('every error code is explained in docs/failure.md, and no other', () => {
  const rows = read('docs/failure.md')
    .split('\n')
    .flatMap((line) => /^\| (?:<a id="\w+"><\/a>)?`([A-Z_]+)` \|/.exec(line)?.[1] ?? []);
  expect([...rows].sort()).toEqual([...ERROR_CODES].sort());
});

test('docs/gotchas.md is current: node node_modules/jiti/lib/jiti-cli.mjs tools/docs/gotchas.ts', () => {
  expect(readFileSync(GOTCHAS_PAGE, 'utf8')).toBe(renderGotchas());
  expect(titlesIn("  test('a heartbeat (G47), and “it\\'s” life', () => {")).toEqual(["a heartbeat (G47), and “it's” life"]);
  expect(titlesIn("    'a long title (B20)',", '  test(')).toEqual(['a long title (B20)']);
  expect(titlesIn('  // G47: no title')).toEqual([]);
});

test('links into a document lead to a heading or an anchor of it', () => {
  const anchors = (file: string): Set<string> => {
    const text = read(file);
    const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) => slug(title));
    return new Set([...headings, ...[...text.matchAll(/<a id="([^"]+)">/g)].map(([, id = '']) => id)]);
  };
  for (const file of documents) {
    const broken = [...read(file).matchAll(/\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)/g)].filter(([, target = '', anchor = '']) => {
      const other = target === '' ? file : join(dirname(file), target);
      return !existsSync(join(ROOT, other)) || !anchors(other).has(anchor);
    });
    expect(
      broken.map(([link]) => link),
      file,
    ).toEqual([]);
  }
});

/** As GitHub makes them. */
function slug(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(' ', '-');
}

test('every warning is in docs/warnings.md by its words', () => {
  const page = read('docs/warnings.md').replaceAll('`', '');
  const calls = sourceFiles()
    .filter((file) => !file.startsWith('wire/gen/') && !file.startsWith('cli/') && !file.startsWith('testing/') && !file.includes('.test'))
    .flatMap((file) => [...readSource(file).matchAll(/\.warn\(([\s\S]*?)\);\n/g)].map(([, call = '']) => ({ file, call })));
  expect(calls.length).toBeGreaterThan(25);
  // What is filled in may itself be a template.
  const filled = String.raw`\$\{(?:[^{}${'`'}]|${'`'}(?:[^${'`'}$]|\$\{[^}]*\})*${'`'}|\{[^}]*\})*\}`;
  const texts = new RegExp(String.raw`'([^'\n]*)'|${'`'}((?:[^${'`'}$\\]|\\.|${filled})*)${'`'}`, 'g');
  for (const { file, call } of calls) {
    // The longest text of the call, cut at what is filled in: `a ${table} b` is a and b.
    const [text = ''] = [...call.matchAll(texts)].map(([, plain, template]) => plain ?? template ?? '').sort((a, b) => b.length - a.length);
    const parts = text.split(new RegExp(filled)).map((part) => part.replaceAll(/[`\\]/g, '').trim());
    expect(
      parts.filter((part) => part.length > 8 && !page.includes(part)),
      `${file}: ${text}`,
    ).toEqual([]);
  }
});
