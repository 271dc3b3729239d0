/** Numbers from ASCII cells, straight from the bytes. Layer 2. */
import { viewOf } from '../wire/view.js';
import { CellFailure, fail } from './failure.js';

const MINUS = 45;
const DOT = 46;
const ZERO = 48;

/** Decimal digits with an optional sign; leading zeros of ZEROFILL are fine (B19). At most 15 significant digits. */
export function readInt(buffer: Buffer, start: number, end: number): number {
  let at = start;
  const negative = buffer[at] === MINUS;
  if (negative) at++;
  const digits = end - at;
  if (digits < 1 || digits > 15) return readLongInt(buffer, start, end);
  let value = 0;
  for (; at < end; at++) {
    const digit = (buffer[at] as number) - ZERO;
    if (digit < 0 || digit > 9) fail('an integer cell holds something else than digits');
    value = value * 10 + digit;
  }
  return negative && value !== 0 ? -value : value;
}

function readLongInt(buffer: Buffer, start: number, end: number): number {
  const value = readBigint(buffer, start, end);
  const number = Number(value);
  if (!Number.isSafeInteger(number)) fail('an integer cell is out of the range of its type');
  return number;
}

const limbs = new Uint32Array(2);
const joined = new BigUint64Array(limbs.buffer);

/** A 64-bit integer without loss (B24). `BigInt(text)` would cost ten times as much. */
export function readBigint(buffer: Buffer, start: number, end: number): bigint {
  let at = start;
  const negative = buffer[at] === MINUS;
  if (negative) at++;
  if (at >= end) fail('an integer cell is empty');
  while (end - at > 15 && buffer[at] === ZERO) at++;
  const digits = end - at;
  if (digits <= 15) {
    let value = 0;
    for (; at < end; at++) {
      const digit = (buffer[at] as number) - ZERO;
      if (digit < 0 || digit > 9) fail('an integer cell holds something else than digits');
      value = value * 10 + digit;
    }
    // Through the limbs as well: `BigInt(number)` is a call into C++, an element of a typed array is not.
    const top = Math.floor(value / 4294967296);
    limbs[0] = value - top * 4294967296;
    limbs[1] = top;
    return negative ? -(joined[0] as bigint) : (joined[0] as bigint);
  }
  if (digits > 20) fail('an integer cell is out of the range of its type');
  // value = high * 10^8 + low, multiplied out over 32-bit limbs in doubles: every intermediate stays below 2^53.
  let head = 0;
  const middle = end - 16;
  for (; at < middle; at++) {
    const digit = (buffer[at] as number) - ZERO;
    if (digit < 0 || digit > 9) fail('an integer cell holds something else than digits');
    head = head * 10 + digit;
  }
  const view = viewOf(buffer);
  const high = head * 1e8 + fourDigits(view.getInt32(middle)) * 1e4 + fourDigits(view.getInt32(middle + 4));
  const low = fourDigits(view.getInt32(end - 8)) * 1e4 + fourDigits(view.getInt32(end - 4));
  // (`%` on doubles would be a call into C.)
  const highTop = Math.floor(high / 65536);
  const upper = highTop * 1e8;
  const lower = (high - highTop * 65536) * 1e8 + low;
  const upperTop = Math.floor(upper / 65536);
  const sum = (upper - upperTop * 65536) * 65536 + lower;
  const carry = Math.floor(sum / 4294967296);
  const top = upperTop + carry;
  if (top > 4294967295) fail('an integer cell is out of the range of its type');
  limbs[0] = sum - carry * 4294967296;
  limbs[1] = top;
  const value = joined[0] as bigint;
  if (!negative) return value;
  if (value > 9223372036854775808n) fail('an integer cell is out of the range of its type');
  return -value;
}

/** The number of four digits that were read as one big-endian integer: two pairs at once, then both together. */
function fourDigits(bytes: number): number {
  // 0x30 to 0x39: the high half is 3, and stays so with 6 added.
  if ((bytes & 0xf0f0f0f0) !== 0x30303030 || ((bytes + 0x06060606) & 0xf0f0f0f0) !== 0x30303030)
    fail('an integer cell holds something else than digits');
  const digits = bytes & 0x0f0f0f0f;
  const pairs = ((digits >>> 8) * 10 + digits) & 0x00ff00ff;
  return (pairs >>> 16) * 100 + (pairs & 0xff);
}

const POWER = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));

/**
 * FLOAT and DOUBLE in any spelling of either phase (B21): `16777200`, `1.6777216E+07`, `1e-16`, `-0E+00`. Up to 15 digits and
 * small exponents are exact with one multiplication or division of exact doubles; the rest goes through `Number`.
 */
export function readFloat(buffer: Buffer, start: number, end: number): number {
  let at = start;
  const negative = buffer[at] === MINUS;
  if (negative) at++;
  let mantissa = 0;
  let digits = 0;
  let fraction = 0;
  let seenDot = false;
  let byte = 0;
  for (; at < end; at++) {
    byte = buffer[at] as number;
    const digit = byte - ZERO;
    if (digit >= 0 && digit <= 9) {
      digits++;
      mantissa = mantissa * 10 + digit;
      if (seenDot) fraction++;
    } else if (byte === DOT && !seenDot) seenDot = true;
    else break;
  }
  if (digits === 0) fail('a floating point cell holds something else than a number');
  let exponent = 0;
  if (at < end) {
    if (byte !== 69 && byte !== 101) fail('a floating point cell holds something else than a number');
    at++;
    const negativeExponent = buffer[at] === MINUS;
    if (negativeExponent || buffer[at] === 43) at++;
    if (at >= end || end - at > 4) fail('a floating point cell has a broken exponent');
    for (; at < end; at++) {
      const digit = (buffer[at] as number) - ZERO;
      if (digit < 0 || digit > 9) fail('a floating point cell has a broken exponent');
      exponent = exponent * 10 + digit;
    }
    if (negativeExponent) exponent = -exponent;
  }
  const scale = exponent - fraction;
  if (digits <= 15 && scale >= -22 && scale <= 22) {
    const value = scale < 0 ? mantissa / (POWER[-scale] as number) : mantissa * (POWER[scale] as number);
    return negative ? -value : value;
  }
  const value = Number(buffer.toString('latin1', start, end));
  if (!Number.isFinite(value)) fail('a floating point cell is out of range');
  return value;
}

/** True when the bytes already are the canonical text of a DECIMAL: one digit at least before the point, no surplus zero. */
export function isCanonicalDecimal(buffer: Buffer, start: number, end: number): boolean {
  let at = start;
  if (buffer[at] === MINUS) at++;
  const first = at < end ? (buffer[at] as number) : 0;
  if (first < ZERO || first > 57) return false;
  // A leading zero is right only directly before the point; a negative one may be a negative zero, settled by the slow path.
  if (first === ZERO && (at !== start || (at + 1 < end && buffer[at + 1] !== DOT))) return false;
  at++;
  let seenDot = false;
  for (; at < end; at++) {
    const byte = buffer[at] as number;
    if (byte === DOT && !seenDot && at + 1 < end) seenDot = true;
    else if (byte < ZERO || byte > 57) return false;
  }
  return true;
}

/** Canonical DECIMAL text from the spellings of older servers: no leading zero, surplus zeros, spaces (B17, B18, B19). */
export function normaliseDecimal(text: string): string {
  const match = /^ *(-?) *0*(\d*)(\.\d+)? *$/.exec(text);
  if (!match || !/\d/.test(text)) throw new CellFailure('a decimal cell holds something else than a decimal number');
  const digits = `${match[2] || '0'}${match[3] ?? ''}`;
  return match[1] === '-' && /[1-9]/.test(digits) ? `-${digits}` : digits;
}

/** DECIMAL as exact text with its full scale. */
export function readDecimal(buffer: Buffer, start: number, end: number): string {
  const text = buffer.toString('latin1', start, end);
  return isCanonicalDecimal(buffer, start, end) ? text : normaliseDecimal(text);
}

/** Shortest text of a double that reads back as the same number, `-0` included. */
export function floatText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}
