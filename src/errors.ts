/**
 * The one error class of the library: data, not a hierarchy. Layer 0.
 */

/** What the caller should do about an error, decided once where the error is made. */
export type ErrorCategory =
  /** Passing: reconnecting or trying again helps. Surfaces only when its budget is spent. */
  | 'retry'
  /** Topology or credentials changed: look them up again, then retry. */
  | 'refresh'
  /** The stored position cannot be used as it is; an operator or a policy decides. */
  | 'position'
  /** The configuration, a name or a right is wrong; nothing was attempted or half done. */
  | 'config'
  /** Cannot go on without a human or a newer version. */
  | 'fatal';

const CATEGORY = {
  CONFIG_INVALID: 'config',
  DRIVER_MISSING: 'config',
  CONNECT_FAILED: 'retry',
  TLS_FAILED: 'config',
  AUTH_FAILED: 'config',
  PERMISSION_DENIED: 'config',
  KEYSPACE_NOT_FOUND: 'config',
  SHARD_NOT_FOUND: 'position',
  TABLE_NOT_FOUND: 'config',
  TABLE_MOVED: 'refresh',
  COLUMN_NOT_FOUND: 'config',
  FILTER_REFUSED: 'config',
  NO_TABLET: 'retry',
  POSITION_INVALID: 'position',
  POSITION_PURGED: 'position',
  POSITION_AHEAD: 'position',
  POSITION_FOREIGN: 'position',
  POSITION_CONFLICT: 'position',
  SHARDS_CHANGED: 'position',
  STREAM_LOST: 'retry',
  STREAM_ENDED: 'retry',
  STREAM_STALLED: 'retry',
  THROTTLED: 'retry',
  MESSAGE_TOO_LARGE: 'config',
  QUERY_FAILED: 'fatal',
  PROTOCOL: 'fatal',
  DECODE_FAILED: 'fatal',
  PARTIAL_IMAGE: 'fatal',
  SCHEMA_MISMATCH: 'fatal',
  SCHEMA_CHANGE: 'fatal',
  ROW_IMAGE_REFUSED: 'config',
  TRANSACTION_TOO_LARGE: 'fatal',
  TRANSACTION_UNDECODABLE: 'fatal',
  SINK_FAILED: 'fatal',
  SINK_UNSUPPORTED: 'config',
  HANDLER_FAILED: 'fatal',
  STATE_FAILED: 'fatal',
  STATE_KEYSPACE_INVALID: 'config',
  STATE_NOT_FOUND: 'config',
  LEASE_HELD: 'config',
  FENCED: 'fatal',
  ABORTED: 'fatal',
  INTERNAL: 'fatal',
} as const satisfies Record<string, ErrorCategory>;

/** Every code a `VStreamError` can carry, in the style `POSITION_PURGED`; docs/failure.md has a row for each. */
export type ErrorCode = keyof typeof CATEGORY;

/** All codes, for documentation and tests. */
export const ERROR_CODES: readonly ErrorCode[] = Object.keys(CATEGORY) as ErrorCode[];

/** What an error carries beside code and message: give what is known, never a secret. */
export interface ErrorDetails {
  /** Overrides the category that belongs to the code. */
  category?: ErrorCategory | undefined;
  keyspace?: string | undefined;
  shard?: string | undefined;
  table?: string | undefined;
  column?: string | undefined;
  /** The position (or GTID set) the error speaks of, as text. */
  position?: string | undefined;
  /** The next step, a sentence in the imperative. Shown after the message. */
  next?: string | undefined;
  cause?: unknown;
}

const BRAND = Symbol.for('vstream-client.error');

/**
 * Thrown by everything in this library. `message` names what failed, `next` says what to do, the coordinates say where.
 * Secrets never enter a message. Recognise it with `VStreamError.is(e)`, which also works across two installed copies.
 */
export class VStreamError extends Error {
  readonly code: ErrorCode;
  readonly category: ErrorCategory;
  readonly keyspace: string | undefined;
  readonly shard: string | undefined;
  readonly table: string | undefined;
  readonly column: string | undefined;
  readonly position: string | undefined;
  readonly next: string | undefined;
  readonly [BRAND] = true;

  /** Thrown by a sink or a function of yours: with `category: 'retry'` the batch is given again (for `sinkRetry`), with any other the stream ends. */
  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'VStreamError';
    this.code = code;
    this.category = details.category ?? CATEGORY[code];
    this.keyspace = details.keyspace;
    this.shard = details.shard;
    this.table = details.table;
    this.column = details.column;
    this.position = details.position;
    this.next = details.next;
  }

  /** True for a `VStreamError` of any copy of this package. */
  static is(error: unknown): error is VStreamError {
    return typeof error === 'object' && error !== null && (error as { [BRAND]?: unknown })[BRAND] === true;
  }

  /** Returns `error` itself when it is one of ours, else wraps it under `code` with the original as `cause`. */
  static from(error: unknown, code: ErrorCode, details: ErrorDetails = {}): VStreamError {
    if (VStreamError.is(error)) return error;
    const text = error instanceof Error ? error.message : String(error);
    return new VStreamError(code, text, { ...details, cause: error });
  }

  /** The fields that exist, for `--json` and logs; never the cause, which may hold anything. */
  toJSON(): Record<string, string> {
    const out: Record<string, string> = { code: this.code, category: this.category, message: this.message };
    for (const name of ['keyspace', 'shard', 'table', 'column', 'position', 'next'] as const) {
      const value = this[name];
      if (value !== undefined) out[name] = value;
    }
    return out;
  }
}

/** Trying again can help: `retry`, or `refresh` after looking topology and credentials up again. */
export function isPassing(error: unknown): error is VStreamError {
  return VStreamError.is(error) && (error.category === 'retry' || error.category === 'refresh');
}

/** Of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
