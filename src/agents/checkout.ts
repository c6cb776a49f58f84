/**
 * Whose files stand in the directory of an attempt, and what a program that would run code from
 * them is told.
 */
import { lstat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ModelEntry } from '../protocol/models.ts';
import type { AttemptRequest } from './agent.ts';

/**
 * `own`: the dispatcher made it, empty. `worktree`: a checkout without the files that make agent
 * programs run code. `foreign`: anybody's files as they are. `trusted`: the same, and the host's
 * operator lets them run code.
 */
export type Ground = 'own' | 'worktree' | 'foreign' | 'trusted';

/** What the directory of an attempt holds. */
export function groundOf(
  { cwd, trustCheckout }: Pick<ModelEntry, 'cwd' | 'trustCheckout'>,
  { isWorktree }: Pick<AttemptRequest, 'isWorktree'>,
): Ground {
  if (cwd === null) return 'own';
  if (trustCheckout) return 'trusted';
  return isWorktree === true ? 'worktree' : 'foreign';
}

/**
 * The first of `names` that is in `directory` or in a directory above it up to the top of its
 * repository, where programs look as well; null when none is. Links count, wherever they lead.
 */
export async function findCheckoutConfig(
  directory: string,
  names: readonly string[],
): Promise<string | null> {
  for (let at = directory; ; at = dirname(at)) {
    for (const name of names) {
      const path = join(at, name);
      if (await isThere(path)) return path;
    }
    if (at === dirname(at) || (await isThere(join(at, '.git')))) return null;
  }
}

function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
