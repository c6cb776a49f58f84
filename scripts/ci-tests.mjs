// Runs a command of tests for CI, `node scripts/ci-tests.mjs npm test --`: the words take more for
// vitest behind them. Tests with real processes share their machine, so a test file that fails runs
// once more, alone: what fails then fails the run. What passes then is unstable: it is counted in
// tests/unstable.json, and a file that stands there already fails the run, so that nobody lives
// with a test that only sometimes passes. Anyone who fixes it takes its line out. An error that
// came from no test fails the run at once: a second run of some files says nothing of it.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const LEDGER = join(ROOT, 'tests', 'unstable.json');
/** More files than this do not fail by chance. */
const AGAIN_FILES_MAX = 8;
/** When the tests have taken longer than this, there is no time to look again. */
const AGAIN_BEFORE_MS = 1_000 * Number(process.env.AGAIN_BEFORE_S ?? 1_500);

const [program, ...words] = process.argv.slice(2);
const place = mkdtempSync(join(tmpdir(), 'crosstalk-ci-'));
const report = join(place, 'report.json');
const started = performance.now();
const first = runTests([
  '--reporter=default',
  `--reporter=${join(ROOT, 'scripts', 'ci-tests', 'report.mjs')}`,
]);
const { failed, errors } = first === 0 ? { failed: [], errors: 0 } : readReport();
rmSync(place, { recursive: true, force: true });
process.exit(first === 0 ? 0 : errors > 0 ? tellErrors() : again(failed));

function runTests(args) {
  const env = { ...process.env, CI_TESTS_REPORT: report };
  return spawnSync(program, [...words, ...args], { cwd: ROOT, stdio: 'inherit', env }).status ?? 1;
}

/** Failed files, relative to the root, and the errors beside them; none when nothing was told. */
function readReport() {
  if (!existsSync(report)) return { failed: [], errors: 0 };
  const told = JSON.parse(readFileSync(report, 'utf8'));
  return { ...told, failed: told.failed.map((path) => relative(ROOT, path)) };
}

function tellErrors() {
  console.log(`\nFAILED: ${errors} error(s) outside tests, shown above as "Unhandled Errors"`);
  return 1;
}

function again(files) {
  if (
    files.length === 0 ||
    files.length > AGAIN_FILES_MAX ||
    performance.now() - started > AGAIN_BEFORE_MS
  )
    return 1;
  console.log(`\nonce more, alone: ${files.join(', ')}`);
  if (runTests(files) !== 0) {
    console.log(`\nfailed twice: ${files.join(', ')}`);
    return 1;
  }
  return count(files);
}

/** Counts files that passed at their second run. The exit code: 1 when one is counted twice. */
function count(files) {
  const ledger = JSON.parse(readFileSync(LEDGER, 'utf8'));
  for (const file of files) ledger[file] = (ledger[file] ?? 0) + 1;
  writeFileSync(LEDGER, `${JSON.stringify(ledger, null, 2)}\n`);
  for (const file of files)
    console.log(`\nUNSTABLE, ${ledger[file]} so far: ${file} (commit tests/unstable.json)`);
  return files.some((file) => ledger[file] > 1) ? 1 : 0;
}
