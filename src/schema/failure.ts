/** What a reader of one cell throws; the decoder adds keyspace, shard, table and column. Layer 2, internal. */
import type { ErrorCode } from '../errors.js';

/** The reason never holds the value itself: values can be secrets, and the raw bytes go to the dead letter. */
export class CellFailure extends Error {
  readonly code: ErrorCode;
  readonly next: string | undefined;

  constructor(reason: string, next?: string, code: ErrorCode = 'DECODE_FAILED') {
    super(reason);
    this.name = 'CellFailure';
    this.code = code;
    this.next = next;
  }
}

export function fail(reason: string, next?: string): never {
  throw new CellFailure(reason, next);
}

/** Invalid bytes of a character set, with the ways out. */
export function refuseText(charset: string): never {
  fail(
    `bytes are not valid ${charset} text`,
    "Set the column's override to 'bytes' or 'charset:NAME', or invalidText to 'replace', or repair the row.",
  );
}
