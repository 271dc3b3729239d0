/** What `vstream types --check` says of two files. */
import { expect, test } from 'vitest';
import { describeDifferences, differences } from './types-diff.js';

const HEAD = '// Written\nimport { table } from "vstream-client";\n';
const block = (table: string, ...columns: string[]): string =>
  `\n/** A row of \`${table}\`. */\nexport interface X {\n${columns.map((column) => `  ${column}\n`).join('')}}\n`;

test('equal texts have no differences', () => {
  const text = `${HEAD}${block('k.a', 'id: bigint;')}`;
  expect(differences(text, text)).toEqual([]);
});

test('tables come and go by name, and a table beside them is not mentioned', () => {
  const before = `${HEAD}${block('k.a', 'id: bigint;')}${block('k.b', 'id: bigint;')}`;
  const now = `${HEAD}${block('k.b', 'id: bigint;')}${block('k.c', 'id: bigint;')}`;
  expect(describeDifferences(differences(before, now))).toBe('  k.c is new\n  k.a is gone\n');
});

test('repeated lines count: a second column of the same text is a difference', () => {
  const found = differences(block('k.a', 'x: 1;'), block('k.a', 'x: 1;', 'x: 1;'));
  expect(found).toEqual([{ table: 'k.a', kind: 'changed', removed: [], added: ['x: 1;'] }]);
});

test('columns in another order are told as such', () => {
  const found = differences(block('k.a', 'x: 1;', 'y: 1;'), block('k.a', 'y: 1;', 'x: 1;'));
  expect(describeDifferences(found)).toContain('k.a has its columns in another order');
});

test('a changed head is named, and a long list is cut', () => {
  expect(describeDifferences(differences(`${HEAD}x`, HEAD))).toContain('the head of the file is different\n    - x');
  const many = Array.from({ length: 30 }, (_, index) => `c${index}: string;`);
  expect(describeDifferences(differences(block('k.a'), block('k.a', ...many)))).toContain('… and 10 more lines');
});

test('files that have nothing in common differ', () => {
  expect(differences('', HEAD)).not.toEqual([]);
  expect(differences('anything\n', `${HEAD}${block('k.a')}`).map(({ kind }) => kind)).toEqual(['changed', 'added']);
});

test('the record of all tables is told of only where nothing else changed', () => {
  const record = (...names: string[]): string =>
    `\n/** Every table of this file, for \`tables\`. */\nexport const tables = {\n${names.join('')}};\n`;
  const before = `${HEAD}${block('k.a', 'id: bigint;')}${record('  a: a,\n')}`;
  const more = `${HEAD}${block('k.a', 'id: bigint;')}${block('k.b', 'id: bigint;')}${record('  a: a,\n', '  b: b,\n')}`;
  expect(describeDifferences(differences(before, more))).toBe('  k.b is new\n');
  const without = `${HEAD}${block('k.a', 'id: bigint;')}`;
  expect(describeDifferences(differences(without, before))).toBe('  tables is new\n');
  expect(describeDifferences(differences(before, before.replace('  a: a,', '  a: b,')))).toContain('tables is different');
});
