/**
 * The decoder without code of its own for a table: one loop, warm for all tables once it is for one. Layer 2.
 * A cell costs about 10 % more than in generated code, which for a hundred columns takes 20,000 rows and half a second of compiling to
 * get there (bench/README.md). The same values, cell by cell, as compile.ts.
 */
import { cursor, readVarint32 } from '../wire/cursor.js';
import { isAscii } from './ascii.js';
import type { ColumnReader, InlineKind } from './column-reader.js';
import { isCanonicalDecimal, readBigint, readFloat, readInt } from './numbers.js';
import { readLength, scanRow } from './row-scan.js';
import { looksLikeDate, looksLikeDateTime, looksLikeTime } from './temporal.js';
import { chunk, MAX_RUN, readChunk } from './text-chunk.js';
import type { Row } from './values.js';

/**
 * Decodes the `query.Row` message at `start..end`. Throws anything on bad input: the caller finds the column. What is of one table only
 * is in its plan, so that tables with equal columns share the code.
 */
export type DecodeRow = (plan: RowPlan, buffer: Buffer, start: number, end: number, copied: boolean) => Row;

/** Where the last scanned row lies; shared by the decoders of one table. */
export interface Layout {
  readonly lengths: Int32Array;
  readonly starts: Int32Array;
}

/** Makes the object of a row from its values, in the order of the selected columns. */
export type MakeRow = (values: readonly unknown[]) => Row;

/** How the rows of one table, or their keys, are read. Lists are of the selected columns. */
export interface RowPlan extends Layout {
  /** Columns of the table. */
  readonly count: number;
  readonly indexes: Int32Array;
  readonly kinds: Uint8Array;
  readonly read: readonly ColumnReader['value'][];
  readonly nulls: readonly null[];
  readonly make: MakeRow;
}

const KIND: Readonly<Record<InlineKind, number>> = { int: 1, bigint: 2, float: 3, text: 4, decimal: 5, datetime: 6, date: 7, time: 8 };

export function planRow(readers: readonly ColumnReader[], { lengths, starts }: Layout, columns: readonly number[], make: MakeRow): RowPlan {
  const selected = columns.map((index) => readers[index] as ColumnReader);
  return {
    lengths,
    starts,
    count: readers.length,
    indexes: Int32Array.from(columns),
    kinds: Uint8Array.from(selected, ({ inline }) => (inline === undefined ? 0 : KIND[inline])),
    read: selected.map(({ value }) => value),
    nulls: columns.map(() => null),
    make,
  };
}

/** Any encoding of a row, and any choice of its columns; each cell through its reader. */
export const scannedRow: DecodeRow = (plan, buffer, start, end, copied) => {
  const { lengths, starts, indexes, read } = plan;
  scanRow(buffer, start, end, plan.count, lengths, starts);
  const values: unknown[] = plan.nulls.slice();
  for (let at = 0; at < indexes.length; at++) {
    const index = indexes[at] as number;
    const length = lengths[index] as number;
    const s = starts[index] as number;
    if (length >= 0) values[at] = (read[at] as ColumnReader['value'])(buffer, s, s + length, copied);
  }
  return plan.make(values);
};

/**
 * All columns of a row in the encoding every server sends, as the generated code reads it: `p` walks the lengths, `s` the values. Any
 * other row, right or wrong, is scanned.
 */
export const loopRow: DecodeRow = (plan, buffer, start, end, copied) => {
  const { kinds, read } = plan;
  let p = start + 1;
  let s = 0;
  if (start >= end || buffer[start] !== 10) return scannedRow(plan, buffer, start, end, copied);
  let size = buffer[p++] as number;
  if (size >= 128) {
    size = readVarint32(buffer, start + 1, end);
    p = cursor.at;
  }
  const stop = p + size;
  if (!(stop <= end)) return scannedRow(plan, buffer, start, end, copied);
  s = stop;
  if (stop < end) {
    if (buffer[stop] !== 18) return scannedRow(plan, buffer, start, end, copied);
    size = buffer[stop + 1] as number;
    s = stop + 2;
    if (size >= 128) {
      size = readVarint32(buffer, stop + 1, end);
      s = cursor.at;
    }
    if (s + size !== end) return scannedRow(plan, buffer, start, end, copied);
  }
  const inRun = end - s <= MAX_RUN;
  if (inRun && (buffer !== chunk.buffer || s < chunk.start || end > chunk.end)) readChunk(buffer, s, end);
  const { text, start: base } = chunk;
  const ascii = inRun && isAscii(buffer, s, end);
  // A young array: writing young values into an old one costs more than making it.
  const values: unknown[] = plan.nulls.slice();
  for (let at = 0; at < kinds.length; at++) {
    let length = buffer[p++] as number;
    if (length >= 128) {
      length = readLength(buffer, p - 1, stop);
      p = cursor.at;
    } else length = (length >>> 1) ^ -(length & 1);
    if (length < 0) {
      if (length !== -1) return scannedRow(plan, buffer, start, end, copied);
      continue;
    }
    const from = s;
    s += length;
    if (s > end) return scannedRow(plan, buffer, start, end, copied);
    let plain = false;
    switch (kinds[at] as number) {
      case 1:
        values[at] = readInt(buffer, from, s);
        continue;
      case 2:
        values[at] = readBigint(buffer, from, s);
        continue;
      case 3:
        values[at] = readFloat(buffer, from, s);
        continue;
      case 4:
        plain = ascii || (inRun && isAscii(buffer, from, s));
        break;
      case 5:
        plain = inRun && isCanonicalDecimal(buffer, from, s);
        break;
      case 6:
        plain = (ascii || (inRun && isAscii(buffer, from, s))) && looksLikeDateTime(buffer, from, s);
        break;
      case 7:
        plain = (ascii || (inRun && isAscii(buffer, from, s))) && looksLikeDate(buffer, from, s);
        break;
      case 8:
        plain = (ascii || (inRun && isAscii(buffer, from, s))) && looksLikeTime(buffer, from, s);
        break;
    }
    values[at] = plain ? text.substring(from - base, s - base) : (read[at] as ColumnReader['value'])(buffer, from, s, copied);
  }
  if (p !== stop || s !== end) return scannedRow(plan, buffer, start, end, copied);
  return plan.make(values);
};

/** Where code must not be generated. */
export function plainMaker(names: readonly string[]): MakeRow {
  return (values) => {
    const row: Row = {};
    for (let at = 0; at < names.length; at++) setProperty(row, names[at] as string, values[at]);
    return row;
  };
}

/** An own property whatever the name; plain assignment of `__proto__` would change the prototype. */
export function setProperty(row: Row, name: string, value: unknown): void {
  if (name === '__proto__') Object.defineProperty(row, name, { value, enumerable: true, configurable: true, writable: true });
  else row[name] = value;
}
