import { expect, test } from 'vitest';
import { entryFor, keyspacesOf, parseTableName, patternSource, type Selection } from './selection.js';

const entry = (keyspace: string, name: string): Selection[number] => ({
  keyspace,
  name,
  pattern: name.includes('*'),
  written: `${keyspace}.${name}`,
  definition: {},
});

test('a name wins over any pattern, and the first pattern over the next', () => {
  const selection = [entry('a', '*'), entry('a', 'orders_*'), entry('a', 'orders_eu')];
  expect(entryFor(selection, { keyspace: 'a', table: 'orders_eu' })).toBe(selection[2]);
  expect(entryFor(selection, { keyspace: 'a', table: 'orders_us' })).toBe(selection[0]);
  expect(entryFor(selection, { keyspace: 'b', table: 'orders_eu' })).toBeUndefined();
});

test('only the star is special in a pattern', () => {
  const matches = (pattern: string, table: string): boolean => new RegExp(patternSource(pattern)).test(table);
  expect(matches('order$*', 'order$1')).toBe(true);
  expect(matches('order?', 'order1')).toBe(false);
  expect(matches('*_log', 'a_log_b')).toBe(false);
  expect(matches('**', '')).toBe(true);
});

test('a table name has at most one dot, and its keyspace is no pattern', () => {
  expect(parseTableName('orders')).toEqual({ keyspace: undefined, name: 'orders', pattern: false });
  expect(parseTableName('billing.o*')).toEqual({ keyspace: 'billing', name: 'o*', pattern: true });
  for (const bad of ['', 'a.b.c', '*.orders', '`a`', 'a b', '.a', 'a.', '/a/']) expect(parseTableName(bad), bad).toBeUndefined();
});

test('keyspaces are listed once, in the order named', () => {
  expect(keyspacesOf([entry('b', 'x'), entry('a', 'y'), entry('b', 'z')])).toEqual(['b', 'a']);
});
