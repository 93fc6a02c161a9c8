/**
 * The last lines of `npm test`: which suites did not run and why (`NOT RUN: …` lines that suites wrote with
 * `notRun()`), then one line of counts. In CI a suite that did not run is a failure of that suite itself.
 */
const { existsSync, readFileSync, rmSync } = require('node:fs');
const { join } = require('node:path');

const notes = join(__dirname, '../../dist/.not-run');

module.exports = class SummaryReporter {
  onRunStart() {
    rmSync(notes, { force: true });
  }

  onRunComplete(_contexts, results) {
    if (existsSync(notes)) process.stdout.write(`\n${readFileSync(notes, 'utf8')}`);
    const skipped = results.numPendingTests + results.numTodoTests;
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    process.stdout.write(
      `\n${results.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`,
    );
  }
};
