import { defineConfig } from 'vitest/config';

/** Tests that need a real Vitess: its address in VSTREAM_TEST_VTGATE, or its programs under VTROOT. One at a time: they share it. */
export default defineConfig({
  test: {
    include: ['src/**/*.vtgate.test.ts', 'test/**/*.vtgate.test.ts'],
    globalSetup: 'test/support/vtgate-setup.ts',
    testTimeout: 120_000,
    hookTimeout: 180_000,
    pool: 'forks',
    fileParallelism: false,
  },
});
