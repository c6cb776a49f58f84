// The agent programs themselves, through the built program: `npm run test:agents [-- --all] [-- --installed]`.
//   (nothing)    what CI runs: each promise of tests/agents-real in as few starts as can show it
//   --all        each case of a promise as a message of its own; also the other programs, where they are installed
//   --installed  nothing is installed first
// Anything else goes to vitest: a word picks the files whose path has it.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { PROGRAMS } from './agent-programs.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const OWN = ['--all', '--installed'];
const args = process.argv.slice(2);
const isAll = args.includes('--all');
const others = args.filter((arg) => !OWN.includes(arg));
const isPicked = others.some((arg) => !arg.startsWith('-'));
const files = isAll || isPicked ? [] : Object.keys(PROGRAMS).map((name) => `tests/agents-real/${name}.test.ts`);

const installed = args.includes('--installed') ? 0 : run('scripts/install-clis.mjs');
process.exit(installed || run('node_modules/vitest/vitest.mjs', 'run', '--config', 'vitest.agents.config.ts', ...files, ...others));

/** Runs a script to its end; its exit status. */
function run(...argv) {
  const env = { ...process.env, ...(isAll ? { CROSSTALK_AGENTS_ALL: '1' } : {}) };
  return spawnSync(process.execPath, argv, { cwd: ROOT, stdio: 'inherit', env }).status ?? 1;
}
