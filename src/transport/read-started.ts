/** Marks of started agents among the changes of a commit. */
import type { Oid } from '../base/ids.ts';
import { parseMessagePath, parseStartedPath, replyPath, startedPath } from '../protocol/paths.ts';
import { readStart, type StartMark } from '../protocol/started.ts';
import type { Exists } from './standing-paths.ts';
import type { Repository, TreeChange } from './repository.ts';

/** A mark is one short line. */
const BYTES_MAX = 4_096;

/**
 * The marks that `to` has and that have no reply beside them: the ones written, and those whose
 * reply was removed.
 */
export async function readStarted(
  { repository, to, exists }: { repository: Repository; to: Oid; exists: Exists },
  changes: readonly TreeChange[],
): Promise<readonly StartMark[]> {
  const written = changes.flatMap((change) =>
    change.kind === 'written' && change.entry === 'file' && parseStartedPath(change.path) !== null
      ? [{ path: change.path, blob: change.blob }]
      : [],
  );
  const bare = await whoseReplyWent(repository, to, changes);
  const standing = [...written, ...bare];
  const answered = await exists(standing.map(({ path }) => replyOf(path)));
  const open = standing.filter(({ path }) => !answered.has(replyOf(path)));
  const blobs = await repository.readBlobs(
    open.map(({ blob }) => blob),
    BYTES_MAX,
  );
  return open.flatMap(({ path }, index) => {
    const blob = blobs[index];
    const text = blob?.kind === 'bytes' ? Buffer.from(blob.bytes).toString('utf8') : null;
    return readStart(path, text) ?? [];
  });
}

async function whoseReplyWent(
  repository: Repository,
  to: Oid,
  changes: readonly TreeChange[],
): Promise<readonly { readonly path: string; readonly blob: Oid }[]> {
  const paths = changes.flatMap((change) => {
    const replyTo = change.kind === 'removed' ? parseMessagePath(change.path)?.replyTo : null;
    return replyTo == null ? [] : [startedPath(replyTo.path, replyTo.recipient)];
  });
  const entries = paths.length === 0 ? [] : await repository.lookUp(to, paths);
  return paths.flatMap((path, index) => {
    const entry = entries[index];
    return entry?.kind === 'file' ? [{ path, blob: entry.oid }] : [];
  });
}

function replyOf(mark: string): string {
  const parsed = parseStartedPath(mark);
  return parsed === null ? mark : replyPath(parsed.message, parsed.recipient);
}
