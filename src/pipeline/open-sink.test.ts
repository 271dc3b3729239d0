import { expect, test } from 'vitest';
import { silentLogger } from '../observe/logger.js';
import { Position } from '../position/position.js';
import { openSink } from './open-sink.js';
import type { Sink } from './sink.js';

const at = (n: number): Position =>
  new Position([{ keyspace: 'k', shard: '0', gtid: `MySQL56/11111111-1111-1111-1111-111111111111:1-${n}` }]);

async function opened(incarnation: string | undefined, statePosition: Position | undefined): Promise<readonly string[]> {
  const warned: string[] = [];
  const logger = { ...silentLogger, warn: (_fields: object, message?: string) => void warned.push(message ?? '') };
  const sink: Sink = {
    capabilities: { position: 'stored', deletes: true, sweep: true, schema: 'evolve' },
    open: async () => (incarnation === undefined ? {} : { position: at(9), incarnation }),
    apply: async () => {},
    close: async () => {},
  };
  await openSink(sink, { name: 's', incarnation: 'now', epoch: 1n, logger, signal: new AbortController().signal }, statePosition);
  return warned;
}

test('a sink with rows of a life whose state is gone is warned of: the wrong cluster or state would empty it', async () => {
  expect(await opened('before', undefined)).toEqual([expect.stringMatching(/^the sink holds rows of an earlier life of this stream/)]);
});

test('an empty sink, and one that goes on, are not', async () => {
  expect(await opened(undefined, undefined)).toEqual([]);
  expect(await opened('now', at(9))).toEqual([]);
});
