/** Start marks of agents among the changes of a commit. */
import type { Oid } from '../base/ids.ts';
import {
  foldersAsFiles,
  parseMessagePath,
  parseStartedPath,
  replyPath,
  startedPath,
} from '../protocol/paths.ts';
import { readStart, type StartMark } from '../protocol/started.ts';
import { canonicalPath, standsCanonical } from '../protocol/twins.ts';
import { listNames } from './list-names.ts';
import type { Exists } from './standing-paths.ts';
import type { Repository, TreeChange } from './repository.ts';

/** A mark is one short line. */
const BYTES_MAX = 4_096;

/** Where they are looked for. */
interface Reading {
  readonly repository: Repository;
  readonly range: { readonly from: Oid | null; readonly to: Oid };
  readonly exists: Exists;
}

interface Standing {
  readonly path: string;
  readonly blob: Oid;
}

/**
 * The marks that `to` has and that somebody may still need, where the changes touch
 * them or what they stand beside: of messages without a reply; and, because a copy of a message is
 * the same work, of messages that are gone or that another copy would count before.
 */
export async function readStarted(
  reading: Reading,
  changes: readonly TreeChange[],
): Promise<readonly StartMark[]> {
  const { repository, exists } = reading;
  const written = changes.flatMap((change) =>
    change.kind === 'written' && change.entry === 'file' && parseStartedPath(change.path) !== null
      ? [{ path: change.path, blob: change.blob }]
      : [],
  );
  const beside = reading.range.from === null ? [] : await findBeside(reading, changes);
  const standing = [...new Map([...written, ...beside].map((mark) => [mark.path, mark])).values()];
  const found = await exists(standing.flatMap(({ path }) => [replyOf(path), messageOf(path)]));
  const kept = standing.filter(
    ({ path }) =>
      !found.has(replyOf(path)) || !found.has(messageOf(path)) || isOutOfPlace(messageOf(path)),
  );
  const blobs = await repository.readBlobs(
    kept.map(({ blob }) => blob),
    BYTES_MAX,
  );
  return kept.flatMap(({ path }, index) => {
    const blob = blobs[index];
    const text = blob?.kind === 'bytes' ? Buffer.from(blob.bytes).toString('utf8') : null;
    return readStart({ path, isAnswered: found.has(replyOf(path)) }, text) ?? [];
  });
}

/** Marks that stand where a reply came or went, or a message went. */
async function findBeside(
  { repository, range: { to } }: Reading,
  changes: readonly TreeChange[],
): Promise<readonly Standing[]> {
  const ofReplies: string[] = [];
  const gone = new Set<string>();
  for (const change of changes)
    for (const path of [change.path, ...foldersAsFiles(change.path)]) {
      const file = parseMessagePath(path);
      if (file === null) continue;
      if (change.kind === 'removed') gone.add(path);
      if (file.replyTo !== null)
        ofReplies.push(startedPath(file.replyTo.path, file.replyTo.recipient));
    }
  const paths = [...ofReplies, ...(await findMarksOf(repository, to, gone))];
  const entries = paths.length === 0 ? [] : await repository.lookUp(to, paths);
  return paths.flatMap((path, index) => {
    const entry = entries[index];
    return entry?.kind === 'file' ? [{ path, blob: entry.oid }] : [];
  });
}

/** Paths of the marks of these messages. */
async function findMarksOf(
  repository: Repository,
  to: Oid,
  messages: ReadonlySet<string>,
): Promise<readonly string[]> {
  const folders = [...new Set([...messages].map((path) => path.slice(0, path.lastIndexOf('/'))))];
  const listed = folders.length === 0 ? [] : await listNames(repository, to, folders);
  return listed.flatMap((names, index) =>
    names
      .map((name) => `${folders[index] ?? ''}/${name}`)
      .filter((path) => messages.has(parseStartedPath(path)?.message ?? '')),
  );
}

/** Whether its id names another place, where a copy of it would count before it. */
function isOutOfPlace(message: string): boolean {
  const file = parseMessagePath(message);
  return file !== null && canonicalPath(file) !== null && !standsCanonical(file);
}

function messageOf(mark: string): string {
  return parseStartedPath(mark)?.message ?? mark;
}

function replyOf(mark: string): string {
  const parsed = parseStartedPath(mark);
  return parsed === null ? mark : replyPath(parsed.message, parsed.recipient);
}
