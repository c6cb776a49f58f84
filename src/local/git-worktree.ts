/**
 * Worktrees of the projects on this machine, for agents that change code. An agent works on a
 * detached head; only when its work is committed and pushed does the branch move, and never but
 * forward. So a failed, stopped or killed attempt leaves nothing behind but a directory, which the
 * next start removes.
 */
import { mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type {
  SaveText,
  Worktree,
  WorktreeOpened,
  WorktreeRequest,
  Worktrees,
  WorktreeSaved,
} from './worktree.ts';

/** Runs git in a directory, within limits; given by who knows how git is started safely. */
export type ProjectGit = (
  directory: string,
  args: readonly string[],
) => Promise<{
  readonly ended: string;
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}>;

/**
 * Worktrees at the places that `place` names. Hooks of a project are for people: an agent's work is
 * pushed to a branch and looked at there.
 */
export function createWorktrees(
  place: (request: WorktreeRequest) => string,
  runGit: ProjectGit,
): Worktrees {
  const git: Git = async (directory, ...args) => {
    const { ended, code, stdout, stderr } = await runGit(directory, args);
    const why = stderr.trim().split('\n').at(-1) ?? '';
    return {
      ok: ended === 'exited' && code === 0,
      out: stdout.toString('utf8').trim(),
      why: why === '' ? `git ${ended} (${code ?? 'killed'})` : why,
    };
  };
  return {
    open: (request) => openWorktree(place(request), git, request),
    save: (worktree, text) => saveWorktree(git, worktree, text),
    close: async ({ project, directory }) => {
      await rm(directory, { recursive: true, force: true });
      await git(project, 'worktree', 'prune');
    },
  };
}

interface Ran {
  readonly ok: boolean;
  readonly out: string;
  readonly why: string;
}
type Git = (directory: string, ...args: readonly string[]) => Promise<Ran>;

async function openWorktree(
  directory: string,
  git: Git,
  request: WorktreeRequest,
): Promise<WorktreeOpened> {
  const { project, branch, base } = request;
  const failed = (why: string): WorktreeOpened => ({ kind: 'failed', why });
  const checkedOut = await git(project, 'rev-parse', '--abbrev-ref', 'HEAD');
  if (!checkedOut.ok) return failed(`the project is no git repository: ${checkedOut.why}`);
  const remote = (await git(project, 'remote')).out.split('\n')[0] ?? '';
  const standard = (
    await git(project, 'symbolic-ref', '--short', `refs/remotes/${remote}/HEAD`)
  ).out.slice(remote.length + 1);
  if ([checkedOut.out, standard, 'main', 'master'].includes(branch))
    return failed(`the branch "${branch}" is the project's own; agents work on others`);
  if (remote !== '')
    await git(
      project,
      'fetch',
      '--no-tags',
      remote,
      `+refs/heads/${branch}:refs/remotes/${remote}/${branch}`,
    );
  const oid = async (name: string): Promise<string | null> => {
    const found = await git(
      project,
      'rev-parse',
      '--verify',
      '--quiet',
      '--end-of-options',
      `${name}^{commit}`,
    );
    return found.ok ? found.out : null;
  };
  const local = await oid(`refs/heads/${branch}`);
  const there = remote === '' ? null : await oid(`refs/remotes/${remote}/${branch}`);
  const start = there ?? local ?? (await oid(base));
  if (start === null) return failed(`the project has no commit "${base}"`);
  await mkdir(dirname(directory), { recursive: true, mode: 0o700 });
  await git(project, 'worktree', 'prune');
  const added = await git(project, 'worktree', 'add', '--detach', '--force', directory, start);
  if (added.ok)
    return {
      kind: 'open',
      worktree: { ...request, directory, start, remote: remote === '' ? null : remote, local },
    };
  await rm(directory, { recursive: true, force: true });
  return failed(`git worktree add: ${added.why}`);
}

async function saveWorktree(
  git: Git,
  worktree: Worktree,
  { message, name, email }: SaveText,
): Promise<WorktreeSaved> {
  const { directory, project, branch, remote, start, local } = worktree;
  const failed = (what: string, { why }: Ran): WorktreeSaved => ({
    kind: 'failed',
    why: `${what}: ${why}`,
  });
  const added = await git(directory, 'add', '--all');
  if (!added.ok) return failed('git add', added);
  const isClean = (await git(directory, 'diff', '--cached', '--quiet')).ok;
  const who = ['-c', `user.name=${name}`, '-c', `user.email=${email}`];
  const committed = isClean
    ? null
    : await git(directory, ...who, 'commit', '--quiet', '--no-verify', '--message', message);
  if (committed?.ok === false) return failed('git commit', committed);
  const head = await git(directory, 'rev-parse', 'HEAD');
  if (!head.ok) return failed('git rev-parse', head);
  const commit = head.out;
  if (commit === start && local === null) return { kind: 'saved', branch: null, commit };
  const forward = await git(directory, 'merge-base', '--is-ancestor', start, commit);
  if (!forward.ok) return { kind: 'failed', why: 'the agent rewrote the history of its branch' };
  if (remote !== null && commit !== start) {
    const pushed = await git(
      directory,
      'push',
      '--quiet',
      '--no-verify',
      remote,
      `${commit}:refs/heads/${branch}`,
    );
    if (!pushed.ok) return failed('git push', pushed);
  }
  // A branch of that name that somebody has moved meanwhile is left alone: the remote has the work.
  await git(
    project,
    'update-ref',
    `refs/heads/${branch}`,
    commit,
    local ?? '0'.repeat(commit.length),
  );
  return { kind: 'saved', branch, commit };
}
