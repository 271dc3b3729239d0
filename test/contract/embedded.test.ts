/** The contract on the embedded VTGate: with a MySQL server for each shard, and with one under all, as vttestserver has it. */
import { describe, expect, test } from 'vitest';
import { startEmbeddedVtgate } from '../../src/embedded/index.js';
import { interruptedCases, playInterrupted } from './interrupted.js';
import { play } from './play.js';
import { playRange, rangeCases } from './ranges.js';
import { changeScenarios } from './scenarios-changes.js';
import { copyScenarios } from './scenarios-copy.js';
import { embeddedTarget } from './target.js';

describe.each(['per-shard', 'shared'] as const)('the contract holds on the embedded VTGate, servers %s', (servers) => {
  for (const scenario of [...copyScenarios, ...changeScenarios]) {
    // One shard cannot tell the two apart.
    if (servers === 'shared' && scenario.keyspace !== 'sharded') continue;
    test(scenario.title, async () => {
      const keyspaces = { commerce: {}, sharded: { shards: ['-80', '80-'] } };
      await using vtgate = await startEmbeddedVtgate({ keyspaces, servers });
      await play(scenario, embeddedTarget(vtgate));
      expect(vtgate.unexpectedStatements).toEqual([]);
    });
  }
});

describe('a range copied again on the embedded VTGate', () => {
  for (const range of rangeCases) {
    test(range.title, async () => {
      await using vtgate = await startEmbeddedVtgate({ keyspaces: { sharded: { shards: ['-80', '80-'] } } });
      await playRange(range, embeddedTarget(vtgate));
      expect(vtgate.unexpectedStatements).toEqual([]);
    });
  }
});

describe('a copy whose process dies behind rows goes on behind a key that lies before all, on the embedded VTGate', () => {
  for (const one of interruptedCases) {
    test(one.key, async () => {
      await using vtgate = await startEmbeddedVtgate({ keyspaces: { sharded: { shards: ['-80', '80-'] } } });
      await playInterrupted(one, embeddedTarget(vtgate));
      expect(vtgate.unexpectedStatements).toEqual([]);
    });
  }
});
