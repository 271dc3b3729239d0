/** Character sets against MySQL's own conversion of every code (B6, B8). */
import { readFileSync } from 'node:fs';
import { brotliDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isAscii } from './ascii.js';
import { type Charset, charsetById, charsetByName } from './charset.js';
import { CHARSET_NAMES, charsetOfCollation } from './collations.js';

/** `CONVERT(CONVERT(bytes USING set) USING utf8mb4)` of MySQL 9.7.4 for every byte, and every last byte behind a prefix. */
const golden = JSON.parse(brotliDecompressSync(readFileSync(new URL('charsets.golden.json.br', import.meta.url))).toString()) as {
  readonly single: Readonly<Record<string, string>>;
  readonly multi: Readonly<Record<string, Readonly<Record<string, string>>>>;
};

function charset(name: string): Charset {
  const found = charsetByName(name);
  if (!found) throw new Error(`no character set ${name}`);
  return found;
}

function decode(name: string, hex: string, invalid: 'fail' | 'replace' = 'fail'): string {
  const bytes = Buffer.from(`ff${hex}ff`, 'hex');
  return charset(name).decode(bytes, 1, bytes.length - 1, invalid);
}

describe('every character MySQL has', () => {
  test.each(Object.keys(golden.single))('%s: each byte is the character MySQL makes of it, or an error where it has none', (name) => {
    const table = golden.single[name] ?? '';
    expect(table).toHaveLength(256);
    for (let byte = 0; byte < 256; byte++) {
      const hex = byte.toString(16).padStart(2, '0');
      const expected = table[byte];
      if (expected === '\ufffd') expect(() => decode(name, hex)).toThrow(`not valid ${name}`);
      else expect(`${hex} ${decode(name, hex)}`).toBe(`${hex} ${expected}`);
    }
  });

  test.each(Object.keys(golden.multi))('%s: each code is the character MySQL makes of it', (name) => {
    let checked = 0;
    const wrong: string[] = [];
    for (const [prefix, characters] of Object.entries(golden.multi[name] ?? {})) {
      Array.from(characters).forEach((character, last) => {
        if (character === '\ufffd') return;
        const hex = prefix + last.toString(16).padStart(2, '0');
        checked++;
        if (decode(name, hex, 'replace') !== character) wrong.push(hex);
      });
    }
    expect(wrong).toEqual([]);
    expect(checked).toBeGreaterThan(7000);
  });

  test.each(Object.keys(golden.multi))('%s: characters side by side decode as one by one', (name) => {
    const codes = Object.entries(golden.multi[name] ?? {}).flatMap(([prefix, characters]) =>
      Array.from(characters).flatMap((character, last) =>
        character === '\ufffd' ? [] : [[prefix + last.toString(16).padStart(2, '0'), character] as const],
      ),
    );
    fc.assert(
      fc.property(fc.array(fc.nat(codes.length - 1), { maxLength: 20 }), (picks) => {
        const chosen = picks.map((pick) => codes[pick] ?? ['', '']);
        expect(decode(name, chosen.map(([hex]) => hex).join(''))).toBe(chosen.map(([, character]) => character).join(''));
      }),
      { numRuns: 50 },
    );
  });
});

describe('Unicode sets', () => {
  test.each([
    ['utf8mb4', 'utf8'],
    ['utf16le', 'utf16le'],
  ] as const)('%s round-trips any text, a leading U+FEFF included', (name, encoding) => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const withMark = `\ufeff${text}`;
        expect(decode(name, Buffer.from(withMark, encoding).toString('hex'))).toBe(withMark);
      }),
      { numRuns: 50 },
    );
  });

  test('utf16 and utf32 are big-endian', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const wide = Buffer.from(text, 'utf16le');
        wide.swap16();
        expect(decode('utf16', wide.toString('hex'))).toBe(text);
        const full = Array.from(text, (char) => (char.codePointAt(0) ?? 0).toString(16).padStart(8, '0')).join('');
        expect(decode('utf32', full)).toBe(text);
      }),
      { numRuns: 50 },
    );
  });

  test.each([
    ['utf8mb4', 'c328', '\ufffd('],
    ['utf8mb4', 'eda080', '\ufffd\ufffd\ufffd'],
    ['utf8mb4', '61ff', 'a\ufffd'],
    ['utf16', 'd8000041', '\ufffdA'],
    ['utf16', '004100', 'A\ufffd'],
    ['utf16le', '00dc', '\ufffd'],
    ['ucs2', 'd83dde00', '\ufffd\ufffd'],
    ['utf32', '00110000', '\ufffd'],
    ['utf32', '0000d800', '\ufffd'],
    ['utf32', '000000', '\ufffd'],
    ['ascii', '80', '\ufffd'],
    ['latin7', '41', 'A'],
    ['gbk', '81', '\ufffd'],
  ])('%s: invalid bytes %s are an error, or U+FFFD when asked (B8)', (name, hex, replaced) => {
    if (replaced.includes('\ufffd')) expect(() => decode(name, hex)).toThrow(`not valid ${name}`);
    expect(decode(name, hex, 'replace')).toBe(replaced);
  });

  test('a U+FFFD that really is in the data is no error', () => {
    expect(decode('utf8mb4', 'efbfbd')).toBe('\ufffd');
  });
});

describe('collations', () => {
  test.each([
    [45, 'utf8mb4'],
    [46, 'utf8mb4'],
    [255, 'utf8mb4'],
    [323, 'utf8mb4'],
    [33, 'utf8mb3'],
    [76, 'utf8mb3'],
    [8, 'latin1'],
    [54, 'utf16'],
    [35, 'ucs2'],
    [62, 'utf16le'],
    [183, 'utf32'],
    [51, 'cp1251'],
    [250, 'gb18030'],
    [63, 'binary'],
    [0, undefined],
    [400, undefined],
  ])('%d is %s (A.6)', (id, name) => {
    expect(charsetOfCollation(id)).toBe(name);
  });

  test('every set but binary has a decoder', () => {
    expect(CHARSET_NAMES).toHaveLength(41);
    expect(CHARSET_NAMES.filter((name) => name !== 'binary' && charsetByName(name) === undefined)).toEqual([]);
    expect(charsetById(0)).toBeUndefined();
    expect(charsetByName('constructor')).toBeUndefined();
  });

  test('swe7 and the wide sets are not ASCII-compatible, so no ASCII shortcut applies', () => {
    expect(CHARSET_NAMES.filter((name) => charsetByName(name)?.asciiCompatible === false).sort()).toEqual([
      'swe7',
      'ucs2',
      'utf16',
      'utf16le',
      'utf32',
    ]);
  });
});

test('ASCII is recognised at every length and offset', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(80), (bytes, cut) => {
      const buffer = Buffer.concat([Buffer.from([0xff]), bytes, Buffer.from([0xff])]);
      const end = 1 + Math.min(cut, bytes.length);
      expect(isAscii(buffer, 1, end)).toBe(bytes.subarray(0, end - 1).every((byte) => byte < 0x80));
      const plain = Buffer.from(bytes.map((byte) => byte & 0x7f));
      expect(isAscii(plain, 0, plain.length)).toBe(true);
    }),
  );
});
