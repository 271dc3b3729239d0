import { expect, test } from 'vitest';
import type { Change } from '../stream/change.js';
import { PrettyPrinter, showValue } from './pretty.js';
import { painter } from './terminal.js';

const base = {
  table: 'orders',
  keyspace: 'shop',
  shard: '-80',
  key: { id: 7n },
  generation: 1,
  gtid: undefined,
  ordinal: 0,
  commitTime: 1_763_836_921,
  phase: 'live',
  sequence: [0, 1n, 0],
  schema: {} as Change['schema'],
  afterCells: undefined,
  beforeCells: undefined,
} as const;

const printer = new PrettyPrinter({ paint: painter(false) });

test('an insert shows the row, a delete its key, a copied row no time', () => {
  expect(printer.change({ ...base, op: 'insert', after: { id: 7n, total: '12.50' } })).toBe('18:42:01  + orders    -80  id=7  total=12.50');
  expect(printer.change({ ...base, op: 'delete', before: { id: 7n, total: '12.50' } })).toBe('18:42:01  - orders    -80  id=7');
  expect(printer.change({ ...base, op: 'copy', commitTime: undefined, phase: 'copy', after: { id: 7n } })).toBe(
    '          · orders    -80  id=7',
  );
});

test('an update shows the key and what changed', () => {
  const change: Change = {
    ...base,
    op: 'update',
    before: { id: 7n, a: 1, b: 'x', c: null },
    after: { id: 7n, a: 2, b: 'x', c: 'a b', d: 1 },
  };
  expect(printer.change(change)).toBe('18:42:01  ~ orders    -80  id=7  a: 1 → 2  c: NULL → "a b"  d: ? → 1');
});

test('a row without a key is told from its values', () => {
  expect(printer.change({ ...base, key: undefined, op: 'delete', before: { a: 1 } })).toContain('a=1');
});

test('lines keep to the width of the terminal', () => {
  const narrow = new PrettyPrinter({ paint: painter(false), width: 60 });
  const line = narrow.change({ ...base, op: 'insert', after: Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`column${i}`, i])) });
  expect(line).toHaveLength(60);
  expect(line.endsWith('…')).toBe(true);
});

test('colour wraps the time and the mark, never the data', () => {
  const line = new PrettyPrinter({ paint: painter(true) }).change({ ...base, op: 'insert', after: { id: 7n } });
  expect(line).toBe('\u001b[2m18:42:01\u001b[0m  \u001b[32m+ orders    -80  \u001b[0mid=7');
});

test.each([
  [null, 'NULL'],
  [undefined, '(absent)'],
  ['NULL', '"NULL"'],
  ['', '""'],
  ['two\nlines', '"two\\nlines"'],
  [18_446_744_073_709_551_615n, '18446744073709551615'],
  [new Uint8Array([0, 255]), '0x00ff'],
  [{ a: 1n, b: ['x'] }, '{"a":"1","b":["x"]}'],
  ['x'.repeat(100), `${'x'.repeat(47)}…`],
  ['\u001b[31m red', String.raw`"\u001b[31m red"`],
  ['\u009b31m\u007f', String.raw`"\u009b31m\u007f"`],
  [{ note: '\u009b2J' }, String.raw`{"note":"\u009b2J"}`],
])('the value %o is shown as %s', (value, text) => expect(showValue(value)).toBe(text));
