// Everything but the tests that has to be true of a commit, one line each; `npm run check` then
// runs the tests too.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const STEPS = [
  ['format', 'prettier', ['--check', '--log-level=warn', '.']],
  ['lint', 'eslint', ['--max-warnings=0', '.']],
  ['types', 'tsc', ['-p', 'tsconfig.json']],
  ['types of the page', 'tsc', ['-p', 'src/web/page/tsconfig.json']],
  ['patterns', 'node', ['scripts/check-patterns.mjs']],
  ['words', 'node', ['scripts/check-words.mjs']],
  ['layers', 'depcruise', ['--config', '.dependency-cruiser.cjs', '--output-type', 'err', 'src']],
  ['unused', 'knip', ['--no-progress']],
  ['package', 'publint', ['--strict']],
  ...(process.argv.includes('--static') ? [] : [['tests', 'vitest', ['run']]]),
];

let failed = 0;
for (const [name, command, args] of STEPS) {
  const started = performance.now();
  const { status, stdout, stderr } = spawnSync(
    ...(command === 'node' ? [command, args] : ['npx', ['--no-install', command, ...args]]),
    {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    },
  );
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${status === 0 ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)`);
  if (status !== 0) console.log(`${stdout}${stderr}`);
  failed += status === 0 ? 0 : 1;
}
process.exit(failed === 0 ? 0 : 1);
