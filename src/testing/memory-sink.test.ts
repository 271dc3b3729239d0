import { describe, test } from 'vitest';
import { MemoryDestination, memorySink } from './memory-sink.js';
import { sinkConformance } from './sink-conformance.js';

describe('the memory sink conforms', () => {
  const destination = new MemoryDestination();
  const harness = { create: () => memorySink(destination), read: async (table: { keyspace: string; table: string }) => destination.rows(table) };
  for (const { title, run } of sinkConformance()) test(title, () => run(harness));
});
