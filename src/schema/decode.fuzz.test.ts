/** Random, truncated and mutated rows: a named error or a right value, never anything else. fast-check prints the seed. */
import { fromBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decoderOf, type FieldSpec, rowBytes, sourceOf } from '../../test/support/rows.js';
import { VStreamError } from '../errors.js';
import { RowSchema } from '../wire/gen/query_pb.js';
import { columnReader } from './column-reader.js';
import { compileRow, type CompiledRow } from './compile.js';
import { parseJson, parseJsonNode, printJson } from './json.js';
import { readBigint, readFloat, isCanonicalDecimal, normaliseDecimal } from './numbers.js';
import { loopRow, plainMaker, planRow, scannedRow } from './row-loop.js';
import { scanRow } from './row-scan.js';
import type { Row } from './values.js';

const KINDS: readonly FieldSpec[] = [
  { name: 'id', type: 'INT64', columnType: 'bigint', flags: 3 },
  { name: 'i', type: 'INT32', columnType: 'int' },
  { name: 'f', type: 'FLOAT64', columnType: 'double' },
  { name: 'p', type: 'DECIMAL', columnType: 'decimal(10,2)' },
  { name: 'y', type: 'YEAR', columnType: 'year' },
  { name: 'bit', type: 'BIT', columnType: 'bit(12)' },
  { name: 'd', type: 'DATE', columnType: 'date' },
  { name: 'dt', type: 'DATETIME', columnType: 'datetime(6)' },
  { name: 'ts', type: 'TIMESTAMP', columnType: 'timestamp' },
  { name: 't', type: 'TIME', columnType: 'time' },
  { name: 'v', type: 'VARCHAR', columnType: 'varchar(20)', charset: 255 },
  { name: 'l1', type: 'VARCHAR', columnType: 'varchar(20)', charset: 8 },
  { name: 'u16', type: 'VARCHAR', columnType: 'varchar(20)', charset: 54 },
  { name: 'sj', type: 'VARCHAR', columnType: 'varchar(20)', charset: 13 },
  { name: 'e', type: 'ENUM', columnType: "enum('small','it''s')", charset: 255 },
  { name: 's', type: 'SET', columnType: "set('é','ü')", charset: 8 },
  { name: 'b', type: 'BLOB', columnType: 'blob' },
  { name: 'j', type: 'JSON', columnType: 'json' },
  { name: 'g', type: 'GEOMETRY', columnType: 'geometry' },
  { name: 'vec', type: 'VECTOR', columnType: 'vector(3)' },
];

const VALID = [
  '42',
  '-7',
  '1.5E+00',
  '.50',
  '2024',
  Buffer.from([1, 2]),
  '2024-02-29',
  '2024-02-29 12:34:56.000001',
  '2024-02-29 12:34:56',
  '-838:59:59',
  'text é',
  Buffer.from([0xe9]),
  Buffer.from([0, 0x41]),
  Buffer.from([0x82, 0xa0]),
  'small',
  Buffer.from([0xe9]),
  Buffer.from([0, 255]),
  '{"a": [1, null]}',
  Buffer.alloc(13),
  Buffer.alloc(12),
];

function outcome(run: () => unknown): 'value' | 'error' {
  try {
    run();
    return 'value';
  } catch (error) {
    if (!VStreamError.is(error)) throw error;
    expect(error).toMatchObject({ code: 'DECODE_FAILED', keyspace: 'commerce', shard: '-80', table: 'orders' });
    return 'error';
  }
}

describe('hostile bytes', () => {
  const decoder = decoderOf(KINDS);
  const loose = decoderOf(
    KINDS.map((spec) => ({ ...spec })),
    { invalidText: 'replace', zeroDates: 'null' },
    false,
  );
  const readAll = (message: Buffer): void => {
    const source = sourceOf({ after: message });
    for (const one of [decoder, loose]) {
      outcome(() => one.row(source, 'after'));
      outcome(() => one.key(source, 'after'));
      const cells = one.cells(source, 'after');
      if (outcome(() => cells.isNull(0)) === 'error') continue;
      for (let column = 0; column < cells.count; column++)
        outcome(() => [cells.isNull(column), cells.bytes(column), cells.text(column), cells.value(column)]);
    }
  };

  test('random bytes as a row give a named error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => readAll(Buffer.from(bytes))),
      { numRuns: 1000 },
    );
  });

  test('a valid row, truncated or with bytes changed, gives a value or a named error', () => {
    const valid = rowBytes(VALID);
    const change = fc.tuple(fc.nat(valid.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 6 }), fc.nat(valid.length), (changes, length) => {
        const message = Buffer.from(valid);
        for (const [at, byte] of changes) message[at] = byte;
        readAll(message.subarray(0, length));
        readAll(message);
      }),
      { numRuns: 300 },
    );
  });

  test('random cells of the right count give a value or an error that names the column', () => {
    const cell = fc.option(fc.oneof(fc.uint8Array({ maxLength: 30 }), fc.string({ maxLength: 30 }), fc.constantFrom(...VALID)), {
      nil: null,
    });
    fc.assert(
      fc.property(fc.array(cell, { minLength: KINDS.length, maxLength: KINDS.length }), (cells) => {
        const source = sourceOf({ after: rowBytes(cells.map((one) => (one === null ? null : Buffer.from(one as Uint8Array)))) });
        try {
          decoder.row(source, 'after');
        } catch (error) {
          expect(error).toMatchObject({ code: 'DECODE_FAILED', column: expect.any(String) });
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('against other readers', () => {
  const BYTES: readonly FieldSpec[] = [1, 2, 3].map((index) => ({ name: `c${index}`, type: 'BLOB', columnType: 'blob' }));
  const decoder = decoderOf(BYTES);

  /** The cells as protobuf-es reads the message, or undefined when it is no row of three cells. */
  function generated(message: Buffer): Row | undefined {
    try {
      const row = fromBinary(RowSchema, message);
      let at = 0;
      if (row.lengths.length !== 3) return undefined;
      const cells = row.lengths.map((length) => {
        if (length === -1n) return null;
        if (length < 0n || at + Number(length) > row.values.length) throw new Error('broken');
        at += Number(length);
        return new Uint8Array(row.values.subarray(at - Number(length), at));
      });
      return at === row.values.length ? { c1: cells[0], c2: cells[1], c3: cells[2] } : undefined;
    } catch {
      return undefined;
    }
  }

  test('a row is what the generated code makes of the same bytes, whatever the encoding', () => {
    const packed = fc.array(fc.integer({ min: -2, max: 3 }), { maxLength: 4 }).map((lengths) => {
      const bytes = lengths.map((length) => (length < 0 ? -length * 2 - 1 : length * 2));
      return [0x0a, bytes.length, ...bytes];
    });
    const piece = fc.oneof(
      packed,
      packed,
      fc.integer({ min: -1, max: 3 }).map((length) => [0x08, length < 0 ? 1 : length * 2]),
      fc.uint8Array({ maxLength: 6 }).map((bytes) => [0x12, bytes.length, ...bytes]),
      fc.uint8Array({ maxLength: 6 }).map((bytes) => [0x12, bytes.length, ...bytes]),
      fc.constantFrom([0x18, 5], [0x22, 1, 7], [0x25, 1, 2, 3, 4], [0x21, 1, 2, 3, 4, 5, 6, 7, 8]),
    );
    // Lengths in any split of packed and single, values before, between or after, unknown fields in between.
    const wellFormed = fc
      .record({
        lengths: fc.tuple(...[0, 1, 2].map(() => fc.integer({ min: -1, max: 3 }))),
        split: fc.nat(3),
        at: fc.nat(3),
        unknown: fc.constantFrom([], [0x18, 5], [0x22, 1, 7]),
      })
      .map(({ lengths, split, at, unknown }) => {
        const encoded = lengths.map((length) => (length < 0 ? 1 : length * 2));
        const size = lengths.reduce((sum, length) => sum + Math.max(0, length), 0);
        const parts = [[0x0a, split, ...encoded.slice(0, split)], ...encoded.slice(split).map((length) => [0x08, length]), unknown];
        parts.splice(at, 0, size === 0 && unknown.length > 0 ? [] : [0x12, size, ...Array.from({ length: size }, (_, index) => index)]);
        return parts;
      });
    let rows = 0;
    fc.assert(
      fc.property(fc.oneof(wellFormed, wellFormed, fc.array(piece, { maxLength: 5 })), (pieces) => {
        const message = Buffer.from(pieces.flat());
        const expected = generated(message);
        const source = sourceOf({ after: message });
        if (expected === undefined) expect(outcome(() => decoder.row(source, 'after'))).toBe('error');
        else {
          rows++;
          expect(decoder.row(source, 'after')).toEqual(expected);
        }
      }),
      { numRuns: 2000 },
    );
    expect(rows).toBeGreaterThan(500);
  });

  test('the compiled decoder, the loop of wide tables, the one without generated code and each reader alone agree', () => {
    const version = decoderOf(KINDS).version;
    const readers = version.columns.map((column) => columnReader(column, { options: {}, labelStrings: true }));
    const layout = { lengths: new Int32Array(readers.length), starts: new Int32Array(readers.length) };
    const all = readers.map((_, index) => index);
    const names = readers.map(({ column }) => column.name);
    const compiled = compileRow(readers, layout);
    const loop = { decode: loopRow, plan: planRow(readers, layout, all, plainMaker(names)) };
    // The same columns, more often than a generated function may have.
    const many = Array.from({ length: 5 }, (_, round) =>
      readers.map((one) => ({ ...one, column: { ...one.column, name: `${one.column.name}${round}` } })),
    ).flat();
    const wide = compileRow(many, { lengths: new Int32Array(many.length), starts: new Int32Array(many.length) });
    const decodeAlone: CompiledRow['decode'] = (_, buffer, start, end, copied) => {
      const { lengths, starts } = layout;
      scanRow(buffer, start, end, readers.length, lengths, starts);
      const value = (index: number): unknown => {
        const [length = 0, from = 0] = [lengths[index], starts[index]];
        return length < 0 ? null : readers[index]?.value(buffer, from, from + length, copied);
      };
      return Object.fromEntries(all.map((index) => [names[index], value(index)]));
    };
    const alone = { ...loop, decode: decodeAlone };
    const cellOf = (index: number): fc.Arbitrary<Uint8Array | null> =>
      fc.option(
        fc.oneof(
          fc.constant(Buffer.from(VALID[index] as Uint8Array)),
          fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => Buffer.from(text)),
        ),
        { nil: null, freq: 8 },
      );
    fc.assert(
      fc.property(fc.tuple(...readers.map((_, index) => cellOf(index))), fc.boolean(), (cells, copied) => {
        const run = ({ decode, plan }: CompiledRow, row: readonly (Uint8Array | null)[]): unknown => {
          const source = sourceOf({ after: rowBytes(row) });
          try {
            return decode(plan, source.buffer, source.afterStart, source.afterEnd, copied);
          } catch {
            return 'error';
          }
        };
        const expected = run(alone, cells);
        expect(run(compiled, cells)).toEqual(expected);
        expect(run(loop, cells)).toEqual(expected);
        expect(run({ ...loop, decode: scannedRow }, cells)).toEqual(expected);
        const five = run(wide, [cells, cells, cells, cells, cells].flat());
        if (expected === 'error') expect(five).toBe('error');
        else expect(Object.values(five as Row)).toEqual(Array.from({ length: 5 }, () => Object.values(expected as Row)).flat());
      }),
      { numRuns: 1000 },
    );
  });
});

describe('numbers', () => {
  test('every 64-bit integer comes back', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }), fc.nat(5), (value, zeros) => {
        const text = `${value < 0n ? '-' : ''}${'0'.repeat(zeros)}${value < 0n ? -value : value}`;
        const bytes = Buffer.from(`x${text}y`);
        expect(readBigint(bytes, 1, bytes.length - 1)).toBe(value);
      }),
      { numRuns: 2000 },
    );
  });

  test('a byte that is no digit is refused wherever it stands in an integer of any length', () => {
    const others = [0x00, 0x20, 0x2b, 0x2d, 0x2e, 0x2f, 0x3a, 0x3f, 0x40, 0x70, 0xb0, 0xb9, 0xff];
    for (let length = 1; length <= 20; length++) {
      for (let at = 0; at < length; at++) {
        for (const byte of others) {
          // A sign in front of digits is one.
          if (byte === 45 && at === 0 && length > 1) continue;
          const bytes = Buffer.alloc(length + 2, '1');
          bytes[1 + at] = byte;
          expect(() => readBigint(bytes, 1, 1 + length)).toThrow(/digits|empty/);
        }
      }
    }
  });

  test('every double comes back in every spelling', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        for (const text of [
          Object.is(value, -0) ? '-0' : String(value),
          value.toExponential().replace('e', 'E'),
          value.toExponential(20),
        ]) {
          const bytes = Buffer.from(text);
          expect(readFloat(bytes, 0, bytes.length)).toBe(Number(text));
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('a DECIMAL with surplus zeros comes back canonical, and canonical text passes as it is', () => {
    const digits = fc.bigInt({ min: 0n, max: 10n ** 30n });
    fc.assert(
      fc.property(
        fc.boolean(),
        digits,
        fc.option(fc.stringMatching(/^\d{1,30}$/), { nil: undefined }),
        fc.nat(9),
        (negative, whole, fraction, zeros) => {
          const tail = fraction === undefined ? '' : `.${fraction}`;
          const isZero = !/[1-9]/.test(`${whole}${tail}`);
          const canonical = `${negative && !isZero ? '-' : ''}${whole}${tail}`;
          expect(normaliseDecimal(`${negative ? '-' : ''}${'0'.repeat(zeros)}${whole}${tail}`)).toBe(canonical);
          const bytes = Buffer.from(canonical);
          if (isCanonicalDecimal(bytes, 0, bytes.length)) expect(normaliseDecimal(canonical)).toBe(canonical);
          else expect(canonical.startsWith('-0')).toBe(true);
        },
      ),
    );
  });
});

describe('JSON', () => {
  test('our parser reads what JSON.stringify writes, and prints what JSON.parse reads', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        const printed = printJson(parseJsonNode(text));
        expect(JSON.parse(printed)).toEqual(JSON.parse(text));
      }),
      { numRuns: 1000 },
    );
  });

  test('any text is a value or a failure of ours', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'{}[]",:.-+0123456789eE\\xu tfn'.split('')) }), (text) => {
        try {
          parseJson(text);
        } catch (error) {
          expect(error).toHaveProperty('code', 'DECODE_FAILED');
        }
      }),
      { numRuns: 3000 },
    );
  });
});
