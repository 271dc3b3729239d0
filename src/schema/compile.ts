/**
 * The compiled decoder: one function per table, generated from its columns. Layer 2.
 * One string conversion for a few rows, a substring per column; numbers straight from bytes. Column names enter the source as JSON
 * strings only, and `__proto__` as a computed key. Wide tables, and everything without permission to generate code, go through the
 * loop of row-loop.ts, which does the same.
 */
import { cursor, readVarint32 } from '../wire/cursor.js';
import { isAscii } from './ascii.js';
import type { ColumnReader } from './column-reader.js';
import { fail } from './failure.js';
import { isCanonicalDecimal, readBigint, readFloat, readInt } from './numbers.js';
import { type DecodeRow, type Layout, loopRow, type MakeRow, plainMaker } from './row-loop.js';
import { readLength } from './row-scan.js';
import { looksLikeDate, looksLikeDateTime, looksLikeTime } from './temporal.js';
import { chunk, MAX_RUN, readChunk } from './text-chunk.js';

/**
 * Functions of more columns take too long to be optimised: at 100 columns 20,000 rows in the interpreter and half a second of
 * compiling, above 180 for ever.
 */
const MAX_COMPILED = 32;

const HELPERS = {
  chunk,
  readChunk,
  cursor,
  readVarint32,
  readLength,
  isAscii,
  readInt,
  readBigint,
  readFloat,
  isCanonicalDecimal,
  looksLikeDate,
  looksLikeDateTime,
  looksLikeTime,
  fail,
};

/** `select` picks the columns of the object (a key, for example); default all. */
export function compileRow(readers: readonly ColumnReader[], layout: Layout, select?: readonly number[]): DecodeRow {
  const columns = select ?? readers.map((_, index) => index);
  const names = columns.map((index) => (readers[index] as ColumnReader).column.name);
  if (!mayGenerateCode()) return loopRow(readers, layout, columns, plainMaker(names));
  const slow = loopRow(readers, layout, columns, generatedMaker(names));
  if (readers.length > MAX_COMPILED) return slow;
  const make = new Function('h', 'readers', 'slow', rowSource(readers, columns)) as (
    h: typeof HELPERS,
    readers: readonly ColumnReader[],
    slow: DecodeRow,
  ) => DecodeRow;
  return make(HELPERS, readers, slow);
}

let generation: boolean | undefined;

function mayGenerateCode(): boolean {
  if (generation === undefined) {
    try {
      generation = (new Function('return true') as () => unknown)() === true;
    } catch {
      generation = false;
    }
  }
  return generation;
}

/**
 * Reads the encoding every server sends (packed lengths, then values, nothing else) with the lengths in line; any other row, right
 * or wrong, is left to the loop. `p` walks the lengths, `s` the values.
 */
function rowSource(readers: readonly ColumnReader[], columns: readonly number[]): string {
  const wanted = new Set(columns);
  const hasText = columns.some((index) => STRING_KINDS.has(readers[index]?.inline ?? ''));
  const lines: string[] = [
    "'use strict';",
    `const { ${Object.keys(HELPERS).join(', ')} } = h;`,
    ...columns.map((index) => `const r${index} = readers[${index}].value;`),
    'return function decode(buffer, start, end, copied) {',
    'let p = start + 1, s = 0, l = 0;',
    'if (start >= end || buffer[start] !== 10) return slow(buffer, start, end, copied);',
    'let size = buffer[p++];',
    'if (size >= 128) { size = readVarint32(buffer, start + 1, end); p = cursor.at; }',
    'const stop = p + size;',
    'if (!(stop <= end)) return slow(buffer, start, end, copied);',
    's = stop;',
    'if (stop < end) {',
    '  if (buffer[stop] !== 18) return slow(buffer, start, end, copied);',
    '  size = buffer[stop + 1];',
    '  s = stop + 2;',
    '  if (size >= 128) { size = readVarint32(buffer, stop + 1, end); s = cursor.at; }',
    '  if (s + size !== end) return slow(buffer, start, end, copied);',
    '}',
  ];
  if (hasText) {
    lines.push(
      `const inRun = end - s <= ${MAX_RUN};`,
      'if (inRun && (buffer !== chunk.buffer || s < chunk.start || end > chunk.end)) readChunk(buffer, s, end);',
      'const run = chunk.text, base = chunk.start;',
      'const ascii = inRun && isAscii(buffer, s, end);',
    );
  }
  readers.forEach((reader, index) => {
    lines.push('l = buffer[p++];', 'if (l >= 128) { l = readLength(buffer, p - 1, stop); p = cursor.at; } else l = (l >>> 1) ^ -(l & 1);');
    // A row whose cells do not fit goes to the loop, which says what is wrong with it.
    const body = wanted.has(index) ? ` v${index} = ${cellSource(index, reader.inline)};` : '';
    if (wanted.has(index)) lines.push(`let v${index} = null;`);
    lines.push(`if (l >= 0) { if (s + l > end) return slow(buffer, start, end, copied);${body} s += l; }`);
    lines.push('else if (l !== -1) return slow(buffer, start, end, copied);');
  });
  lines.push('if (p !== stop || s !== end) return slow(buffer, start, end, copied);');
  const names = columns.map((index) => (readers[index] as ColumnReader).column.name);
  lines.push(`return ${objectSource(names, (at) => `v${columns[at]}`)};`, '};');
  return lines.join('\n');
}

/** An object literal: all rows of a table share one hidden class. */
function objectSource(names: readonly string[], value: (at: number) => string): string {
  const properties = names.map((name, at) => `${name === '__proto__' ? '["__proto__"]' : JSON.stringify(name)}: ${value(at)}`);
  return `{ ${properties.join(', ')} }`;
}

function generatedMaker(names: readonly string[]): MakeRow {
  return new Function('v', `'use strict'; return ${objectSource(names, (at) => `v[${at}]`)};`) as MakeRow;
}

const STRING_KINDS: ReadonlySet<string> = new Set(['text', 'decimal', 'date', 'datetime', 'time']);

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
