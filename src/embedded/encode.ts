/**
 * Cells to wire bytes, in both encodings: `copy` is what MySQL's SELECT prints, `replication` what a tablet rebuilds from the
 * binary log (values.md A and B). They differ for FLOAT and DOUBLE (B20 to B23), ZEROFILL (B19), JSON key order (B35) and the
 * labels of ENUM and SET outside UTF-8 (B13).
 */
import type { Column } from './columns.js';
import { parseJson, printJson } from './json-text.js';
import type { Cell, Row } from './values.js';

export type Phase = 'copy' | 'replication';

/** Wire form of one cell that is not NULL: text stands for its UTF-8 bytes. */
export function encodeCell(column: Column, cell: Exclude<Cell, null>, phase: Phase): string | Uint8Array {
  if (cell instanceof Uint8Array) return cell;
  switch (column.kind) {
    case 'int': {
      const text = String(cell);
      return column.zerofill && phase === 'copy' ? text.padStart(column.length, '0') : text;
    }
    case 'bigint': {
      const text = String(cell);
      return column.zerofill && phase === 'copy' ? text.padStart(column.length, '0') : text;
    }
    case 'decimal':
      return column.zerofill && phase === 'copy' ? (cell as string).padStart(column.length, '0') : (cell as string);
    case 'year':
      return String(cell).padStart(4, '0'); // B34
    case 'float':
      return phase === 'copy' ? copyFloat(column, cell as number) : replicatedFloat(column, cell as number);
    case 'json':
      return phase === 'copy' ? (cell as string) : printJson(parseJson(cell as string), 'vitess');
    case 'label':
      return phase === 'copy' ? encodeText(column, cell as string) : (cell as string);
    case 'text':
      return encodeText(column, cell as string);
    default:
      return String(cell);
  }
}

/** MySQL's text: FLOAT with six digits, DOUBLE shortest, exponents without plus sign or padding (B20, B21). */
function copyFloat(column: Column, value: number): string {
  if (column.decimals !== 31) return value.toFixed(column.decimals); // B22
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const digits = column.base === 'float' ? Number(value.toPrecision(6)) : value;
  const size = Math.abs(digits);
  // MySQL writes the exponent form where it is shorter; these limits agree with every value of values.md C.1.1.
  if (size >= 1e15 || size < 1e-15 || (column.base === 'float' && size >= 1e8) || (column.base === 'float' && size < 1e-4)) {
    return digits.toExponential().replace('e+', 'e');
  }
  return size < 1e-6 ? digits.toFixed(20).replace(/0+$/, '') : String(digits);
}

/** Go's shortest `E` form with at least two exponent digits: `1.6777216E+07`, `0E+00`. */
function replicatedFloat(column: Column, value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0E+00' : '0E+00';
  const text = column.base === 'float' ? shortestFloat32(value) : value.toExponential();
  const [mantissa = '', exponent = '+0'] = text.split('e');
  const sign = exponent.startsWith('-') ? '-' : '+';
  return `${mantissa}E${sign}${exponent.replace(/^[-+]/, '').padStart(2, '0')}`;
}

function shortestFloat32(value: number): string {
  for (let digits = 0; digits <= 9; digits += 1) {
    const text = value.toExponential(digits);
    if (Math.fround(Number(text)) === value) return text;
  }
  return value.toExponential();
}

/** Text in the column's own character set: nobody converts it on the way (B6). */
function encodeText(column: Column, text: string): string | Uint8Array {
  const collation = column.collation;
  if (collation.startsWith('utf8') || collation.startsWith('ascii')) return text;
  if (collation.startsWith('latin1')) return Uint8Array.from(text, latin1Byte);
  if (collation.startsWith('utf16') || collation.startsWith('ucs2')) return Buffer.from(text, 'utf16le').swap16();
  if (collation.startsWith('utf32')) {
    const points = [...text].map((char) => char.codePointAt(0) ?? 0);
    const bytes = Buffer.alloc(points.length * 4);
    points.forEach((point, index) => bytes.writeUInt32BE(point, index * 4));
    return bytes;
  }
  // Other sets: ASCII only, or the test passes the bytes.
  if (/[^\x00-\x7f]/.test(text)) throw new Error(`embedded engine: pass bytes for ${collation} column ${column.name}`);
  return text;
}

/** MySQL's latin1 is cp1252; the rows 0x80 to 0x9f that differ from ISO 8859-1. */
const CP1252 = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';

function latin1Byte(char: string): number {
  const special = CP1252.indexOf(char);
  if (special >= 0) return 0x80 + special;
  const point = char.codePointAt(0) ?? 0;
  if (point > 0xff) throw new Error(`embedded engine: ${char} is not in latin1`);
  return point;
}

/** A row on the wire: `size` bytes from `start` of `arena`, which is shared with other rows and never written again. */
export interface EncodedRow {
  /** -1 is NULL, 0 is empty (B1). */
  readonly lengths: number[];
  readonly arena: Buffer;
  readonly start: number;
  readonly size: number;
}

/** Rows are written one behind the other: an allocation for each would cost more than encoding it. */
const ARENA_BYTES = 256 * 1024;
let arena = Buffer.allocUnsafeSlow(ARENA_BYTES);
let used = 0;

/** Encodes the cells at `picks` (source positions of the emitted columns). */
export function encodeRow(
  columns: readonly Column[],
  picks: readonly number[],
  row: Row,
  phase: Phase,
  skip?: (column: Column) => boolean,
): EncodedRow {
  const lengths: number[] = [];
  let start = used;
  let at = used;
  for (const pick of picks) {
    const cell = row[pick];
    const column = columns[pick] as Column;
    if (cell === null || cell === undefined || skip?.(column)) {
      lengths.push(-1);
      continue;
    }
    const bytes = encodeCell(column, cell, phase);
    const room = typeof bytes === 'string' ? bytes.length * 3 : bytes.length;
    if (at + room > arena.length) {
      const next = Buffer.allocUnsafeSlow(Math.max(ARENA_BYTES, (at - start + room) * 2));
      arena.copy(next, 0, start, at);
      arena = next;
      at -= start;
      start = 0;
    }
    const begin = at;
    if (typeof bytes === 'string') at += writeText(bytes, at);
    else {
      arena.set(bytes, at);
      at += bytes.length;
    }
    lengths.push(at - begin);
  }
  used = at;
  return { lengths, arena, start, size: at - start };
}

/** Short ASCII, the ordinary cell, is written by hand: a call into the runtime costs more. */
function writeText(text: string, at: number): number {
  if (text.length > 40) return arena.write(text, at);
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code > 0x7f) return arena.write(text, at);
    arena[at + index] = code;
  }
  return text.length;
}

/** The bytes of an encoded row, as a copy. */
export function rowBytes({ arena: source, start, size }: EncodedRow): Uint8Array {
  return new Uint8Array(source.subarray(start, start + size));
}

/** The stored cell behind the bytes of a last key, which are in copy encoding. */
export function decodeKeyCell(column: Column, bytes: Uint8Array): Cell {
  const text = (): string => Buffer.from(bytes).toString('utf8');
  switch (column.kind) {
    case 'bytes':
    case 'bit':
      return Uint8Array.from(bytes);
    case 'int':
    case 'year':
    case 'float':
      return Number(text());
    case 'bigint':
      return BigInt(text());
    case 'text':
    case 'label':
      if (column.collation.startsWith('latin1'))
        return Buffer.from(bytes)
          .toString('latin1')
          .replace(/[\x80-\x9f]/g, (char) => CP1252[char.charCodeAt(0) - 0x80] ?? char);
      if (column.collation.startsWith('utf16') || column.collation.startsWith('ucs2'))
        return Buffer.from(bytes).swap16().toString('utf16le');
      if (/^(utf8|ascii)/.test(column.collation) || (!column.collation.startsWith('utf32') && bytes.every((byte) => byte < 0x80)))
        return text();
      return Uint8Array.from(bytes);
    default:
      return text();
  }
}
