/**
 * The compiled decoder: one function for all tables with the same columns, generated from these. Layer 2.
 * One string conversion for a few rows, a substring per column; numbers straight from bytes. Column names enter the source as JSON
 * strings only. Wide tables, and everything without permission to generate code, go through the
 * loop of row-loop.ts, which does the same.
 */
import { cursor, readVarint32 } from '../wire/cursor.js';
import { isAscii } from './ascii.js';
import type { ColumnReader } from './column-reader.js';
import { isCanonicalDecimal, readBigint, readFloat, readInt } from './numbers.js';
import { type DecodeRow, type Layout, loopRow, type MakeRow, plainMaker, planRow, type RowPlan, scannedRow } from './row-loop.js';
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
  scannedRow,
};

/** Code, and what it needs of its table. */
export interface CompiledRow {
  readonly decode: DecodeRow;
  readonly plan: RowPlan;
}

/** `select` picks the columns of the object (a key, for example); default all. */
export function compileRow(readers: readonly ColumnReader[], layout: Layout, select?: readonly number[]): CompiledRow {
  const columns = select ?? readers.map((_, index) => index);
  const names = columns.map((index) => (readers[index] as ColumnReader).column.name);
  const generates = mayGenerateCode();
  const isWide = readers.length > MAX_COMPILED;
  const make = generates && isWide ? (generate(makerSource(names)) as MakeRow) : plainMaker(names);
  const loop = select ? scannedRow : loopRow;
  const decode = generates && !isWide ? (generate(rowSource(readers, columns)) as DecodeRow) : loop;
  return { decode, plan: planRow(readers, layout, columns, make) };
}

/** So many are kept for tables to come; those that are in use live on with their decoders. */
const MAX_GENERATED = 500;

const generated = new Map<string, unknown>();

/**
 * The function a source returns: one for all tables with the same columns, as each is slow until it was optimised, some 10,000 rows later.
 */
function generate(source: string): unknown {
  let made = generated.get(source);
  if (made === undefined) {
    const [oldest] = generated.keys();
    if (generated.size >= MAX_GENERATED && oldest !== undefined) generated.delete(oldest);
    made = (new Function('h', source) as (h: typeof HELPERS) => unknown)(HELPERS);
    generated.set(source, made);
  }
  return made;
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
    'return function decode(plan, buffer, start, end, copied) {',
    'let p = start + 1, s = 0, l = 0;',
    'if (start >= end || buffer[start] !== 10) return scannedRow(plan, buffer, start, end, copied);',
    'let size = buffer[p++];',
    'if (size >= 128) { size = readVarint32(buffer, start + 1, end); p = cursor.at; }',
    'const stop = p + size;',
    'if (!(stop <= end)) return scannedRow(plan, buffer, start, end, copied);',
    's = stop;',
    'if (stop < end) {',
    '  if (buffer[stop] !== 18) return scannedRow(plan, buffer, start, end, copied);',
    '  size = buffer[stop + 1];',
    '  s = stop + 2;',
    '  if (size >= 128) { size = readVarint32(buffer, stop + 1, end); s = cursor.at; }',
    '  if (s + size !== end) return scannedRow(plan, buffer, start, end, copied);',
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
    const body = wanted.has(index) ? ` v${index} = ${cellSource(columns.indexOf(index), reader.inline)};` : '';
    if (wanted.has(index)) lines.push(`let v${index} = null;`);
    lines.push(`if (l >= 0) { if (s + l > end) return scannedRow(plan, buffer, start, end, copied);${body} s += l; }`);
    lines.push('else if (l !== -1) return scannedRow(plan, buffer, start, end, copied);');
  });
  lines.push('if (p !== stop || s !== end) return scannedRow(plan, buffer, start, end, copied);');
  const names = columns.map((index) => (readers[index] as ColumnReader).column.name);
  const values = columns.map((index) => `v${index}`);
  lines.push(`return new Row(${values.join(', ')});`, '};');
  return [rowClass(names, values, (at) => `v${columns[at]}`), ...lines].join('\n');
}

function makerSource(names: readonly string[]): string {
  return `'use strict'; ${rowClass(names, ['v'], (at) => `v[${at}]`)} return function make(v) { return new Row(v); };`;
}

/**
 * Makes plain objects, as their prototype is Object's. V8 counts which objects of a literal live on, and puts all of one that did so for a
 * while among the old objects from then on: rows, which live as long as their batch, then wait for a full collection, and their strings
 * with them. Of a constructor it keeps no count.
 */
function rowClass(names: readonly string[], parameters: readonly string[], value: (at: number) => string): string {
  const properties = names.map((name, at) => {
    const key = JSON.stringify(name);
    // `__proto__` would be set, not defined; the others can be frozen.
    if (name in Object.prototype)
      return `Object.defineProperty(this, ${key}, { value: ${value(at)}, enumerable: true, configurable: true, writable: true });`;
    return `this[${key}] = ${value(at)};`;
  });
  return `function Row(${parameters.join(', ')}) {\n${properties.join('\n')}\n}\nRow.prototype = Object.prototype;`;
}

const STRING_KINDS: ReadonlySet<string> = new Set(['text', 'decimal', 'date', 'datetime', 'time']);

/** `at`: the place among the selected columns. */
function cellSource(at: number, inline: ColumnReader['inline']): string {
  const reader = `plan.read[${at}](buffer, s, s + l, copied)`;
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
