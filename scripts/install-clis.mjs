// The agent programs that tests/agents-real runs, from npm into a cache outside of the repository; each is a folder of its own and stays.
// Exit status: 0 with all of them, 0 and a printed reason for those that the registry did not give, 1 when one cannot be installed otherwise.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

// As seen and written down by the adapters. What is installed for another version of the program stays beside it.
const PROGRAMS = {
  claude: '@anthropic-ai/claude-code@2.1.329',
  codex: '@openai/codex@0.169.0',
  opencode: 'opencode-ai@1.18.33',
  pi: '@earendil-works/pi-coding-agent@0.74.2',
};
const REGISTRY_FAILURE =
  /\b(E404|E40[13]|E429|E5\d\d|ETARGET|ENOTFOUND|EAI_AGAIN|ECONN\w+|ETIMEDOUT|ERR_SOCKET_TIMEOUT|EINTEGRITY|network|registry)\b/i;
const LIMIT_MS = 8 * 60_000;

const cache = process.env.CROSSTALK_CLIS || join(homedir(), '.cache', 'crosstalk-clis');
let skipped = 0;
let broken = 0;
for (const [name, wanted] of Object.entries(PROGRAMS)) {
  const version = wanted.slice(wanted.lastIndexOf('@') + 1);
  const place = join(cache, `${name}-${version}`);
  if (existsSync(join(place, 'node_modules', '.bin', name))) {
    console.log(`ok    ${name} ${version}`);
    continue;
  }
  const failure = install(name, { wanted, place });
  if (failure === null) console.log(`new   ${name} ${version}`);
  else if (REGISTRY_FAILURE.test(failure)) {
    skipped += 1;
    console.log(`skip  ${name} ${version}: the registry did not give it: ${failure}`);
  } else {
    broken += 1;
    console.log(`FAIL  ${name} ${version}: ${failure}`);
  }
}
console.log(`agent programs: ${Object.keys(PROGRAMS).length - skipped - broken} there, ${skipped} skipped, ${broken} failed`);
process.exit(broken === 0 ? 0 : 1);

/** Null, or why not. Only a whole installation gets its name, so that an interrupted one is begun anew. */
function install(name, { wanted, place }) {
  const partial = `${place}.partial-${process.pid}`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  const args = ['install', '--prefix', partial, '--no-audit', '--no-fund', '--no-save', '--loglevel=error', wanted];
  const { status, stderr, error } = spawnSync('npm', args, {
    cwd: partial,
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: LIMIT_MS,
  });
  const made = status === 0 && existsSync(join(partial, 'node_modules', '.bin', name));
  if (made) {
    rmSync(place, { recursive: true, force: true });
    renameSync(partial, place);
    return null;
  }
  rmSync(partial, { recursive: true, force: true });
  if (error?.code === 'ETIMEDOUT') return 'the registry took too long';
  if (status === 0) return `${wanted} has no program "${name}"`;
  return (
    (stderr || String(error ?? `status ${status}`))
      .split('\n')
      .filter((line) => line.startsWith('npm err') || line.startsWith('npm ERR'))
      .slice(0, 4)
      .join(' ') || stderr.trim().slice(0, 300)
  );
}
