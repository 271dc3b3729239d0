/** The contract on the embedded VTGate, with a MySQL server for each shard; embedded.slow.test.ts has the rest of it. */
import { describe } from 'vitest';
import { holds } from './embedded.js';
import { changeScenarios } from './scenarios-changes.js';
import { copyScenarios } from './scenarios-copy.js';

describe('the contract holds on the embedded VTGate, servers per-shard', () => {
  for (const scenario of [...copyScenarios, ...changeScenarios]) if (!scenario.large) holds(scenario, 'per-shard');
});
