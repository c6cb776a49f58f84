/** A person's clone of a transport's branch, and what has to be undone when it comes to nothing. */
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { errorText } from '../../base/errors.ts';
import type { Invocation } from '../command.ts';
import type { Setting } from '../../transport/remote-url.ts';
import { nameRemote, openPersonGit, type PersonGit } from '../session/person-git.ts';
import { keepAccess } from '../session/project-access.ts';

export interface ClonePlan {
  readonly url: string;
  readonly directory: string;
  readonly branch: string;
  /** The branch stands on the remote. */
  readonly exists: boolean;
  /** The remote has other branches, which are no business of this clone. */
  readonly isAlone: boolean;
  /** How the remote is reached, as the project of a mailbox says. */
  readonly access: readonly Setting[];
}

/**
 * A clone with the branch checked out: what the remote has of it, else an empty one with a root of
 * its own. `git pull` puts what was written here on top, since two that send at once are the
 * rule; a file that was staged and sent by `crosstalkd send` does not hold it up.
 */
export async function makeClone(plan: ClonePlan, env: Invocation['env']): Promise<PersonGit> {
  const { url, directory, branch, exists, isAlone, access } = plan;
  const git = openPersonGit(directory, env);
  await git.raw(['init', '--quiet', `--initial-branch=${branch}`]);
  await nameRemote(git, url, isAlone ? [] : ['-t', branch]);
  await keepAccess(git, access);
  await git.raw(['config', 'pull.rebase', 'true']);
  await git.raw(['config', 'rebase.autoStash', 'true']);
  if (!exists) return git;
  await git.raw(['fetch', '--quiet', 'origin']);
  await git.raw(['checkout', '--quiet', '-B', branch, '--track', `origin/${branch}`]);
  return git;
}

/** What is said where git does not know whose commits these are; null where it does. */
export async function missingIdentity(git: PersonGit): Promise<string | null> {
  try {
    const said = await git.raw(['config', '--get', 'user.email']);
    if (said.trim() !== '') return null;
  } catch (error) {
    if (errorText(error).trim() !== '') throw error;
  }
  return 'git does not know you yet; before you commit by hand: git config --global user.name "Your Name", and user.email';
}

/** Things that a command makes on its way. */
export interface Made {
  /** Makes a directory, with those above it. */
  readonly directory: (path: string) => Promise<void>;
  /** Takes away what was made, and nothing else. */
  readonly undo: () => Promise<void>;
}

/** Keeps count of what was made. */
export function createMade(): Made {
  const paths: string[] = [];
  return {
    directory: async (path) => {
      // An empty one that stood before is emptied again.
      const first = await mkdir(path, { recursive: true });
      paths.push(first ?? path);
    },
    undo: async () => {
      for (const path of paths.reverse())
        if (existsSync(path)) await rm(path, { recursive: true, force: true });
    },
  };
}
