import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, test } from 'vitest';
import type { TableRef } from '../../schema/table.js';
import { sinkConformance } from '../../testing/sink-conformance.js';
import { systemClock } from '../../internal/clock.js';
import { silentLogger } from '../../observe/logger.js';
import { openDatabase, type Database } from './driver.js';
import { quoteName, quoteText } from './identifiers.js';
import { duckdb, readback } from './index.js';

describe.each(['key', 'key+shard'] as const)('the DuckDB sink on disk conforms (identity: %s)', (identity) => {
  let folder = '';
  let held: Database | undefined;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'duckdb-sink-'));
    // One open handle for all cases: opening and closing a file costs more than a case. Reopening from disk: sink.test.ts.
    held = await openDatabase({
      path: join(folder, 'all.duckdb'),
      wait: false,
      clock: systemClock,
      logger: silentLogger,
      signal: undefined,
    });
  });
  afterAll(async () => {
    held?.close();
    await rm(folder, { recursive: true });
  });

  const harness = {
    create: () => duckdb({ path: join(folder, 'all.duckdb'), identity }),
    async read({ keyspace, table }: TableRef) {
      const path = join(folder, 'all.duckdb');
      const known = await readback(
        path,
        `select 1 as n from _vstream_tables where keyspace = ${quoteText(keyspace)} and source_table = ${quoteText(table)}`,
      );
      return known.length === 0 ? [] : readback(path, `select * exclude (_vstream_shard, _vstream_generation) from ${quoteName(table)}`);
    },
  };
  // With `key+shard` an upsert does not take a row of another shard over: the rows of both are there until the delete comes.
  const byKeyOnly = new Set([
    'an update on the new shard takes the row over, so that a late delete of the old shard does not touch it',
    'truncate removes the rows of its shard and keeps the others',
  ]);
  for (const { title, run } of sinkConformance()) {
    if (identity === 'key' || !byKeyOnly.has(title)) test(title, () => run(harness));
  }
});
