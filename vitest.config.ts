import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    // In .ci/run only: what needs more than Node and npm (*.vtgate.test.ts), and what takes long (*.slow.test.ts).
    exclude: ['**/node_modules/**', 'dist/**', '**/*.vtgate.test.ts', '**/*.slow.test.ts'],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
