/** Which of the given paths exist in a tree. */
import type { Oid } from '../base/ids.ts';
import type { Repository } from './repository.ts';

/** Those of the paths where something stands, a file or a folder. */
export type Exists = (paths: readonly string[]) => Promise<ReadonlySet<string>>;

/** Whether paths stand in the tree of a commit. */
export function createExists(repository: Pick<Repository, 'lookUp'>, commit: Oid): Exists {
  return async (paths) => {
    const entries = paths.length === 0 ? [] : await repository.lookUp(commit, paths);
    return new Set(paths.filter((_, index) => entries[index] != null));
  };
}
