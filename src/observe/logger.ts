/** The four-method logger: pino and console fit. Layer 1. */
export interface Logger {
  debug(fields: Record<string, unknown>, message: string): void;
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
}

/** Says nothing: for who wants no word of a stream but its errors. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * What a stream logs to without a `logger`: warnings and errors, a line each, on stderr; nothing else. Limits that were found at the start
 * and every reconnect are warnings, and who is never told of them takes a gap for a fault. Through `console`, so that a test runner can
 * catch it, and because it outlives a stderr that nobody reads any more.
 */
export const stderrLogger: Logger = {
  debug() {},
  info() {},
  // oxlint-disable-next-line eslint/no-console -- this is the one place that writes
  warn: (fields, message) => console.error(`vstream: warn: ${logLine(fields, message)}`),
  // oxlint-disable-next-line eslint/no-console -- the same
  error: (fields, message) => console.error(`vstream: error: ${logLine(fields, message)}`),
};

/** Of one value: a GTID set over many servers would bury the rest. */
const MAX_VALUE = 300;

/** `the stream was interrupted; reconnecting (code=STREAM_LOST shard=-80 waitMs=512)`: the first `most` of the plain fields, never a line break. */
export function logLine(fields: Record<string, unknown>, message: string, most?: number): string {
  const plain = Object.entries(fields).filter(([, value]) => ['string', 'number', 'boolean', 'bigint'].includes(typeof value));
  const shown = plain.slice(0, most).map(([name, value]) => `${name}=${shortened(String(value))}`);
  return `${message}${shown.length > 0 ? ` (${shown.join(' ')})` : ''}`.replaceAll(/\s*[\r\n]+\s*/g, ' ');
}

function shortened(text: string): string {
  return text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE - 1)}…` : text;
}
