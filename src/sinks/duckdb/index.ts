/** `vstream-client/duckdb`: a DuckDB file as destination, exactly once. */
import type { Sink } from '../../pipeline/sink.js';
import type { DuckDbOptions } from './options.js';
import { DuckDbSink } from './sink.js';

export type { DuckDbOptions } from './options.js';
export { readback } from './query.js';

/**
 * Writes every table of the stream into a DuckDB file: the current rows by primary key, tables without one as a log of changes.
 * Rows, position and epoch commit together, so that each change is in the file exactly once. Needs `@duckdb/node-api`, loaded
 * at `open` (`DRIVER_MISSING` otherwise). What is stored how: docs/sinks.md.
 * @throws VStreamError `CONFIG_INVALID`, naming every wrong option.
 */
export function duckdb(options: DuckDbOptions): Sink {
  return new DuckDbSink(options);
}
