import { describe, expect, test } from 'vitest';
import { CopyPlan, type CopyState, type ShardCopy } from '../position/plan.js';
import type { TableVersion } from '../schema/table.js';
import { VersionRegistry } from '../schema/versions.js';
import { StreamCatalog } from './catalog.js';
import { validateStreamOptions } from './validate.js';

const ref = { keyspace: 'k', table: 't' };
const other = { keyspace: 'k', table: 'u' };

function catalogWith(copy: ShardCopy, copying?: typeof ref): StreamCatalog {
  const stream = validateStreamOptions({ source: { vtgate: 'localhost:1', keyspace: 'k' }, tables: { t: { where: 'id > 5' }, u: true } });
  const catalog = new StreamCatalog(
    [
      { ...ref, definition: { where: 'id > 5' }, resumable: true },
      { ...other, definition: {}, resumable: true },
    ],
    stream,
    new VersionRegistry(),
  );
  catalog.setPlan(
    CopyPlan.fromJson({ k: { t: { state: 'pending', generation: 1, shards: { '-80': copy } }, u: { state: 'done', generation: 3 } } }),
    copying,
  );
  return catalog;
}

describe('whose changes are handed out', () => {
  test.each([
    ['pending', false, 'its copy will hold them'],
    ['copying', true, 'rows of it were handed out, though another table is being copied now'],
    ['done', true, 'it is copied'],
  ] as const)('%s: %s, as %s', (state: string, expected: boolean, _why: string) => {
    const catalog = catalogWith({ state: state as CopyState, generation: 2 });
    expect(catalog.isActive(ref, '-80')).toBe(expected);
    expect(catalog.optionsFor(ref, '-80') !== undefined).toBe(expected);
    expect(catalog.isActive(ref, '80-')).toBe(false);
  });

  test('those of the table being copied, on every shard', () => {
    const catalog = catalogWith({ state: 'pending', generation: 1 }, ref);
    expect(['-80', '80-'].map((shard) => catalog.isActive(ref, shard))).toEqual([true, true]);
  });

  test('none of a table that is not selected, or was taken out', () => {
    const catalog = catalogWith({ state: 'done', generation: 1 });
    expect(catalog.isActive({ keyspace: 'k', table: 'x' }, '-80')).toBe(false);
    catalog.remove(other);
    expect(catalog.isActive(other, '-80')).toBe(false);
    catalog.add(other);
    expect(catalog.isActive(other, '-80')).toBe(true);
  });
});

test('a row carries the generation of its table on its shard', () => {
  const catalog = catalogWith({ state: 'copying', generation: 2 });
  expect([catalog.generationOf(ref, '-80'), catalog.generationOf(ref, '80-'), catalog.generationOf(other, '-80')]).toEqual([2, 1, 3]);
  expect([catalog.whereOf(ref), catalog.whereOf(other)]).toEqual(['id > 5', undefined]);
});

describe('what a decoder warns of', () => {
  const warned = (count: number): { lines: string[]; catalog: StreamCatalog; note: (version: TableVersion) => void } => {
    const lines: string[] = [];
    const nothing = (): void => {};
    const logger = { debug: nothing, info: nothing, error: nothing, warn: (_fields: unknown, line: string) => lines.push(line) };
    const stream = validateStreamOptions({ source: { vtgate: 'localhost:1', keyspace: 'k' }, logger });
    const catalog = new StreamCatalog([], stream, new VersionRegistry());
    const warnings = Array.from({ length: count }, (_, at) => ({
      code: 'float-rounded' as const,
      column: `c${at}`,
      message: `c${at} is FLOAT`,
    }));
    return { lines, catalog, note: (version) => catalog.noteWarnings(version, warnings) };
  };
  const version = (number: number): TableVersion => ({ ...ref, version: number, columns: [], key: [], fingerprint: '' });

  test('is said once per version, on however many shards it is seen', () => {
    const { lines, note } = warned(1);
    const [first, second] = [version(1), version(2)];
    for (const seen of [first, first, second, first]) note(seen);
    expect(lines).toEqual(['k.t: c0 is FLOAT', 'k.t: c0 is FLOAT']);
  });

  test('is one line, cut where it would be long; nothing is no line', () => {
    const { lines, note } = warned(7);
    note(version(1));
    expect(lines).toEqual(['k.t: c0 is FLOAT; c1 is FLOAT; c2 is FLOAT; c3 is FLOAT; c4 is FLOAT; and 2 more']);
    const none = warned(0);
    none.note(version(1));
    expect(none.lines).toEqual([]);
  });
});

test('a column is what its rows had last, else what it was at the start, and nothing where it is not selected', () => {
  const catalog = catalogWith({ state: 'done', generation: 1 });
  expect(catalog.columnOf(ref, 'price')).toBeUndefined();
  const found = new Map([['price', { type: 'float', charset: undefined, certain: false }]]);
  catalog.add({ ...ref, table: 'late', definition: {}, found });
  catalog.add({ ...ref, table: 'part', definition: { columns: ['id'] }, found });
  const late = { ...ref, table: 'late' };
  expect(catalog.columnOf(late, 'Price')).toEqual({ type: 'float', charset: undefined, certain: false });
  expect(catalog.columnOf({ ...ref, table: 'part' }, 'price')).toBeUndefined();
  const field = (columnType: string, charset: number) => ({ fields: [{ name: 'price', columnType, charset }] as never });
  catalog.versions.intern(field('double', 63), late);
  catalog.versions.intern(field('varchar(9)', 8), late);
  expect(catalog.columnOf(late, 'PRICE')).toEqual({ type: 'varchar(9)', charset: 'latin1', certain: true });
  catalog.versions.intern(field('double', 63), late);
  expect(catalog.columnOf(late, 'price')).toMatchObject({ type: 'double' });
});
