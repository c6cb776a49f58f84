/**
 * From two commits to a batch for the index: which files changed, what they say, and what already
 * answers them. It reads objects and judges with the protocol's pure rules; it keeps nothing.
 */
import type { Oid } from '../base/ids.ts';
import { createTurns, type Turns } from '../base/turns.ts';
import { expandAddresses, type Recipient } from '../protocol/address.ts';
import { MESSAGE_BYTES_MAX } from '../protocol/front-matter.ts';
import { actsOutside } from '../protocol/isolation.ts';
import type { MessageFields } from '../protocol/message.ts';
import { listModelNames } from '../protocol/models.ts';
import {
  isOlderReply,
  isOlderTask,
  type OlderAnswer,
  olderAnswer,
  olderEnd,
} from '../protocol/older-answer.ts';
import { RESERVED_NAMES, slugName } from '../protocol/names.ts';
import {
  type ChangeBatch,
  type OpenIndex,
  type OpenMessage,
  type RejectedFile,
  rejectFolder,
  rejectTwin,
} from '../protocol/open-work.ts';
import {
  archivedChannel,
  CHANNELS,
  foldersAsFiles,
  messageId,
  type MessagePath,
  MODELS_FILE,
  parseMessagePath,
  replyPath,
} from '../protocol/paths.ts';
import { findTwins } from '../protocol/twins.ts';
import { findArchived, rejectArchived } from './read-archive.ts';
import { readReopened } from './read-reopened.ts';
import { decodeBlob, WORK_A_TURN, workOf } from './decode-blob.ts';
import { bringUnsettled, judgeSettled, peopleOf } from './read-settled.ts';
import { oddFile } from './odd-file.ts';
import { readRunMarks } from './read-run-marks.ts';
import { readStarted } from './read-started.ts';
import { readTwins } from './read-twins.ts';
import { createExists, type Exists } from './standing-paths.ts';
import type { CommitInfo, Repository, SettledPart, TreeChange } from './repository.ts';
import { readTextAt } from './read-text.ts';
import { openMessage } from '../protocol/open-message.ts';

/** Blobs held in memory at once while reading. */
const CHUNK = 1_024;

export interface ChangeRange {
  readonly from: Oid | null;
  readonly to: Oid;
  /** Names known to belong to people. */
  readonly people: ReadonlySet<string>;
  /** Answers of older programs that stood in `from`. */
  readonly older: OpenIndex['older'];
  /** `listModelNames` of data/models.yaml in `to`. */
  readonly models: readonly string[];
  /** Folders of which nothing was read in `from`. */
  readonly refused: ReadonlySet<string>;
  /** With `from: null`, the part of which nothing is read that is answered. */
  readonly settled?: SettledPart | null;
}

type Written = Extract<TreeChange, { kind: 'written' }>;
interface Candidate {
  readonly file: MessagePath;
  readonly blob: Oid;
  /** Its body is not kept: of a long history all candidates are in memory at once. */
  readonly fields: MessageFields;
  readonly isExternal: boolean;
}

/** Reads what `to` changed since `from` (null: everything in it). */
export async function readChanges(
  repository: Repository,
  range: ChangeRange,
): Promise<ChangeBatch> {
  const changes = await repository.diff({ ...range, under: CHANNELS });
  const exists = createExists(repository, range, changes);
  // A folder at a reply's path leaves no place for the reply: it closes the message as the file
  // would, on every host, or agents would run for nothing.
  const removed = changes.flatMap((change) =>
    change.kind === 'removed' ? [change.path, ...foldersAsFiles(change.path)] : [],
  );
  const reopened = await readReopened(repository, range, removed);
  const written = [...changes.filter((change) => change.kind === 'written'), ...reopened];
  const judged: Judged = {
    messages: [],
    rejected: [],
    replies: [],
    retried: [],
    older: [],
    answered: [],
    people: [...peopleOf(range)],
  };
  for (const change of changes)
    if (change.kind === 'refused') judged.rejected.push(rejectFolder(change.path, change.why));
    else if (change.kind === 'written')
      judged.replies.push(
        ...foldersAsFiles(change.path).flatMap((path) => parseMessagePath(path)?.replyTo ?? []),
      );
  const twins =
    range.from === null ? findTwins(written.map(({ path }) => path)) : new Map<string, string>();
  const judge: Judge = {
    repository,
    range,
    models: range.models,
    exists,
    twins,
    isSettled: await judgeSettled(repository, range, written),
    turn: createTurns(WORK_A_TURN),
  };
  if (range.from === null) await bringUnsettled(repository, written, judge.isSettled);
  const waiting: Candidate[] = [];
  // One chunk ahead: while git reads the next one, this one is decoded.
  let ahead = readChunk(judge, { written, at: 0, into: judged });
  for (let at = 0; at < written.length; at += CHUNK) {
    const candidates = ahead;
    ahead = readChunk(judge, { written, at: at + CHUNK, into: judged });
    waiting.push(...(await filterUnanswered(judge, await candidates, judged)));
  }
  await judgeMessages(judge, waiting, judged);
  const archived = changes.flatMap(({ path }) => archivedChannel(path) ?? []);
  const withdrawn = changes.some(({ path }) => range.older.has(path));
  const runs = await readRunMarks(exists, changes);
  const started = await readStarted({ repository, to: range.to, exists }, changes);
  return {
    tip: range.to,
    models: range.models,
    removed,
    reopened: reopened.map(({ path }) => path),
    archived,
    withdrawn,
    runs,
    started,
    ...judged,
  };
}

interface Judged {
  readonly messages: OpenMessage[];
  readonly rejected: RejectedFile[];
  readonly replies: { path: string; recipient: string }[];
  readonly retried: { by: string; path: string }[];
  readonly older: OlderAnswer[];
  readonly answered: string[];
  readonly people: string[];
}

interface Judge {
  readonly repository: Repository;
  readonly range: ChangeRange;
  readonly models: readonly string[];
  readonly exists: Exists;
  readonly twins: ReadonlyMap<string, string>;
  readonly isSettled: (path: string) => boolean;
  readonly turn: Turns;
}

function readChunk(
  judge: Judge,
  {
    written,
    at,
    into,
  }: { readonly written: readonly Written[]; readonly at: number; readonly into: Judged },
): Promise<readonly Candidate[]> {
  const reading = readCandidates(judge, written.slice(at, at + CHUNK), into);
  // A failure is told by whoever waits for it; one that nobody waits for any more comes after
  // another.
  reading.catch(() => undefined);
  return reading;
}

async function readCandidates(
  judge: Judge,
  written: readonly Written[],
  into: Judged,
): Promise<readonly Candidate[]> {
  const listed = written.flatMap((change) => {
    const file = parseMessagePath(change.path);
    const problem = file === null || change.entry === 'other' ? oddFile(change) : null;
    if (problem !== null) into.rejected.push({ path: change.path, line: 1, ...problem });
    return file === null || change.entry === 'other' ? [] : [{ file, blob: change.blob }];
  });
  const closed = await findArchived(
    judge.exists,
    listed.map(({ file }) => file.channel),
  );
  for (const { file } of listed)
    if (closed.has(file.channel)) into.rejected.push(rejectArchived(file));
  const open = listed.filter(({ file }) => !closed.has(file.channel));
  for (const { file } of open)
    if (file.replyTo !== null && judge.isSettled(file.path)) into.replies.push(file.replyTo);
  const files = open.filter(({ file }) => !judge.isSettled(file.path));
  const blobs = await judge.repository.readBlobs(
    files.map(({ blob }) => blob),
    MESSAGE_BYTES_MAX,
  );
  const standing = await judge.exists(
    files.flatMap(({ file }) => (file.replyTo === null ? [] : [file.replyTo.path])),
  );
  const candidates: Candidate[] = [];
  for (const [index, { file, blob }] of files.entries()) {
    await judge.turn(workOf(blobs[index]));
    const isReply = file.replyTo !== null && standing.has(file.replyTo.path);
    if (isReply) into.replies.push(file.replyTo);
    const read = decodeBlob(blobs[index], file.path);
    if (read.kind === 'message') {
      const { fields } = read.message;
      candidates.push({ file, blob, fields, isExternal: actsOutside(file.path, read.message) });
      into.older.push(
        ...[olderAnswer(file, fields, judge.models)].filter((answer) => answer !== null),
      );
    } else into.rejected.push({ path: file.path, ...read.rejection });
  }
  return candidates;
}

/**
 * The candidates that may be work. Answered ones are left out early: of a long history only they
 * are many.
 */
async function filterUnanswered(
  judge: Judge,
  candidates: readonly Candidate[],
  into: Judged,
): Promise<readonly Candidate[]> {
  const waking = await filterWaking(judge, candidates);
  const repliesOf = ({ file, fields }: Candidate): readonly string[] =>
    fields.to.map(({ name }) => replyPath(file.path, name));
  const answers = await judge.exists(waking.flatMap(repliesOf));
  return waking.filter((candidate) => {
    const isAnswered =
      !asksAll(candidate.fields) && repliesOf(candidate).every((path) => answers.has(path));
    if (isAnswered) {
      noteFields(judge, candidate, into);
      // One that was edited may have waited for somebody else before.
      if (judge.range.from !== null) into.answered.push(candidate.file.path);
    }
    return !isAnswered;
  });
}

/** What any message tells beside being work: who writes here, and what it asks again. */
function noteFields(
  judge: Judge,
  { file, fields }: Pick<Candidate, 'file' | 'fields'>,
  into: Judged,
): void {
  if (
    fields.from !== null &&
    fields.model === null &&
    !judge.models.includes(fields.from) &&
    !RESERVED_NAMES.includes(fields.from)
  )
    into.people.push(fields.from);
  if (fields.retries !== null) into.retried.push({ by: file.path, path: fields.retries });
}

/** One question to the history for all of them. */
async function judgeMessages(
  judge: Judge,
  waking: readonly Candidate[],
  into: Judged,
): Promise<void> {
  const authors = await readAuthors(judge, waking);
  const everyone = await readEveryone(judge, waking, authors);
  const answers = await judge.exists(
    waking.flatMap((candidate) =>
      recipientsOf(candidate, everyone).map(({ name }) => replyPath(candidate.file.path, name)),
    ),
  );
  const { twins, answered: moved } =
    judge.range.from === null
      ? { twins: judge.twins, answered: [] }
      : await readTwins(judge, waking);
  into.answered.push(...moved);
  const ended = await readOlderEnds(judge, waking);
  for (const candidate of waking) {
    const { file, blob, fields, isExternal } = candidate;
    const author = authors.get(file.path);
    const from = fields.from ?? slugName(author?.author.name ?? '', 'someone');
    noteFields(judge, { file, fields: { ...fields, from } }, into);
    const twin = twins.get(file.path);
    if (twin !== undefined) {
      into.rejected.push(rejectTwin(file.path, twin));
      continue;
    }
    const isOlder = isOlderTask(file, fields) || isOlderReply(fields, judge.models);
    const recipients = recipientsOf(candidate, everyone).filter(
      ({ name }) =>
        !isOlder &&
        (name !== from || startsChild(fields)) &&
        !answers.has(replyPath(file.path, name)) &&
        (name === 'workflow'
          ? asksWorkflow(fields) && !ended.has(file.path)
          : judge.models.includes(name) || !isPerson(judge, name, from)),
    );
    const waiting =
      file.replyTo === null
        ? recipients
        : recipients.filter(({ name }) => judge.models.includes(name));
    const timestampMs = fields.timestampMs ?? author?.authoredMs ?? 0;
    into.messages.push(
      openMessage({ file, blob, from, timestampMs, isExternal, recipients: waiting }, fields),
    );
  }
}

/** Markers whose run an older program has brought to its end. */
async function readOlderEnds(
  judge: Judge,
  waking: readonly Candidate[],
): Promise<ReadonlySet<string>> {
  const markers = waking.flatMap(({ file, fields }) =>
    fields.childChannel === null ? [] : [{ path: file.path, proof: olderEnd(fields.childChannel) }],
  );
  const standing = await judge.exists(markers.flatMap(({ proof }) => proof));
  return new Set(
    markers.flatMap(({ path, proof: [end, header] }) =>
      standing.has(end) && !standing.has(header) ? [path] : [],
    ),
  );
}

/**
 * A reply wakes its addressee only when its `re` names the message that it stands beside, and that
 * one is not itself a reply and its sender does not wait for it: no loop can begin.
 */
async function filterWaking(
  judge: Judge,
  candidates: readonly Candidate[],
): Promise<readonly Candidate[]> {
  const waking: Candidate[] = [];
  for (const candidate of candidates) {
    const original = candidate.file.replyTo?.path;
    if (original === undefined) waking.push(candidate);
    else if (
      candidate.fields.to.some(({ name }) => judge.models.includes(name)) &&
      (await repliesToQuestion(judge, candidate, original))
    )
      waking.push(candidate);
  }
  return waking;
}

async function repliesToQuestion(
  judge: Judge,
  candidate: Candidate,
  original: string,
): Promise<boolean> {
  const [entry] = await judge.repository.lookUp(judge.range.to, [original]);
  const { re } = candidate.fields;
  if (entry?.kind !== 'file') return !re.includes(original);
  if (parseMessagePath(original)?.replyTo != null) return false;
  if (!re.some((path) => messageId(path) === messageId(original))) return false;
  const [blob] = await judge.repository.readBlobs([entry.oid], MESSAGE_BYTES_MAX);
  const read = decodeBlob(blob, original);
  return read.kind === 'message' && !read.message.fields.wait;
}

async function readAuthors(
  judge: Judge,
  candidates: readonly Candidate[],
): Promise<ReadonlyMap<string, CommitInfo>> {
  const unsigned = candidates
    .filter(({ fields }) => fields.from === null || fields.timestampMs === null || asksAll(fields))
    .map(({ file }) => file.path);
  if (unsigned.length === 0) return new Map();
  const found = await judge.repository.findAddingCommits(unsigned, judge.range);
  // A message that is open again, because its reply was removed, was added long before.
  const older = judge.range.from === null ? [] : unsigned.filter((path) => !found.has(path));
  return older.length === 0
    ? found
    : new Map([
        ...found,
        ...(await judge.repository.findAddingCommits(older, { from: null, to: judge.range.to })),
      ]);
}

/**
 * `all` means the models of the moment it was written, not the ones added since: a new model does
 * not answer last week's mail.
 */
async function readEveryone(
  judge: Judge,
  candidates: readonly Candidate[],
  authors: ReadonlyMap<string, CommitInfo>,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const everyone = new Map<string, readonly string[]>();
  for (const { file, fields } of candidates) {
    if (!asksAll(fields)) continue;
    const commit = authors.get(file.path)?.oid;
    const then =
      commit === undefined
        ? []
        : listModelNames(await readTextAt(judge.repository, commit, MODELS_FILE));
    everyone.set(file.path, then.length === 0 ? judge.models : then);
  }
  return everyone;
}

function recipientsOf(
  { file, fields }: Candidate,
  everyone: ReadonlyMap<string, readonly string[]>,
): readonly Recipient[] {
  return expandAddresses(fields.to, everyone.get(file.path) ?? []);
}

/** An answer to a gate is read by its run and answered by nobody. */
function asksWorkflow({ type, op, re }: MessageFields): boolean {
  return type === 'workflow' || op !== null || re.length === 0;
}

/** The workflow engine writes to itself only when one run starts another. */
function startsChild({ type, from }: MessageFields): boolean {
  return type === 'workflow' && from === 'workflow';
}

function asksAll(fields: MessageFields): boolean {
  return fields.to.some(({ name }) => name === 'all');
}

function isPerson(judge: Judge, name: string, from: string): boolean {
  return judge.range.people.has(name) || name === from;
}
