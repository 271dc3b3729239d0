/** Errors for what a sink would have to sweep, and cannot. Layer 4. */
import { VStreamError } from '../errors.js';
import type { TableRef } from '../schema/table.js';

export function sweepNeeded({ keyspace, table }: TableRef, what: string): VStreamError {
  return new VStreamError(
    'SINK_UNSUPPORTED',
    `${what} (${keyspace}.${table}) needs a sink that can sweep stale rows, and this one cannot`,
    {
      keyspace,
      table,
      next: 'Use a sink with `capabilities.sweep`, or start a new stream into an empty destination.',
    },
  );
}

export function rangesNeeded({ keyspace, table }: TableRef): VStreamError {
  return new VStreamError(
    'SINK_UNSUPPORTED',
    `copying a range of ${keyspace}.${table} again needs a sink that can sweep stale rows of a range, and this one cannot`,
    { keyspace, table, next: 'Copy the whole table, or use a sink with `sweepRange`.' },
  );
}
