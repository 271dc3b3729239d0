import { describe, test } from 'vitest';
import { MemoryDestination, memorySink } from './memory-sink.js';
import { endsAsSource } from './sink-cases-moves.js';
import { sinkConformance } from './sink-conformance.js';

describe('the memory sink conforms', () => {
  const destination = new MemoryDestination();
  const harness = {
    create: () => memorySink(destination),
    read: async (table: { keyspace: string; table: string }) => destination.rows(table),
  };
  for (const { title, run } of sinkConformance()) test(title, () => run(harness));

  test('however 300 histories of moving rows reach it, it ends as the source', async () => {
    for (let seed = 100; seed < 400; seed++) await endsAsSource(harness, seed % 2 === 0 ? ['-80', '80-'] : ['-40', '40-80', '80-'], seed);
  });
});
