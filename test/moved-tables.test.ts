/** MoveTables of a streamed table: the stream itself shows nothing (G128), so the client asks, and says which tables it is about. */
import { expect, test } from 'vitest';
import { startEmbeddedVtgate } from '../src/embedded/index.js';
import { memoryStore } from '../src/index.js';
import { deferred } from '../src/internal/async.js';
import { Recorder } from '../src/observe/recorder.js';
import type { RunOptions } from '../src/pipeline/options.js';
import { Runner } from '../src/pipeline/runner.js';
import { validateRunOptions } from '../src/pipeline/validate.js';
import { PacedClock } from './support/paced-clock.js';

/** More than are asked about in one statement. */
const NAMES = Array.from({ length: 120 }, (_, at) => `t${at}`);
const MOVED = ['t119', 't3', 't77'];

test('tables whose traffic was switched to another keyspace are warned of by name, and the stream goes on (G128)', async () => {
  const tables = Object.fromEntries(NAMES.map((name) => [name, { columns: [{ name: 'id', type: 'bigint', key: true }] }]));
  const clock = new PacedClock();
  await using vtgate = await startEmbeddedVtgate({
    clock,
    keyspaces: { shop: { shards: ['-80', '80-'], tables } },
  });
  const said: object[] = [];
  const allSaid = deferred();
  const stop = new AbortController();
  const quiet = (): void => {};
  for (const table of MOVED) vtgate.faults.moveTable('shop', table);
  const options: RunOptions = {
    name: 'moved',
    source: { vtgate: vtgate.address, keyspace: 'shop' },
    from: 'current',
    state: memoryStore(),
    logger: {
      debug: quiet,
      info: quiet,
      error: quiet,
      warn: (fields, text) => {
        if (!text.includes('was moved to another keyspace')) return;
        if (said.push(fields) === MOVED.length) allSaid.resolve();
      },
    },
    sink: () => {},
  };
  const running = new Runner(validateRunOptions(options), new Recorder(clock), clock, () => 0.5).run(stop.signal);
  await Promise.race([allSaid.promise, running]);
  expect(said).toEqual(MOVED.map((table) => ({ code: 'TABLE_MOVED', keyspace: 'shop', table })));
  expect(vtgate.unexpectedStatements).toEqual([]);
  stop.abort();
  await running;
});
