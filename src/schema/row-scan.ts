/** Finds the cells of a `query.Row` message: lengths and offsets into reused arrays, nothing allocated. Layer 2. */
import { cursor, readRange, readVarint32, skipField } from '../wire/cursor.js';
import { fail } from './failure.js';

/**
 * Fills `lengths[i]` (-1 for NULL, B1) and `starts[i]` (offset of the cell in `buffer`) for `count` columns. Refuses a row with
 * another number of cells (B2) or whose lengths do not add up to its bytes.
 */
export function scanRow(buffer: Buffer, start: number, end: number, count: number, lengths: Int32Array, starts: Int32Array): void {
  // What every server sends: one packed list of lengths, then the values, which are left out when no cell has bytes.
  if (start < end && buffer[start] === 0x0a) {
    let at = start + 1;
    let size = buffer[at++] as number;
    if (size >= 0x80) {
      size = readVarint32(buffer, start + 1, end);
      at = cursor.at;
    }
    const stop = at + size;
    if (stop > end) fail('the lengths of a row are cut off');
    let offset = stop;
    let valuesEnd = stop;
    if (stop < end) {
      if (buffer[stop] !== 0x12) return scanAnyRow(buffer, start, end, count, lengths, starts);
      let length = buffer[stop + 1] as number;
      offset = stop + 2;
      if (length >= 0x80) {
        length = readVarint32(buffer, stop + 1, end);
        offset = cursor.at;
      }
      valuesEnd = offset + length;
      if (valuesEnd !== end) return scanAnyRow(buffer, start, end, count, lengths, starts);
    }
    for (let index = 0; index < count; index++) {
      if (at >= stop) fail(`a row has ${index} cells for ${count} columns`);
      let length = buffer[at++] as number;
      if (length < 0x80) {
        length = (length >>> 1) ^ -(length & 1);
      } else {
        const low = length & 0x7f;
        const byte = buffer[at] as number;
        if (byte < 0x80 && at < stop) {
          length = low | (byte << 7);
          length = (length >>> 1) ^ -(length & 1);
          at++;
        } else {
          length = readLength(buffer, at - 1, stop);
          at = cursor.at;
        }
      }
      lengths[index] = length;
      starts[index] = offset;
      if (length > 0) {
        offset += length;
        if (offset > valuesEnd) fail('the cells of a row are longer than its bytes');
      } else if (length < -1) fail('a cell has a negative length');
    }
    if (at !== stop) fail(`a row has more cells than the ${count} columns of its table`);
    if (offset !== valuesEnd) fail('the cells of a row are shorter than its bytes');
    return;
  }
  scanAnyRow(buffer, start, end, count, lengths, starts);
}

/** Any valid encoding: unpacked or split lengths, fields in any order, unknown fields. */
function scanAnyRow(buffer: Buffer, start: number, end: number, count: number, lengths: Int32Array, starts: Int32Array): void {
  let at = start;
  let found = 0;
  let valuesStart = end;
  let valuesEnd = end;
  const add = (length: number): void => {
    if (found < count) lengths[found] = length;
    found++;
  };
  while (at < end) {
    const tag = readVarint32(buffer, at, end);
    at = cursor.at;
    if (tag === 0x0a) {
      const stop = readRange(buffer, at, end);
      at = cursor.at;
      while (at < stop) {
        add(readLength(buffer, at, stop));
        at = cursor.at;
      }
    } else if (tag === 0x08) {
      add(readLength(buffer, at, end));
      at = cursor.at;
    } else if (tag === 0x12) {
      // The last one wins, as in every protobuf reader.
      valuesEnd = readRange(buffer, at, end);
      valuesStart = cursor.at;
      at = valuesEnd;
    } else {
      if (tag >>> 3 === 0) fail('a row is not a valid message');
      at = skipField(buffer, tag & 7, at, end);
    }
  }
  if (found !== count) fail(`a row has ${found} cells for ${count} columns`);
  let offset = valuesStart;
  for (let index = 0; index < count; index++) {
    const length = lengths[index] as number;
    starts[index] = offset;
    if (length < -1) fail('a cell has a negative length');
    if (length > 0) {
      offset += length;
      if (offset > valuesEnd) fail('the cells of a row are longer than its bytes');
    }
  }
  if (offset !== valuesEnd) fail('the cells of a row are shorter than its bytes');
}

/** A `sint64` that is a length, leaving the next offset in `cursor.at`: anything beyond 32 bits is as wrong as a negative one. */
export function readLength(buffer: Buffer, start: number, end: number): number {
  let at = start;
  let value = 0;
  let factor = 1;
  for (let index = 0; index < 10; index++) {
    if (at >= end) fail('a length of a row is cut off');
    const byte = buffer[at++] as number;
    value += (byte & 0x7f) * factor;
    factor *= 128;
    if (byte < 0x80) {
      cursor.at = at;
      if (value % 2 === 1) return value === 1 ? -1 : -2;
      const length = value / 2;
      if (length > 0x7fffffff) fail('a cell is longer than its row');
      return length;
    }
  }
  fail('a length of a row is too long');
}
