/**
 * Varints over a buffer, without objects: each reader returns the value and leaves the next offset in `cursor.at`. Layer 1.
 * Every read is bounded by `end`; running past it throws, so that truncated or hostile bytes end as an error, never as a loop.
 */
import { VStreamError } from '../errors.js';

/** The one piece of state: where the last read ended. Single-threaded by construction. */
export const cursor: { at: number } = { at: 0 };

export function malformed(what: string): VStreamError {
  return new VStreamError('PROTOCOL', `malformed message from VTGate: ${what}`, {
    next: 'Check that the address is a VTGate gRPC port; if it is, report this with the Vitess version.',
  });
}

/** A varint that fits 32 bits unsigned (tags, lengths, enums). Larger values keep their low 32 bits. */
export function readVarint32(buffer: Uint8Array, start: number, end: number): number {
  let at = start;
  let value = 0;
  for (let shift = 0; shift < 70; shift += 7) {
    if (at >= end) throw malformed('a number is cut off');
    const byte = buffer[at++] as number;
    if (shift < 28) value |= (byte & 0x7f) << shift;
    else if (shift === 28) value |= (byte & 0x0f) << 28;
    if (byte < 0x80) {
      cursor.at = at;
      return value >>> 0;
    }
  }
  throw malformed('a number is too long');
}

/**
 * A varint as a double: exact up to 2^53, which covers timestamps in seconds and lengths; negative int64 reads as negative. Several stand
 * in each event, so 28 bits of them at a time are put together as integers: with a power of two a byte they took a fifth of small
 * transactions.
 */
export function readVarintNumber(buffer: Uint8Array, start: number, end: number): number {
  let at = start;
  let low = 0;
  let middle = 0;
  let top = 0;
  for (let index = 0; index < 10; index++) {
    if (at >= end) throw malformed('a number is cut off');
    const byte = buffer[at++] as number;
    const bits = byte & 0x7f;
    if (index < 4) low |= bits << (7 * index);
    else if (index < 8) middle |= bits << (7 * index - 28);
    else top |= bits << (7 * index - 56);
    if (byte < 0x80) {
      cursor.at = at;
      const high = top * 0x10000000 + middle;
      if (index === 9) return Number(BigInt.asIntN(64, BigInt(low) + BigInt(high) * 0x10000000n));
      return high * 0x10000000 + low;
    }
  }
  throw malformed('a number is too long');
}

/** Skips a field of this wire type; groups (3, 4) do not occur in proto3 and are refused. */
export function skipField(buffer: Uint8Array, wireType: number, start: number, end: number): number {
  let next: number;
  switch (wireType) {
    case 0: {
      let at = start;
      while (at < end && (buffer[at] as number) >= 0x80) at++;
      next = at + 1;
      break;
    }
    case 1:
      next = start + 8;
      break;
    case 2: {
      const length = readVarint32(buffer, start, end);
      next = cursor.at + length;
      break;
    }
    case 5:
      next = start + 4;
      break;
    default:
      throw malformed(`wire type ${wireType}`);
  }
  if (next > end) throw malformed('a field is cut off');
  return next;
}

/** Start and end of a length-delimited field whose tag was just read; the start is left in `cursor.at`, the end returned. */
export function readRange(buffer: Uint8Array, start: number, end: number): number {
  const first = buffer[start];
  if (first !== undefined && first < 0x80 && start < end) {
    cursor.at = start + 1;
    const stop = start + 1 + first;
    if (stop > end) throw malformed('a field is cut off');
    return stop;
  }
  const length = readVarint32(buffer, start, end);
  const stop = cursor.at + length;
  if (stop > end) throw malformed('a field is cut off');
  return stop;
}
