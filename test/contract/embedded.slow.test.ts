/** The contract on the embedded VTGate: large transactions; with one MySQL server under all shards, as vttestserver has it; ranges; every type of key. */
import { describe } from 'vitest';
import { holds, onEmbedded } from './embedded.js';
import { interruptedCases, playInterrupted } from './interrupted.js';
import { playRange, rangeCases } from './ranges.js';
import { changeScenarios } from './scenarios-changes.js';
import { copyScenarios } from './scenarios-copy.js';

describe('the contract holds on the embedded VTGate, large', () => {
  for (const scenario of [...copyScenarios, ...changeScenarios]) if (scenario.large) holds(scenario, 'per-shard');
});

describe('the contract holds on the embedded VTGate, servers shared', () => {
  // One shard cannot tell the two apart.
  for (const scenario of [...copyScenarios, ...changeScenarios]) if (scenario.keyspace === 'sharded') holds(scenario, 'shared');
});

describe('a range copied again on the embedded VTGate', () => {
  for (const range of rangeCases) onEmbedded(range.title, (target) => playRange(range, target));
});

describe('a copy whose process dies behind rows goes on behind a key that lies before all, on the embedded VTGate', () => {
  for (const one of interruptedCases) onEmbedded(one.key, (target) => playInterrupted(one, target));
});
