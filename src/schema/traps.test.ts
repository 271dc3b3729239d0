/** The synthetic frames C.5 and the traps B1 to B53 that one cell or one row can show. */
import { describe, expect, test } from 'vitest';
import { bitmapOf, decodeCell, decoderOf, fieldOf, REF, rowBytes, sourceOf } from '../../test/support/rows.js';
import { VStreamError } from '../errors.js';
import { parseLabels } from './labels.js';
import { VersionRegistry } from './versions.js';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const decodeError = expect.objectContaining({ code: 'DECODE_FAILED', keyspace: 'commerce', shard: '-80', table: 'orders', column: 'c' });

describe('rows', () => {
  const pair = [
    { name: 'id', type: 'INT32', columnType: 'int' },
    { name: 'v', type: 'VARCHAR', columnType: 'varchar(9)', charset: 255 },
  ] as const;

  test('NULL and the empty value differ (B1)', () => {
    const decoder = decoderOf(pair);
    expect(decoder.row(sourceOf({ after: rowBytes(['1', null]) }), 'after')).toEqual({ id: 1, v: null });
    expect(decoder.row(sourceOf({ after: rowBytes(['1', '']) }), 'after')).toEqual({ id: 1, v: '' });
  });

  test('a row of NULLs has no value bytes at all (B1, C.5 24)', () => {
    expect(rowBytes([null, null])).toEqual(hex('0a020101'));
    expect(decoderOf(pair).row(sourceOf({ after: hex('0a020101') }), 'after')).toEqual({ id: null, v: null });
  });

  test.each([
    ['fewer cells', ['1']],
    ['more cells', ['1', 'a', 'b']],
  ])('%s than columns are an error naming the table (B2, C.5 23)', (_, cells) => {
    expect(() => decoderOf(pair).row(sourceOf({ after: rowBytes(cells) }), 'after')).toThrow(
      expect.objectContaining({ code: 'DECODE_FAILED', keyspace: 'commerce', shard: '-80', table: 'orders', column: undefined }),
    );
  });

  test('unpacked lengths, fields in the other order and unknown fields are read as any protobuf reader does', () => {
    const decoder = decoderOf(pair);
    for (const message of ['08020802120231611801', '1202316108020802', '0a0102120231610a0102', '2201780a02020212023161']) {
      expect(decoder.row(sourceOf({ after: hex(message) }), 'after')).toEqual({ id: 1, v: 'a' });
    }
  });

  test('a column named __proto__ is a property like any other', () => {
    const row = decoderOf([{ name: '__proto__', type: 'INT32', columnType: 'int' }]).row(sourceOf({ after: rowBytes(['7']) }), 'after');
    expect(Object.getOwnPropertyNames(row)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
  });

  test('quotes, newlines and code in a column name stay a name', () => {
    const name = `a"'\\\n\u2028]; throw new Error('x'); //`;
    expect(decoderOf([{ name, type: 'INT32', columnType: 'int' }]).row(sourceOf({ after: rowBytes(['7']) }), 'after')).toEqual({
      [name]: 7,
    });
  });

  test('text and bytes are copies: changing the message changes no value (B51)', () => {
    const decoder = decoderOf([
      { name: 't', type: 'VARCHAR', columnType: 'varchar(99)', charset: 255 },
      { name: 'b', type: 'BLOB', columnType: 'blob' },
    ]);
    const source = sourceOf({ after: rowBytes(['a text of some length', hex('0102')]) });
    const row = decoder.row(source, 'after');
    source.buffer.fill(0x2a);
    expect(row).toEqual({ t: 'a text of some length', b: Uint8Array.of(1, 2) });
    expect((row['b'] as Uint8Array).buffer.byteLength).toBe(2);
    expect(Buffer.isBuffer(row['b'])).toBe(false);
  });

  test('the key is the primary key columns of either image (B48)', () => {
    const decoder = decoderOf([
      { name: 'a', type: 'INT64', columnType: 'bigint', flags: 3 },
      { name: 'v', type: 'VARCHAR', columnType: 'varchar(9)', charset: 255 },
      { name: 'b', type: 'VARCHAR', columnType: 'varchar(9)', charset: 8, flags: 3 },
    ]);
    const source = sourceOf({ before: rowBytes(['1', 'x', hex('e9')]), after: rowBytes(['2', 'y', 'z']) });
    expect(decoder.key(source, 'before')).toEqual({ a: 1n, b: 'é' });
    expect(decoder.key(source, 'after')).toEqual({ a: 2n, b: 'z' });
    expect(
      decoderOf([{ name: 'v', type: 'INT8', columnType: 'tinyint' }]).key(sourceOf({ after: rowBytes(['1']) }), 'after'),
    ).toBeUndefined();
  });
});

describe('numbers', () => {
  test.each([
    ['decimal(10,2)', '.50', '0.50'],
    ['decimal(10,2)', '-.05', '-0.05'],
    ['decimal(10,2)', '.00', '0.00'],
    ['decimal(10,2)', '-.00', '0.00'],
    ['decimal(18,9)', '-000000000.000000001', '-0.000000001'],
    ['decimal(20,0)', '000000000000000000', '0'],
    ['decimal(5,0)', '-5', '-5'],
    ['decimal(10,2)', '  1.50', '1.50'],
    ['decimal(10,2)', '00000001.50', '1.50'],
    ['decimal(10,2)', '-0.05', '-0.05'],
  ])('%s %s is %s (B17, B18, C.5 1-3)', (columnType, cell, expected) => {
    expect(decodeCell({ type: 'DECIMAL', columnType }, cell)).toBe(expected);
  });

  test.each([
    ['1.6777216E+07', 16777216],
    ['1e-45', 1e-45],
    ['-0E+00', -0],
    ['0E+00', 0],
    ['3.4028235E+38', 3.4028235e38],
    ['16777200', 16777200],
    ['1.500', 1.5],
    ['1.5E+00', 1.5],
    ['-0', -0],
    ['1e15', 1e15],
    ['1E+15', 1e15],
    ['1e-16', 1e-16],
    ['1.7976931348623157E+308', Number.MAX_VALUE],
    ['5E-324', 5e-324],
    ['0.1', 0.1],
    ['1E-01', 0.1],
    ['123456789012345678', Number('123456789012345678')],
  ])('floating point %s (B20, B21, B22, B23, C.5 4)', (cell, expected) => {
    expect(decodeCell({ type: 'FLOAT64', columnType: 'double' }, cell)).toBe(expected);
  });

  test.each([
    ['00042', 42n],
    ['9007199254740993', 9007199254740993n],
    ['-9223372036854775808', -9223372036854775808n],
    ['18446744073709551615', 18446744073709551615n],
    ['999999999999999', 999999999999999n],
    ['-1', -1n],
    ['00000000000000000000000001', 1n],
  ])('BIGINT %s is exact (B19, B24, C.5 5)', (cell, expected) => {
    expect(decodeCell({ type: 'INT64', columnType: 'bigint' }, cell)).toBe(expected);
  });

  test.each(['18446744073709551616', '99999999999999999999', '-9223372036854775809', '1.5', '', '-', '12a', '1234567890123456x'])(
    'BIGINT %j is an error, never rounded',
    (cell) => {
      expect(() => decodeCell({ type: 'INT64', columnType: 'bigint' }, cell)).toThrow(decodeError);
    },
  );

  test('the zero year is 0 (B34, C.5 29)', () => {
    expect(decodeCell({ type: 'YEAR', columnType: 'year' }, '0000')).toBe(0);
    expect(decodeCell({ type: 'YEAR', columnType: 'year' }, '0000', { types: { year: 'string' } })).toBe('0000');
  });

  test('TINYINT(1) is a number, and a boolean on request, with an error for 2 (B25, C.5 30)', () => {
    const spec = { type: 'INT8', columnType: 'tinyint(1)' } as const;
    expect(decodeCell(spec, '2')).toBe(2);
    const options = { types: { boolean: 'boolean', tinyint: 'string' } } as const;
    expect([decodeCell(spec, '0', options), decodeCell(spec, '1', options)]).toEqual([false, true]);
    expect(() => decodeCell(spec, '2', options)).toThrow(decodeError);
    expect(decodeCell({ type: 'INT8', columnType: 'tinyint' }, '2', options)).toBe('2');
  });

  test('BIT is bytes, also when they look like a digit (B26, C.5 32)', () => {
    expect(decodeCell({ type: 'BIT', columnType: 'bit(8)' }, '1')).toEqual(Uint8Array.of(0x31));
    expect(decodeCell({ type: 'BIT', columnType: 'bit(64)' }, hex('8000000000000001'), { types: { bit: 'bigint' } })).toBe(
      9223372036854775809n,
    );
    expect(decodeCell({ type: 'BIT', columnType: 'bit(1)' }, hex('01'), { types: { bit: 'boolean' } })).toBe(true);
  });
});

describe('labels', () => {
  const small = { type: 'ENUM', columnType: "enum('small','it''s')", charset: 255 } as const;

  test('ordinals of old servers are mapped in replication, strings pass in the copy (B10, B12, C.5 6, 7)', () => {
    expect(decodeCell(small, '2', {}, { strings: false })).toBe("it's");
    expect(decodeCell(small, '0', {}, { strings: false })).toBe('');
    expect(decodeCell(small, "it's", {}, { strings: false, copied: true })).toBe("it's");
    expect(() => decodeCell(small, '3', {}, { strings: false })).toThrow(decodeError);
  });

  test('a label that looks like an ordinal is settled by the phase (B11)', () => {
    const digits = { type: 'ENUM', columnType: "enum('2','1','10')", charset: 255 } as const;
    expect(decodeCell(digits, '1', {}, { strings: false, copied: true })).toBe('1');
    expect(decodeCell(digits, '2', {}, { strings: false, copied: false })).toBe('1');
    expect(decodeCell(digits, '2', {}, { strings: true })).toBe('2');
  });

  test('the 64th member of a bitmap is the sign bit of nobody (B15, C.5 8)', () => {
    const columnType = `set(${Array.from({ length: 64 }, (_, index) => `'m${String(index + 1).padStart(2, '0')}'`).join(',')})`;
    expect(decodeCell({ type: 'SET', columnType, charset: 255 }, '9223372036854775808', {}, { strings: false })).toBe('m64');
    expect(decodeCell({ type: 'SET', columnType, charset: 255 }, '19', { columns: { c: 'array' } }, { strings: false })).toEqual([
      'm01',
      'm02',
      'm05',
    ]);
    expect(() => decodeCell({ type: 'SET', columnType: "set('a','b')", charset: 255 }, '4', {}, { strings: false })).toThrow(decodeError);
  });

  test('labels with quotes, commas, spaces, parentheses and escapes are found (B16)', () => {
    expect(parseLabels("enum('it''s','a,b','x y','(z)','')")).toEqual(["it's", 'a,b', 'x y', '(z)', '']);
    expect(parseLabels("set('a\\\\b','c\\nd')")).toEqual(['a\\b', 'c\nd']);
    expect(parseLabels('enum')).toEqual([]);
  });

  test('another character set: copied as stored, replicated as UTF-8, and refused when both readings are labels (B13, C.5 16, 17)', () => {
    const accents = { type: 'ENUM', columnType: "enum('é','è')", charset: 8 } as const;
    expect([decodeCell(accents, hex('e9')), decodeCell(accents, hex('c3a9'))]).toEqual(['é', 'é']);
    expect(() => decodeCell({ type: 'ENUM', columnType: "enum('é','Ã©')", charset: 8 }, hex('c3a9'))).toThrow(decodeError);
    expect(() => decodeCell(accents, hex('fc'))).toThrow(decodeError);
    const wide = { type: 'ENUM', columnType: "enum('é','aa')", charset: 54 } as const;
    expect([decodeCell(wide, hex('00e9')), decodeCell(wide, 'é'), decodeCell(wide, 'aa')]).toEqual(['é', 'é', 'aa']);
  });

  test('the type BINARY of a _bin collation is an ENUM when column_type says so (B4, C.5 9)', () => {
    expect(decodeCell({ type: 'BINARY', columnType: "enum('A','a')", charset: 46 }, 'a')).toBe('a');
    expect(decodeCell({ type: 'BINARY', columnType: "enum('A','a')", charset: 46 }, 'a', { types: { enum: 'index' } })).toBe(2);
  });
});

describe('text and bytes', () => {
  test('column_type tells text from bytes, not the wire type (B4, C.5 10, 11)', () => {
    expect(decodeCell({ type: 'VARBINARY', columnType: 'varchar(10)', charset: 46 }, hex('f09f9880'))).toBe('😀');
    expect(decodeCell({ type: 'VARBINARY', columnType: 'varbinary(10)', charset: 63 }, hex('f09f9880'))).toEqual(
      new Uint8Array(hex('f09f9880')),
    );
    expect(decodeCell({ type: 'BLOB', columnType: 'text', charset: 46 }, 'x')).toBe('x');
  });

  test('without column_type the collation decides (A.5 step 5)', () => {
    expect(decodeCell({ type: 'BLOB', columnType: '', charset: 46 }, 'x')).toBe('x');
    expect(decodeCell({ type: 'BLOB', columnType: '', charset: 63 }, 'x')).toEqual(Uint8Array.of(0x78));
    expect(decodeCell({ type: 'VARCHAR', columnType: '', charset: 8 }, hex('e9'))).toBe('é');
  });

  test('a leading U+FEFF is a character (B8, C.5 12)', () => {
    expect(decodeCell({ type: 'VARCHAR', columnType: 'varchar(10)', charset: 255 }, hex('efbbbf41'))).toBe('\ufeffA');
  });

  test('invalid bytes: error, U+FFFD or bytes, as asked (C.5 13)', () => {
    const spec = { type: 'VARCHAR', columnType: 'varchar(10)', charset: 255 } as const;
    expect(() => decodeCell(spec, hex('c328'))).toThrow(decodeError);
    expect(decodeCell(spec, hex('c328'), { invalidText: 'replace' })).toBe('\ufffd(');
    expect(decodeCell(spec, hex('c328'), { types: { varchar: 'bytes' } })).toEqual(Uint8Array.of(0xc3, 0x28));
  });

  test('text is never converted by the server: latin1, cp1251, utf16 and gbk in their own bytes (B6, B8, C.5 14)', () => {
    const of = (charset: number, bytes: string): unknown => decodeCell({ type: 'VARCHAR', columnType: 'varchar(10)', charset }, hex(bytes));
    expect([of(8, '80'), of(8, '81'), of(8, 'ff'), of(8, 'c3a9')]).toEqual(['€', '\u0081', 'ÿ', 'Ã©']);
    expect([of(51, 'c6'), of(54, '00e9d83dde00')]).toEqual(['Ж', 'é😀']);
  });

  test('an unnamed set: ASCII passes, the rest needs an override (B5, B7, C.5 15)', () => {
    const spec = { type: 'VARCHAR', columnType: 'varchar(10)', charset: 0 } as const;
    expect(decodeCell(spec, 'abc')).toBe('abc');
    expect(() => decodeCell(spec, hex('d6d0'))).toThrow(decodeError);
    expect(decodeCell(spec, hex('d6d0'), { columns: { c: 'charset:gbk' } })).toBe('中');
    expect(decodeCell({ ...spec, charset: 33 }, hex('e9'), { columns: { c: 'charset:latin1' } })).toBe('é');
    expect(decoderOf([{ name: 'c', ...spec, flags: 1 }]).warnings).toEqual([
      expect.objectContaining({ code: 'charset-unknown', column: 'c' }),
    ]);
  });

  test('labels that may be emoji are warned of: the server lists those as ?, and replicates them so', () => {
    const field = (columnType: string) => [{ name: 'c', type: 'ENUM', columnType, charset: 255, flags: 1 } as const];
    expect(decoderOf(field("enum('?','b')")).warnings).toEqual([expect.objectContaining({ code: 'label-unreadable', column: 'c' })]);
    expect(decoderOf(field("enum('a','it''s')")).warnings).toEqual([]);
  });

  test('a column called constructor is warned of like any other (B7)', () => {
    const fields = [{ name: 'constructor', type: 'VARCHAR', columnType: 'varchar(10)', charset: 0, flags: 1 } as const];
    expect(decoderOf(fields, { columns: {} }).warnings).toEqual([expect.objectContaining({ code: 'charset-unknown' })]);
  });

  test('trailing spaces and BINARY padding are kept as sent (B27, B28)', () => {
    expect(decodeCell({ type: 'VARCHAR', columnType: 'varchar(8)', charset: 255 }, 'ab  ')).toBe('ab  ');
    expect(decodeCell({ type: 'BINARY', columnType: 'binary(4)' }, hex('61000000'))).toEqual(Uint8Array.of(0x61, 0, 0, 0));
  });

  test('a long text beside short ones, and rows that are not ASCII, decode alike', () => {
    const decoder = decoderOf([
      { name: 'a', type: 'VARCHAR', columnType: 'varchar(9)', charset: 255 },
      { name: 'd', type: 'DATETIME', columnType: 'datetime' },
      { name: 'l', type: 'TEXT', columnType: 'longtext', charset: 255 },
      { name: 'z', type: 'DECIMAL', columnType: 'decimal(5,2)' },
    ]);
    for (const [a, l] of [
      ['x', 'y'],
      ['é', 'y'],
      ['x', 'é'.repeat(3000)],
      ['x', 'y'.repeat(5000)],
      ['', ''],
    ] as const) {
      const row = decoder.row(sourceOf({ after: rowBytes([a, '2024-02-29 12:34:56', l, '1.50']) }), 'after');
      expect(row).toEqual({ a, d: '2024-02-29 12:34:56', l, z: '1.50' });
    }
  });
});

describe('dates and times', () => {
  const zero = '0000-00-00 00:00:00.000000';
  const stamp = { type: 'TIMESTAMP', columnType: 'timestamp(6)', decimals: 6 } as const;

  test('are text as sent (B29, B30, B31, B32, B33)', () => {
    expect(decodeCell(stamp, zero)).toBe(zero);
    expect(decodeCell({ type: 'DATE', columnType: 'date' }, '2024-00-15')).toBe('2024-00-15');
    expect(decodeCell({ type: 'TIME', columnType: 'time' }, '-838:59:59')).toBe('-838:59:59');
    expect(() => decodeCell({ type: 'DATE', columnType: 'date' }, 'yesterday!')).toThrow(decodeError);
  });

  test.each([zero, '2024-00-15 00:00:00.000000', '2023-02-29 00:00:00.000000'])(
    'a date no calendar has follows the policy, never Invalid Date: %s (B31, C.5 27)',
    (cell) => {
      expect(() => decodeCell(stamp, cell, { types: { timestamp: 'date' } })).toThrow(decodeError);
      expect(decodeCell(stamp, cell, { types: { timestamp: 'date' }, zeroDates: 'null' })).toBeNull();
      expect(decodeCell(stamp, cell, { types: { timestamp: 'date' }, zeroDates: 'string' })).toBe(cell);
    },
  );

  test.each([
    ['date', new Date(Date.UTC(2024, 1, 29, 12, 34, 56))],
    ['iso', '2024-02-29T12:34:56.000001Z'],
    ['epoch-ms', 1709210096000],
    ['epoch-us', 1709210096000001n],
  ] as const)('TIMESTAMP as %s is UTC (B29)', (name, expected) => {
    expect(decodeCell(stamp, '2024-02-29 12:34:56.000001', { types: { timestamp: name } })).toEqual(expected);
  });

  test('DATETIME as ISO text has no zone (B30), and years before 100 and 1970 are right', () => {
    const spec = { type: 'DATETIME', columnType: 'datetime' } as const;
    expect(decodeCell(spec, '2024-02-29 12:34:56', { types: { datetime: 'iso' } })).toBe('2024-02-29T12:34:56');
    expect(decodeCell({ type: 'DATE', columnType: 'date' }, '0099-12-31', { types: { date: 'epoch-ms' } })).toBe(
      Date.parse('0099-12-31T00:00:00Z'),
    );
    expect(decodeCell(spec, '1969-12-31 23:59:59', { types: { datetime: 'epoch-us' } })).toBe(-1000000n);
  });

  test('TIME in microseconds keeps its sign (B33, C.5 28)', () => {
    const spec = { type: 'TIME', columnType: 'time(6)', decimals: 6 } as const;
    expect(decodeCell(spec, '-838:59:59.000000', { types: { time: 'micros' } })).toBe(-3020399000000n);
    expect(decodeCell(spec, '-00:00:00.000001', { types: { time: 'micros' } })).toBe(-1n);
    expect(decodeCell({ ...spec, columnType: 'time(1)' }, '100:00:00.5', { types: { time: 'micros' } })).toBe(360000500000n);
  });
});

describe('JSON', () => {
  const json = { type: 'JSON', columnType: 'json' } as const;

  test('large integers are bigint, also deep inside; doubles stay numbers (B36)', () => {
    expect(decodeCell(json, '[9007199254740993, {"a": -9223372036854775808}, 1e20, 9007199254740991, 0.1234567890123456789]')).toEqual([
      9007199254740993n,
      { a: -9223372036854775808n },
      1e20,
      9007199254740991,
      0.12345678901234568,
    ]);
    expect(decodeCell(json, '"digits 12345678901234567890 in a string \\u00e9"')).toBe('digits 12345678901234567890 in a string é');
  });

  test('what old servers print is read: .5 and \\x1a (B37, B39, C.5 18, 19)', () => {
    expect(decodeCell(json, '{"a": .5, "b": -.05}')).toEqual({ a: 0.5, b: -0.05 });
    expect(decodeCell(json, '"\\x1a"')).toBe('\u001a');
    expect(decodeCell(json, '{"a": .5, "b": "\\x1a"}', { types: { json: 'text' } })).toBe('{"a": 0.5, "b": "\\u001a"}');
    expect(decodeCell(json, '{"a": "x .5 \\\\x"}', { types: { json: 'text' } })).toBe('{"a": "x .5 \\\\x"}');
  });

  test('JSON null and SQL NULL are both null; cells tell them apart (B40, C.5 20)', () => {
    const decoder = decoderOf([{ name: 'c', ...json }]);
    const sqlNull = sourceOf({ after: rowBytes([null]) });
    const jsonNull = sourceOf({ after: rowBytes(['null']) });
    expect([decoder.row(sqlNull, 'after'), decoder.row(jsonNull, 'after')]).toEqual([{ c: null }, { c: null }]);
    expect([decoder.cells(sqlNull, 'after').isNull(0), decoder.cells(jsonNull, 'after').isNull(0)]).toEqual([true, false]);
    expect(decoder.cells(jsonNull, 'after').text(0)).toBe('null');
  });

  test('the order of keys is as sent and differs by phase (B35); typed scalars are strings (B38)', () => {
    expect(decodeCell(json, '{"b": 1, "aa": "01:02:03.500000"}')).toEqual({ aa: '01:02:03.500000', b: 1 });
  });

  test.each(['', '{', '{"a" 1}', '[1,]', 'nul', '"\\q"', '1 2', "JSON_REMOVE(%s, _utf8mb4'$.x')", `${'['.repeat(300)}1234567890123456`])(
    '%j is no document',
    (cell) => {
      expect(() => decodeCell(json, cell)).toThrow(decodeError);
    },
  );

  test('__proto__ in a document is a property, in both parsers', () => {
    for (const text of ['{"__proto__": {"a": 1}}', '{"__proto__": {"a": 1}, "b": 9007199254740993}']) {
      const value = decodeCell(json, text) as object;
      expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
      expect(Object.keys(value)).toContain('__proto__');
    }
  });
});

describe('other types', () => {
  test('GEOMETRY is bytes, or SRID and WKB (B42, C.5 26)', () => {
    const bytes = hex(`e61000000101000000${'00'.repeat(16)}`);
    expect(decodeCell({ type: 'GEOMETRY', columnType: 'point' }, bytes)).toEqual(new Uint8Array(bytes));
    expect(decodeCell({ type: 'GEOMETRY', columnType: 'point' }, bytes, { types: { geometry: 'geometry' } })).toEqual({
      srid: 4326,
      wkb: new Uint8Array(bytes.subarray(4)),
    });
  });

  test('an unknown type is bytes and a warning (C.5 31)', () => {
    expect(decodeCell({ type: 9999, columnType: '' }, 'ab')).toEqual(Uint8Array.of(0x61, 0x62));
    expect(decoderOf([{ name: 'c', type: 9999 }]).warnings).toContainEqual(expect.objectContaining({ code: 'unknown-type', column: 'c' }));
  });

  test('FLOAT columns are warned of: the copy is rounded by the server (B20)', () => {
    expect(decoderOf([{ name: 'c', type: 'FLOAT32', columnType: 'float', flags: 1 }]).warnings).toEqual([
      expect.objectContaining({ code: 'float-rounded', column: 'c' }),
    ]);
  });

  test('VECTOR of a broken length is an error (B43)', () => {
    expect(() => decodeCell({ type: 'VECTOR', columnType: 'vector(3)' }, hex('000080'))).toThrow(decodeError);
    expect(decodeCell({ type: 'VECTOR', columnType: 'vector(1)' }, hex('0000803f'), { types: { vector: 'array' } })).toEqual([1]);
  });
});

describe('versions', () => {
  const id = fieldOf({ name: 'id', type: 'INT32', columnType: 'int', flags: 3 });

  test('names the tablet makes up are a schema error (B46, C.5 25)', () => {
    const made = { fields: [fieldOf({ name: '@1', type: 'CHAR' })] };
    expect(() => new VersionRegistry().intern(made, REF)).toThrow(
      expect.objectContaining({ code: 'SCHEMA_MISMATCH', column: '@1', table: 'orders' }),
    );
  });

  test('two columns of one name are refused: one would be lost', () => {
    expect(() => new VersionRegistry().intern({ fields: [id, id] }, REF)).toThrow(
      expect.objectContaining({ code: 'SCHEMA_MISMATCH', column: 'id' }),
    );
  });

  test('equal columns are one object for all shards; a change counts up, and a shard that lags keeps the old one', () => {
    const registry = new VersionRegistry();
    const first = registry.intern({ fields: [id] }, REF);
    const second = registry.intern({ fields: [id, fieldOf({ name: 'a', type: 'VARCHAR', columnType: 'varchar(9)', charset: 8 })] }, REF);
    const third = registry.intern({ fields: [id, fieldOf({ name: 'a', type: 'VARCHAR', columnType: 'varchar(9)', charset: 255 })] }, REF);
    expect([first.version, second.version, third.version]).toEqual([1, 2, 3]);
    expect(registry.intern({ fields: [id] }, { ...REF })).toBe(first);
    expect(registry.intern({ fields: [id] }, { ...REF, table: 'other' }).version).toBe(1);
    expect(first).toMatchObject({ keyspace: 'commerce', table: 'orders', key: ['id'] });
    expect(first.columns[0]).toMatchObject({ name: 'id', nullable: false, key: true });
    expect(new Set([first, second, third].map(({ fingerprint }) => fingerprint)).size).toBe(3);
  });

  test('display length and index flags are no change (B49)', () => {
    const registry = new VersionRegistry();
    expect(registry.intern({ fields: [{ ...id, columnLength: 44, flags: 3 | 8 }] }, REF)).toBe(registry.intern({ fields: [id] }, REF));
  });
});

describe('overrides', () => {
  const spec = { type: 'INT64', columnType: 'bigint' } as const;

  test('by column wins over by type, a function sees text and a copy of the bytes, and NULL is not its business', () => {
    const options = {
      types: { bigint: 'string' },
      columns: { c: (raw: { text: string; bytes: Uint8Array }) => [raw.text, raw.bytes] },
    } as const;
    expect(decodeCell(spec, '007', options)).toEqual(['7', Uint8Array.of(0x30, 0x30, 0x37)]);
    expect(decodeCell(spec, null, options)).toBeNull();
    expect(decodeCell(spec, '007', { types: options.types })).toBe('7');
  });

  test('number refuses what it would round, number-if-safe keeps it (B24)', () => {
    expect(decodeCell(spec, '9007199254740991', { types: { bigint: 'number' } })).toBe(9007199254740991);
    expect(() => decodeCell(spec, '9007199254740993', { types: { bigint: 'number' } })).toThrow(decodeError);
    expect(decodeCell(spec, '9007199254740993', { types: { bigint: 'number-if-safe' } })).toBe(9007199254740993n);
  });

  test('a name that does not fit the column is a configuration error listing those that do', () => {
    expect(() => decodeCell(spec, '1', { types: { bigint: 'date' } })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', column: 'c', next: expect.stringContaining('number-if-safe') }),
    );
    expect(() => decodeCell({ type: 'VARCHAR', columnType: 'varchar(9)', charset: 0 }, 'a', { columns: { c: 'charset:klingon' } })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    );
  });

  test('a function that throws is a decode error with the column and the cause', () => {
    const cause = new Error('mine');
    const throwing = {
      columns: {
        c: () => {
          throw cause;
        },
      },
    };
    expect(() => decodeCell(spec, '1', throwing)).toThrow(expect.objectContaining({ code: 'DECODE_FAILED', column: 'c', cause }));
  });

  test('an error never holds the value', () => {
    try {
      decodeCell(spec, 'secret-value');
      expect.unreachable();
    } catch (error) {
      expect(VStreamError.is(error) && `${error.message} ${error.next}`).not.toContain('secret');
    }
  });

  test('an override for a column that does not exist is a warning', () => {
    expect(decoderOf([{ name: 'c', ...spec, flags: 1 }], { columns: { d: 'string' } }).warnings).toEqual([
      expect.objectContaining({ code: 'override-unused', column: 'd' }),
    ]);
  });
});

describe('raw cells', () => {
  test('text is normalised and independent of overrides', () => {
    const decoder = decoderOf(
      [
        { name: 'n', type: 'UINT32', columnType: 'int(5) unsigned zerofill' },
        { name: 'p', type: 'DECIMAL', columnType: 'decimal(5,2)' },
        { name: 'f', type: 'FLOAT64', columnType: 'double' },
        { name: 'l', type: 'VARCHAR', columnType: 'varchar(9)', charset: 8 },
        { name: 'b', type: 'BIT', columnType: 'bit(12)' },
        { name: 'x', type: 'BLOB', columnType: 'blob' },
        { name: 'v', type: 'VECTOR', columnType: 'vector(2)' },
        { name: 'y', type: 'YEAR', columnType: 'year' },
      ],
      { types: { int: 'boolean', decimal: 'number', year: 'string' } },
    );
    const cells = decoder.cells(
      sourceOf({ after: rowBytes(['00001', '.50', '1.5E+00', hex('e9'), hex('0fff'), hex('00ff'), hex('0000803f000020c0'), '0000']) }),
      'after',
    );
    expect(Array.from({ length: cells.count }, (_, column) => cells.text(column))).toEqual([
      '1',
      '0.50',
      '1.5',
      'é',
      '4095',
      'AP8=',
      '[1,-2.5]',
      '0000',
    ]);
    expect([cells.value(0), cells.value(1)]).toEqual([true, 0.5]);
    expect(cells.bytes(3)).toEqual(hex('e9'));
  });

  test('cells of several rows can be read in any order', () => {
    const decoder = decoderOf([
      { name: 'a', type: 'INT32', columnType: 'int' },
      { name: 'b', type: 'INT32', columnType: 'int' },
    ]);
    const rows = [0, 1, 2, 3].map((row) => decoder.cells(sourceOf({ after: rowBytes([String(row), String(row * 1000)]) }), 'after'));
    for (const column of [0, 1, 0])
      expect(rows.map((cells) => cells.value(column))).toEqual([0, 1, 2, 3].map((row) => row * (column === 0 ? 1 : 1000)));
  });

  test('a broken row is a named error at the first question', () => {
    const cells = decoderOf([{ name: 'a', type: 'INT32', columnType: 'int' }]).cells(sourceOf({ after: hex('0a0104') }), 'after');
    expect(() => cells.isNull(0)).toThrow(expect.objectContaining({ code: 'DECODE_FAILED', table: 'orders' }));
  });
});

test('a bitmap helper is what the wire has: bit i is byte i/8, mask 1 << (i % 8) (B41)', () => {
  expect(bitmapOf(1, 0, 1)).toEqual({ count: 3, bits: Uint8Array.of(5) });
});
