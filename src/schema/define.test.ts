/** Typed tables at run time. */
import { describe, expect, test } from 'vitest';
import { decoderOf, fieldOf, type FieldSpec, REF, rowBytes, sourceOf } from '../../test/support/rows.js';
import { checkDeclared, mismatchError } from './check-declared.js';
import { decodeOptionsOf, table, TYPED } from './define.js';
import type { StandardSchema } from './standard-schema.js';
import type { TableVersion } from './table.js';
import { tableVersion } from './versions.js';

const LIVE: readonly FieldSpec[] = [
  { name: 'id', type: 'UINT64', columnType: 'bigint unsigned', flags: 3 },
  { name: 'status', type: 'ENUM', columnType: "enum('new','paid')", charset: 255, flags: 1 },
  { name: 'note', type: 'VARCHAR', columnType: 'varchar(20)', charset: 255 },
];
const version = (fields: readonly FieldSpec[] = LIVE): TableVersion => tableVersion({ fields: fields.map(fieldOf) }, REF, 1);

describe('declared columns', () => {
  test('options stay as written and the declaration goes where no option check sees it', () => {
    const definition = table({ declared: { id: 'bigint', note: 'text null' }, where: 'id > 1', types: { id: 'string' } });
    expect(Object.keys(definition)).toEqual(['where', 'types']);
    expect(definition[TYPED]?.columns).toEqual([
      { name: 'id', type: 'bigint', nullable: false },
      { name: 'note', type: 'text', nullable: true },
    ]);
  });

  test('that are as declared give nothing, whatever sign, width or length', () => {
    const definition = table({ declared: { id: 'bigint', status: "enum('paid','new','old')", note: 'varchar(99) null' } });
    expect(checkDeclared(version(), definition)).toEqual([]);
  });

  test('differences are named column by column', () => {
    const definition = table({ declared: { id: 'int', status: "enum('new')", note: 'varchar(20)', gone: 'int' } });
    expect(checkDeclared(version(), definition).map(({ column, kind, message }) => [column, kind, message])).toEqual([
      ['id', 'type', 'is declared int but is bigint unsigned'],
      ['status', 'type', "lacks the label 'paid'"],
      ['note', 'nullable', 'is declared NOT NULL but can be NULL'],
      ['gone', 'missing', 'is declared but not there'],
    ]);
  });

  test('fail as one SCHEMA_MISMATCH, or only warn by policy', () => {
    const declared = { id: 'int', status: "enum('new','paid')", note: 'varchar(20) null' } as const;
    const strict = table({ declared });
    const error = mismatchError(version(), strict, checkDeclared(version(), strict));
    expect(error).toMatchObject({ code: 'SCHEMA_MISMATCH', keyspace: 'commerce', table: 'orders', column: 'id' });
    const lenient = table({ declared, onMismatch: 'warn' });
    expect(checkDeclared(version(), lenient)).toHaveLength(1);
    expect(mismatchError(version(), lenient, checkDeclared(version(), lenient))).toBeUndefined();
  });

  test('a column nobody declared is mentioned and never fails', () => {
    const definition = table({ declared: { id: 'bigint' } });
    const mismatches = checkDeclared(version(), definition);
    expect(mismatches.map(({ column, kind }) => [column, kind])).toEqual([
      ['status', 'undeclared'],
      ['note', 'undeclared'],
    ]);
    expect(mismatchError(version(), definition, mismatches)).toBeUndefined();
  });

  test('only selected columns are compared', () => {
    const definition = table({ declared: { id: 'bigint', gone: 'int' }, columns: ['id'] });
    expect(checkDeclared(version(LIVE.slice(0, 1)), definition)).toEqual([]);
  });

  test('a type parameter alone declares nothing at run time', () => {
    expect(checkDeclared(version(), table<{ id: number }>())).toEqual([]);
  });
});

test('options of a table go over those of the stream', () => {
  const options = decodeOptionsOf(table({ columns: ['id'], types: { id: 'string' } }), { types: { bigint: 'number' }, images: 'partial' });
  expect(options).toMatchObject({ types: { bigint: 'number' }, images: 'partial', columns: { id: 'string' }, projected: true });
});

/** A schema by hand: `id` must be a bigint; the output has the note in capitals. */
const schema: StandardSchema<{ id: bigint; note: string | null }, { id: bigint; note: string }> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) => {
      const { id, note } = value as { id: unknown; note: string | null };
      if (typeof id !== 'bigint') return { issues: [{ message: 'expected bigint', path: [{ key: 'id' }] }, { message: 'and more' }] };
      return { value: { id, note: (note ?? '').toUpperCase() } };
    },
  },
};

describe('a Standard Schema', () => {
  const columns: readonly FieldSpec[] = [LIVE[0] as FieldSpec, LIVE[2] as FieldSpec];
  const good = sourceOf({ after: rowBytes(['1', 'a']) });
  const decoder = (mode: 'off' | 'first-row' | 'always', types = {}) =>
    decoderOf(columns, decodeOptionsOf(table(schema, { validate: mode, types }), {}));

  test('always: rows are its output', () => {
    expect(decoder('always').row(good, 'after')).toEqual({ id: 1n, note: 'A' });
  });

  test('first-row: rows pass as decoded, the first is checked', () => {
    expect(decoder('first-row').row(good, 'after')).toEqual({ id: 1n, note: 'a' });
    expect(() => decoder('first-row', { id: 'string' }).row(good, 'after')).toThrow(
      expect.objectContaining({
        code: 'SCHEMA_MISMATCH',
        table: 'orders',
        shard: '-80',
        column: 'id',
        message: expect.stringContaining('expected bigint (and 1 more)'),
      }),
    );
  });

  test('first-row: later rows are not checked', () => {
    let calls = 0;
    const counting: StandardSchema = { '~standard': { version: 1, vendor: 'test', validate: (value) => (calls++, { value }) } };
    const one = decoderOf(columns, decodeOptionsOf(table(counting), {}));
    for (let row = 0; row < 3; row++) one.row(good, 'after');
    expect(calls).toBe(1);
  });

  test('off: nothing is checked', () => {
    expect(decoder('off', { id: 'string' }).row(good, 'after')).toEqual({ id: '1', note: 'a' });
  });

  test('an answer by promise is refused, also when it rejects', () => {
    const late: StandardSchema = { '~standard': { version: 1, vendor: 'test', validate: () => Promise.reject(new Error('late')) } };
    expect(() => decoderOf(columns, decodeOptionsOf(table(late), {})).row(good, 'after')).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    );
  });
});
