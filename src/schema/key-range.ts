/** A range of a table's keys, as sinks get it: conditions that can be put into a destination's own language. Layer 2. */
import type { RangeKind, RangeWish } from '../position/range-copy.js';
import type { Cells } from './cells.js';
import type { TableVersion } from './table.js';
import { compileWhere } from './where.js';
import { compareNumbers, comparePadded, comparerFor, literalBytes } from './where-compare.js';
import { type Condition, parseConditions } from './where-parse.js';

/**
 * One comparison of a key column with values. `kind` says how values compare, exactly as the source does:
 * - `number`: as numbers of any size and scale; values are plain digits (`-12`, `3.50`), exponents only against DOUBLE
 * - `date`: as dates and times (DATE, DATETIME, TIMESTAMP in UTC); values are written in full, `2024-02-29 12:34:56.000`
 * - `text`: code point by code point; `padded-text` the same with the shorter side filled with spaces, so that `'a'` equals `'a '`
 * - `binary`: byte by byte; values are bytes
 *
 * `in` holds for any of its values; `between` and `not between` have two, both ends included; all others have one.
 */
export interface KeyCondition {
  /** Name as the range writes it; compare it without case. */
  readonly column: string;
  readonly kind: RangeKind;
  readonly test: '=' | '!=' | '<' | '<=' | '>' | '>=' | 'in' | 'between' | 'not between';
  readonly values: readonly (string | Uint8Array)[];
}

/** Rows whose key meets every condition. Key columns are never NULL, so each is either true or false. */
export interface KeyRange {
  /** As the user wrote it. */
  readonly where: string;
  readonly conditions: readonly KeyCondition[];
}

/** The range the plan keeps, for a sink. */
export function keyRangeOf({ where, kinds }: Pick<RangeWish, 'where' | 'kinds'>): KeyRange {
  return { where, conditions: parseConditions(where).map((one) => keyCondition(one, kinds[one.column] ?? 'number')) };
}

function keyCondition(condition: Condition, kind: RangeKind): KeyCondition {
  // Refused when it was asked for: key columns are never NULL.
  if (condition.test === 'null') throw new TypeError(`a range has no NULL: ${condition.column}`);
  const { column, test, literals } = condition;
  const values = literals.map((literal) => (kind === 'binary' ? (literalBytes(literal, true) ?? Buffer.alloc(0)) : literal.text));
  return { column, kind, test: test === 'between' && condition.negated ? 'not between' : test, values };
}

/**
 * True when a key lies in the range: for destinations that hold their keys in memory. `key` holds the values of the key columns as
 * the decoder gives them by default: numbers and bigints, decimals and dates as text, binary as bytes.
 * @throws TypeError when a column of the range is missing
 */
export function isInRange({ conditions }: KeyRange, key: Readonly<Record<string, unknown>>): boolean {
  return conditions.every(({ column, kind, test, values }) => {
    const name = Object.keys(key).find((one) => one.toLowerCase() === column.toLowerCase());
    const value = name === undefined ? undefined : key[name];
    if (value === undefined || value === null) throw new TypeError(`no value of the key column ${column}`);
    const signs = values.map((one) => compareValues(kind, value, one));
    return HOLDS[test](signs);
  });
}

const HOLDS: Readonly<Record<KeyCondition['test'], (signs: readonly number[]) => boolean>> = {
  '=': ([sign = 0]) => sign === 0,
  '!=': ([sign = 0]) => sign !== 0,
  '<': ([sign = 0]) => sign < 0,
  '<=': ([sign = 0]) => sign <= 0,
  '>': ([sign = 0]) => sign > 0,
  '>=': ([sign = 0]) => sign >= 0,
  in: (signs) => signs.includes(0),
  between: ([low = 0, high = 0]) => low >= 0 && high <= 0,
  'not between': ([low = 0, high = 0]) => low < 0 || high > 0,
};

function compareValues(kind: RangeKind, value: unknown, wanted: string | Uint8Array): number {
  if (kind === 'number') return compareNumbers(String(value), String(wanted));
  const [left, right] = [bytesOf(value), bytesOf(wanted)];
  return Math.sign(kind === 'padded-text' ? comparePadded(left, right) : Buffer.compare(left, right));
}

const bytesOf = (value: unknown): Uint8Array => (value instanceof Uint8Array ? value : Buffer.from(String(value)));

/** What a copy that reads rows in the order of the key asks of each. */
export interface RangeTests {
  readonly inside: (cells: Cells) => boolean;
  /** No later row is inside either. */
  readonly beyond: (cells: Cells) => boolean;
}

export function compileRange({ where, first }: Pick<RangeWish, 'where' | 'first'>, version: TableVersion): RangeTests {
  const index = version.columns.findIndex((column) => column.name === first);
  const ends = parseConditions(where).flatMap((one) => (isOn(one, first) ? endOf(one, version, index) : []));
  return { inside: compileWhere(where, version), beyond: (cells) => ends.some((end) => end(cells)) };
}

export const isOn = (condition: Condition, column: string): boolean => condition.column.toLowerCase() === column.toLowerCase();

/** True for rows behind the last that meet the condition. */
function endOf(condition: Condition, { columns }: TableVersion, index: number): readonly ((cells: Cells) => boolean)[] {
  const column = columns[index];
  const { test } = condition;
  if (!column || test === 'null' || test === '!=' || test === '>' || test === '>=' || (test === 'between' && condition.negated)) return [];
  const comparers = condition.literals.map((literal) => comparerFor(column, literal));
  const uppermost = test === 'between' ? comparers.slice(-1) : comparers;
  return [(cells) => uppermost.every((compare) => compare(cells, index) >= (test === '<' ? 0 : Number.MIN_VALUE))];
}
