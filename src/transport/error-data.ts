/** Errors as plain data, to cross between threads: structured clone keeps neither their class nor their fields. Layer 2. */
import { VStreamError, type ErrorCode, type ErrorDetails } from '../errors.js';

export interface ErrorData {
  /** Of a `VStreamError`; undefined for any other error. */
  readonly code: ErrorCode | undefined;
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  /** Of Node's own errors: `ENOENT`. */
  readonly system: string | undefined;
  readonly details: Omit<ErrorDetails, 'cause'>;
  /** A server's status is data; its words decide how the stream goes on (`serverStatusOf`). */
  readonly cause: { readonly error: ErrorData } | { readonly data: unknown } | undefined;
}

/** Causes of causes; also ends a circle of them. */
const MAX_DEPTH = 8;

export function errorToData(error: unknown, depth = 0): ErrorData {
  if (!(error instanceof Error)) {
    return { code: undefined, name: 'Error', message: String(error), stack: undefined, system: undefined, details: {}, cause: undefined };
  }
  const { name, message, stack } = error;
  const cause = depth < MAX_DEPTH ? causeToData(error.cause, depth) : undefined;
  if (VStreamError.is(error)) {
    const { code, category, keyspace, shard, table, column, position, next } = error;
    return { code, name, message, stack, system: undefined, details: { category, keyspace, shard, table, column, position, next }, cause };
  }
  const system = (error as NodeJS.ErrnoException).code;
  return { code: undefined, name, message, stack, system: typeof system === 'string' ? system : undefined, details: {}, cause };
}

function causeToData(cause: unknown, depth: number): ErrorData['cause'] {
  if (cause === undefined) return undefined;
  if (cause instanceof Error) return { error: errorToData(cause, depth + 1) };
  try {
    return { data: structuredClone(cause) };
  } catch {
    return { data: String(cause) };
  }
}

export function errorFromData(data: ErrorData): Error {
  const cause = data.cause && ('error' in data.cause ? errorFromData(data.cause.error) : data.cause.data);
  if (data.code === undefined) {
    const error = new Error(data.message, cause === undefined ? undefined : { cause });
    return Object.assign(error, { name: data.name, stack: data.stack }, data.system === undefined ? {} : { code: data.system });
  }
  const error = new VStreamError(data.code, data.message, { ...data.details, cause });
  // Where it was made, not where it arrived.
  if (data.stack !== undefined) error.stack = data.stack;
  return error;
}
