/**
 * The index of what was said, brought up to the tip that a command has read: only what has changed
 * since the command before is read. The files that stand are the truth; this says where to look.
 */
import type { Oid } from '../../base/ids.ts';
import { openTextIndex, type IndexedText, type TextIndex } from '../../local/text-index.ts';
import { CHANNELS } from '../../protocol/paths.ts';
import type { TransportSession } from '../session/transport-session.ts';
import { VERSION } from '../version.ts';
import { archiveOf } from './read-archive.ts';
import { filesIn, type ListedFile, lookUpFiles, readSaid, type Said } from './read-conversation.ts';
import { tipOf } from './reading.ts';

/** The commits that an index covers. */
interface Covered {
  readonly tip: Oid;
  readonly archive: Oid | null;
}

/** Files whose texts are in memory at once. */
const SLICE = 2_000;

/** What `ask` finds in the index; a damaged one is made again first. */
export async function askIndex<T>(
  session: TransportSession,
  ask: (index: TextIndex<Covered>) => T,
): Promise<T> {
  const index = await openTextIndex<Covered>(session.directory.textIndexFile, VERSION);
  await bringUp(session, index);
  try {
    return ask(index);
  } catch {
    index.drop();
    await bringUp(session, index);
    return ask(index);
  }
}

async function bringUp(session: TransportSession, index: TextIndex<Covered>): Promise<void> {
  const before = index.covered();
  // While the remote is away the archive counts as none.
  const archive = (await archiveOf(session)) ?? before?.archive ?? null;
  const now: Covered = { tip: tipOf(session), archive };
  if (before?.tip === now.tip && before.archive === now.archive) return;
  const known = [before?.tip, before?.archive].filter((oid) => oid != null);
  const { repository } = session;
  const standing = await Promise.all(known.map((oid) => repository.hasHistory(oid)));
  if (before === null || standing.includes(false)) {
    index.drop();
    await index.extend(readEverything(session, now), now);
  } else await index.extend(readChanged(session, before, now), now);
}

/** Piece by piece: texts of a million messages are not held together. */
async function* readEverything(
  session: TransportSession,
  { tip, archive }: Covered,
): AsyncGenerator<IndexedText> {
  const { repository } = session;
  for (const commit of archive === null ? [tip] : [tip, archive])
    for await (const changes of repository.walk({ from: null, to: commit, under: CHANNELS })) {
      const files = filesIn(changes);
      const paths = files.map(({ path }) => path);
      const hidden = commit === tip ? [] : await repository.lookUp(tip, paths);
      yield* readTexts(session, { files: files.filter((_, at) => hidden[at] == null), from: null });
    }
}

/** What stands now at the paths that differ between two moments. */
async function* readChanged(
  session: TransportSession,
  before: Covered,
  now: Covered,
): AsyncGenerator<IndexedText> {
  const { repository } = session;
  const [tips, archives] = [
    { from: before.tip, to: now.tip },
    { from: before.archive, to: now.archive },
  ];
  const paths = new Set<string>();
  for (const { from, to } of [tips, archives])
    if (from !== to && to !== null)
      for (const { path } of await repository.diff({ from, to, under: CHANNELS })) paths.add(path);
  const asked = [...paths];
  const known = new Set<string>();
  for (const { from } of [tips, archives])
    if (from !== null)
      for (const [at, entry] of (await repository.lookUp(from, asked)).entries())
        if (entry !== null) known.add(asked[at] ?? '');
  for (const path of known) yield nothingAt(path);
  const files = (await lookUpFiles(session, asked)).filter((file) => file !== null);
  const old = files.filter(({ path }) => known.has(path));
  yield* readTexts(session, { files: old, from: null });
  const fresh = files.filter(({ path }) => !known.has(path));
  yield* readTexts(session, { files: fresh, from: before.tip });
}

/** `from`: the commit after which all were added; null = any. */
async function* readTexts(
  session: TransportSession,
  { files, from }: { readonly files: readonly ListedFile[]; readonly from: Oid | null },
): AsyncGenerator<IndexedText> {
  for (let at = 0; at < files.length; at += SLICE)
    for (const said of (await readSaid(session, files.slice(at, at + SLICE), { from })).said)
      yield textOf(said);
}

/** Takes back what was added for a path. */
function nothingAt(path: string): IndexedText {
  return { path, blob: '', atMs: 0, re: [], text: '' };
}

function textOf({ file, atMs, message }: Said): IndexedText {
  const { subject, re } = message.fields;
  return {
    path: file.path,
    blob: file.blob,
    atMs,
    re: re.filter((path) => path !== file.path && path !== file.replyTo?.path),
    text: `${subject ?? ''}\n${message.body}`.toLowerCase(),
  };
}
