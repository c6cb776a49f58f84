/**
 * A reporter of vitest for scripts/ci-tests.mjs: writes to the file that CI_TESTS_REPORT names
 * which files have failed, and how many errors came from no test. The JSON of vitest has no word
 * of those.
 */
import { writeFileSync } from 'node:fs';

export default class Report {
  onTestRunEnd(modules, errors) {
    const failed = modules.filter((module) => !module.ok()).map(({ moduleId }) => moduleId);
    const report = { failed: [...new Set(failed)], errors: errors.length };
    writeFileSync(process.env.CI_TESTS_REPORT, JSON.stringify(report));
  }
}
