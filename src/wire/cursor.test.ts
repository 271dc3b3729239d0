import { BinaryWriter } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cursor, readRange, readVarint32, readVarintNumber, skipField } from './cursor.js';
import { RepeatedName } from './names.js';

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });

describe('numbers', () => {
  test('any 64-bit integer reads as the nearest double, and ends where it ends', () => {
    fc.assert(
      fc.property(int64, fc.uint8Array({ maxLength: 3 }), (value, behind) => {
        const bytes = Buffer.concat([new BinaryWriter().int64(value).finish(), behind]);
        expect(readVarintNumber(bytes, 0, bytes.length)).toBe(Number(value));
        expect(cursor.at).toBe(bytes.length - behind.length);
      }),
    );
  });

  test('any 32-bit integer reads exactly; of larger ones the low bits', () => {
    fc.assert(
      fc.property(int64, (value) => {
        const bytes = Buffer.from(new BinaryWriter().int64(value).finish());
        expect(readVarint32(bytes, 0, bytes.length)).toBe(Number(BigInt.asUintN(32, value)));
        expect(cursor.at).toBe(bytes.length);
      }),
    );
  });

  test.each([readVarint32, readVarintNumber])('%o refuses a number that is cut off or does not end', (read) => {
    for (const bytes of [[], [0x80], Array.from({ length: 9 }, () => 0xff)]) {
      expect(() => read(Buffer.from(bytes), 0, bytes.length)).toThrowError(
        expect.objectContaining({ code: 'PROTOCOL', message: expect.stringContaining('cut off') }),
      );
    }
    const endless = Buffer.alloc(20, 0xff);
    expect(() => read(endless, 0, endless.length)).toThrowError(
      expect.objectContaining({ code: 'PROTOCOL', message: expect.stringContaining('too long') }),
    );
  });

  test('nothing behind `end` is looked at', () => {
    const bytes = Buffer.from([0x80, 0x01]);
    expect(() => readVarint32(bytes, 0, 1)).toThrow('cut off');
    expect(() => readRange(Buffer.from([0x02, 0x00, 0x00]), 0, 2)).toThrow('cut off');
    expect(() => readRange(Buffer.from([0x00]), 1, 1)).toThrow('cut off');
    expect(() => skipField(Buffer.alloc(8), 1, 0, 7)).toThrow('cut off');
    expect(() => skipField(Buffer.alloc(4), 5, 0, 3)).toThrow('cut off');
    expect(() => skipField(Buffer.alloc(4, 0x80), 0, 0, 4)).toThrow('cut off');
  });

  test('groups, which proto3 does not have, are refused', () => {
    for (const wireType of [3, 4, 6, 7])
      expect(() => skipField(Buffer.alloc(9), wireType, 0, 9)).toThrowError(expect.objectContaining({ code: 'PROTOCOL' }));
  });
});

describe('names that repeat', () => {
  test('read as the text of their bytes whatever came before', () => {
    const name = fc.oneof(fc.constantFrom('', 'a', 'b', 'aa', 'ab', 'ключ'), fc.string({ unit: 'grapheme', maxLength: 5 }));
    fc.assert(
      fc.property(fc.array(name, { maxLength: 10 }), (names) => {
        const repeated = new RepeatedName();
        for (const one of names) {
          const bytes = Buffer.from(` ${one} `);
          expect(repeated.read(bytes, 1, bytes.length - 1)).toBe(one);
          bytes.fill(0);
        }
      }),
    );
  });
});
