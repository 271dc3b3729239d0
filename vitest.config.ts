import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that wait for other processes. They come first: one that begins when the others are through keeps a core idle to the end. */
const LONGEST = /\/test\/(crash|cli|process)\/|\/test\/examples\.test/;

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification): boolean => LONGEST.test(moduleId);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    // In .ci/run only: what needs more than Node and npm (*.vtgate.test.ts), and what takes long (*.slow.test.ts).
    exclude: ['**/node_modules/**', 'dist/**', '**/*.vtgate.test.ts', '**/*.slow.test.ts'],
    // So long that only a test that hangs comes to it, on a busy machine too.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 2,
    // Two processes take all files: a new one for each would load and compile the same code 160 times, a third of the whole.
    isolate: false,
    sequence: { sequencer: LongestFirst },
  },
});
