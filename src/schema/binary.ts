/** Values that are bytes: BIT, GEOMETRY, VECTOR and plain binary, always copied out of the message (B51). Layer 2. */
import { fail } from './failure.js';

/** A copy: a view would keep the whole message alive. */
export function copyBytes(buffer: Buffer, start: number, end: number): Uint8Array {
  return new Uint8Array(buffer.buffer.slice(buffer.byteOffset + start, buffer.byteOffset + end));
}

/** BIT(n) is big-endian bytes, never text (B26). */
export function bitValue(buffer: Buffer, start: number, end: number): bigint {
  if (end - start > 8) fail('a bit cell has more than 64 bits');
  let value = 0n;
  for (let at = start; at < end; at++) value = (value << 8n) | BigInt(buffer[at] as number);
  return value;
}

/** The SRID is part of every value, not of the column (B42). `wkb` is little-endian well-known binary, x then y. */
export interface Geometry {
  readonly srid: number;
  readonly wkb: Uint8Array;
}

export function geometryValue(buffer: Buffer, start: number, end: number): Geometry {
  if (end - start < 9) fail('a geometry cell is too short for an SRID and well-known binary');
  return { srid: buffer.readUInt32LE(start), wkb: copyBytes(buffer, start + 4, end) };
}

/** Little-endian float32 (B43). */
export function vectorValue(buffer: Buffer, start: number, end: number): Float32Array {
  if ((end - start) % 4 !== 0) fail('a vector cell is not a whole number of float32 values');
  const values = new Float32Array((end - start) / 4);
  for (let index = 0; index < values.length; index++) values[index] = buffer.readFloatLE(start + index * 4);
  return values;
}
