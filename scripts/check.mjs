// Everything but the tests that must be true of a commit, one line each; `npm run check` then
// runs the tests too.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
// What takes longest begins first.
const STEPS = [
  ['lint', 'eslint', ['--max-warnings=0', '.']],
  ['format', 'prettier', ['--check', '--log-level=warn', '.']],
  ['types', 'tsc', ['-p', 'tsconfig.json']],
  ['types of the page', 'tsc', ['-p', 'src/web/page/tsconfig.json']],
  ['patterns', 'node', ['scripts/check-patterns.mjs']],
  ['words', 'node', ['scripts/check-words.mjs']],
  ['guards', 'node', ['scripts/guards.mjs', '--patterns']],
  ['layers', 'depcruise', ['--config', '.dependency-cruiser.cjs', '--output-type', 'err', 'src']],
  ['unused', 'knip', ['--no-progress']],
  ['package', 'publint', ['--strict']],
];
/** Each takes one processor, and small machines have two. */
const AT_A_TIME = 2;

const waiting = [...STEPS];
const passed = [];
await Promise.all(
  Array.from({ length: AT_A_TIME }, async () => {
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift())
      passed.push(await run(step));
  }),
);
if (!process.argv.includes('--static')) passed.push(await run(['tests', 'vitest', ['run']]));
process.exit(passed.every(Boolean) ? 0 : 1);

async function run([name, command, args]) {
  const started = performance.now();
  const child = spawn(
    ...(command === 'node' ? [command, args] : ['npx', ['--no-install', command, ...args]]),
    { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => (output += text));
  const status = await new Promise((done) => child.once('close', done).once('error', done));
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${status === 0 ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)`);
  if (status !== 0) console.log(output);
  return status === 0;
}
