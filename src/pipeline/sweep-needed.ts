/** What a sink would have to sweep, and cannot. Layer 4. */
import { VStreamError } from '../errors.js';
import type { TableRef } from '../schema/table.js';
import type { Engine } from '../stream/engine.js';
import type { Sink } from './sink.js';

export const sweepsRanges = (sink: Sink): boolean => sink.capabilities.sweep && sink.sweepRange !== undefined;

/** A plan that copies rows a second time needs a sink that can sweep the stale ones. */
export function checkSweep({ catalog, position: { plan } }: Pick<Engine, 'catalog' | 'position'>, sink: Sink): void {
  for (const { keyspace, table, entry } of plan.tables()) {
    if (entry.range && !sweepsRanges(sink)) throw rangesNeeded({ keyspace, table });
    // Without a key there is no other way: what comes twice is told at the table's end.
    if (sink.capabilities.sweep || catalog.get({ keyspace, table })?.resumable === false) continue;
    if (!plan.isDone(keyspace, table) && entry.generation > 1) throw sweepNeeded({ keyspace, table }, 'copying it again');
  }
}

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
