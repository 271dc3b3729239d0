/** `vstream-client/jsonl`: changes as JSON lines, at least once. */
import type { Writable } from 'node:stream';
import { VStreamError } from '../../errors.js';
import type { Sink } from '../../pipeline/sink.js';
import { JsonlSink } from './sink.js';

export { formatBatch, formatChange, formatSchema } from './format.js';

export type JsonlOptions =
  | {
      /** Appended to; made when it is not there. One process at a time. */
      readonly path: string;
      /** Every batch reaches the disk before it is acknowledged. Default true. */
      readonly fsync?: boolean;
    }
  /** Any stream of text, such as `process.stdout`. Never ended by the sink. */
  | { readonly stream: Writable };

/**
 * Writes every change as one line (format: docs/sinks.md). After a crash the last lines may come again: the position is kept
 * in the state, not in the file. Rows are never removed, so that re-copies, `sweep` and `truncate` do not work with it.
 * @throws VStreamError `CONFIG_INVALID`, naming every wrong option.
 */
export function jsonl(options: JsonlOptions): Sink {
  const problems: string[] = [];
  const given = (typeof options === 'object' && options !== null ? options : {}) as Readonly<Record<string, unknown>>;
  const { path, stream, fsync } = given;
  for (const name of Object.keys(given)) if (!['path', 'stream', 'fsync'].includes(name)) problems.push(`\`${name}\` is not an option`);
  if ((path === undefined) === (stream === undefined)) problems.push('exactly one of `path` and `stream` is needed');
  if (path !== undefined && (typeof path !== 'string' || path === '')) problems.push('`path` must be the path of a file');
  const writes = typeof stream === 'object' && stream !== null && 'write' in stream && typeof stream.write === 'function';
  if (stream !== undefined && !writes) problems.push('`stream` must be a writable stream');
  if (fsync !== undefined && (typeof fsync !== 'boolean' || path === undefined))
    problems.push('`fsync` must be true or false, and goes with `path`');
  if (problems.length > 0) {
    throw new VStreamError('CONFIG_INVALID', `the JSONL sink cannot be set up: ${problems.join('; ')}`, {
      next: "Give it a file (`jsonl({ path: 'changes.jsonl' })`) or a stream (`jsonl({ stream: process.stdout })`).",
    });
  }
  return new JsonlSink(typeof path === 'string' ? { path, fsync: fsync !== false } : { stream: stream as Writable });
}
