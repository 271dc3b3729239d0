/** Scenarios and cases as tests on the embedded VTGate. */
import { expect, test } from 'vitest';
import { startEmbeddedVtgate } from '../../src/embedded/index.js';
import { play } from './play.js';
import type { Scenario } from './scenario.js';
import { embeddedTarget, type Target } from './target.js';

export function holds(scenario: Scenario, servers: 'per-shard' | 'shared'): void {
  onEmbedded(scenario.title, (target) => play(scenario, target), servers);
}

export function onEmbedded(title: string, playOn: (target: Target) => Promise<void>, servers: 'per-shard' | 'shared' = 'per-shard'): void {
  test(title, async () => {
    await using vtgate = await startEmbeddedVtgate({ keyspaces: { commerce: {}, sharded: { shards: ['-80', '80-'] } }, servers });
    await playOn(embeddedTarget(vtgate));
    expect(vtgate.unexpectedStatements).toEqual([]);
  });
}
