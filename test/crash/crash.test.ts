import { expect, test } from 'vitest';
import { crash } from './crash.js';

const SEED = Number(process.env['SEED'] ?? 1);

test(`a client killed at any moment ends with a sink equal to the source, each transaction applied and each bad row kept once (seed ${SEED})`, async () => {
  const result = await crash({ seed: SEED, kills: 6, meetsAll: true });
  expect(result.examples).toEqual([]);
  expect(result).toMatchObject({ kills: 6, lost: 0, duplicated: 0, different: 0 });
  expect(result.rows).toBeGreaterThan(0);
  // A run that never came to a case proves nothing of it.
  expect(result.met.shards).toBe(2);
  for (const [name, times] of Object.entries(result.met)) expect(times, name).toBeGreaterThan(0);
});
