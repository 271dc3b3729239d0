/** One reader per column: defaults, overrides by type and by column, text for raw cells. Layer 2. */
import { isAscii } from './ascii.js';
import { bitValue, copyBytes, geometryValue, vectorValue } from './binary.js';
import { decodeUtf8, type Charset, charsetById, charsetByName } from './charset.js';
import { fail } from './failure.js';
import { normaliseJson, parseJson } from './json.js';
import { labelOrdinal, labelReader, parseLabels } from './labels.js';
import { columnTypeOf, type ColumnType, type Kind } from './mysql-type.js';
import { floatText, readBigint, readDecimal, readFloat, readInt } from './numbers.js';
import type { DecodeOptions, Override, RawCell } from './options.js';
import type { Column } from './table.js';
import { typeRow } from './type-table.js';
import { dateConverter, looksLikeDate, looksLikeDateTime, looksLikeTime, timeMicros, type DateMode } from './temporal.js';

/** Reads a cell that is neither NULL nor absent. `copied` settles the one form that depends on the phase (B10, B11). */
export type Reader<T = unknown> = (buffer: Buffer, start: number, end: number, copied: boolean) => T;

/** Kinds the compiled decoder reads in line; every other column goes through `value`. */
export type InlineKind = 'int' | 'bigint' | 'float' | 'decimal' | 'text' | 'date' | 'datetime' | 'time';

export interface ColumnReader {
  readonly column: Column;
  readonly type: ColumnType;
  /** The value of the typed row. */
  readonly value: Reader;
  /** The exact value as text (`Cells.text`); independent of overrides except `charset:NAME`. */
  readonly text: Reader<string>;
  /** Set when the default decoder applies and the compiled code may read the cell itself. */
  readonly inline: InlineKind | undefined;
  /** Set when an ASCII cell of a plain form is its own text; whatever the override. */
  readonly inlineText: InlineKind | undefined;
}

/** A wrong override is reported by the caller as a configuration error: `undefined` reader with the names that would fit. */
export class OverrideRefused extends Error {
  override readonly name = 'OverrideRefused';
}

export interface ReaderContext {
  readonly options: DecodeOptions;
  /** `enum_set_string_values` of the FIELD event. */
  readonly labelStrings: boolean;
}

export function columnReader(column: Column, context: ReaderContext): ColumnReader {
  const type = columnTypeOf(column);
  const override = overrideOf(column, type, context.options);
  const text = textReader(column, type, override, context);
  const inlineText = inlineKind(column, type, override, context);
  const base = { column, type, text, inlineText };
  if (typeof override === 'function') {
    const value: Reader = (buffer, start, end, copied) => override(rawCell(buffer, start, end, copied, text));
    return { ...base, value, inline: undefined };
  }
  if (override === undefined || override === typeRow(type.kind)?.default) {
    return { ...base, value: defaultReader(type, text), inline: inlineText };
  }
  if (override.startsWith('charset:')) {
    if (!TEXTUAL.has(type.kind)) throw new OverrideRefused(override);
    return { ...base, value: text, inline: inlineText };
  }
  const value = namedReaders(column, type, text, context).get(override);
  if (!value) throw new OverrideRefused(override);
  return { ...base, value, inline: undefined };
}

const TEXTUAL: ReadonlySet<Kind> = new Set(['text', 'enum', 'set', 'bytes']);

/** By column first, then `boolean` for TINYINT(1), then by type. */
function overrideOf(column: Column, type: ColumnType, options: DecodeOptions): Override | undefined {
  if (options.columns && Object.hasOwn(options.columns, column.name)) return options.columns[column.name];
  if (type.booleanLike && options.types?.boolean !== undefined) return options.types.boolean;
  return type.name === undefined ? undefined : options.types?.[type.name];
}

function rawCell(buffer: Buffer, start: number, end: number, copied: boolean, text: Reader<string>): RawCell {
  return {
    get bytes() {
      return copyBytes(buffer, start, end);
    },
    get text() {
      return text(buffer, start, end, copied);
    },
  };
}

function inlineKind(column: Column, type: ColumnType, override: Override | undefined, context: ReaderContext): InlineKind | undefined {
  switch (type.kind) {
    case 'int':
    case 'bigint':
    case 'float':
    case 'decimal':
    case 'date':
    case 'datetime':
    case 'time':
      return type.kind;
    case 'year':
      return 'int';
    case 'timestamp':
      return 'datetime';
    case 'enum':
    case 'set':
    case 'text': {
      // Labels are text where the server sends them as such.
      if (type.kind !== 'text' && !context.labelStrings) return undefined;
      const charset = charsetOf(column, override);
      // Of an unnamed set ASCII is certain and anything else goes to the reader (B7).
      return charset === undefined || charset.asciiCompatible ? 'text' : undefined;
    }
    default:
      return undefined;
  }
}

function charsetOf(column: Column, override: Override | undefined): Charset | undefined {
  if (typeof override === 'string' && override.startsWith('charset:')) {
    const charset = charsetByName(override.slice('charset:'.length));
    if (!charset) throw new OverrideRefused(override);
    return charset;
  }
  return charsetById(column.charset);
}

function textReader(column: Column, type: ColumnType, override: Override | undefined, context: ReaderContext): Reader<string> {
  const invalid = context.options.invalidText ?? 'fail';
  switch (type.kind) {
    case 'int':
      return (buffer, start, end) => String(readInt(buffer, start, end));
    case 'year':
      return (buffer, start, end) => String(readInt(buffer, start, end)).padStart(4, '0');
    case 'bigint':
      return (buffer, start, end) => String(readBigint(buffer, start, end));
    case 'float':
      return (buffer, start, end) => floatText(readFloat(buffer, start, end));
    case 'decimal':
      return readDecimal;
    case 'bit':
      return (buffer, start, end) => String(bitValue(buffer, start, end));
    case 'date':
      return (buffer, start, end) => temporalText(buffer, start, end, looksLikeDate(buffer, start, end));
    case 'datetime':
    case 'timestamp':
      return (buffer, start, end) => temporalText(buffer, start, end, looksLikeDateTime(buffer, start, end));
    case 'time':
      return (buffer, start, end) => temporalText(buffer, start, end, looksLikeTime(buffer, start, end));
    case 'text': {
      const charset = charsetOf(column, override);
      if (charset) return (buffer, start, end) => charset.decode(buffer, start, end, invalid);
      return (buffer, start, end) => unnamedText(buffer, start, end, column.charset);
    }
    case 'enum':
    case 'set': {
      const charset = charsetOf(column, override);
      return labelReader({ kind: type.kind, labels: parseLabels(column.columnType), strings: context.labelStrings, charset });
    }
    case 'json':
      return (buffer, start, end) => normaliseJson(decodeUtf8(buffer, start, end, 'fail'));
    case 'vector':
      return (buffer, start, end) => `[${Array.from(vectorValue(buffer, start, end), floatText).join(',')}]`;
    case 'bytes': {
      if (typeof override === 'string' && override.startsWith('charset:')) {
        const charset = charsetOf(column, override);
        if (charset) return (buffer, start, end) => charset.decode(buffer, start, end, invalid);
      }
      return (buffer, start, end) => buffer.toString('base64', start, end);
    }
    case 'geometry':
    case 'unknown':
      return (buffer, start, end) => buffer.toString('base64', start, end);
  }
}

function temporalText(buffer: Buffer, start: number, end: number, shaped: boolean): string {
  if (!shaped || !isAscii(buffer, start, end)) fail('a date or time cell has an unknown form');
  return buffer.toString('latin1', start, end);
}

/** Collation 0 is not "no character set": ASCII is certain, the rest would be a guess (B7). */
function unnamedText(buffer: Buffer, start: number, end: number, collation: number): string {
  if (isAscii(buffer, start, end)) return buffer.toString('latin1', start, end);
  fail(
    collation === 0 ? 'the tablet could not name the character set of this column' : `the collation ${collation} is not known`,
    "State it with the override 'charset:NAME' (the set of SHOW CREATE TABLE, such as charset:gbk), or use 'bytes'.",
  );
}

function defaultReader(type: ColumnType, text: Reader<string>): Reader {
  switch (type.kind) {
    case 'int':
    case 'year':
      return readInt;
    case 'bigint':
      return readBigint;
    case 'float':
      return readFloat;
    case 'json':
      return (buffer, start, end) => parseJson(decodeUtf8(buffer, start, end, 'fail'));
    case 'vector':
      return vectorValue;
    case 'bit':
    case 'bytes':
    case 'geometry':
    case 'unknown':
      return copyBytes;
    default:
      return text;
  }
}

/** Every named override of type-table.ts except `charset:NAME`. */
function namedReaders(column: Column, type: ColumnType, text: Reader<string>, context: ReaderContext): ReadonlyMap<string, Reader> {
  const invalid = context.options.invalidText ?? 'fail';
  switch (type.kind) {
    case 'int':
      return named({ number: readInt, string: text, bigint: readBigint, boolean: (b, s, e) => truth(readInt(b, s, e)) });
    case 'year':
      return named({ number: readInt, string: text });
    case 'bigint':
      return named({
        bigint: readBigint,
        string: text,
        number: (b, s, e) => safeNumber(readBigint(b, s, e)),
        'number-if-safe': (b, s, e) => {
          const value = readBigint(b, s, e);
          const number = Number(value);
          return Number.isSafeInteger(number) ? number : value;
        },
      });
    case 'float':
      return named({ number: readFloat, string: text });
    case 'decimal':
      return named({ string: text, number: (b, s, e) => Number(readDecimal(b, s, e)) });
    case 'bit':
      return named({
        bytes: copyBytes,
        bigint: bitValue,
        number: (b, s, e) => safeNumber(bitValue(b, s, e)),
        boolean: (b, s, e) => truth(Number(bitValue(b, s, e))),
        string: text,
      });
    case 'date':
    case 'datetime':
    case 'timestamp': {
      const kind = type.kind;
      const convert = (mode: DateMode): Reader => {
        const converter = dateConverter(mode, kind, context.options.zeroDates ?? 'fail');
        return (b, s, e, copied) => converter(text(b, s, e, copied));
      };
      return named({
        string: text,
        date: convert('date'),
        iso: convert('iso'),
        'epoch-ms': convert('epoch-ms'),
        'epoch-us': convert('epoch-us'),
      });
    }
    case 'time':
      return named({ string: text, micros: (b, s, e, c) => timeMicros(text(b, s, e, c)) });
    case 'text':
      return named({ string: text, bytes: copyBytes });
    case 'enum': {
      const labels = parseLabels(column.columnType);
      return named({ string: text, index: (b, s, e, c) => labelOrdinal(labels, text(b, s, e, c)) });
    }
    case 'set':
      return named({
        string: text,
        array: (b, s, e, c) => (e === s ? [] : splitSet(text(b, s, e, c))),
      });
    case 'bytes':
      return named({
        bytes: copyBytes,
        base64: (b, s, e) => b.toString('base64', s, e),
        hex: (b, s, e) => b.toString('hex', s, e),
        text: (b, s, e) => decodeUtf8(b, s, e, invalid),
      });
    case 'json':
      return named({ parsed: defaultReader(type, text), text });
    case 'geometry':
      return named({ bytes: copyBytes, geometry: geometryValue });
    case 'vector':
      return named({ float32: vectorValue, bytes: copyBytes, array: (b, s, e) => Array.from(vectorValue(b, s, e)) });
    case 'unknown':
      return named({ bytes: copyBytes });
  }
}

function named(readers: Readonly<Record<string, Reader>>): ReadonlyMap<string, Reader> {
  return new Map(Object.entries(readers));
}

/** The bitmap 0 and a numeric old-server cell both give ''. */
function splitSet(text: string): string[] {
  return text === '' ? [] : text.split(',');
}

function truth(value: number): boolean {
  if (value !== 0 && value !== 1)
    fail('a boolean column holds another value than 0 and 1 (B25)', "Drop the 'boolean' override or repair the row.");
  return value === 1;
}

function safeNumber(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number))
    fail('an integer does not fit a JavaScript number exactly', "Use 'bigint', 'string' or 'number-if-safe'.");
  return number;
}

/** The names an override of this column can have. */
export function overrideNames(column: Column): readonly string[] {
  const type = columnTypeOf(column);
  const names = [...namedReaders(column, type, () => '', { options: {}, labelStrings: true }).keys()];
  return TEXTUAL.has(type.kind) ? [...names, 'charset:NAME'] : names;
}
