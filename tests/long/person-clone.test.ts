/**
 * FAULTS §5, cases 24–26, 28: a dispatcher runs inside a person's clone, commands are used there,
 * and not one byte of it changes, in whatever state it is.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Cli, fingerprint, letter, startCli } from '../support/cli.ts';

let cli: Cli;
const MARK = (): string => join(cli.place, 'HOOK-RAN');
const UNBORN = 'another branch, unborn';
/** Clones used at the same time; each has its own state directory. */
const AT_ONCE = 3;

interface Clone {
  readonly path: string;
  /** A git command that may fail: merges that conflict do. */
  readonly git: (...args: string[]) => void;
  readonly write: (path: string, text: string) => void;
}

/** Two lines of history that conflict, so that a merge, rebase or pick stops in the middle. */
function diverge({ git, write }: Clone): void {
  git('checkout', '-q', '-b', 'side');
  write('README.md', 'side\n');
  git('commit', '-qam', 'side');
  git('checkout', '-q', 'main');
  write('README.md', 'main\n');
  git('commit', '-qam', 'main');
}

const STATES: Readonly<Record<string, (clone: Clone) => void>> = {
  clean: () => undefined,
  'mid-merge': (clone) => {
    diverge(clone);
    clone.git('merge', 'side');
  },
  'mid-rebase': (clone) => {
    diverge(clone);
    clone.git('rebase', 'side');
  },
  'mid-cherry-pick': (clone) => {
    diverge(clone);
    clone.git('cherry-pick', 'side');
  },
  'mid-revert': (clone) => {
    diverge(clone);
    clone.git('revert', '--no-commit', 'HEAD');
  },
  bisect: ({ git }) => {
    git('bisect', 'start');
    git('bisect', 'bad');
  },
  detached: ({ git }) => git('checkout', '-q', '--detach'),
  sparse: ({ git }) => git('sparse-checkout', 'set', 'data/workflows'),
  [UNBORN]: ({ git }) => git('checkout', '-q', '--orphan', 'fresh'),
  'stale locks': ({ write }) => {
    for (const lock of [
      'index.lock',
      'HEAD.lock',
      'config.lock',
      'packed-refs.lock',
      'refs/heads/main.lock',
    ])
      write(`.git/${lock}`, '');
  },
  'uncommitted edits': ({ git, write }) => {
    write('README.md', 'staged\n');
    git('add', 'README.md');
    write('README.md', 'and edited\n');
    write('data/channels/general/unsent.md', letter('echo', 'not sent'));
    write('data/channels/general/staged.md', letter('echo', 'staged'));
    git('add', 'data/channels/general/staged.md');
    git('rm', '-q', '--cached', 'PROTOCOL.md');
  },
  'unpushed commits and a stash': ({ git, write }) => {
    write('data/channels/general/unpushed.md', letter('echo', 'not pushed'));
    git('add', '.');
    git('commit', '-qm', 'mine');
    write('README.md', 'stashed\n');
    git('stash');
  },
  'its own settings, and hooks': ({ git, write }) => {
    const settings =
      'core.autocrlf=true diff.renames=copies diff.relative=true core.quotePath=true push.default=nothing pull.rebase=true rebase.autoStash=true fetch.prune=true commit.gpgSign=true core.untrackedCache=true gc.auto=1';
    for (const setting of settings.split(' ')) git('config', ...setting.split('='));
    for (const hook of [
      'pre-push',
      'pre-commit',
      'post-commit',
      'post-checkout',
      'post-merge',
      'reference-transaction',
      'post-index-change',
      'pre-auto-gc',
      'update',
    ])
      write(`.git/hooks/${hook}`, `#!/bin/sh\necho ${hook} >> ${MARK()}\n`);
    spawnSync('chmod', ['-R', '+x', '.git/hooks'], { cwd: join(cli.place, 'clones') });
  },
  shallow: ({ git }) => git('fetch', '-q', '--depth=1'),
};

function makeClone(state: string): Clone {
  const path = join(cli.place, 'clones', state);
  cli.git(['clone', '-q', `file://${cli.remote}`, path], cli.place);
  const clone: Clone = {
    path,
    git: (...args) =>
      void spawnSync('git', args, {
        cwd: path,
        env: { ...cli.env, GIT_EDITOR: ':' },
        timeout: 20_000,
      }),
    write: (file, text) => {
      mkdirSync(join(path, file, '..'), { recursive: true });
      writeFileSync(join(path, file), text, { mode: 0o755 });
    },
  };
  STATES[state]?.(clone);
  return clone;
}

/** What a person and a dispatcher do there. Gives what went wrong. */
async function use(state: string, path: string): Promise<readonly string[]> {
  const env = { CROSSTALK_STATE_DIR: join(cli.place, 'states', state), CROSSTALK_MAX_AGE: '3650d' };
  const before = fingerprint(path);
  const commands = [
    ['send', '--to', 'echo', '-m', `from ${state}`],
    ['run', '--once'],
    ['status', '--json'],
    ['log'],
    ['why', 'echo'],
  ];
  const wrong: string[] = [];
  for (const args of commands) {
    const { code, stderr } = await cli.run(args, { cwd: path, env });
    // A branch that the remote does not have is not a transport, and that is said; it is not
    // written to either.
    const expected = state === UNBORN ? 2 : 0;
    if (code !== expected)
      wrong.push(`${state}: ${args.join(' ')} exits ${String(code)}: ${stderr.slice(0, 300)}`);
    if (fingerprint(path) !== before) wrong.push(`${state}: ${args.join(' ')} changed the clone`);
  }
  return wrong;
}

beforeAll(async () => {
  cli = await startCli();
  cli.say({ 'data/channels/general/hello.md': letter('echo', 'hello') });
});
afterAll(() => cli.close());

it('a clone keeps every byte, in every state that git can be in, while a dispatcher runs in it and commands are used there', async () => {
  const clones = Object.keys(STATES).map((state) => ({ state, path: makeClone(state).path }));
  const linked = join(cli.place, 'clones', 'linked');
  cli.git(
    ['worktree', 'add', '-q', '--track', '-b', 'linked', linked, 'origin/main'],
    clones[0]?.path ?? '',
  );
  clones.push({ state: 'a linked work tree', path: linked });
  const base = fingerprint(clones[0]?.path ?? '');
  // What setting the stage ran does not count.
  const hooksBefore = existsSync(MARK());
  expect(hooksBefore).toBe(false);
  const wrong: string[] = [];
  const waiting = clones.slice(1);
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      wrong.push(...(await use(next.state, next.path)));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  // The linked work tree shares its repository with the first clone, which is looked at when nobody
  // else is at work.
  if (fingerprint(clones[0]?.path ?? '') !== base)
    wrong.push('the repository of a linked work tree was changed');
  wrong.push(...(await use(clones[0]?.state ?? '', clones[0]?.path ?? '')));
  expect(wrong).toEqual([]);
  expect(existsSync(MARK())).toBe(false);
  const unsent = cli
    .git(['ls-tree', '-r', '--name-only', 'main'], cli.remote)
    .split('\n')
    .filter((path) => /un(sent|pushed)|staged/.test(path));
  expect(unsent).toEqual([]);
}, 300_000);
