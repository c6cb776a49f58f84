/** Messages that a removed reply leaves without an answer. */
import type { Oid } from '../base/ids.ts';
import { parseMessagePath } from '../protocol/paths.ts';
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
