/** A person's clone of a transport's branch, and what must be undone when it comes to nothing. */
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorText } from '../../base/errors.ts';
import type { Invocation } from '../command.ts';
import { nameRemote, openPersonGit, type PersonGit } from '../session/person-git.ts';
import { keepAccess, readAccess, withAccess } from '../session/project-access.ts';

export interface CloneBegun {
  readonly git: PersonGit;
  /** The command in which every call of git reaches the remote as it does in the clone. */
  readonly inside: Invocation;
}

/**
 * An empty clone that knows its remote, and reaches it as git does there: its place and its remote
 * decide what of the person's own configuration counts. `project`: the directory whose
 * configuration is taken along, or null.
 */
export async function beginClone(
  asked: Invocation,
  at: { readonly url: string; readonly directory: string; readonly project: string | null },
): Promise<CloneBegun> {
  const { env } = asked;
  const git = openPersonGit(at.directory, env);
  await git.raw(['init', '--quiet']);
  await nameRemote(git, at.url);
  await keepAccess(git, await readAccess(at.project, env));
  return { git, inside: withAccess(asked, await readAccess(at.directory, env)) };
}

export interface ClonePlan {
  readonly branch: string;
  /** The branch stands on the remote. */
  readonly exists: boolean;
  /** False for a remote with other branches, which are no business of this clone. */
  readonly isAlone: boolean;
}

/**
 * Checks the branch out: what the remote has of it, else an empty one with a root of its own. `git
 * pull` puts what was written here on top, since two that send at once are the rule; a file that
 * was staged and sent by `crosstalkd send` does not hold it up.
 */
export async function finishClone(git: PersonGit, plan: ClonePlan): Promise<void> {
  const { branch, exists, isAlone } = plan;
  await git.raw(['symbolic-ref', 'HEAD', `refs/heads/${branch}`]);
  if (!isAlone) await git.raw(['remote', 'set-branches', 'origin', branch]);
  await git.raw(['config', 'pull.rebase', 'true']);
  await git.raw(['config', 'rebase.autoStash', 'true']);
  if (!exists) return;
  await git.raw(['fetch', '--quiet', 'origin']);
  await git.raw(['checkout', '--quiet', '-B', branch, '--track', `origin/${branch}`]);
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
  const made: { readonly path: string; readonly stood: boolean }[] = [];
  return {
    directory: async (path) => {
      const first = await mkdir(path, { recursive: true });
      made.push({ path: first ?? path, stood: first === undefined });
    },
    undo: async () => {
      for (const { path, stood } of made.reverse()) {
        // An empty one that stood before is empty again: somebody may be in it.
        const names = stood && existsSync(path) ? await readdir(path) : [];
        const gone = stood ? names.map((name) => join(path, name)) : [path];
        for (const one of gone) await rm(one, { recursive: true, force: true });
      }
    },
  };
}
