/** docs/cli.md says all there is, and nothing that is not. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { FLAGS } from '../../src/cli/flags.js';
import { buildProgram } from '../../src/cli/program.js';
import { RUN_OPTIONS } from '../../src/pipeline/validate.js';
import { SOURCE_OPTIONS } from '../../src/stream/validate-source.js';

const page = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8');
const inCode = [...page.matchAll(/`([^`\n]+)`/g)].flatMap(([, text = '']) => text.split(/[\s|,]+/));

test('every command is on the page', () => {
  const names = buildProgram().commands.map((command) => command.name());
  expect(names.length).toBeGreaterThan(7);
  for (const name of names) expect(page).toMatch(new RegExp(`\`vstream ${name}\\b`));
});

test('every option and every flag is on the page', () => {
  expect([...RUN_OPTIONS].filter((name) => name !== 'source' && name !== 'limits' && !inCode.includes(name))).toEqual([]);
  expect(SOURCE_OPTIONS.filter((name) => !page.includes(`source.${name}`))).toEqual([]);
  for (const { flags, path } of FLAGS) {
    expect(inCode, flags).toContain(flags.split(' ')[0]);
    expect(inCode, path).toContain(path);
  }
});

test('every flag on the page exists', () => {
  const commands = buildProgram().commands.flatMap((command) => [command, ...command.commands]);
  const known = new Set(commands.flatMap((command) => command.options.map((option) => option.long)));
  known.add('--help');
  expect([...page.matchAll(/`?(--[a-z][a-z-]+)/g)].map(([, name]) => name).filter((name) => !known.has(name ?? ''))).toEqual([]);
});

test('every command in the documents exists, with its flags', () => {
  const program = buildProgram();
  const root = new URL('../../', import.meta.url);
  const pages = ['README.md', 'examples/README.md', ...readdirSync(new URL('docs', root)).map((name) => `docs/${name}`)];
  const wrong: string[] = [];
  let seen = 0;
  for (const name of pages) {
    const text = readFileSync(new URL(name, root), 'utf8');
    // In code, as a line of its own or between back quotes: `vstream state get NAME --json`.
    for (const [line, words = ''] of text.matchAll(/(?:^|`)(?:npx )?vstream(?:-client)? ([a-z][^`\n]*)/gm)) {
      const [first = '', second = ''] = words.split(/[ |]/);
      const command = program.commands.find((one) => one.name() === first);
      const inner = command?.commands.find((one) => one.name() === second);
      const known = new Set([command, inner].flatMap((one) => one?.options.map(({ long }) => long) ?? []));
      const flags = [...(words.split('#')[0] ?? '').matchAll(/(?<= )--[a-z-]+/g)].map(([flag]) => flag);
      seen++;
      if (!command || (command.commands.length > 0 && second !== '' && !inner) || flags.some((flag) => !known.has(flag)))
        wrong.push(`${name}: ${line}`);
    }
  }
  expect(wrong).toEqual([]);
  expect(seen).toBeGreaterThan(60);
});
