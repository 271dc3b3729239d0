/** Character sets: MySQL collation id to an exact decoder. Layer 2. */
import { isAscii } from './ascii.js';
import { charsetOfCollation } from './collations.js';
import { multiByteCharset } from './charset-multibyte.js';
import { SINGLE_BYTE } from './charset-tables.js';
import { refuseText } from './failure.js';

export type InvalidText = 'fail' | 'replace';

/** Decodes text of one character set. */
export interface Charset {
  /** MySQL's name. */
  readonly name: string;
  /** Bytes below 0x80 mean ASCII, at every position of a text: an all-ASCII cell needs no decoder. */
  readonly asciiCompatible: boolean;
  /** Throws `CellFailure` for bytes that are not valid, unless `replace`. */
  decode(buffer: Buffer, start: number, end: number, invalid: InvalidText): string;
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The cheap conversion first: only a text with U+FFFD in it can have been invalid (B8). Keeps a leading U+FEFF. */
export function decodeUtf8(buffer: Buffer, start: number, end: number, invalid: InvalidText): string {
  const text = buffer.toString('utf8', start, end);
  if (invalid === 'fail' && text.includes('\ufffd')) {
    try {
      return strictUtf8.decode(buffer.subarray(start, end));
    } catch {
      refuseText('utf8mb4');
    }
  }
  return text;
}

const UTF8: Charset = { name: 'utf8mb4', asciiCompatible: true, decode: decodeUtf8 };

const ASCII: Charset = {
  name: 'ascii',
  asciiCompatible: true,
  decode(buffer, start, end, invalid) {
    if (isAscii(buffer, start, end)) return buffer.toString('latin1', start, end);
    if (invalid === 'fail') refuseText('ascii');
    return buffer.toString('latin1', start, end).replace(/[\x80-\xff]/g, '\ufffd');
  },
};

function utf16(name: string, bigEndian: boolean, surrogates: boolean): Charset {
  return {
    name,
    asciiCompatible: false,
    decode(buffer, start, end, invalid) {
      const even = end - ((end - start) % 2);
      let text: string;
      if (bigEndian) {
        const swapped = Buffer.from(buffer.subarray(start, even));
        swapped.swap16();
        text = swapped.toString('utf16le');
      } else text = buffer.toString('utf16le', start, even);
      const broken = surrogates ? /\p{Cs}/u.test(text) : /[\ud800-\udfff]/.test(text);
      if (even === end && !broken) return text;
      if (invalid === 'fail') refuseText(name);
      return `${text.replace(surrogates ? /\p{Cs}/gu : /[\ud800-\udfff]/g, '\ufffd')}${even === end ? '' : '\ufffd'}`;
    },
  };
}

const UTF32: Charset = {
  name: 'utf32',
  asciiCompatible: false,
  decode(buffer, start, end, invalid) {
    let text = '';
    let at = start;
    for (; at + 4 <= end; at += 4) {
      const code = buffer.readUInt32BE(at);
      if (code <= 0x10ffff && (code < 0xd800 || code > 0xdfff)) text += String.fromCodePoint(code);
      else if (invalid === 'fail') refuseText('utf32');
      else text += '\ufffd';
    }
    if (at === end) return text;
    if (invalid === 'fail') refuseText('utf32');
    return `${text}\ufffd`;
  },
};

/** A set with one byte a character, from a table of 256 characters; U+FFFD marks a byte MySQL does not define. */
function singleByte(name: string, table: string): Charset {
  let asciiCompatible = true;
  for (let code = 0; code < 128; code++) if (table.charCodeAt(code) !== code) asciiCompatible = false;
  return {
    name,
    asciiCompatible,
    decode(buffer, start, end, invalid) {
      let text = '';
      for (let at = start; at < end; at++) text += table[buffer[at] as number];
      if (invalid === 'fail' && text.includes('\ufffd')) refuseText(name);
      return text;
    },
  };
}

const built = new Map<string, Charset | undefined>();

function build(name: string): Charset | undefined {
  switch (name) {
    case 'utf8':
    case 'utf8mb3':
    case 'utf8mb4':
      return UTF8;
    case 'ascii':
      return ASCII;
    case 'utf16':
      return utf16(name, true, true);
    case 'ucs2':
      return utf16(name, true, false);
    case 'utf16le':
      return utf16(name, false, true);
    case 'utf32':
      return UTF32;
    default: {
      const upper = Object.hasOwn(SINGLE_BYTE, name) ? SINGLE_BYTE[name] : undefined;
      if (upper !== undefined) return singleByte(name, upper.length === 256 ? upper : `${ASCII_TABLE}${upper}`);
      return multiByteCharset(name);
    }
  }
}

const ASCII_TABLE = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code)).join('');

/** The decoder of a MySQL character set by its MySQL name, or undefined when we have none. */
export function charsetByName(name: string): Charset | undefined {
  const key = name.toLowerCase();
  if (!built.has(key)) built.set(key, build(key));
  return built.get(key);
}

/** The decoder of a collation id as FIELD carries it; undefined for 0 (the tablet could not name it, B7) and unknown ids. */
export function charsetById(collation: number): Charset | undefined {
  const name = charsetOfCollation(collation);
  return name === undefined ? undefined : charsetByName(name);
}
