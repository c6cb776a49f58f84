/** Reads the neighbours of changed files, whose meaning has changed with them. */
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

/**
 * Whether a reply wakes its addressee depends on what it stands beside: the replies beside messages
 * that were removed, edited or restored.
 */
export async function readRepliesBeside(
  repository: Repository,
  range: { readonly to: Oid },
  paths: readonly string[],
): Promise<readonly Written[]> {
  const changed = new Set(paths.filter((path) => parseMessagePath(path) !== null));
  const folders = [...new Set([...changed].map((path) => path.slice(0, path.lastIndexOf('/'))))];
  const listed = await listNames(repository, range.to, folders);
  const replies = listed.flatMap((names, at) =>
    names
      .map((name) => `${folders[at] ?? ''}/${name}`)
      .filter((path) => changed.has(parseMessagePath(path)?.replyTo?.path ?? '')),
  );
  const entries = replies.length === 0 ? [] : await repository.lookUp(range.to, replies);
  return replies.flatMap((path, at): Written[] => {
    const entry = entries[at];
    return entry?.kind === 'file'
      ? [{ kind: 'written', path, entry: 'file', blob: entry.oid }]
      : [];
  });
}
