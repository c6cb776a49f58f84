// One small scene in a temporary directory: a remote with one message, and a host that answers it.
// It can be put back to its beginning, so that the same morning is lived through again and again,
// and each time another call fails.
import { execFileSync, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../bin/crosstalkd.js', import.meta.url));
const PRELOAD = new URL('preload.mjs', import.meta.url).href;
/** The longest that one process may take; then it counts as hung and is killed. */
const RUN_MS = 30_000;
const MESSAGE = 'data/channels/general/m.md';
const TEXT = '---\nto: echo\n---\nhello\n';

/**
 * A scene whose model has these effects. `warm`: the host has answered before, so that it finds a
 * state directory.
 */
export async function makeScene({ effects, warm }) {
  const place = mkdtempSync(join(tmpdir(), 'crosstalk-nth-'));
  const at = (...names) => join(place, ...names);
  const env = {
    PATH: process.env.PATH,
    HOME: place,
    TMPDIR: at('tmp'),
    CROSSTALK_CONFIG_DIR: at('config'),
    GIT_CONFIG_GLOBAL: at('gitconfig'),
    GIT_CONFIG_NOSYSTEM: '1',
    RUN_LOG: at('runs.log'),
    CROSSTALK_LEASE: '6s',
    CROSSTALK_BEAT: '2s',
    CROSSTALK_LEASE_MARGIN: '1s',
  };
  for (const directory of ['config', 'tmp']) mkdirSync(at(directory), { mode: 0o700 });
  writeFileSync(
    at('gitconfig'),
    '[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n',
  );
  writeFileSync(
    at('agent'),
    '#!/bin/sh\necho started >> "$RUN_LOG"\ncat > /dev/null\necho done\n',
    { mode: 0o755 },
  );
  writeFileSync(
    at('config', 'models.yaml'),
    `models:\n  echo: { adapter: command, command: [${JSON.stringify(at('agent'))}], env: [RUN_LOG], effects: ${effects} }\n`,
    { mode: 0o600 },
  );
  const git = (...args) =>
    execFileSync('git', args, { cwd: place, env, stdio: ['ignore', 'pipe', 'pipe'] }).toString();
  const program = (args, more = {}) => finish(args, { cwd: place, env: { ...env, ...more } });
  const host = (more) =>
    program(['run', at('team.git'), '--once', '--alias', 'a', '--state', at('state')], more);
  await program(['init', at('team'), '--alias', 'maker', '--state', at('state-maker')]);
  const say = (path) => {
    mkdirSync(at('team', 'data', 'channels', 'general'), { recursive: true });
    writeFileSync(at('team', path), TEXT);
    for (const args of [
      ['pull', '-q'],
      ['add', '-A'],
      ['commit', '-qm', 'say'],
      ['push', '-q'],
    ])
      git('-C', at('team'), ...args);
  };
  mkdirSync(at('state'), { mode: 0o700 });
  if (warm) {
    say('data/channels/general/before.md');
    await host();
  }
  say(MESSAGE);
  const kept = ['team.git', 'state'];
  for (const name of kept) cpSync(at(name), at('kept', name), { recursive: true });
  return {
    /** Everything as it was. */
    reset: () => {
      for (const name of kept) {
        rmSync(at(name), { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
        cpSync(at('kept', name), at(name), { recursive: true });
      }
      writeFileSync(env.RUN_LOG, '');
      writeFileSync(at('calls'), '');
    },
    /** The host, with the trouble at call `n` (0 = none). */
    live: (n, how) =>
      host({
        NODE_OPTIONS: `--import ${PRELOAD}`,
        FAIL_WITHIN: at('state'),
        FAIL_LOG: at('calls'),
        FAIL_N: String(n),
        FAIL_HOW: how,
      }),
    /** The host once more, untroubled. */
    drain: () => host(),
    calls: () => readFileSync(at('calls'), 'utf8').split('\n').filter(Boolean),
    judge: ({ whole, how }) =>
      judge({
        place,
        at,
        git,
        program,
        effects,
        whole,
        isKilled: how === 'before' || how === 'after',
      }),
    close: () => rmSync(place, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }),
  };
}

/** What is not as promised after trouble, restart and drain. */
async function judge({ place, at, git, program, effects, whole, isKilled }) {
  const remote = (...args) => git('--git-dir', at('team.git'), ...args);
  const reply = MESSAGE.replace(/\.md$/, '.re.echo.md');
  const problems = [];
  const expect = (holds, says) => (holds ? undefined : problems.push(says));
  const starts = readFileSync(at('runs.log'), 'utf8').split('\n').filter(Boolean).length;
  const log = remote(
    'log',
    '--first-parent',
    '--raw',
    '--no-renames',
    '--no-abbrev',
    '--format=%ce %P',
    'main',
    '--',
    reply,
    MESSAGE,
  );
  const added = log.split('\n').filter((line) => line.endsWith(reply));
  expect(added.length === 1, `I2 the reply was written ${added.length} times`);
  expect(!/^:\S+ \S+ \S+ \S+ [MDT]/m.test(log), `I1/I5 a file was changed:\n${log}`);
  expect(remote('show', `main:${MESSAGE}`) === TEXT, 'I5 the message was changed');
  const failed = added.length > 0 && /^failed: true$/m.test(remote('show', `main:${reply}`));
  if (effects === 'external')
    expect(starts <= 1, `I8 an agent with side effects was started ${starts} times`);
  expect(failed || starts > 0, 'I8 answered without a start');
  expect(
    !failed || !isKilled || effects === 'external',
    `I9 an agent without side effects ended as a failure:\n${failed ? remote('show', `main:${reply}`) : ''}`,
  );
  const refs = remote('for-each-ref', '--format=%(refname)').trim().split('\n');
  expect(refs.length === 1, `I11 refs are left: ${refs.join(' ')}`);
  const files = existsSync(at('state')) ? readdirSync(at('state'), { recursive: true }) : [];
  // What a kill leaves half-written in the cache or among the pointers is removed an hour later
  // (tests/transport/git-cache.test.ts).
  const left = files.filter(
    (path) =>
      /(^|\/)\.[^/]*\.tmp$|outbox\/.+|scratch\/.+|^new-/.test(path) &&
      !/\.new-|^roots\//.test(path),
  );
  expect(left.length === 0, `I11 files are left: ${left.join(' ')}`);
  expect(
    readdirSync(at('tmp')).length === 0,
    `I11 temporary files are left: ${readdirSync(at('tmp')).join(' ')}`,
  );
  const processes = await untilNone(() => processesNaming(place));
  expect(processes.length === 0, `I11 processes are left: ${processes.join(' | ')}`);
  if (whole) {
    const [cache] = files.filter((path) => path.endsWith('/cache.git'));
    for (const repository of [at('team.git'), ...(cache === undefined ? [] : [at('state', cache)])])
      expect(
        attempt(() => git('--git-dir', repository, 'fsck', '--no-dangling', '--no-progress')) ===
          null,
        `fsck of ${repository}`,
      );
    const verified = await program(['verify', '-C', at('team'), '--state', at('state')]);
    expect(verified.code === 0, `verify: ${verified.said}`);
  }
  return problems;
}

function attempt(work) {
  try {
    work();
    return null;
  } catch (error) {
    return error;
  }
}

async function untilNone(list) {
  for (let tries = 0; tries < 100; tries += 1) {
    if (list().length === 0) return [];
    await new Promise((done) => setTimeout(done, 30));
  }
  return list();
}

function processesNaming(text) {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) return [];
    const line = attemptRead(`/proc/${name}/cmdline`);
    return line.includes(text) ? [`${name} ${line.replaceAll('\0', ' ')}`] : [];
  });
}

function attemptRead(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** Runs the program to its end. `hung`: it had to be killed. */
function finish(args, options) {
  const child = spawn(process.execPath, [BIN, ...args], {
    ...options,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => (said += text));
  return new Promise((done) => {
    const timer = setTimeout(() => {
      hung = true;
      child.kill('SIGKILL');
    }, RUN_MS);
    let hung = false;
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      // Children that outlive it may hold its output; what it said is here already, or of no use.
      setTimeout(() => done({ code: signal ?? code, hung, said }), 20);
    });
  });
}
