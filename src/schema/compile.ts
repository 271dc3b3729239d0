/**
 * The compiled decoder: one function per table, generated from its columns. Layer 2.
 * One string conversion for a few rows, a substring per column; numbers straight from bytes. Column names enter the source as JSON
 * strings only, and `__proto__` as a computed key. Without permission to generate code the loop at the end does the same.
 */
import { isAscii } from './ascii.js';
import type { ColumnReader } from './column-reader.js';
import { fail } from './failure.js';
import { isCanonicalDecimal, readBigint, readFloat, readInt } from './numbers.js';
import { scanRow } from './row-scan.js';
import { looksLikeDate, looksLikeDateTime, looksLikeTime } from './temporal.js';
import { chunk, readChunk } from './text-chunk.js';
import type { Row } from './values.js';

/** Decodes the `query.Row` message at `start..end`. Throws anything on bad input: the caller finds the column. */
export type DecodeRow = (buffer: Buffer, start: number, end: number, copied: boolean) => Row;

/** Where the last scanned row lies; shared by the decoders of one table. */
export interface Layout {
  readonly lengths: Int32Array;
  readonly starts: Int32Array;
}

/** A run of text above this goes column by column: a short substring would keep the whole run alive. */
const MAX_RUN = 4096;

/** Functions of more columns than this are too large to be optimised well. */
const MAX_COMPILED = 500;

const STRING_KINDS = new Set(['text', 'decimal', 'date', 'datetime', 'time']);

const HELPERS = { chunk, readChunk, scanRow, isAscii, readInt, readBigint, readFloat, isCanonicalDecimal, looksLikeDate, looksLikeDateTime, looksLikeTime, fail };

/** `select` picks the columns of the object (a key, for example); default all. */
export function compileRow(readers: readonly ColumnReader[], layout: Layout, select?: readonly number[]): DecodeRow {
  const columns = select ?? readers.map((_, index) => index);
  if (columns.length > MAX_COMPILED || !mayGenerateCode()) return loopRow(readers, layout, columns);
  const source = rowSource(readers, columns);
  const make = new Function('h', 'layout', 'readers', source) as (h: typeof HELPERS, layout: Layout, readers: readonly ColumnReader[]) => DecodeRow;
  return make(HELPERS, layout, readers);
}

let generation: boolean | undefined;

function mayGenerateCode(): boolean {
  if (generation === undefined) {
    try {
      generation = new Function('return true')() === true;
    } catch {
      generation = false;
    }
  }
  return generation;
}

function rowSource(readers: readonly ColumnReader[], columns: readonly number[]): string {
  const strings = columns.filter((index) => STRING_KINDS.has(readers[index]?.inline ?? ''));
  const first = strings[0];
  const last = strings.at(-1);
  const lines: string[] = [
    "'use strict';",
    `const { ${Object.keys(HELPERS).join(', ')} } = h;`,
    'const { lengths, starts } = layout;',
    ...columns.map((index) => `const r${index} = readers[${index}].value;`),
    'return function decode(buffer, start, end, copied) {',
    `scanRow(buffer, start, end, ${readers.length}, lengths, starts);`,
  ];
  if (first !== undefined && last !== undefined) {
    lines.push(
      `const from = starts[${first}];`,
      `const to = starts[${last}] + (lengths[${last}] > 0 ? lengths[${last}] : 0);`,
      `const inRun = to - from <= ${MAX_RUN};`,
      'if (inRun && (buffer !== chunk.buffer || from < chunk.start || to > chunk.end)) readChunk(buffer, from, to);',
      'const run = chunk.text, base = chunk.start;',
      'const ascii = inRun && isAscii(buffer, from, to);',
      'let s = 0, l = 0;',
    );
  } else lines.push('let s = 0, l = 0;');
  for (const index of columns) {
    lines.push(`let v${index} = null;`, `l = lengths[${index}];`, `if (l >= 0) { s = starts[${index}]; v${index} = ${cellSource(index, readers[index]?.inline)}; }`);
  }
  const properties = columns.map((index) => {
    const name = readers[index]?.column.name ?? '';
    return `${name === '__proto__' ? '["__proto__"]' : JSON.stringify(name)}: v${index}`;
  });
  lines.push(`return { ${properties.join(', ')} };`, '};');
  return lines.join('\n');
}

function cellSource(index: number, inline: ColumnReader['inline']): string {
  const reader = `r${index}(buffer, s, s + l, copied)`;
  const piece = 'run.substring(s - base, s - base + l)';
  switch (inline) {
    case 'int':
      return 'readInt(buffer, s, s + l)';
    case 'bigint':
      return 'readBigint(buffer, s, s + l)';
    case 'float':
      return 'readFloat(buffer, s, s + l)';
    case 'text':
      return `ascii || (inRun && isAscii(buffer, s, s + l)) ? ${piece} : ${reader}`;
    case 'decimal':
      return `inRun && isCanonicalDecimal(buffer, s, s + l) ? ${piece} : ${reader}`;
    case 'date':
      return `(ascii || (inRun && isAscii(buffer, s, s + l))) && looksLikeDate(buffer, s, s + l) ? ${piece} : ${reader}`;
    case 'datetime':
      return `(ascii || (inRun && isAscii(buffer, s, s + l))) && looksLikeDateTime(buffer, s, s + l) ? ${piece} : ${reader}`;
    case 'time':
      return `(ascii || (inRun && isAscii(buffer, s, s + l))) && looksLikeTime(buffer, s, s + l) ? ${piece} : ${reader}`;
    case undefined:
      return reader;
  }
}

/** The same without generated code. */
export function loopRow(readers: readonly ColumnReader[], layout: Layout, columns: readonly number[]): DecodeRow {
  const { lengths, starts } = layout;
  return (buffer, start, end, copied) => {
    scanRow(buffer, start, end, readers.length, lengths, starts);
    const row: Row = {};
    for (const index of columns) {
      const reader = readers[index] as ColumnReader;
      const length = lengths[index] as number;
      const from = starts[index] as number;
      setProperty(row, reader.column.name, length < 0 ? null : reader.value(buffer, from, from + length, copied));
    }
    return row;
  };
}

/** An own property whatever the name; plain assignment of `__proto__` would change the prototype. */
export function setProperty(row: Row, name: string, value: unknown): void {
  if (name === '__proto__') Object.defineProperty(row, name, { value, enumerable: true, configurable: true, writable: true });
  else row[name] = value;
}
