/** What stands in a tree, asked by path. */
import type { Oid } from '../base/ids.ts';
import { foldersAsFiles } from '../protocol/paths.ts';
import type { Repository, TreeChange } from './repository.ts';

/** Those of the paths where something stands, a file or a folder. */
export type Exists = (paths: readonly string[]) => Promise<ReadonlySet<string>>;

/**
 * Whether paths stand in the new tree: out of the listing itself when the whole tree was listed, by
 * look-up otherwise.
 */
export function createExists(
  repository: Repository,
  range: { readonly from: Oid | null; readonly to: Oid },
  changes: readonly TreeChange[],
): Exists {
  if (range.from === null) {
    const all = new Set(changes.map(({ path }) => path));
    for (const { path } of changes) for (const folder of foldersAsFiles(path)) all.add(folder);
    return (paths) => Promise.resolve(new Set(paths.filter((path) => all.has(path))));
  }
  return async (paths) => {
    const entries = paths.length === 0 ? [] : await repository.lookUp(range.to, paths);
    return new Set(paths.filter((_, index) => entries[index] != null));
  };
}
