/**
 * The decoder without code of its own for a table: one loop, warm for all tables once it is for one. Layer 2.
 * A cell costs about 10 % more than in generated code, which for a hundred columns takes 20,000 rows and half a second of compiling to
 * get there (bench/README.md). The same values, cell by cell, as compile.ts.
 */
import { isAscii } from './ascii.js';
import type { ColumnReader, InlineKind } from './column-reader.js';
import { isCanonicalDecimal, readBigint, readFloat, readInt } from './numbers.js';
import { scanRow } from './row-scan.js';
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

export const loopRow: DecodeRow = (plan, buffer, start, end, copied) => {
  const { count, lengths, starts, indexes, kinds, read } = plan;
  scanRow(buffer, start, end, count, lengths, starts);
  const first = starts[0] as number;
  const inRun = end - first <= MAX_RUN;
  const ascii = inRun && isAscii(buffer, first, end);
  // A young array: writing young values into an old one costs more than making it.
  const values: unknown[] = plan.nulls.slice();
  for (let at = 0; at < indexes.length; at++) {
    const index = indexes[at] as number;
    const length = lengths[index] as number;
    if (length < 0) continue;
    const s = starts[index] as number;
    const e = s + length;
    let plain = false;
    switch (kinds[at] as number) {
      case 1:
        values[at] = readInt(buffer, s, e);
        continue;
      case 2:
        values[at] = readBigint(buffer, s, e);
        continue;
      case 3:
        values[at] = readFloat(buffer, s, e);
        continue;
      case 4:
        plain = ascii || (inRun && isAscii(buffer, s, e));
        break;
      case 5:
        plain = inRun && isCanonicalDecimal(buffer, s, e);
        break;
      case 6:
        plain = (ascii || (inRun && isAscii(buffer, s, e))) && looksLikeDateTime(buffer, s, e);
        break;
      case 7:
        plain = (ascii || (inRun && isAscii(buffer, s, e))) && looksLikeDate(buffer, s, e);
        break;
      case 8:
        plain = (ascii || (inRun && isAscii(buffer, s, e))) && looksLikeTime(buffer, s, e);
        break;
    }
    if (plain) {
      if (buffer !== chunk.buffer || s < chunk.start || e > chunk.end) readChunk(buffer, first, end);
      values[at] = chunk.text.substring(s - chunk.start, e - chunk.start);
    } else values[at] = (read[at] as ColumnReader['value'])(buffer, s, e, copied);
  }
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
