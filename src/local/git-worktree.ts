/**
 * Worktrees of the projects on this machine, for agents that change code. An agent works on a
 * detached head; only when its work is committed and pushed does the branch move, and never but
 * forward. So a failed, stopped or killed attempt leaves nothing behind but a directory, which the
 * next start removes.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { removeTree } from '../base/remove-tree.ts';
import type { CapsuleWork } from '../protocol/capsule-work.ts';
import { carryChanges, describeChanges } from './carry-work.ts';
import { commitChanges } from './commit-changes.ts';
import { fillWorktree } from './fill-worktree.ts';
import { listCommit, type ProjectGit, runGit, type TreeEntry } from './project-git.ts';
import { type Change, readChangesOf } from './read-worktree.ts';
import type {
  SaveText,
  Worktree,
  WorktreeOpened,
  WorktreeRequest,
  Worktrees,
  WorktreeSaved,
} from './worktree.ts';
import { refRoot } from '../protocol/paths.ts';

/**
 * Worktrees at the places that `place` names. Hooks of a project are for people: an agent's work is
 * pushed to a branch and looked at there.
 */
export function createWorktrees(
  place: (request: WorktreeRequest) => string,
  projectGit: ProjectGit,
): Worktrees {
  const git: Git = async (directory, ...args) => {
    const { ok, bytes, why } = await runGit(projectGit, directory, args);
    return { ok, out: bytes.toString('utf8').trim(), why };
  };
  return {
    open: (request) => openWorktree(place(request), { git, projectGit }, request),
    save: (worktree, text) => saveWorktree({ git, projectGit }, worktree, text),
    look: (worktree) => lookAtWork({ git, projectGit }, worktree),
    close: async ({ project, directory }) => {
      await removeTree(directory);
      await git(project, 'worktree', 'prune');
    },
  };
}

interface Said {
  readonly ok: boolean;
  readonly out: string;
  readonly why: string;
}
type Git = (directory: string, ...args: readonly string[]) => Promise<Said>;
interface Gits {
  readonly git: Git;
  readonly projectGit: ProjectGit;
}

async function openWorktree(
  directory: string,
  { git, projectGit }: Gits,
  request: WorktreeRequest,
): Promise<WorktreeOpened> {
  const { project, branch, base } = request;
  const failed = (why: string): WorktreeOpened => ({ kind: 'failed', why });
  const checkedOut = await git(project, 'rev-parse', '--abbrev-ref', 'HEAD');
  if (!checkedOut.ok) return failed(`the project is not a git repository: ${checkedOut.why}`);
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
  const fail = async (why: string): Promise<WorktreeOpened> => {
    await removeTree(directory);
    await git(project, 'worktree', 'prune');
    return failed(why);
  };
  const args = ['--detach', '--force', '--no-checkout', directory, start];
  const added = await git(project, 'worktree', 'add', ...args);
  if (!added.ok) return fail(`git worktree add: ${added.why}`);
  const admin = /^gitdir: (.+)\n$/.exec(await readFile(join(directory, '.git'), 'utf8'))?.[1];
  if (admin === undefined) return fail('git worktree add: it names no folder of its own');
  const { leavesOut } = request;
  const filled = await fillWorktree(projectGit, { project, directory, commit: start, leavesOut });
  if (filled !== null) return fail(filled);
  const carried = await carryChanges(projectGit, { ...request, directory, start });
  if (carried === 'failed') {
    // Some of them may be there: without them it is made once more.
    await removeTree(directory);
    return openWorktree(directory, { git, projectGit }, { ...request, carry: [] });
  }
  return {
    kind: 'open',
    worktree: {
      ...request,
      directory,
      admin,
      start,
      remote: remote === '' ? null : remote,
      local,
      isCarried: carried === 'carried',
    },
  };
}

async function saveWorktree(
  gits: Gits,
  worktree: Worktree,
  text: SaveText,
): Promise<WorktreeSaved> {
  const { git } = gits;
  const { directory, project, branch, remote, start, local, admin } = worktree;
  const failed = (why: string): WorktreeSaved => ({ kind: 'failed', why });
  const head = await readHead(git, worktree);
  if (!head.ok) return failed(`git rev-parse: ${head.why}`);
  const forward = await git(project, 'merge-base', '--is-ancestor', start, head.out);
  if (!forward.ok) return failed('the agent rewrote the history of its branch');
  const made = await commitWork(gits, worktree, { head: head.out, text });
  if ('why' in made) return failed(made.why);
  const { commit } = made;
  // A person who looks at a kept worktree finds git's own file there, whatever the agent put.
  if (worktree.keep) await restoreLink(directory, admin);
  if (commit === start && local === null) return { kind: 'saved', branch: null, commit };
  if (remote !== null && commit !== start) {
    const to = `${commit}:refs/heads/${branch}`;
    const pushed = await git(project, 'push', '--quiet', '--no-verify', remote, to);
    if (!pushed.ok) return failed(`git push: ${pushed.why}`);
  }
  // A branch of that name that somebody has moved meanwhile is left alone: the remote has the work.
  const old = local ?? '0'.repeat(commit.length);
  await git(project, 'update-ref', `refs/heads/${branch}`, commit, old);
  return { kind: 'saved', branch, commit };
}

/** Commits of the agent's own count: git in the project knows where its worktrees stand. */
function readHead(git: Git, { project, admin }: Worktree): Promise<Said> {
  const name = `worktrees/${basename(admin)}/HEAD`;
  return git(project, 'rev-parse', '--verify', '--quiet', `${name}^{commit}`);
}

/** The agent's own commits and what else it left, as changes to where it began. */
async function lookAtWork(
  { git, projectGit }: Gits,
  worktree: Worktree,
): Promise<CapsuleWork | null> {
  const { project, start } = worktree;
  const entries = await listCommit(projectGit, project, start);
  if (typeof entries === 'string') return null;
  const found = await readChanges(projectGit, worktree, entries);
  if (typeof found === 'string' || found.length === 0) return null;
  const head = await readHead(git, worktree);
  const changes = describeChanges(found, entries);
  return { start, head: head.ok ? head.out : start, files: found.length, changes };
}

function readChanges(
  projectGit: ProjectGit,
  { directory, admin, leavesOut }: Worktree,
  entries: ReadonlyMap<string, TreeEntry>,
): Promise<readonly Change[] | string> {
  const gitDirectory = dirname(dirname(admin));
  return readChangesOf(projectGit, { directory, gitDirectory, entries, leavesOut });
}

/** The agent's last commit, or one more with what else it left. */
async function commitWork(
  { projectGit }: Gits,
  worktree: Worktree,
  { head, text }: { readonly head: string; readonly text: SaveText },
): Promise<{ readonly commit: string } | { readonly why: string }> {
  const { project, admin } = worktree;
  const entries = await listCommit(projectGit, project, head);
  if (typeof entries === 'string') return { why: entries };
  const changes = await readChanges(projectGit, worktree, entries);
  if (typeof changes === 'string') return { why: changes };
  if (changes.length === 0) return { commit: head };
  const ref = `${refRoot(true)}/work/${basename(admin)}`;
  return commitChanges(projectGit, { project, parent: head, ref }, { changes, text });
}

async function restoreLink(directory: string, admin: string): Promise<void> {
  await removeTree(join(directory, '.git'));
  await writeFile(join(directory, '.git'), `gitdir: ${admin}\n`);
}
