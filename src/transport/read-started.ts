/** Marks of started agents among the changes of a commit. */
import type { Oid } from '../base/ids.ts';
import { parseMessagePath, parseStartedPath, replyPath, startedPath } from '../protocol/paths.ts';
import { readStart, type StartMark } from '../protocol/started.ts';
import type { Exists } from './standing-paths.ts';
import type { Repository, TreeChange } from './repository.ts';

/** A mark is one short line. */
const BYTES_MAX = 4_096;

/** Where they are looked for. */
interface Reading {
  readonly repository: Repository;
  readonly to: Oid;
  readonly exists: Exists;
  /** Names that may have been started. */
  readonly models: readonly string[];
}

/**
 * The marks that `to` has and that somebody may still have to know of: of messages without a reply,
 * and of messages that are gone, because a copy of one is the same work.
 */
export async function readStarted(
  { repository, to, exists, models }: Reading,
  changes: readonly TreeChange[],
): Promise<readonly StartMark[]> {
  const written = changes.flatMap((change) =>
    change.kind === 'written' && change.entry === 'file' && parseStartedPath(change.path) !== null
      ? [{ path: change.path, blob: change.blob }]
      : [],
  );
  const bare = await whoseFilesWent({ repository, to, models }, changes);
  const standing = [...new Map([...written, ...bare].map((mark) => [mark.path, mark])).values()];
  const found = await exists(standing.flatMap(({ path }) => [replyOf(path), messageOf(path)]));
  const open = standing.filter(
    ({ path }) => !found.has(replyOf(path)) || !found.has(messageOf(path)),
  );
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

/** Marks that stand at the tip and whose reply or message was removed. */
async function whoseFilesWent(
  { repository, to, models }: Pick<Reading, 'repository' | 'to' | 'models'>,
  changes: readonly TreeChange[],
): Promise<readonly { readonly path: string; readonly blob: Oid }[]> {
  const paths = changes.flatMap((change) => {
    const message = change.kind === 'removed' ? parseMessagePath(change.path) : null;
    if (message === null) return [];
    const ofMessage = models.map((model) => startedPath(message.path, model));
    return message.replyTo === null
      ? ofMessage
      : [...ofMessage, startedPath(message.replyTo.path, message.replyTo.recipient)];
  });
  const entries = paths.length === 0 ? [] : await repository.lookUp(to, paths);
  return paths.flatMap((path, index) => {
    const entry = entries[index];
    return entry?.kind === 'file' ? [{ path, blob: entry.oid }] : [];
  });
}

function messageOf(mark: string): string {
  return parseStartedPath(mark)?.message ?? mark;
}

function replyOf(mark: string): string {
  const parsed = parseStartedPath(mark);
  return parsed === null ? mark : replyPath(parsed.message, parsed.recipient);
}
