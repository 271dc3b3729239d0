/** The four-method logger: pino and console fit. Layer 1. */
export interface Logger {
  debug(fields: Record<string, unknown>, message: string): void;
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
}

/** The library's default: says nothing. A library must not own its user's output. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
