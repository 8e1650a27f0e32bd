// Prints "passed failed skipped" of a report: vitest's JSON, or the summary of test/packed/run.ts.
import { readFileSync } from "node:fs"

const report = JSON.parse(readFileSync(process.argv[2], "utf8"))
if ("numTotalTests" in report) {
  // A file that could not be loaded has no tests and would otherwise count as nothing.
  const broken = report.testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0)
  console.log(
    report.numPassedTests,
    report.numFailedTests + broken.length,
    report.numPendingTests + (report.numTodoTests ?? 0)
  )
} else {
  console.log(report.passed, report.failed, report.skipped)
}
