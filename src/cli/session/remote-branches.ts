/**
 * The branches of a remote, and which of them are conversations: those whose top folder has a
 * CROSSTALK-VERSION. They are asked for with a person's own git, which may ask for a password, or
 * with the one of the dispatcher, which never does.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import { VERSION_FILE } from '../../protocol/paths.ts';
import { judgeFailure } from '../../transport/git-failure.ts';
import { greet } from '../../transport/git-remote.ts';
import { adoptSettings } from '../../transport/git-repository.ts';
import { createGit, type Git, type GitOptions } from '../../transport/git-runner.ts';
import { NO_ACCESS, openUrl, REMOTE_COMMANDS, shownUrl } from '../../transport/remote-url.ts';
import type { Reached } from '../../transport/repository.ts';
import type { ReadLine } from '../../transport/space-reads.ts';
import { openPersonGit, type PersonGit } from './person-git.ts';
import { MAILBOX_BRANCH } from './project.ts';
import { isPassing, unreachable } from './remote-errors.ts';

export interface RemoteHeads {
  /** The one that `git clone` would check out; null when there is none, also when it dangles. */
  readonly head: string | null;
  readonly branches: readonly string[];
}

/** A remote, and the git to ask it with: opened in a directory. */
export interface AskedRemote {
  readonly url: string;
  readonly open: (directory: string) => PersonGit;
  /** What it says of itself; asked when it has listed nothing. */
  readonly greet: () => Promise<Reached<unknown>>;
}

/** As a person's own git reaches it. */
export function asPerson(url: string, env: Parameters<typeof openPersonGit>[1]): AskedRemote {
  const { url: address, access } = openUrl(url);
  const asked = asDispatcher(
    address,
    { env, access, allowHttp: true },
    { inLine: (read) => read() },
  );
  return { ...asked, url, open: (directory) => openPersonGit(directory, env) };
}

/** As the dispatcher reaches it: nobody is asked for anything, and reads stand in line. */
export function asDispatcher(
  url: string,
  how: Omit<GitOptions, 'gitDir' | 'clock'>,
  { inLine }: Pick<ReadLine, 'inLine'>,
): AskedRemote {
  const { env, access = NO_ACCESS } = how;
  const gitAt = async (gitDir: string): Promise<Git> => {
    const git = createGit({ ...how, gitDir, clock: systemClock });
    await adoptSettings(git, env, { access, urls: [url] });
    return git;
  };
  return {
    url,
    greet: async () => {
      const git = await gitAt(tmpdir());
      return inLine(() => greet({ git, url, branchRef: 'HEAD' }));
    },
    open: (directory) => ({
      raw: async (args) => {
        const git = await gitAt(directory);
        const network = REMOTE_COMMANDS.includes(args[0] ?? '');
        const run = (): ReturnType<typeof git.run> => git.run({ args, network });
        const result = await (network ? inLine(run) : run());
        if (result.code === 0) return result.stdout.toString('utf8');
        throw unreachable(url, judgeFailure(result));
      },
    }),
  };
}

/** Branches that are looked into for a version file. */
const LOOKED_AT = 40;
/** Looked into first. */
const LIKELY = [MAILBOX_BRANCH, 'main', 'master'];

/** Asks the remote. Throws what git says when it does not answer, or is no git server. */
export async function readHeads({ url, open, greet: again }: AskedRemote): Promise<RemoteHeads> {
  const git = open(tmpdir());
  const said = await git.raw(['ls-remote', '--symref', '--', url, 'HEAD', 'refs/heads/*']);
  const greeted = said.trim() === '' ? await again() : null;
  // Another failure only says that this git may not ask as the person's own does, who has asked.
  if (greeted?.kind === 'unreachable' && greeted.failure.reason === 'not-git')
    throw unreachable(shownUrl(url), greeted.failure);
  const branches = [...said.matchAll(/\trefs\/heads\/(\S+)$/gm)].map(([, name]) => name ?? '');
  const named = /^ref: refs\/heads\/(\S+)\tHEAD$/m.exec(said)?.[1];
  return { head: named !== undefined && branches.includes(named) ? named : null, branches };
}

/**
 * Those of the branches that are conversations. Looked at are the one of mailboxes, the remote's
 * own, then the others; what a conversation keeps for itself (its archive, and the claims and beats
 * of a remote without custom refs) does not count.
 */
export async function findTransports(
  { url, open }: AskedRemote,
  { head, branches }: RemoteHeads,
): Promise<readonly string[]> {
  const first = [...new Set([...(head === null ? [] : [head]), ...LIKELY])];
  const others = branches.filter(
    (name) => !first.includes(name) && !/^crosstalk\/|-archive$/.test(name),
  );
  const asked = [...first.filter((name) => branches.includes(name)), ...others].slice(0, LOOKED_AT);
  if (asked.length === 0) return [];
  const scratch = await mkdtemp(join(tmpdir(), 'crosstalk-look-'));
  try {
    const git = open(scratch);
    await git.raw(['init', '--quiet', '--bare']);
    const refs = asked.map((name) => `+refs/heads/${name}:refs/look/${name}`);
    // Git does not believe a remote that is called by a path that the rest can be had later.
    const filter = url.startsWith('/') ? [] : ['--filter=blob:none'];
    await git.raw(['fetch', '--quiet', '--depth=1', ...filter, '--no-tags', '--', url, ...refs]);
    const listed = await Promise.all(
      asked.map((name) => git.raw(['ls-tree', `refs/look/${name}`, '--', VERSION_FILE])),
    );
    return asked.filter((_, at) => listed[at]?.trim() !== '');
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/**
 * The branch of the conversation of a remote that is known by its address only: the default one, or
 * where that is missing or holds something else, one that is a conversation; `main` of an empty
 * remote. A look into the branches that fails and may succeed later is thrown: what follows could
 * succeed, on a branch that was only guessed.
 */
export async function findBranch(remote: AskedRemote): Promise<string> {
  const heads = await readHeads(remote);
  const [only, ...more] = heads.branches;
  const standard = heads.head ?? only ?? 'main';
  if (more.length === 0) return standard;
  const found = await findTransports(remote, heads).catch((error: unknown): readonly string[] => {
    if (isPassing(error)) throw error;
    return [];
  });
  return found.includes(standard) ? standard : (found[0] ?? standard);
}
