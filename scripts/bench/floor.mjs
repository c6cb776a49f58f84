// The physical floor: the same git commands that a dispatcher cannot do without, with the arguments
// it uses, and nothing around them.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { buildEnvironment, HARDENING } from '../../build/transport/git-environment.js';

const BRANCH = 'refs/heads/main';
const RULES = { env: process.env, allowHttp: true };

/** Raw git on one cache and one remote. */
export function createFloor({ gitDir, url, refs }) {
  const run = (args, input = '') => runGit([...HARDENING, `--git-dir=${gitDir}`, ...args], input);
  return {
    /** One look at the branch, the claims and the beats. */
    lsRemote: () =>
      run([
        'ls-remote',
        '--refs',
        '--quiet',
        '--',
        url,
        BRANCH,
        `${refs.claims}*`,
        `${refs.hosts}*`,
        `${refs.control}*`,
      ]),
    /** One commit, as a path or ssh remote gives it. */
    fetchPack: (oid) => run(['fetch-pack', '--thin', '--lock-pack', '--stdin', url], `${oid}\n`),
    /**
     * One commit over http: fetch-pack cannot do that on its own, so the floor is git's own fetch.
     */
    fetchHttp: (oid) =>
      run([
        'fetch',
        '--quiet',
        '--no-tags',
        '--no-write-fetch-head',
        '--no-auto-maintenance',
        '--negotiation-tip',
        'refs/crosstalk/tip',
        url,
        oid,
      ]),
    claim: (ref, oid) => push(run, url, [{ ref, expected: '', next: oid }], []),
    /** The branch moves and the claim goes, all or nothing: what a fenced reply costs. */
    reply: ({ tip, next, ref, claim }) =>
      push(
        run,
        url,
        [
          { ref: BRANCH, expected: tip, next },
          { ref, expected: claim, next: '' },
        ],
        ['--atomic'],
      ),
    /** Keeps what was fetched, so that the next fetch brings only what is new. */
    keep: (oid) => writeFileSync(`${gitDir}/refs/crosstalk/tip`, `${oid}\n`),
  };
}

function push(run, url, updates, flags) {
  const leases = updates.map(({ ref, expected }) => `--force-with-lease=${ref}:${expected}`);
  return run([
    'push',
    '--porcelain',
    '--progress',
    '--no-verify',
    ...flags,
    ...leases,
    '--',
    url,
    ...updates.map(({ ref, next }) => `${next}:${ref}`),
  ]);
}

/** Runs git, collects what it says, and wants it to succeed. */
function runGit(args, input) {
  return new Promise((resolve, reject) => {
    const child = spawn('git', args, {
      cwd: '/',
      detached: true,
      env: buildEnvironment({ ...RULES, sshCommand: process.env.GIT_SSH_COMMAND ?? null }, true),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const out = [];
    const err = [];
    child.stdout.on('data', (chunk) => out.push(chunk));
    child.stderr.on('data', (chunk) => err.push(chunk));
    child.stdin.on('error', () => undefined);
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(Buffer.concat(out).toString('utf8'));
      else
        reject(
          new Error(
            `git ${args.find((word) => /^[a-z]/.test(word) && !word.includes('='))}: ${Buffer.concat(err).toString('utf8')}`,
          ),
        );
    });
    child.stdin.end(input);
  });
}
