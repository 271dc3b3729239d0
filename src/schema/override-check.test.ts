/** What can be said of an override before any column is known. */
import { expect, test } from 'vitest';
import { refusedOverride } from './override-check.js';

test('a name that fits some column passes without one, and is held against the kind where it is known', () => {
  expect(refusedOverride('hex')).toBeUndefined();
  expect(refusedOverride('hex', 'bytes')).toBeUndefined();
  expect(refusedOverride('hex', 'decimal')).toEqual(['string', 'number']);
  expect(refusedOverride('strnig')).toContain('string');
});

test('the default of a kind can be named; an unknown type has bytes alone', () => {
  expect(refusedOverride('bigint', 'bigint')).toBeUndefined();
  expect(refusedOverride('bytes', 'unknown')).toBeUndefined();
  expect(refusedOverride('string', 'unknown')).toEqual(['bytes']);
});

test('a character set has to be one of MySQL, on a column that has text', () => {
  expect(refusedOverride('charset:GBK')).toBeUndefined();
  expect(refusedOverride('charset:utf8', 'text')).toBeUndefined();
  expect(refusedOverride('charset:gbk', 'json')).toEqual(['parsed', 'text']);
  expect(refusedOverride('charset:utf-8')).toContain('charset:utf8mb4');
  expect(refusedOverride('charset:binary')).not.toContain('charset:binary');
});
