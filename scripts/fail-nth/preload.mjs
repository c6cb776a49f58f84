// Loaded before the program by `NODE_OPTIONS=--import`: counts every file call below FAIL_WITHIN
// and every spawn, and at call FAIL_N does what FAIL_HOW says. Nothing in the program knows of it.
//   error: the call fails and has no effect lost: it has its effect, and is told as failed
//   before: the process is killed instead of it after: it has its effect, and the process is killed
//   before it hears of it FAIL_LOG gets one line a call: its number and what it is; `hit` follows
//   the one that was chosen.
import childProcess from 'node:child_process';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { basename, relative } from 'node:path';

const { FAIL_WITHIN = '', FAIL_HOW = 'error', FAIL_LOG = '' } = process.env;
const chosen = Number(process.env.FAIL_N ?? 0);
const log = fs.openSync(FAIL_LOG, 'a');
const { writeSync } = fs;
let calls = 0;
// What one call does of itself is part of it.
let nested = false;

/** Counts a call; true when it is the chosen one. */
function isChosen(label) {
  calls += 1;
  writeSync(log, `${calls} ${label}\n`);
  if (calls !== chosen) return false;
  writeSync(log, `hit ${label}\n`);
  return true;
}

function die() {
  process.kill(process.pid, 'SIGKILL');
}

function failure(name) {
  return Object.assign(new Error(`EIO: i/o error, ${name}`), {
    code: 'EIO',
    errno: -5,
    syscall: name,
  });
}

function inside(path) {
  const text = typeof path === 'string' ? path : path instanceof URL ? path.pathname : '';
  return text.startsWith(FAIL_WITHIN);
}

/** The same call has the same label in every run: names that are drawn or numbered are cut. */
function labelOf(name, path) {
  const where = relative(FAIL_WITHIN, String(path))
    .replace(/[0-9a-f]{12,}/g, '#')
    .replace(/objects\/[0-9a-f]{2}\b/g, 'objects/#')
    .replace(/\d+/g, '#');
  return `${name} ${where === '' ? '.' : where}`;
}

function aroundSync(name, call) {
  return (label, args, self) => {
    if (nested) return call.apply(self, args);
    const chosenNow = isChosen(label);
    if (chosenNow && FAIL_HOW === 'before') die();
    if (chosenNow && FAIL_HOW === 'error') throw failure(name);
    nested = true;
    try {
      const result = call.apply(self, args);
      if (!chosenNow) return result;
      if (FAIL_HOW === 'after') die();
      throw failure(name);
    } finally {
      nested = false;
    }
  };
}

function aroundAsync(name, call) {
  return async (label, args, self) => {
    if (!isChosen(label)) return call.apply(self, args);
    if (FAIL_HOW === 'before') die();
    if (FAIL_HOW === 'error') throw failure(name);
    const result = await call.apply(self, args);
    if (FAIL_HOW === 'after') die();
    // What was opened and told as failed is nobody's to close.
    if (name === 'open') await result.close();
    throw failure(name);
  };
}

const descriptors = new Map();

function wrapSync(name) {
  const real = fs[name];
  const around = aroundSync(name, real);
  fs[name] = function (...args) {
    if (!inside(args[0])) return real.apply(this, args);
    const result = around(labelOf(name, args[0]), args, this);
    if (name === 'openSync') descriptors.set(result, args[0]);
    return result;
  };
}

function wrapDescriptor(name) {
  const real = fs[name];
  const around = aroundSync(name, real);
  fs[name] = function (...args) {
    const path = descriptors.get(args[0]);
    if (path === undefined) return real.apply(this, args);
    if (name === 'closeSync') descriptors.delete(args[0]);
    return around(labelOf(name, path), args, this);
  };
}

function wrapPromise(name) {
  const real = fs.promises[name];
  const around = aroundAsync(name, real);
  fs.promises[name] = async function (...args) {
    if (!inside(args[0])) return real.apply(this, args);
    const result = await around(labelOf(name, args[0]), args, this);
    if (name === 'open') wrapHandle(result, args[0]);
    return result;
  };
}

function wrapHandle(handle, path) {
  for (const name of [
    'writeFile',
    'appendFile',
    'write',
    'sync',
    'datasync',
    'chmod',
    'truncate',
    'readFile',
    'read',
    'stat',
    'close',
  ]) {
    const real = handle[name];
    const around = aroundAsync(`handle.${name}`, real);
    // What one of these calls of itself is part of the same call.
    let within = false;
    handle[name] = async (...args) => {
      if (within) return real.apply(handle, args);
      within = true;
      return around(labelOf(`handle.${name}`, path), args, handle).finally(() => (within = false));
    };
  }
}

for (const name of [
  'mkdirSync',
  'renameSync',
  'writeFileSync',
  'unlinkSync',
  'rmSync',
  'readFileSync',
  'readdirSync',
  'openSync',
  'statSync',
])
  wrapSync(name);
for (const name of ['writeSync', 'closeSync', 'fchmodSync', 'fstatSync']) wrapDescriptor(name);
for (const name of [
  'open',
  'readFile',
  'writeFile',
  'rename',
  'rm',
  'rmdir',
  'mkdir',
  'chmod',
  'stat',
  'lstat',
  'readdir',
  'link',
  'unlink',
  'realpath',
])
  wrapPromise(name);

/** `git push`, `git cat-file`, `agent.sh`: the program and, of git, its command. */
function labelOfSpawn(command, args) {
  if (basename(command) !== 'git') return `spawn ${basename(command)}`;
  const at = args.findIndex(
    (arg, index) => !arg.startsWith('-') && args[index - 1] !== '-c' && args[index - 1] !== '-C',
  );
  return `git ${args[at] ?? '?'}`;
}

const { spawn } = childProcess;
childProcess.spawn = function (command, args, options) {
  const label = labelOfSpawn(command, args);
  if (!isChosen(label)) return spawn.call(this, command, args, options);
  if (FAIL_HOW === 'before') die();
  if (FAIL_HOW === 'error')
    return spawn.call(this, 'sh', ['-c', 'echo "fatal: no answer" >&2; exit 128'], options);
  const child = spawn.call(this, command, args, options);
  if (FAIL_HOW === 'after') {
    child.prependOnceListener('exit', die);
    // One that lives on has had its effect when it first answers.
    if (label === 'git cat-file') child.stdout.once('data', die);
    return child;
  }
  return forgetful(child);
};

/** A child whose end is told as a failure, and whose answer is lost. */
function forgetful(child) {
  const { emit } = child;
  child.emit = function (event, ...rest) {
    return event === 'exit' || event === 'close'
      ? emit.call(this, event, 128, null)
      : emit.call(this, event, ...rest);
  };
  for (const stream of [child.stdout, child.stderr]) {
    const said = stream.emit;
    stream.emit = function (event, ...rest) {
      return event === 'data' ? true : said.call(this, event, ...rest);
    };
  }
  return child;
}

syncBuiltinESMExports();
