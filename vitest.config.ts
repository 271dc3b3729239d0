import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    // What needs more than Node and npm runs in .ci/run only: *.vtgate.test.ts, *.pg.test.ts, …
    exclude: ['**/node_modules/**', 'dist/**', '**/*.vtgate.test.ts'],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
