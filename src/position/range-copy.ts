/** A range of a table that is copied again: what the plan keeps of it. Layer 1. */

/** How the values of a key column are compared; see `KeyCondition`. */
export type RangeKind = 'number' | 'date' | 'text' | 'padded-text' | 'binary';

const KINDS: readonly unknown[] = ['number', 'date', 'text', 'padded-text', 'binary'] satisfies RangeKind[];

/** A range somebody asked for, checked against the key the table has. A changed key copies the whole table, so this stays true. */
export interface RangeWish {
  /** AND of conditions on key columns, as written. */
  readonly where: string;
  /** A key that lies before every row of the range, as the server's `TableLastPK` message in base64: the copy goes on after it. */
  readonly start: string;
  /** The first column of the key: rows are copied in its order. */
  readonly first: string;
  /** How the columns of `where` are compared, by the names it uses. */
  readonly kinds: Readonly<Record<string, RangeKind>>;
}

export interface RangeCopy extends RangeWish {
  /** The generation its rows get. */
  readonly generation: number;
}

/** Of a value read from JSON. */
export function isRangeWish(value: unknown): value is RangeWish {
  if (typeof value !== 'object' || value === null) return false;
  const { where, start, first, kinds } = value as Partial<Record<keyof RangeWish, unknown>>;
  if (typeof where !== 'string' || typeof start !== 'string' || typeof first !== 'string') return false;
  return typeof kinds === 'object' && kinds !== null && Object.values(kinds).every((one) => KINDS.includes(one));
}

export function isRangeCopy(value: unknown): value is RangeCopy {
  return isRangeWish(value) && Number.isSafeInteger((value as Partial<RangeCopy>).generation);
}
