/** What a server said went wrong: gRPC status or in-band SQL error, reduced to plain data. Layer 2. */
import { VStreamError } from '../errors.js';

export interface ServerStatus {
  /** `grpc`: the RPC failed. `sql`: the RPC succeeded and its body holds the error (G17). */
  readonly from: 'grpc' | 'sql';
  /** gRPC or Vitess code; Vitess adds 17 CLUSTER_EVENT and 18 READ_ONLY (G16). Unknown numbers are kept. */
  readonly code: number;
  /** The server's text without statement and bind values, which may hold data. */
  readonly text: string;
  /** MySQL error number, where the text carries one (G145). */
  readonly errno: number | undefined;
}

export const GRPC = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
  CLUSTER_EVENT: 17,
  READ_ONLY: 18,
} as const;

/** `(errno 1146) (sqlstate 42S02)` of Vitess, `ERROR 1146 (42S02):` of MySQL; the last one is the innermost cause (G145). */
function parseErrno(text: string): number | undefined {
  let errno: number | undefined;
  for (const match of text.matchAll(/\(errno (\d+)\) \(sqlstate \w+\)|\bERROR (\d+) \(\w+\):/g)) errno = Number(match[1] ?? match[2]);
  return errno;
}

/** Cuts what VTGate appends: caller, statement and bind values. Messages must not carry data. */
function withoutStatement(text: string): string {
  const cut = /( \(CallerID: [^)]*\))?(, |: |; )Sql: "| \(CallerID: /.exec(text);
  return (cut ? text.slice(0, cut.index) : text).trim();
}

/** The innermost part of a nested Vitess text, for people; the whole stays in the cause. */
export function innermost(text: string): string {
  const parts = text.split(/vttablet: rpc error: code = \w+ desc = /);
  return (parts.at(-1) ?? text).trim();
}

/** @param text as the server sent it */
export function serverStatus(from: ServerStatus['from'], code: number, text: string): ServerStatus {
  return { from, code, text: withoutStatement(text), errno: parseErrno(text) };
}

/** The server's own words behind an error of this library, if it has any. */
export function serverStatusOf(error: unknown): ServerStatus | undefined {
  if (!VStreamError.is(error)) return undefined;
  const cause = error.cause;
  if (typeof cause !== 'object' || cause === null) return undefined;
  const { from, code, text } = cause as Partial<ServerStatus>;
  return (from === 'grpc' || from === 'sql') && typeof code === 'number' && typeof text === 'string' ? (cause as ServerStatus) : undefined;
}
