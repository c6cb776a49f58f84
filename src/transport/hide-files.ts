/**
 * A view of the branch in which some files do not stand: what a reader of it concludes is what it
 * would conclude were they not there.
 */
import { foldersAsFiles } from '../protocol/paths.ts';
import type { DiffRange, Repository, TreeChange } from './repository.ts';

/** Files, by their paths; a folder too, with all that is in it. */
type Paths = ReadonlyMap<string, unknown>;

/**
 * `before`: those that did not stand in the view of the commit that a walk begins at; `now`: in
 * that of the one that is read. A walk that begins at nothing begins at no view.
 */
export function hideFiles(
  repository: Repository,
  { before, now }: { readonly before: Paths; readonly now: Paths },
): Repository {
  if (before.size === 0 && now.size === 0) return repository;
  return {
    ...repository,
    lookUp: async (commit, paths) => {
      const entries = await repository.lookUp(commit, paths);
      return entries.map((entry, at) => (now.has(paths[at] ?? '') ? null : entry));
    },
    list: async (commit, folder) => {
      const entries = await repository.list(commit, folder);
      return entries.filter(({ name }) => !now.has(`${folder}/${name}`));
    },
    walk: (range) => walkView(repository, range, { before, now }),
  };
}

async function* walkView(
  repository: Repository,
  range: DiffRange,
  { before, now }: { readonly before: Paths; readonly now: Paths },
): AsyncGenerator<readonly TreeChange[]> {
  const isHidden = (path: string): boolean =>
    now.has(path) || foldersAsFiles(path).some((folder) => now.has(folder));
  for await (const changes of repository.walk(range))
    yield changes.filter(({ path }) => !isHidden(path));
  if (range.from === null) return;
  const isBelow = (path: string): boolean => path.startsWith(`${range.under}/`);
  const gone = [...now.keys()].filter((path) => isBelow(path) && !before.has(path)).map(removed);
  const shown = [...before.keys()].filter((path) => isBelow(path) && !now.has(path));
  if (gone.length > 0) yield gone;
  const entries = shown.length === 0 ? [] : await repository.lookUp(range.to, shown);
  for (const [at, path] of shown.entries()) {
    const entry = entries[at];
    if (entry?.kind === 'file') yield [{ kind: 'written', path, entry: 'file', blob: entry.oid }];
    if (entry?.kind === 'tree') yield* repository.walk({ from: null, to: range.to, under: path });
  }
}

function removed(path: string): TreeChange {
  return { kind: 'removed', path };
}
