/**
 * From two commits to a batch for the index: the changed files, their contents, and what already
 * answers them. Reads objects and applies the protocol's pure rules; keeps nothing.
 */
import type { Oid } from '../base/ids.ts';
import { createTurns } from '../base/turns.ts';
import { MESSAGE_BYTES_MAX } from '../protocol/front-matter.ts';
import { actsOutside } from '../protocol/isolation.ts';
import type { MessageRead } from '../protocol/message.ts';
import { olderAnswer } from '../protocol/older-answer.ts';
import { type ChangeBatch, rejectFolder } from '../protocol/fold-changes.ts';
import {
  archivedChannel,
  CHANNELS,
  foldersAsFiles,
  type MessagePath,
  parseMessagePath,
} from '../protocol/paths.ts';
import { standsCanonical } from '../protocol/twins.ts';
import {
  type Candidate,
  type ChangeRange,
  filterUnanswered,
  isOver,
  type Judge,
  type Judged,
  judgeMessages,
} from './judge-messages.ts';
import { findArchived, rejectArchived } from './read-archive.ts';
import { readReopened, readRepliesBeside } from './read-reopened.ts';
import { decodeBlob, WORK_A_TURN, workOf } from './decode-blob.ts';
import { createSettled, peopleOf } from './read-settled.ts';
import { oddFile } from './odd-file.ts';
import { readRunMarks } from './read-run-marks.ts';
import { readStarted } from './read-started.ts';
import { findMisplaced } from './find-misplaced.ts';
import { findTwinsIn } from './read-twins.ts';
import { createExists, type Exists } from './standing-paths.ts';
import type { Repository, TreeChange } from './repository.ts';

/** Files that are asked for at once. */
const CHUNK = 16_384;
/** Messages that are held before those that are answered are let go. */
const CANDIDATES_HELD = 1_024;

type Written = Extract<TreeChange, { kind: 'written' }>;

/**
 * Reads what `to` changed since `from` (null: everything in it), piece by piece: memory stays in
 * proportion to what is open or was rejected, and not to what has changed.
 */
export async function readChanges(
  repository: Repository,
  range: ChangeRange,
): Promise<ChangeBatch> {
  const exists = createExists(repository, range.to);
  const judge: Judge = {
    repository,
    range,
    models: new Set(range.models),
    exists,
    judgeSettled: await createSettled(repository, range, exists),
    turn: createTurns(WORK_A_TURN),
  };
  const judged: Judged = {
    messages: [],
    rejected: [],
    replies: [],
    retried: [],
    older: [],
    answered: [],
    silent: [],
    removed: [],
    reopened: [],
    archived: [],
    started: [],
    withdrawn: { is: false },
    runs: new Map(),
    people: new Set([...peopleOf(range, judge.models), ...range.called.values()]),
    decisive: new Set(),
    odd: [],
  };
  const waiting: Candidate[] = [];
  for await (const chunk of chunksOf(judge, judged))
    await readChunk(judge, chunk, { judged, waiting });
  const twins = range.from === null ? await findTwinsIn(exists, judged.odd) : null;
  await judgeMessages(judge, { waiting, twins }, judged);
  return {
    tip: range.to,
    models: range.models,
    messages: judged.messages,
    rejected: judged.rejected,
    replies: judged.replies,
    retried: judged.retried,
    older: judged.older,
    answered: judged.answered,
    silent: judged.silent,
    removed: judged.removed,
    reopened: judged.reopened,
    archived: judged.archived,
    started: judged.started,
    withdrawn: judged.withdrawn.is,
    runs: judged.runs,
    people: [...judged.people],
    decisive: judged.decisive,
    called: range.called,
    forged: range.forged,
  };
}

/** The written files in chunks; what else a change of a path means is noted on the way. */
async function* chunksOf(judge: Judge, into: Judged): AsyncGenerator<Chunk> {
  const { repository, range } = judge;
  for await (const changes of repository.walk({ ...range, under: CHANNELS })) {
    const written = await notePiece(judge, changes, into);
    const isSettled = await judge.judgeSettled(written);
    const { texts, meant } = await findMisplaced(judge, written);
    // What was no message a moment ago may be none that was meant as one now.
    into.removed.push(...texts);
    into.rejected.push(...meant);
    for (let at = 0; at < written.length; at += CHUNK)
      yield { written: written.slice(at, at + CHUNK), isSettled };
  }
}

async function notePiece(
  { repository, range, exists }: Judge,
  changes: readonly TreeChange[],
  into: Judged,
): Promise<readonly Written[]> {
  // A folder at a reply's path leaves no place for the reply: it closes the message as the file
  // would, on every host, or agents would run for nothing.
  const removed = changes.flatMap((change) =>
    change.kind === 'removed' ? [change.path, ...foldersAsFiles(change.path)] : [],
  );
  const reopened = await readReopened(repository, range, removed);
  const written = changes.filter((change) => change.kind === 'written');
  const changed = [...removed, ...written.map(({ path }) => path)];
  const beside = range.from === null ? [] : await readRepliesBeside(repository, range, changed);
  for (const path of removed) into.removed.push(path);
  for (const { path } of reopened) into.reopened.push(path);
  for (const change of changes) {
    const { path } = change;
    if (change.kind === 'refused') into.rejected.push(rejectFolder(path, change.why));
    const channel = archivedChannel(path);
    if (channel !== null) into.archived.push(channel);
    if (range.older.has(path)) into.withdrawn.is = true;
  }
  if (range.from !== null) {
    const folders = written.flatMap(({ path }) => foldersAsFiles(path));
    await noteReplies(
      exists,
      folders.flatMap((folder) => parseMessagePath(folder)?.replyTo ?? []),
      into,
    );
  }
  for (const [channel, isOpen] of await readRunMarks(exists, changes))
    into.runs.set(channel, isOpen);
  // A reply that is judged again takes its mark along, which must be read with it.
  for (const mark of await readStarted({ repository, range, exists }, [...changes, ...beside]))
    into.started.push(mark);
  if (reopened.length + beside.length === 0) return written;
  const known = new Set([...written, ...reopened].map(({ path }) => path));
  return [...written, ...reopened, ...beside.filter(({ path }) => !known.has(path))];
}

interface Chunk {
  readonly written: readonly Written[];
  readonly isSettled: (path: string) => boolean;
}

/** Reads files and keeps of them what may be work. */
async function readChunk(
  judge: Judge,
  chunk: Chunk,
  { judged, waiting }: { readonly judged: Judged; readonly waiting: Candidate[] },
): Promise<void> {
  const files = await listFiles(judge, chunk, judged);
  const blobs = judge.repository.scanBlobs(
    files.map(({ blob }) => blob),
    MESSAGE_BYTES_MAX,
  );
  let candidates: Candidate[] = [];
  const filter = async (): Promise<void> => {
    for (const one of await filterUnanswered(judge, candidates, judged)) waiting.push(one);
    candidates = [];
  };
  let at = 0;
  for await (const some of blobs) {
    for (const blob of some) {
      const file = files[at++];
      if (file === undefined) break;
      const turn = judge.turn(workOf(blob));
      if (turn !== null) await turn;
      const read = decodeBlob(blob, file.file.path);
      const candidate = noteRead(
        judge,
        { listed: file, read, answeredBy: answersAt(files, at) },
        judged,
      );
      if (candidate !== null && !isOver(judge, candidate, judged)) candidates.push(candidate);
    }
    if (candidates.length >= CANDIDATES_HELD) await filter();
  }
  await filter();
  if (judge.range.from !== null)
    await noteReplies(
      judge.exists,
      files.flatMap(({ file }) => file.replyTo ?? []),
      judged,
    );
}

interface ListedFile {
  readonly file: MessagePath;
  readonly blob: Oid;
}

/** Those of the files that are to be read as messages. */
async function listFiles(
  judge: Judge,
  { written, isSettled }: Chunk,
  into: Judged,
): Promise<readonly ListedFile[]> {
  const isWhole = judge.range.from === null;
  let canonical = '';
  const listed = written.flatMap((change) => {
    const file = parseMessagePath(change.path);
    if (isWhole) into.odd.push(...foldersAsFiles(change.path).filter(isOdd));
    const problem = file === null || change.entry === 'other' ? oddFile(change) : null;
    if (problem !== null) into.rejected.push({ path: change.path, line: 1, ...problem });
    // A reply comes after its message.
    if (isWhole && file !== null && file.replyTo?.path !== canonical) {
      if (standsCanonical(file)) canonical = file.replyTo?.path ?? file.path;
      else into.odd.push(file.path);
    }
    return file === null || change.entry === 'other' ? [] : [{ file, blob: change.blob }];
  });
  const closed = await findArchived(
    judge.exists,
    listed.map(({ file }) => file.channel),
  );
  const open = listed.filter(({ file }) => {
    if (closed.has(file.channel)) into.rejected.push(rejectArchived(file));
    return !closed.has(file.channel);
  });
  return open.filter(({ file }) => !isSettled(file.path));
}

/** Whether it is a reply that stands where its message's id does not say. */
function isOdd(path: string): boolean {
  const file = parseMessagePath(path);
  return file !== null && file.replyTo !== null && !standsCanonical(file);
}

/** Those that stand beside a message: without one they answer nothing. */
async function noteReplies(
  exists: Exists,
  replies: Judged['replies'],
  into: Judged,
): Promise<void> {
  const standing = await exists(replies.map(({ path }) => path));
  for (const reply of replies) if (standing.has(reply.path)) into.replies.push(reply);
}

/** Who has answered the file before `at`: in a folder its replies follow it. */
function answersAt(files: readonly ListedFile[], at: number): Candidate['answeredBy'] {
  const path = files[at - 1]?.file.path;
  let names: Set<string> | null = null;
  for (let next = at; ; next += 1) {
    const reply = files[next]?.file.replyTo;
    if (reply == null || reply.path !== path) return names ?? NOBODY;
    names = (names ?? new Set()).add(reply.recipient);
  }
}

const NOBODY: ReadonlySet<string> = new Set();

interface ReadFile extends Pick<Candidate, 'answeredBy'> {
  readonly listed: ListedFile;
  readonly read: MessageRead;
}

/** The message that was read, or null when it is not a message. */
function noteRead(
  { models }: Judge,
  { listed: { file, blob }, read, answeredBy }: ReadFile,
  into: Judged,
): Candidate | null {
  if (read.kind === 'rejected') {
    into.rejected.push({ path: file.path, ...read.rejection });
    return null;
  }
  const { fields } = read.message;
  // Whether an older program has answered so is told by who is a model.
  if (fields.from !== null && (file.replyTo === null || fields.fromHost !== null))
    if (fields.re.length > 0) into.decisive.add(fields.from);
  if (file.replyTo !== null) for (const { name } of fields.to) into.decisive.add(name);
  const answer = olderAnswer(file, fields, models);
  if (answer !== null) into.older.push(answer);
  const isExternal = actsOutside(file.path, read.message);
  return { file, blob, fields, isExternal, answeredBy };
}
