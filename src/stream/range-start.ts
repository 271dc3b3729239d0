/**
 * A value that lies before every row of a range, made up from its conditions. Pure. Layer 3.
 *
 * A copy that goes on behind a key keeps the table's changes coming; one that starts without a key drops them until its first row
 * (recorded in `copy/behind-made-up-key-min`). The value need not be one that any row has, and the nearer it is, the fewer rows are
 * read in vain.
 */
import { baseType, columnTypeOf, QUERY_TYPE } from '../schema/mysql-type.js';
import type { Column } from '../schema/table.js';
import type { Condition, Literal } from '../schema/where-parse.js';

/** As a cell of a last key: `query.Type` and bytes. `refused` is the reason, a clause. */
export type Start = { readonly type: number; readonly value: Buffer } | { readonly refused: string };

/** `conditions`: those on the first column of the key. Its comparisons are known to be possible. */
export function keyBefore(column: Column, conditions: readonly Condition[]): Start {
  const [bound] = conditions.flatMap((one) => leastOf(one, column) ?? []);
  const none = `${column.name} comes first in the key and needs a lower bound here (=, >, >=, IN or BETWEEN)`;
  const { kind } = columnTypeOf(column);
  switch (kind) {
    case 'int':
    case 'bigint':
    case 'decimal': {
      const text = bound ? belowNumber(bound) : belowAll(column);
      // A number is written into the server's query as it is, so that it may lie outside of what the column holds.
      return text === undefined ? { refused: none } : { type: QUERY_TYPE.INT64, value: Buffer.from(text) };
    }
    case 'date':
    case 'datetime':
    case 'timestamp': {
      if (!bound) return { refused: none };
      const text = belowDate(bound.text, kind);
      return text === undefined
        ? { refused: `there is no date before '${bound.text}' to start from` }
        : { type: QUERY_TYPE.VARCHAR, value: Buffer.from(text) };
    }
    case 'text':
    case 'bytes': {
      if (!bound) return { refused: none };
      const bytes = kind === 'text' ? belowText(bound.text) : belowBytes(bound);
      const type = kind === 'text' ? QUERY_TYPE.VARCHAR : QUERY_TYPE.VARBINARY;
      return bytes === undefined ? { refused: `nothing lies before its lower bound: ${none}` } : { type, value: bytes };
    }
    default:
      return {
        refused: `${column.name} comes first in the key and is ${column.columnType || kind}, from which the client cannot start`,
      };
  }
}

/** The least value a row can have by this condition, or one below it. */
function leastOf(condition: Condition, column: Column): Literal | undefined {
  const { test } = condition;
  if (test === 'null' || test === '!=' || test === '<' || test === '<=' || (test === 'between' && condition.negated)) return undefined;
  return condition.literals.reduce((a, b) => (test === 'in' && isLess(b, a, column) ? b : a));
}

function isLess(a: Literal, b: Literal, column: Column): boolean {
  const { kind } = columnTypeOf(column);
  if (kind === 'int' || kind === 'bigint' || kind === 'decimal') return floor(a.text) < floor(b.text);
  return Buffer.compare(bytesOf(a), bytesOf(b)) < 0;
}

/** The next whole number below. */
const belowNumber = ({ text }: Literal): string => String(floor(text) - 1n);

function floor(text: string): bigint {
  const [whole = '', fraction = ''] = text.split('.');
  const digits = BigInt(whole === '' || whole === '-' ? `${whole}0` : whole);
  return text.startsWith('-') && /[1-9]/.test(fraction) ? digits - 1n : digits;
}

const BITS: Readonly<Record<string, bigint>> = { tinyint: 8n, smallint: 16n, mediumint: 24n, int: 32n, integer: 32n, bigint: 64n };

/** Below what a column of whole numbers or decimals can hold. */
export function belowAll({ columnType }: Column): string | undefined {
  if (/\bunsigned\b/i.test(columnType)) return '-1';
  const bits = BITS[baseType(columnType)];
  if (bits !== undefined) return String(-(2n ** (bits - 1n)) - 1n);
  const decimal = /^decimal\((\d+)(?:,(\d+))?\)/i.exec(columnType);
  return decimal ? String(-(10n ** BigInt(Number(decimal[1]) - Number(decimal[2] ?? 0)))) : undefined;
}

const DAY = 86_400_000;

/** A day, or a second, earlier. Undefined for days no calendar has, and where MySQL's types begin. */
function belowDate(text: string, kind: 'date' | 'datetime' | 'timestamp'): string | undefined {
  const [date = '', time] = text.split(' ');
  const at = Date.parse(`${date}T${time === undefined ? '00:00:00' : time.slice(0, 8)}Z`);
  if (Number.isNaN(at) || new Date(at).toISOString().slice(0, 10) !== date) return undefined;
  const before = new Date(at - (kind === 'date' ? DAY : 1000));
  const first = kind === 'timestamp' ? Date.UTC(1970, 0, 1, 0, 0, 1) : Date.parse('1000-01-01T00:00:00Z');
  if (before.getTime() < first) return undefined;
  const iso = before.toISOString();
  return kind === 'date' ? iso.slice(0, 10) : `${iso.slice(0, 10)} ${iso.slice(11, 19)}`;
}

/** Above nearly all text that begins with the character before, so that little is read in vain. */
const HIGH = '~~~~';

/** By code point; with the last character counted down, which is less whether or not trailing spaces count. */
function belowText(text: string): Buffer | undefined {
  const points = Array.from(text.replace(/ +$/, ''), (one) => one.codePointAt(0) as number);
  while (points.at(-1) === 0) points.pop();
  const last = points.pop();
  if (last === undefined) return undefined;
  // No text holds the halves of a pair.
  const before = last === 0xe000 ? 0xd7ff : last - 1;
  return Buffer.from(String.fromCodePoint(...points, before) + HIGH);
}

function belowBytes(literal: Literal): Buffer | undefined {
  let bytes = bytesOf(literal);
  while (bytes.at(-1) === 0) bytes = bytes.subarray(0, -1);
  const last = bytes.at(-1);
  if (last === undefined) return undefined;
  return Buffer.concat([bytes.subarray(0, -1), Buffer.from([last - 1]), Buffer.alloc(8, 0xff)]);
}

function bytesOf({ kind, text }: Literal): Buffer {
  return kind === 'hex' ? Buffer.from(text.length % 2 === 0 ? text : `0${text}`, 'hex') : Buffer.from(text);
}
