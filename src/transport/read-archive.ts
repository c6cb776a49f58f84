/** Fetches the branch of archived channels when something in it is needed. */
import type { Oid } from '../base/ids.ts';
import type { RejectedFile } from '../protocol/open-work.ts';
import { archivedPath, archiveRef, type MessagePath } from '../protocol/paths.ts';
import type { Reached, RefListing, Repository } from './repository.ts';

/**
 * The tip of the archive with everything it needs in the cache; null when there is none. `seen`:
 * what a listing of the remote has shown, if there was one.
 */
export async function fetchArchive(
  repository: Repository,
  branchRef: string,
  seen?: RefListing,
): Promise<Reached<Oid | null>> {
  const ref = archiveRef(branchRef);
  const listed =
    seen === undefined
      ? await repository.listRefs([ref])
      : ({ kind: 'reached', value: seen } as const);
  if (listed.kind === 'unreachable') return listed;
  const oid = listed.value.refs.get(ref) ?? null;
  if (oid === null || (await repository.hasHistory(oid))) return { kind: 'reached', value: oid };
  const fetched = await repository.fetch({ tip: null, records: new Map([[ref, oid]]) });
  return fetched.kind === 'reached' ? { kind: 'reached', value: oid } : fetched;
}

/** Those of the channels that are archived in the tree that `exists` looks at. */
export async function findArchived(
  exists: (paths: readonly string[]) => Promise<ReadonlySet<string>>,
  channels: readonly string[],
): Promise<ReadonlySet<string>> {
  const unique = [...new Set(channels)];
  const standing = await exists(unique.map(archivedPath));
  return new Set(unique.filter((channel) => standing.has(archivedPath(channel))));
}

/**
 * Nothing in an archived channel is work: what was answered there and is put back by hand must not
 * run again.
 */
export function rejectArchived({ path, channel }: MessagePath): RejectedFile {
  return {
    path,
    line: 1,
    found: 'a message in a channel that is archived',
    expected: 'another channel, or this one out of the archive',
    remedy: ['crosstalkd', 'archive', '--undo', channel],
  };
}
