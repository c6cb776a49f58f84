/** What CI makes of tests that failed: scripts/ci-tests.mjs in a project of its own. */
import { execFile } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const LEDGER = 'tests/unstable.json';
const FLAKY = 'tests/flaky.test.ts';

let place: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'crosstalk-ci-'));
  for (const path of ['scripts/ci-tests.mjs', 'scripts/ci-tests'])
    cpSync(join(ROOT, path), join(place, path), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(place, 'node_modules'));
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(place, path)), { recursive: true });
  writeFileSync(join(place, path), text);
}

/** CI with this command of tests, in that project. */
async function ci(...words: readonly string[]) {
  const args = [join(place, 'scripts/ci-tests.mjs'), process.execPath, ...words];
  const env = { PATH: process.env['PATH'], HOME: place, TMPDIR: place };
  const { code, said } = await new Promise<{ code: unknown; said: string }>((done) =>
    execFile(process.execPath, args, { cwd: place, env }, (error, stdout, stderr) =>
      done({ code: error?.code ?? 0, said: stdout + stderr }),
    ),
  );
  return { code, said, ledger: JSON.parse(readFileSync(join(place, LEDGER), 'utf8')) as unknown };
}

/** A command of tests that fails as told at first, and passes when it is given a file. */
const TOLD = (told: object): string =>
  `import { writeFileSync } from 'node:fs';
if (process.argv[2] !== '${FLAKY}') {
  writeFileSync(process.env.CI_TESTS_REPORT, JSON.stringify(${JSON.stringify(told)}));
  process.exit(1);
}`;

it.each([
  [{}, { code: 0, ledger: { [FLAKY]: 1 } }, 'UNSTABLE, 1 so far'],
  [{ [FLAKY]: 1 }, { code: 1, ledger: { [FLAKY]: 2 } }, 'UNSTABLE, 2 so far'],
])(
  'a file that passes at its second run is counted, and fails what counts it twice (%o)',
  async (ledger, expected, words) => {
    write(LEDGER, JSON.stringify(ledger));
    write('told.mjs', TOLD({ failed: [join(place, FLAKY)], errors: 0 }));
    const ended = await ci('told.mjs');
    expect(ended).toMatchObject(expected);
    expect(ended.said).toContain(`${words}: ${FLAKY}`);
  },
);

it('an error outside tests fails the run, also beside a file that might pass again', async () => {
  write(LEDGER, '{}');
  write(
    FLAKY,
    `import { it } from 'vitest';
it('fails, and leaves an error that nobody waits for', async () => {
  void Promise.reject(new Error('alone'));
  await new Promise((next) => setImmediate(next));
  throw new Error('failed');
});`,
  );
  const ended = await ci('node_modules/vitest/vitest.mjs', 'run');
  expect(ended).toMatchObject({ code: 1, ledger: {} });
  expect(ended.said).toContain('FAILED: 1 error(s) outside tests');
  expect(ended.said).not.toContain('once more');
});
