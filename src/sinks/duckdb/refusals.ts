/** Which rows of a batch DuckDB refuses: found by trying parts of it, as its errors name no row. Layer 5. */
import { VStreamError } from '../../errors.js';
import { firstLine } from './driver.js';

/** Of one batch. When there are more, the table is wrong and not its rows. */
export const MAX_REFUSED = 100;

const UNFIT = new WeakSet<VStreamError>();

/** The error for a cell that has no value in DuckDB, found before DuckDB sees it. */
export function unfitCell(column: string, what: string, next: string): VStreamError {
  const error = new VStreamError('SINK_FAILED', `column ${column} ${what}`, { column, next });
  UNFIT.add(error);
  return error;
}

/** What DuckDB and its driver say of rows, whatever the operation; everything else is no row's fault. */
const OF_ROWS = [
  /constraint failed/i,
  /constraint violation/i,
  /violates (unique|primary key|foreign key) constraint/i,
  /a value does not fit/,
  /number out of \w+ range/,
  /to a BigInt$/,
  /^(Conversion|Out of Range) Error/,
];

/** Why rows were refused, without their values; undefined for errors that no row is to blame for. */
export function refusalOf(error: unknown): string | undefined {
  if (!VStreamError.is(error)) return undefined;
  if (UNFIT.has(error)) return error.message;
  const { cause } = error;
  if (error.code !== 'SINK_FAILED' || !(cause instanceof Error)) return undefined;
  const text = firstLine(cause.message).replace(/^Failed to append: /, '');
  if (!OF_ROWS.some((pattern) => pattern.test(text))) return undefined;
  // Values are quoted, and may hold quotes.
  return text.replace(/(["']).*\1/s, '…');
}

/**
 * Splits until single changes are left that cannot be written behind the others. Each part is tried together with all before it that
 * can be written, as a change may depend on one of those: a value that was freed, a row another one refers to.
 * @param refusal why these changes cannot be written, undefined when they can
 * @throws what `refusal` throws
 * @returns undefined when more than `MAX_REFUSED` are refused
 */
export async function findRefused<T>(
  changes: readonly T[],
  refusal: (changes: readonly T[]) => Promise<string | undefined>,
): Promise<ReadonlyMap<T, string> | undefined> {
  const refused = new Map<T, string>();
  const fine: T[] = [];
  /** Parts still to be looked at, the next one last. */
  const parts: (readonly T[])[] = [changes];
  for (let part = parts.pop(); part; part = parts.pop()) {
    if (part.length === 0) continue;
    const reason = await refusal([...fine, ...part]);
    if (reason === undefined) fine.push(...part);
    else if (part.length > 1) {
      const half = part.length >> 1;
      parts.push(part.slice(half), part.slice(0, half));
    } else {
      refused.set(part[0] as T, reason);
      if (refused.size > MAX_REFUSED) return undefined;
    }
  }
  return refused;
}
