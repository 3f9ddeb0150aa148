// Prints `N passed, N failed` from vitest's JSON report: the last line of .ci/run.
import { readFileSync } from "node:fs";

const [reportPath, extraFailures = "0"] = process.argv.slice(2);

/** @returns {{ passed: number, failed: number, skipped: number }} */
function countTests() {
  try {
    const report = JSON.parse(readFileSync(String(reportPath), "utf8"));
    // A file that cannot even be loaded has no tests to count, but is a failure.
    const brokenFiles = report.testResults.filter(
      (/** @type {{ status: string, assertionResults: unknown[] }} */ file) =>
        file.status === "failed" && file.assertionResults.length === 0,
    ).length;
    return {
      passed: report.numPassedTests,
      failed: report.numFailedTests + brokenFiles,
      skipped: report.numPendingTests + (report.numTodoTests ?? 0),
    };
  } catch {
    // No report: the tests did not get as far as running.
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

const { passed, failed, skipped } = countTests();
const failures = failed + Number(extraFailures);
process.stdout.write(`${passed} passed, ${failures} failed${skipped > 0 ? `, ${skipped} skipped` : ""}\n`);
process.exit(failures > 0 || passed === 0 ? 1 : 0);
