/** ENUM and SET: labels from `column_type`, cells in every form a server sends. Layer 2. */
import { isAscii } from './ascii.js';
import type { Charset } from './charset.js';
import { CellFailure, fail } from './failure.js';

/**
 * The labels of `enum('a','it''s')` in order. Quotes inside are doubled; commas, spaces and parentheses may stand inside (B16);
 * MySQL prints backslash, newline, carriage return and NUL of a label as backslash escapes.
 */
export function parseLabels(columnType: string): readonly string[] {
  const open = columnType.indexOf('(');
  const close = columnType.lastIndexOf(')');
  if (open < 0 || close < open) return [];
  const list = columnType.slice(open + 1, close);
  const labels: string[] = [];
  let at = 0;
  while (at < list.length) {
    const start = list.indexOf("'", at);
    if (start < 0) break;
    let label = '';
    at = start + 1;
    for (; at < list.length; at++) {
      const char = list[at] as string;
      if (char === "'") {
        if (list[at + 1] !== "'") break;
        label += "'";
        at++;
      } else if (char === '\\' && at + 1 < list.length) {
        const next = list[++at] as string;
        label += ESCAPED[next] ?? `\\${next}`;
      } else label += char;
    }
    labels.push(label);
    at++;
  }
  return labels;
}

const ESCAPED: Readonly<Record<string, string>> = { '\\': '\\', n: '\n', r: '\r', '0': '\0' };

/** What a cell of the column is, decided once per FIELD. */
export interface LabelColumn {
  readonly kind: 'enum' | 'set';
  readonly labels: readonly string[];
  /** `enum_set_string_values`: false on servers that send ordinals and bitmaps in replication (v19 and older, B10). */
  readonly strings: boolean;
  /** Of the column or its override; undefined when the tablet could not name it (B7). */
  readonly charset: Charset | undefined;
}

/** Returns the label (SET: labels joined with commas in definition order) of a cell. */
export function labelReader(column: LabelColumn): (buffer: Buffer, start: number, end: number, copied: boolean) => string {
  const { charset, labels } = column;
  const known = new Map(labels.map((label) => [label, label]));
  const utf8Only = charset?.name === 'utf8mb4';
  const direct = charset?.asciiCompatible ?? true;
  const isMember = (text: string): boolean =>
    text === '' || (column.kind === 'enum' ? known.has(text) : text.split(',').every((label) => known.has(label)));

  /** A non-ASCII cell of another set: copied as stored, replicated as UTF-8, behind the same FIELD (B13). */
  const eitherWay = (buffer: Buffer, start: number, end: number): string => {
    const readings = new Set<string>();
    for (const decode of [decodeStrictUtf8, charset?.decode]) {
      try {
        const text = decode?.(buffer, start, end, 'fail');
        if (text !== undefined && isMember(text)) readings.add(text);
      } catch (error) {
        if (!(error instanceof CellFailure)) throw error;
      }
    }
    const [reading] = readings;
    if (readings.size > 1) {
      fail(
        `a cell reads as two different labels of the ${column.kind}, in UTF-8 and in ${charset?.name}`,
        'Convert the column to utf8mb4.',
      );
    }
    if (reading === undefined)
      fail(`a cell is no label of its ${column.kind}`, 'Declare the character set of the column with an override such as charset:gbk.');
    return reading;
  };

  return (buffer, start, end, copied) => {
    if (end === start) return '';
    if (column.strings || copied || labels.length === 0) {
      // As sent: the server named the label itself. Only sets other than UTF-8 need a second look.
      if (utf8Only) return decodeStrictUtf8(buffer, start, end);
      if (direct && isAscii(buffer, start, end)) return buffer.toString('latin1', start, end);
      if (labels.length === 0) return charset ? charset.decode(buffer, start, end, 'fail') : decodeStrictUtf8(buffer, start, end);
      return eitherWay(buffer, start, end);
    }
    const text = isAscii(buffer, start, end) ? buffer.toString('latin1', start, end) : '';
    if (/^\d{1,20}$/.test(text)) return column.kind === 'enum' ? ordinalLabel(labels, text) : bitmapLabels(labels, text);
    return eitherWay(buffer, start, end);
  };
}

function decodeStrictUtf8(buffer: Buffer, start: number, end: number): string {
  const text = buffer.toString('utf8', start, end);
  if (text.includes('\ufffd')) {
    try {
      return STRICT.decode(buffer.subarray(start, end));
    } catch {
      fail('a label is not valid UTF-8');
    }
  }
  return text;
}

const STRICT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Ordinal 0 is the empty string MySQL stores for an invalid value (B12). */
function ordinalLabel(labels: readonly string[], text: string): string {
  const ordinal = Number(text);
  if (ordinal === 0) return '';
  return (
    labels[ordinal - 1] ??
    fail(`an enum ordinal is beyond its ${labels.length} labels`, 'Copy the table again: its definition changed after the row was written.')
  );
}

/** 64 members need unsigned 64 bits (B15). */
function bitmapLabels(labels: readonly string[], text: string): string {
  const bits = BigInt(text);
  if (bits >> BigInt(labels.length) !== 0n)
    fail(`a set bitmap is beyond its ${labels.length} members`, 'Copy the table again: its definition changed after the row was written.');
  return labels.filter((_, index) => (bits >> BigInt(index)) & 1n).join(',');
}

/** The ordinal of a label as MySQL counts, 0 for the empty invalid value. */
export function labelOrdinal(labels: readonly string[], label: string): number {
  const index = labels.indexOf(label);
  if (index < 0 && label !== '') fail('a cell is no label of its enum');
  return index + 1;
}
