// The agent programs that tests/agents-real runs, from npm into a cache outside the repository;
// each is its own folder and stays. All at once: what takes the time is one large file each.
// Names as arguments install only those; without, the four that CI runs. Exit status: 0 with all of
// them, 0 and a printed reason for those that the registry did not give, 1 when one cannot be
// installed otherwise.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { MORE, PROGRAMS } from './agent-programs.mjs';

const REGISTRY_FAILURE =
  /\b(E404|E40[13]|E429|E5\d\d|ETARGET|ENOTFOUND|EAI_AGAIN|ECONN\w+|ETIMEDOUT|ERR_SOCKET_TIMEOUT|EINTEGRITY|network|registry)\b/i;
const LIMIT_MS = Number(process.env.CROSSTALK_CLIS_LIMIT_S || 480) * 1_000;

const cache = process.env.CROSSTALK_CLIS || join(homedir(), '.cache', 'crosstalk-clis');
const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in PROGRAMS) && !(name in MORE));
if (unknown.length > 0) {
  console.error(
    `unknown: ${unknown.join(', ')}; known are ${Object.keys({ ...PROGRAMS, ...MORE }).join(', ')}`,
  );
  process.exit(1);
}
const wanted = Object.entries({ ...PROGRAMS, ...MORE }).filter(([name]) =>
  asked.length === 0 ? name in PROGRAMS : asked.includes(name),
);
const running = new Set();
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => {
    for (const child of running) endGroup(child);
    process.exit(130);
  });
const begun = performance.now();
const results = await Promise.all(wanted.map(([name, spec]) => provide(name, spec)));
const count = (...kinds) => results.filter((kind) => kinds.includes(kind)).length;
const seconds = Math.round((performance.now() - begun) / 1_000);
console.log(
  `agent programs: ${count('ok', 'new')} there, ${count('skip')} skipped, ${count('FAIL')} failed, after ${seconds} s`,
);
process.exit(count('FAIL') === 0 ? 0 : 1);

/**
 * Says what became of one program: `ok` it was there, `new`, `skip` the registry did not give it,
 * `FAIL`.
 */
async function provide(name, spec) {
  const version = spec.slice(spec.lastIndexOf('@') + 1);
  const place = join(cache, `${name}-${version}`);
  const isThere = existsSync(join(place, 'node_modules', '.bin', name));
  const failure = isThere ? null : await install(name, { spec, place });
  const kind = isThere
    ? 'ok'
    : failure === null
      ? 'new'
      : REGISTRY_FAILURE.test(failure)
        ? 'skip'
        : 'FAIL';
  const why =
    kind === 'skip'
      ? `: the registry did not give it: ${failure}`
      : kind === 'FAIL'
        ? `: ${failure}`
        : '';
  console.log(`${kind.padEnd(5)} ${name} ${version}${why}`);
  return kind;
}

/**
 * Null, or why not. Only a whole installation gets its name, so that an interrupted one is started
 * over.
 */
async function install(name, { spec, place }) {
  const partial = `${place}.partial-${process.pid}`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  const { status, stderr } = await npm(
    [
      'install',
      '--prefix',
      partial,
      '--no-audit',
      '--no-fund',
      '--no-save',
      '--loglevel=error',
      spec,
    ],
    partial,
  );
  if (status === 0 && existsSync(join(partial, 'node_modules', '.bin', name))) {
    rmSync(place, { recursive: true, force: true });
    renameSync(partial, place);
    return null;
  }
  rmSync(partial, { recursive: true, force: true });
  if (status === null) return `the registry took longer than ${LIMIT_MS / 1_000} s`;
  if (status === 0) return `${spec} has no program "${name}"`;
  const errors = stderr.split('\n').filter((line) => /^npm err/i.test(line));
  return errors.slice(0, 4).join(' ') || stderr.trim().slice(0, 300) || `status ${status}`;
}

/** Runs npm to its end, or to the limit; then the status is null. With all that it has started. */
function npm(args, cwd) {
  const child = spawn('npm', args, { cwd, stdio: ['ignore', 'ignore', 'pipe'], detached: true });
  running.add(child);
  let stderr = '';
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    endGroup(child);
  }, LIMIT_MS);
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
  return new Promise((done) => {
    const finish = (status) => {
      clearTimeout(timer);
      running.delete(child);
      done({ status, stderr });
    };
    child.on('error', (error) => {
      stderr = String(error);
      finish(-1);
    });
    child.on('close', (code) => finish(isLate ? null : (code ?? -1)));
  });
}

function endGroup({ pid }) {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has just ended, or never began.
  }
}
