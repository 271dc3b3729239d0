/**
 * Writes docs/gotchas.md from the titles of the tests: each documented gotcha with the tests that name it, and those that only code or
 * other pages cite. So the page cannot name a test that does not exist, and no page a number that is not explained.
 *
 *   node node_modules/jiti/lib/jiti-cli.mjs tools/docs/gotchas.ts
 */
import { readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GOTCHAS } from './gotcha-texts.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const GOTCHAS_PAGE = join(ROOT, 'docs/gotchas.md');

const NUMBER = /\b[GB]\d{1,3}\b/g;
/** A line that gives a test, a group of tests or a case its title. */
const TITLE_LINE = /^\s*(?:\w+\.)?(?:test|describe|it)\b.*\(|^\s*title:/;
const TEXT = /(['"`])((?:\\.|(?!\1).)*)\1/g;

interface Title {
  readonly file: string;
  readonly title: string;
}

/** TypeScript under src and test, without generated code and this page's own makers. */
function typescriptFiles(): string[] {
  return ['src', 'test'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .map((path) => `${folder}/${path.replaceAll('\\', '/')}`)
      .filter((path) => path.endsWith('.ts') && !path.includes('/gen/'))
      .sort(),
  );
}

/** The titles on a line that name a gotcha; a long one stands alone on the line after `test(`. */
export function titlesIn(line: string, before = ''): string[] {
  if (!TITLE_LINE.test(line) && !TITLE_LINE.test(before.endsWith('(') ? before : '')) return [];
  return [...line.matchAll(TEXT)].map(([, , text = '']) => text.replaceAll(/\\(.)/g, '$1')).filter((text) => text.match(NUMBER));
}

export function renderGotchas(): string {
  const tests = new Map<string, Title[]>();
  const sources = new Map<string, Set<string>>();
  for (const file of typescriptFiles()) {
    const lines = readFileSync(join(ROOT, file), 'utf8').split('\n');
    for (const [at, line] of lines.entries()) {
      const titles = titlesIn(line, lines[at - 1]);
      for (const title of titles) for (const number of new Set(title.match(NUMBER))) listIn(tests, number).push({ file, title });
      if (titles.length === 0 && !isTest(file)) for (const number of line.match(NUMBER) ?? []) setIn(sources, number).add(file);
    }
  }
  const pages = new Map<string, Set<string>>();
  for (const page of pagesOfDocs()) {
    for (const number of readFileSync(join(ROOT, 'docs', page), 'utf8').match(NUMBER) ?? []) setIn(pages, number).add(page);
  }
  const unknown = [...new Set([...tests.keys(), ...sources.keys(), ...pages.keys()])].filter((number) => GOTCHAS[number] === undefined);
  if (unknown.length > 0) throw new Error(`say in tools/docs/gotcha-texts.ts what these are: ${unknown.sort(byNumber).join(', ')}`);
  const tested = [...tests].sort(([a], [b]) => byNumber(a, b));
  const cited = [...sources].filter(([number]) => !tests.has(number)).sort(([a], [b]) => byNumber(a, b));
  const told = [...pages].filter(([number]) => !tests.has(number) && !sources.has(number)).sort(([a], [b]) => byNumber(a, b));
  return `<!-- Written by tools/docs/gotchas.ts from the titles of the tests. Do not edit. -->
# Gotchas

What is odd about VStream (G) and about its values (B), where this client deals with it, and which test proves it. The numbers are those that code comments and
test titles use. What no client can mend is in [guarantees.md](guarantees.md).

## Proven by a test that names it

| | what is odd | test |
|---|---|---|
${tested.map(([number, list]) => `| ${number} | ${cell(GOTCHAS[number] ?? '')} | ${list.map(({ file, title }) => `\`${file}\`: ${cell(title)}`).join('<br>')} |`).join('\n')}

## Named in the code, and in no title of a test

Most of these are covered by tests that do not carry the number; none is claimed to be.

| | what is odd | where |
|---|---|---|
${cited.map(([number, files]) => `| ${number} | ${cell(GOTCHAS[number] ?? '')} | ${[...files].map((file) => `\`${file}\``).join(', ')} |`).join('\n')}

## Told in other pages only

| | what is odd | where |
|---|---|---|
${told.map(([number, files]) => `| ${number} | ${cell(GOTCHAS[number] ?? '')} | ${[...files].map((page) => `[${page}](${page})`).join(', ')} |`).join('\n')}
`;
}

/** The pages users read, but for this one. */
function pagesOfDocs(): string[] {
  return readdirSync(join(ROOT, 'docs'))
    .filter((page) => page.endsWith('.md') && page !== 'gotchas.md')
    .sort();
}

const isTest = (file: string): boolean => file.startsWith('test/') || /\.test(?:-d)?\.ts$/.test(file);

/** B before G, each by its number. */
function byNumber(a: string, b: string): number {
  return a[0] === b[0] ? Number(a.slice(1)) - Number(b.slice(1)) : a < b ? -1 : 1;
}

function listIn(map: Map<string, Title[]>, key: string): Title[] {
  const list = map.get(key) ?? [];
  map.set(key, list);
  return list;
}

function setIn(map: Map<string, Set<string>>, key: string): Set<string> {
  const set = map.get(key) ?? new Set();
  map.set(key, set);
  return set;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url))
  writeFileSync(GOTCHAS_PAGE, renderGotchas());
