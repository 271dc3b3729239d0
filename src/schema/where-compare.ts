/** Comparing a cell with a literal of a filter, the way MySQL does, for the types where that is certain. Layer 2. */
import type { RangeKind } from '../position/range-copy.js';
import type { Cells } from './cells.js';
import { charsetOfCollation } from './collations.js';
import { columnTypeOf, isBlobOrText } from './mysql-type.js';
import { readBigint, readFloat, readInt } from './numbers.js';
import type { Column } from './table.js';
import type { Literal } from './where-parse.js';

/** Negative, zero or positive: the cell (never NULL) against the literal. */
export type Comparer = (cells: Cells, column: number) => number;

/** The message is the reason, a clause. */
export class ComparisonRefused extends Error {
  override readonly name = 'ComparisonRefused';
}

/** The kind of comparison, for sinks that have to compare the same way. */
export function rangeKindOf(column: Column): RangeKind {
  switch (columnTypeOf(column).kind) {
    case 'date':
    case 'datetime':
    case 'timestamp':
      return 'date';
    case 'bytes':
      return 'binary';
    case 'text':
      return column.charset === NO_PAD ? 'text' : 'padded-text';
    default:
      return 'number';
  }
}

/** The id of a `_bin` collation that the client compares, by its name; undefined for every other. */
export function binCollationId(name: string): number | undefined {
  for (const id of BIN_COLLATIONS) {
    const charset = charsetOfCollation(id);
    const own = id === NO_PAD ? 'utf8mb4_0900_bin' : `${charset}_bin`;
    if (name === own || (charset === 'utf8mb3' && name === 'utf8_bin')) return id;
  }
  return undefined;
}

/** `_bin` collations of utf8 and of single-byte sets whose lower half is ASCII: order of characters is order of bytes. */
const BIN_COLLATIONS: ReadonlySet<number> = new Set([
  43, 46, 47, 50, 53, 58, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 77, 78, 79, 80, 81, 83, 93, 309,
]);

/** utf8mb4_0900_bin: the only one of them that does not ignore trailing spaces (MySQL 9.7, PAD_ATTRIBUTE). */
const NO_PAD = 309;

export function comparerFor(column: Column, literal: Literal): Comparer {
  const { kind, name } = columnTypeOf(column);
  const refuse = (reason: string): never => {
    throw new ComparisonRefused(`${column.name} ${reason}`);
  };
  if (isBlobOrText(column)) return refuse(`is ${column.columnType || 'BLOB or TEXT'}, which row images may leave out`);
  switch (kind) {
    case 'int':
    case 'bigint':
    case 'year':
    case 'decimal':
      if (literal.kind !== 'number' || /e/i.test(literal.text)) return refuse('is a number: compare it with plain digits');
      return kind === 'decimal' ? exactComparer(literal.text) : integerComparer(literal.text);
    case 'float': {
      if (name === 'float') return refuse('is FLOAT, whose copied values are rounded by the server (B20)');
      if (literal.kind !== 'number') return refuse('is a number: compare it with plain digits');
      const wanted = Number(literal.text);
      return (cells, index) => {
        const bytes = cells.bytes(index) as Buffer;
        return order(readFloat(bytes, 0, bytes.length), wanted);
      };
    }
    case 'date':
    case 'datetime':
    case 'timestamp': {
      const form = dateForm(kind, column.decimals);
      if (literal.kind !== 'string' || !form.pattern.test(literal.text))
        return refuse(`is ${column.columnType || kind}: write '${form.example}' in full`);
      return (cells, index) => order(cells.text(index) ?? '', literal.text);
    }
    case 'bytes':
      return bytesComparer(literalBytes(literal, true) ?? refuse('is binary: compare it with a string or hex literal'));
    case 'text': {
      if (!BIN_COLLATIONS.has(column.charset)) {
        return refuse(
          column.charset === 0
            ? 'has a collation the tablet could not name'
            : 'has a collation that is not a plain _bin one, which only the server can compare',
        );
      }
      const unicode = charsetOfCollation(column.charset)?.startsWith('utf8') === true;
      const bytes =
        literalBytes(literal, unicode) ?? refuse('is text: compare it with a string literal (ASCII, where its character set is not utf8)');
      return column.charset === NO_PAD ? bytesComparer(bytes) : paddedComparer(bytes);
    }
    default:
      return refuse(`is ${column.columnType || kind}, which the client does not compare`);
  }
}

/** Both sides as numbers where that is exact. */
function integerComparer(wanted: string): Comparer {
  const literal = Number(wanted);
  if (!/^-?\d+$/.test(wanted) || !Number.isSafeInteger(literal)) return exactComparer(wanted);
  return (cells, index) => {
    const bytes = cells.bytes(index) as Buffer;
    if (bytes.length <= 15) return readInt(bytes, 0, bytes.length) - literal;
    return order(readBigint(bytes, 0, bytes.length), BigInt(literal));
  };
}

/** Exact for integers of any size and decimals of any scale. */
function exactComparer(wanted: string): Comparer {
  const literal = scaled(wanted);
  return (cells, index) => compareScaled(scaled(cells.text(index) ?? ''), literal);
}

/** Texts of numbers, exactly; with an exponent as doubles. */
export function compareNumbers(left: string, right: string): number {
  return /e/i.test(left + right) ? order(Number(left), Number(right)) : compareScaled(scaled(left), scaled(right));
}

interface Scaled {
  readonly digits: bigint;
  readonly scale: number;
}

function compareScaled(one: Scaled, other: Scaled): number {
  const scale = Math.max(one.scale, other.scale);
  return order(one.digits * 10n ** BigInt(scale - one.scale), other.digits * 10n ** BigInt(scale - other.scale));
}

function scaled(text: string): Scaled {
  const negative = text.startsWith('-');
  const [whole = '', fraction = ''] = text.slice(negative ? 1 : 0).split('.');
  const digits = BigInt(`${whole}${fraction}` || '0');
  return { digits: negative ? -digits : digits, scale: fraction.length };
}

function order<T extends number | bigint | string>(left: T, right: T): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Text of equal shape sorts as the dates do, zero dates included. */
function dateForm(kind: 'date' | 'datetime' | 'timestamp', decimals: number): { readonly pattern: RegExp; readonly example: string } {
  if (kind === 'date') return { pattern: /^\d{4}-\d{2}-\d{2}$/, example: '2024-02-29' };
  const fraction = decimals > 0 ? `\\.\\d{${decimals}}` : '';
  return {
    pattern: new RegExp(`^\\d{4}-\\d{2}-\\d{2} \\d{2}:\\d{2}:\\d{2}${fraction}$`),
    example: `2024-02-29 12:34:56${decimals > 0 ? `.${'0'.repeat(decimals)}` : ''}`,
  };
}

export function literalBytes(literal: Literal, unicode: boolean): Buffer | undefined {
  if (literal.kind === 'hex') return Buffer.from(literal.text.length % 2 === 0 ? literal.text : `0${literal.text}`, 'hex');
  if (literal.kind !== 'string') return undefined;
  return unicode || /^[\x00-\x7f]*$/.test(literal.text) ? Buffer.from(literal.text) : undefined;
}

function bytesComparer(wanted: Buffer): Comparer {
  return (cells, index) => Buffer.compare(cells.bytes(index) as Buffer, wanted);
}

/** The shorter side counts as filled with spaces. */
function paddedComparer(wanted: Buffer): Comparer {
  return (cells, index) => comparePadded(cells.bytes(index) as Buffer, wanted);
}

export function comparePadded(left: Uint8Array, right: Uint8Array): number {
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const difference = (left[at] ?? 32) - (right[at] ?? 32);
    if (difference !== 0) return difference;
  }
  return 0;
}
