/** Reads the neighbours of removed files, whose meaning has changed. */
import type { Oid } from '../base/ids.ts';
import { parseMessagePath } from '../protocol/paths.ts';
import { listNames } from './list-names.ts';
import type { Repository, TreeChange } from './repository.ts';

type Written = Extract<TreeChange, { kind: 'written' }>;

/** When a reply is removed, the message it answered is open again. */
export async function readReopened(
  repository: Repository,
  range: { readonly to: Oid },
  removed: readonly string[],
): Promise<readonly Written[]> {
  const originals = [
    ...new Set(removed.flatMap((path) => parseMessagePath(path)?.replyTo?.path ?? [])),
  ];
  const entries = originals.length === 0 ? [] : await repository.lookUp(range.to, originals);
  return originals.flatMap((path, index): Written[] => {
    const entry = entries[index];
    return entry?.kind === 'file'
      ? [{ kind: 'written', path, entry: 'file', blob: entry.oid }]
      : [];
  });
}

/** Whether a reply wakes its addressee depends on what it answers: those of removed messages. */
export async function readOrphans(
  repository: Repository,
  range: { readonly to: Oid },
  removed: readonly string[],
): Promise<readonly Written[]> {
  const gone = new Set(removed.filter((path) => parseMessagePath(path) !== null));
  const folders = [...new Set([...gone].map((path) => path.slice(0, path.lastIndexOf('/'))))];
  const listed = await listNames(repository, range.to, folders);
  const paths = listed.flatMap((names, at) =>
    names
      .map((name) => `${folders[at] ?? ''}/${name}`)
      .filter((path) => gone.has(parseMessagePath(path)?.replyTo?.path ?? '')),
  );
  const entries = paths.length === 0 ? [] : await repository.lookUp(range.to, paths);
  return paths.flatMap((path, at): Written[] => {
    const entry = entries[at];
    return entry?.kind === 'file'
      ? [{ kind: 'written', path, entry: 'file', blob: entry.oid }]
      : [];
  });
}
