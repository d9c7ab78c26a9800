import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Adds up jest's JSON reports in a folder. A suite that could not run counts as a failure. */
export function addUp(folder) {
  const totals = { passed: 0, failed: 0, skipped: 0 };
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.json'))) {
    const report = JSON.parse(readFileSync(join(folder, file), 'utf8'));
    totals.passed += report.numPassedTests;
    totals.failed += report.numFailedTests + report.numRuntimeErrorTestSuites;
    totals.skipped += report.numPendingTests + report.numTodoTests;
  }
  return totals;
}

/** Formats the totals in one line. */
export function formatTotals({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

if (process.argv[1] === import.meta.filename) {
  const totals = addUp(process.argv[2]);
  console.log(formatTotals(totals));
  // A run without tests fails, and so does a skipped test, for example because a server is missing.
  process.exitCode = totals.failed === 0 && totals.skipped === 0 && totals.passed > 0 ? 0 : 1;
}
