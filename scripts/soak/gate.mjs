// A remote's limit of calls: so many pushes in any minute, so many reads in any second; who calls
// more often is refused for a quarter of an hour. Kept in a file, which every process of the remote
// writes to. As a program it stands in the place of the command that ssh was asked for:
//   node gate.mjs LOG
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const WINDOWS = { push: { ms: 60_000, max: 6 }, read: { ms: 1_000, max: 8 } };
const LOCK_MS = 900_000;
export const TOO_MANY = 'You have exceeded a rate limit: too many requests. Try again later.';

/** Every call so far: when, what, and whether it was refused. */
export function readCalls(log) {
  const lines = existsSync(log) ? readFileSync(log, 'utf8').split('\n').filter(Boolean) : [];
  return lines.map((line) => {
    const [atMs, what, how] = line.split(' ');
    return { atMs: Number(atMs), what, isRefused: how === 'refused' };
  });
}

/** Counts a call; false: it is one too many. */
export function take(log, what, atMs = Date.now()) {
  const calls = readCalls(log);
  const isLocked = calls.some((call) => call.isRefused && atMs - call.atMs < LOCK_MS);
  const refused = isLocked || within(calls, what, atMs) >= WINDOWS[what].max;
  appendFileSync(log, `${atMs} ${what}${refused ? ' refused' : ''}\n`);
  return !refused;
}

/** The most calls that any window has seen. */
export function mostOf(calls, what) {
  const times = calls.filter((call) => call.what === what);
  return Math.max(0, ...times.map(({ atMs }) => within(calls, what, atMs + 1)));
}

function within(calls, what, atMs) {
  return calls.filter(
    (call) => call.what === what && call.atMs < atMs + 1 && atMs - call.atMs < WINDOWS[what].ms,
  ).length;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const command = process.env.SSH_ORIGINAL_COMMAND ?? 'exit 1';
  if (take(process.argv[2], command.includes('receive-pack') ? 'push' : 'read'))
    spawn('sh', ['-c', command], { stdio: 'inherit' }).once('exit', (code) => process.exit(code));
  else {
    console.error(TOO_MANY);
    process.exitCode = 1;
  }
}
