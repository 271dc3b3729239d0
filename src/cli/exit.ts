/** How the program ends: exit codes and the words of a failure. */
import { VStreamError, type ErrorCode } from '../errors.js';

export const EXIT = {
  done: 0,
  /** Failed after contact with the source, the state or the sink. */
  failed: 1,
  /** Usage or configuration, found before any contact. */
  usage: 2,
  /** A check found something. */
  found: 3,
  /** Second Ctrl-C, or the first in a command that has nothing to drain. */
  interrupted: 130,
} as const;

/** Codes that are only made of what the user wrote, before anything was reached. */
const BEFORE_CONTACT: ReadonlySet<ErrorCode> = new Set(['CONFIG_INVALID', 'DRIVER_MISSING', 'SINK_UNSUPPORTED', 'FILTER_REFUSED']);

export function exitCodeOf(error: VStreamError): number {
  return BEFORE_CONTACT.has(error.code) ? EXIT.usage : EXIT.failed;
}

/** Server texts can be pages long; the whole text is in the JSON form. */
const MAX_MESSAGE = 400;

/**
 * `error: … (CODE)` and `  next: …`; more lines only where several problems are listed. The code is what docs/failure.md is ordered by; a
 * mistake in what the user wrote needs no looking up.
 */
export function describeFailure(error: VStreamError): string {
  const usage = error.code === 'CONFIG_INVALID';
  const message = usage ? error.message : `${clip(oneLine(error.message), MAX_MESSAGE)} (${error.code})`;
  const next = error.next ?? DEFAULT_NEXT;
  // Ours, and whole: it may be a statement to be run by somebody else.
  return `error: ${message}\n  next: ${oneLine(next)}\n`;
}

const DEFAULT_NEXT = 'Run the command again with --verbose; if it stays, report it with that output.';

/** The last line of a command run with `--json`. */
export function failureJson(error: VStreamError): string {
  return `${JSON.stringify({ error: { ...error.toJSON(), next: error.next ?? DEFAULT_NEXT } })}\n`;
}

export function asFailure(error: unknown): VStreamError {
  return VStreamError.from(error, 'INTERNAL', { next: 'This is a bug of vstream-client: report it with the output of --verbose.' });
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*[\r\n]+\s*/g, ' ').trim();
}

function clip(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
