/** What the generated code shares between tables, and what the objects it makes are. */
import { describe, expect, test } from 'vitest';
import { decoderOf, type FieldSpec, rowBytes, sourceOf } from '../../test/support/rows.js';
import { columnReader } from './column-reader.js';
import { compileRow } from './compile.js';
import type { DecodeOptions } from './options.js';

const ID: FieldSpec = { name: 'id', type: 'INT64', columnType: 'bigint', flags: 3 };
const note = (charset: number, name = 'note'): FieldSpec => ({ name, type: 'VARCHAR', columnType: 'varchar(20)', charset });

function compiled(fields: readonly FieldSpec[], options: DecodeOptions = {}): ReturnType<typeof compileRow> {
  const readers = decoderOf(fields, options).version.columns.map((column) => columnReader(column, { options, labelStrings: true }));
  return compileRow(readers, { lengths: new Int32Array(readers.length), starts: new Int32Array(readers.length) });
}

describe('code that tables share', () => {
  test('tables with the same columns have one function, and each reads its own character set and overrides', () => {
    const [utf8, latin1] = [255, 8].map((charset) => [ID, note(charset)]) as [FieldSpec[], FieldSpec[]];
    expect(compiled(utf8).decode).toBe(compiled(latin1).decode);
    const upper: DecodeOptions = { columns: { note: ({ text }) => text.toUpperCase() } };
    const lower: DecodeOptions = { columns: { note: ({ text }) => text.toLowerCase() } };
    expect(compiled(utf8, upper).decode).toBe(compiled(utf8, lower).decode);
    const read = (fields: readonly FieldSpec[], text: Buffer, options?: DecodeOptions): unknown =>
      decoderOf(fields, options).row(sourceOf({ after: rowBytes(['1', text]) }), 'after');
    expect(read(utf8, Buffer.from('é'))).toEqual({ id: 1n, note: 'é' });
    expect(read(latin1, Buffer.from([0xe9]))).toEqual({ id: 1n, note: 'é' });
    expect(read(utf8, Buffer.from('Aa'), upper)).toEqual({ id: 1n, note: 'AA' });
    expect(read(utf8, Buffer.from('Aa'), lower)).toEqual({ id: 1n, note: 'aa' });
  });

  test('another name, type or number of columns is another function', () => {
    const { decode } = compiled([ID, note(255)]);
    for (const fields of [[ID, note(255, 'other')], [ID, ID], [ID]]) expect(compiled(fields.map(named)).decode).not.toBe(decode);
  });
});

const named = (field: FieldSpec, at: number): FieldSpec => (at === 1 && field === ID ? { ...ID, name: 'note' } : field);

describe('rows are plain objects', () => {
  const names = ['b', 'constructor', '__proto__', 'toString', '0', 'a b', 'ü"\\', '\u2028'];

  test.each([
    ['a table of few columns', 1],
    ['a table of many columns', 6],
  ])('whatever the columns are called: %s', (_, times) => {
    const all = Array.from({ length: times }, (_, round) => names.map((name) => (round === 0 ? name : `${name}${round}`))).flat();
    const decoder = decoderOf(all.map((name) => note(255, name)));
    const row = decoder.row(sourceOf({ after: rowBytes(all.map((_, at) => `value ${at}`)) }), 'after');
    const expected = Object.create(null) as Record<string, string>;
    for (const [at, name] of all.entries()) expected[name] = `value ${at}`;
    expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
    expect(Object.entries(row)).toEqual(Object.entries(expected));
    for (const name of all)
      expect(Object.getOwnPropertyDescriptor(row, name)).toEqual({
        value: expected[name],
        writable: true,
        enumerable: true,
        configurable: true,
      });
  });
});
