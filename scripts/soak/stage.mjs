// The stage of a soak: a transport whose remote refuses and forgets to answer, a git that fails,
// and agents that record each start.
import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../bin/crosstalkd.js', import.meta.url));
const LEASE = { CROSSTALK_LEASE: '6s', CROSSTALK_BEAT: '2s', CROSSTALK_LEASE_MARGIN: '1s' };

/** One transport in a temporary directory. `close` removes it. Calm: nothing fails on its own. */
export function makeStage({ isCalm = false } = {}) {
  const place = mkdtempSync(join(tmpdir(), 'crosstalk-soak-'));
  const at = (...names) => join(place, ...names);
  const env = {
    PATH: process.env.PATH,
    HOME: place,
    CROSSTALK_CONFIG_DIR: at('config'),
    GIT_CONFIG_GLOBAL: at('gitconfig'),
    GIT_CONFIG_NOSYSTEM: '1',
    RUN_LOG: at('runs.log'),
    ...(isCalm ? {} : LEASE),
  };
  const write = (path, text, mode = 0o600) => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { mode });
    chmodSync(path, mode);
  };
  mkdirSync(at('config'), { mode: 0o700 });
  write(
    at('gitconfig'),
    '[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n[gc]\n\tauto = 0\n',
  );
  write(at('agent.mjs'), AGENT);
  const command = `command: [${JSON.stringify(process.execPath)}, ${JSON.stringify(at('agent.mjs'))}], env: [RUN_LOG]`;
  write(
    at('config', 'models.yaml'),
    `models:\n  echo: { adapter: command, ${command}, effects: none, concurrency: 4, attempts: 10 }\n  once: { adapter: command, ${command}, effects: external, concurrency: 4 }\n`,
  );
  write(env.RUN_LOG, '');
  execFileSync(
    process.execPath,
    [BIN, 'init', at('team'), '--alias', 'maker', '--state', at('state-maker')],
    {
      env,
      cwd: place,
      stdio: 'pipe',
    },
  );
  const git = (...args) =>
    execFileSync('git', args, {
      cwd: at('team'),
      env,
      stdio: 'pipe',
      maxBuffer: 256 * 1024 * 1024,
    }).toString();
  if (!isCalm) {
    write(at('team.git', 'hooks', 'pre-receive'), PRE_RECEIVE, 0o755);
    write(at('team.git', 'hooks', 'post-receive'), POST_RECEIVE, 0o755);
    const real = execFileSync('sh', ['-c', 'command -v git'], { env }).toString().trim();
    write(at('bin', 'git'), failingGit(real), 0o755);
  }
  return {
    place,
    git,
    say: (files) => say({ files, git, at, write }),
    calm: () => rmSync(at('team.git', 'hooks'), { recursive: true }),
    run: (...args) =>
      execFileSync(process.execPath, [BIN, ...args], {
        cwd: at('team'),
        env: { ...env, CROSSTALK_STATE_DIR: at('state-maker') },
        stdio: 'pipe',
      }).toString(),
    start: (alias, { url = at('team.git'), env: more = {} } = {}) =>
      startHost(alias, { place, url, env: { ...env, PATH: `${at('bin')}:${env.PATH}`, ...more } }),
    starts: () => readFileSync(env.RUN_LOG, 'utf8').split('\n').filter(Boolean),
    left: () => processesNaming(place),
    close: () => rmSync(place, { recursive: true, force: true, maxRetries: 3 }),
  };
}

const AGENT = `import { appendFileSync } from 'node:fs';
appendFileSync(process.env.RUN_LOG, process.env.CROSSTALK_MODEL + ' ' + process.env.CROSSTALK_MESSAGE + '\\n');
for await (const chunk of process.stdin) void chunk;
setTimeout(() => console.log('done'), Math.random() * 300);
`;

/** One push in twelve to the branch is refused. */
const PRE_RECEIVE = `#!/bin/sh
while read old new ref; do
  case "$ref" in refs/heads/*) [ $(od -An -N1 -tu1 /dev/urandom) -lt 21 ] && { echo "try again later" >&2; exit 1; } ;; esac
done
exit 0
`;

/** One push in twenty lands, and the answer is lost: what would have sent it is killed. */
const POST_RECEIVE = `#!/bin/sh
[ $(od -An -N1 -tu1 /dev/urandom) -lt 13 ] && kill -9 $PPID
exit 0
`;

/** A git whose fetches fail three times in ten, and its looks once in ten. */
function failingGit(real) {
  return `#!/bin/sh
case "$*" in
  *fetch-pack*|*unpack-objects*) limit=77 ;;
  *ls-remote*|*upload-pack*) limit=26 ;;
  *) exec ${real} "$@" ;;
esac
[ $(od -An -N1 -tu1 /dev/urandom) -lt $limit ] && { echo "fatal: unable to access the remote: Connection reset by peer" >&2; exit 128; }
exec ${real} "$@"
`;
}

/** A person sends, and tries again when the remote refuses. */
function say({ files, git, at, write }) {
  for (const [path, text] of Object.entries(files)) write(at('team', path), text, 0o644);
  git('add', '-A');
  git('commit', '-qm', 'say');
  for (let tries = 0; ; tries += 1) {
    try {
      git('pull', '-q', '--rebase');
      return git('push', '-q');
    } catch (error) {
      if (tries > 50) throw error;
    }
  }
}

function startHost(alias, { place, url, env }) {
  const args = [
    'run',
    url,
    '--alias',
    alias,
    '--state',
    join(place, `state-${alias}`),
    '--interval',
    '0.5',
    '--concurrency',
    '4',
  ];
  const child = spawn(process.execPath, [BIN, ...args], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const host = {
    alias,
    child,
    stderr: '',
    ended: new Promise((done) => child.once('exit', (code, signal) => done(signal ?? code))),
  };
  child.stderr.on('data', (chunk) => (host.stderr = `${host.stderr}${chunk}`.slice(-4_000)));
  return host;
}

function processesNaming(text) {
  return readdirSync('/proc').filter((name) => {
    try {
      return (
        /^\d+$/.test(name) &&
        Number(name) !== process.pid &&
        readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(text)
      );
    } catch {
      return false;
    }
  });
}
