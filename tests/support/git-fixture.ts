/**
 * Real git for tests: a temporary folder with its own HOME and configuration, removed afterwards
 * together with every repository in it.
 */
import { execFileSync } from 'node:child_process';
import {
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
import { systemClock } from '../../src/base/clock.ts';
import { parseOid, type Oid } from '../../src/base/ids.ts';
import { systemRandom } from '../../src/base/random.ts';
import {
  openGitRepository,
  type GitRepositoryOptions,
} from '../../src/transport/git-repository.ts';
import type { CommitDraft, Repository } from '../../src/transport/repository.ts';

/** How a git command of the test itself is run. */
export interface GitRun {
  readonly cwd?: string;
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
}

/** A temporary folder with a bare remote in it and any number of hosts on it. */
export interface GitFixture {
  readonly root: string;
  readonly remoteDir: string;
  /** What the process under test is given as its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** stdout of a git command, without the last newline. Throws when it fails. */
  git(args: readonly string[], run?: GitRun): string;
  /** A git command in the remote. */
  remote(args: readonly string[], run?: GitRun): string;
  /** A host with its own cache; closed with the fixture. */
  open(options?: Partial<GitRepositoryOptions>): Promise<Repository>;
  /** The folder of the cache that the last `open` used. */
  cacheDir(): string;
  /** Closes every host and removes the folder. Throws when a process that works in it is left. */
  dispose(): Promise<void>;
}

const PERSON = { name: 'Ada', email: 'ada@example.org' };

/** A fixture with an empty bare remote, whose branch is `main`. */
export function createGitFixture(
  options: { readonly format?: 'sha1' | 'sha256' } = {},
): GitFixture {
  const root = mkdtempSync(join(tmpdir(), 'crosstalk-git-'));
  const remoteDir = join(root, 'remote.git');
  const env = { PATH: process.env['PATH'] ?? '', HOME: join(root, 'home') };
  mkdirSync(env.HOME);
  writeFileSync(
    join(env.HOME, '.gitconfig'),
    '[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n[receive]\n\tautogc = false\n[init]\n\tdefaultBranch = main\n[user]\n\tname = Ada\n\temail = ada@example.org\n',
  );
  const git: GitFixture['git'] = (args, run = {}) =>
    execFileSync('git', args, {
      cwd: run.cwd ?? root,
      input: run.input ?? '',
      env: { ...env, GIT_CONFIG_NOSYSTEM: '1', ...run.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      maxBuffer: 64 * 1024 * 1024,
    })
      .toString('utf8')
      .replace(/\n$/, '');
  git(['init', '-q', '--bare', `--object-format=${options.format ?? 'sha1'}`, remoteDir]);
  const hosts: Repository[] = [];
  let cacheDir = '';
  return {
    root,
    remoteDir,
    env,
    git,
    remote: (args, run) => git(args, { cwd: remoteDir, ...run }),
    open: async (more = {}) => {
      cacheDir = more.cacheDir ?? join(root, `host-${hosts.length}`, 'cache.git');
      const defaults = {
        cacheDir,
        url: remoteDir,
        branch: 'main',
        env,
        clock: systemClock,
        random: systemRandom,
      };
      const host = await openGitRepository({ ...defaults, ...more });
      hosts.push(host);
      return host;
    },
    cacheDir: () => cacheDir,
    dispose: async () => {
      await Promise.all(hosts.map((host) => host.close()));
      const left = processesNaming(root);
      for (const { pid } of left) process.kill(pid, 'SIGKILL');
      rmSync(root, { recursive: true, force: true });
      if (left.length > 0)
        throw new Error(`left running: ${left.map(({ command }) => command).join('; ')}`);
    },
  };
}

/** Processes whose command line names `text`; always none where there is no /proc. */
export function processesNaming(
  text: string,
): readonly { readonly pid: number; readonly command: string }[] {
  if (!existsSync('/proc/self/cmdline')) return [];
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) return [];
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
      return command.includes(text) ? [{ pid: Number(name), command }] : [];
    } catch {
      return [];
    }
  });
}

/** A draft that writes `files` (path → text; null removes), by a person, at a fixed time. */
export function draftOf(
  files: Readonly<Record<string, string | Uint8Array | null>>,
  more: Partial<CommitDraft> = {},
): CommitDraft {
  const entries = Object.entries(files);
  return {
    writes: entries.flatMap(([path, content]) => (content === null ? [] : [{ path, content }])),
    removes: entries.flatMap(([path, content]) => (content === null ? [path] : [])),
    author: PERSON,
    committer: PERSON,
    atMs: 1_700_000_000_000,
    message: `write ${entries.map(([path]) => path).join(', ')}`.slice(0, 200),
    ...more,
  };
}

/** An object id that must be one. */
export function oidOf(text: string | undefined | null): Oid {
  const oid = parseOid(text ?? '');
  if (oid === null) throw new Error(`no object id: ${JSON.stringify(text)}`);
  return oid;
}

/** What was reached, or an error that says why not. */
export function reached<T>(
  answer:
    | { readonly kind: 'reached'; readonly value: T }
    | { readonly kind: 'unreachable'; readonly failure: { readonly line: string } },
): T {
  if (answer.kind === 'unreachable') throw new Error(`unreachable: ${answer.failure.line}`);
  return answer.value;
}
