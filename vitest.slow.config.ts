import { defineConfig } from 'vitest/config';

/** Tests that take long: many shards, threads and processes that are held up. `npm test` stays under two minutes without them. */
export default defineConfig({
  test: {
    include: ['src/**/*.slow.test.ts', 'test/**/*.slow.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
