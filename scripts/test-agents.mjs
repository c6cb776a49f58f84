// The agent programs themselves, through the built program: `npm run test:agents [-- --all] [--
// --installed]`.
//   (nothing) what CI runs: each promise of tests/agents-real in as few starts as can show it
//   <name> only this program
//   --all each case of a promise as its own message; also the other programs, where they are
//   installed
//   --installed nothing is installed first Anything else goes to vitest.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { MORE, PROGRAMS } from './agent-programs.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const OWN = ['--all', '--installed'];
const args = process.argv.slice(2);
const isAll = args.includes('--all');
const others = args.filter((arg) => !OWN.includes(arg));
const isPicked = others.some((arg) => !arg.startsWith('-'));
const files =
  isAll || isPicked
    ? []
    : [...Object.keys(PROGRAMS), 'asking'].map((name) => `tests/agents-real/${name}.test.ts`);
// One that npm does not have is put there by hand.
const toInstall = isPicked
  ? others.filter((arg) => arg in { ...PROGRAMS, ...MORE })
  : Object.keys(PROGRAMS);

const installed =
  args.includes('--installed') || toInstall.length === 0
    ? 0
    : run('scripts/install-clis.mjs', ...toInstall);
process.exit(
  installed ||
    run(
      'node_modules/vitest/vitest.mjs',
      'run',
      '--config',
      'vitest.agents.config.ts',
      ...files,
      ...others,
    ),
);

/** Runs a script to its end; its exit status. */
function run(...argv) {
  const env = { ...process.env, ...(isAll ? { CROSSTALK_AGENTS_ALL: '1' } : {}) };
  return spawnSync(process.execPath, argv, { cwd: ROOT, stdio: 'inherit', env }).status ?? 1;
}
