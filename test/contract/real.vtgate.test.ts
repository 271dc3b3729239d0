/** The contract on a real Vitess: keyspaces `commerce` and `sharded` (`-80`, `80-`); tables that begin with `ct_` are made and dropped. */
import { test } from 'vitest';
import { must } from '../../src/internal/must.js';
import { interruptedCases, playInterrupted } from './interrupted.js';
import { play } from './play.js';
import { playRange, rangeCases } from './ranges.js';
import { changeScenarios } from './scenarios-changes.js';
import { copyScenarios } from './scenarios-copy.js';
import { realTarget } from './target.js';

for (const scenario of [...copyScenarios, ...changeScenarios]) {
  test(scenario.title, async () => {
    const target = realTarget(must(process.env['VSTREAM_TEST_VTGATE'], 'VSTREAM_TEST_VTGATE'));
    try {
      await play(scenario, target);
    } finally {
      await target.close();
    }
  });
}

for (const range of rangeCases) {
  test(`a range copied again: ${range.title}`, async () => {
    const target = realTarget(must(process.env['VSTREAM_TEST_VTGATE'], 'VSTREAM_TEST_VTGATE'));
    try {
      await playRange(range, target);
    } finally {
      await target.close();
    }
  });
}

for (const one of interruptedCases) {
  test(`a copy whose process dies behind rows goes on behind a key that lies before all: ${one.key}`, async () => {
    const target = realTarget(must(process.env['VSTREAM_TEST_VTGATE'], 'VSTREAM_TEST_VTGATE'));
    try {
      await playInterrupted(one, target);
    } finally {
      await target.close();
    }
  });
}
