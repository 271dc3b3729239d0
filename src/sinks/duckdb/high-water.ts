/**
 * The highest key a table may hold, so that rows above it need no search for a stored row: a copy in key order and inserts with
 * growing ids then only append. Only for a single whole-number key. Layer 5.
 */
import type { TableVersion } from '../../schema/table.js';
import type { Target } from './catalog.js';
import type { Connection } from './driver.js';
import { quoteName } from './identifiers.js';

const WHOLE = new Set(['TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'HUGEINT', 'UTINYINT', 'USMALLINT', 'UINTEGER', 'UBIGINT']);

/** Decimal text of an upper bound, '' for an empty table; undefined when the key is of another kind. */
export async function readHighWater(connection: Connection, target: Target, version: TableVersion): Promise<string | undefined> {
  const [name] = version.key;
  if (version.key.length !== 1 || name === undefined) return undefined;
  const column = target.columns.get(name.toLowerCase());
  if (!column || !WHOLE.has(column.type)) return undefined;
  const reader = await connection.runAndReadAll(`select cast(max(${quoteName(column.name)}) as varchar) from ${target.sql}`);
  const highest = reader.getRows()[0]?.[0];
  return typeof highest === 'string' ? highest : '';
}

const MINUS = 45;
const ZERO = 48;

/** True only when the key is certainly above the mark. Negative keys count as below, whatever the mark. */
export function isAbove(key: string, mark: string): boolean {
  if (mark === '') return true;
  if (key.charCodeAt(0) === MINUS) return false;
  if (mark.charCodeAt(0) === MINUS) return true;
  const digits = withoutZeros(key);
  const bound = withoutZeros(mark);
  return digits.length > bound.length || (digits.length === bound.length && digits > bound);
}

function withoutZeros(digits: string): string {
  let start = 0;
  while (start < digits.length - 1 && digits.charCodeAt(start) === ZERO) start++;
  return start === 0 ? digits : digits.slice(start);
}
