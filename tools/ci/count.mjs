/**
 * Sums the JSON reports of vitest in a folder: prints `PASSED FAILED SKIPPED`. A file that could not even be loaded counts as one
 * failed test, because its tests were never listed.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder = '.'] = process.argv.slice(2);
const sum = { passed: 0, failed: 0, skipped: 0 };
for (const name of readdirSync(folder).filter((file) => file.endsWith('.json'))) {
  const report = JSON.parse(readFileSync(join(folder, name), 'utf8'));
  sum.passed += report.numPassedTests;
  sum.failed +=
    report.numFailedTests + report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0).length;
  sum.skipped += report.numPendingTests + report.numTodoTests;
}
console.log(`${sum.passed} ${sum.failed} ${sum.skipped}`);
