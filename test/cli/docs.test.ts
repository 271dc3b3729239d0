/** docs/cli.md says all there is, and nothing that is not. */
import { readFileSync } from 'node:fs';
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
