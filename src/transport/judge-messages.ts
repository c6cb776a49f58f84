/**
 * Decides which of the messages read are work, and for whom, by the protocol's pure rules, with one
 * set of questions to tree and history for all of them.
 */
import type { Oid } from '../base/ids.ts';
import type { Turns } from '../base/turns.ts';
import { expandAddresses, type Recipient } from '../protocol/address.ts';
import { MESSAGE_BYTES_MAX } from '../protocol/front-matter.ts';
import type { MessageFields } from '../protocol/message.ts';
import { listModelNames } from '../protocol/decode-models.ts';
import { isOlderReply, isOlderTask, type OlderAnswer, olderEnd } from '../protocol/older-answer.ts';
import { RESERVED_NAMES } from '../protocol/names.ts';
import { openMessage } from '../protocol/open-message.ts';
import type { OpenIndex, OpenMessage, RejectedFile } from '../protocol/open-work.ts';
import { rejectTwin } from '../protocol/fold-changes.ts';
import {
  messageId,
  type MessagePath,
  MODELS_FILE,
  parseMessagePath,
  replyPath,
} from '../protocol/paths.ts';
import type { StartMark } from '../protocol/started.ts';
import { authorName } from '../protocol/who-said.ts';
import { decodeBlob } from './decode-blob.ts';
import type { JudgeSettled } from './read-settled.ts';
import { readTextAt } from './read-text.ts';
import { readTwins } from './read-twins.ts';
import type { Exists } from './standing-paths.ts';
import type { CommitInfo, Repository, SettledPart } from './repository.ts';

/** What is read, and what is known of it. */
export interface ChangeRange {
  readonly from: Oid | null;
  readonly to: Oid;
  /** Names known to belong to people. */
  readonly people: ReadonlySet<string>;
  /** Replies that are left out; the repository does not show them. */
  readonly forged: OpenIndex['forged'];
  /** Whose addresses are whose in `to`. */
  readonly called: OpenIndex['called'];
  /** Answers of older programs that stood in `from`. */
  readonly older: OpenIndex['older'];
  /** `listModelNames` of data/models.yaml in `to`. */
  readonly models: readonly string[];
  /** Folders of which nothing was read in `from`. */
  readonly refused: ReadonlySet<string>;
  /** With `from: null`, the part of which nothing is read that is answered. */
  readonly settled?: SettledPart | null;
}

/** A message that may be work. */
export interface Candidate {
  readonly file: MessagePath;
  readonly blob: Oid;
  /** Its body is not kept: of a long history many candidates are in memory at once. */
  readonly fields: MessageFields;
  readonly isExternal: boolean;
  /** Those whose answers were seen beside it; others may have answered, too. */
  readonly answeredBy: ReadonlySet<string>;
}

/** What is found on the way; a `ChangeBatch` in the making. */
export interface Judged {
  readonly messages: OpenMessage[];
  readonly rejected: RejectedFile[];
  /** Left out for a whole tree: nothing was open before, and what exists is asked for. */
  readonly replies: { path: string; recipient: string }[];
  readonly retried: { by: string; path: string }[];
  readonly older: OlderAnswer[];
  readonly answered: string[];
  readonly silent: string[];
  readonly removed: string[];
  readonly reopened: string[];
  readonly archived: string[];
  readonly started: StartMark[];
  readonly withdrawn: { is: boolean };
  readonly runs: Map<string, boolean>;
  readonly people: Set<string>;
  readonly decisive: Set<string>;
  /** Of a whole tree, the files with an id that do not stand where that names. */
  readonly odd: string[];
}

/** What is asked while reading. */
export interface Judge {
  readonly repository: Repository;
  readonly range: ChangeRange;
  readonly models: ReadonlySet<string>;
  readonly exists: Exists;
  readonly judgeSettled: JudgeSettled;
  readonly turn: Turns;
}

/**
 * Nearly everything of a long history is over at a glance: a message whose answers were all seen
 * beside it, a reply to a person. Only of a whole tree: of changes more must be told.
 */
export function isOver(judge: Judge, candidate: Candidate, into: Judged): boolean {
  const { file, fields, answeredBy } = candidate;
  if (judge.range.from !== null || asksAll(fields)) return false;
  if (file.replyTo !== null) return !fields.to.some(({ name }) => judge.models.has(name));
  if (!fields.to.every(({ name }) => answeredBy.has(name))) return false;
  noteFields(judge, candidate, into);
  return true;
}

/**
 * The candidates that may be work. Answered ones are left out early: of a long history only they
 * are many.
 */
export async function filterUnanswered(
  judge: Judge,
  candidates: readonly Candidate[],
  into: Judged,
): Promise<readonly Candidate[]> {
  const waking = await filterWaking(judge, candidates, into);
  const repliesOf = ({ file, fields, answeredBy }: Candidate): readonly string[] =>
    fields.to.flatMap(({ name }) => (answeredBy.has(name) ? [] : replyPath(file.path, name)));
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

/** What any message shows beside being work: who writes here, and what it asks again. */
function noteFields(
  judge: Judge,
  { file, fields }: Pick<Candidate, 'file' | 'fields'>,
  into: Judged,
): void {
  if (
    fields.from !== null &&
    fields.model === null &&
    // A message of an agent has taken at least one hop: its model may be known to its host only.
    fields.hops === 0 &&
    !RESERVED_NAMES.includes(fields.from)
  ) {
    into.decisive.add(fields.from);
    if (!judge.models.has(fields.from)) into.people.add(fields.from);
  }
  // One that names itself would close itself.
  if (fields.retries !== null && fields.retries !== file.path)
    into.retried.push({ by: file.path, path: fields.retries });
}

/** One question to the history for all of them. */
export async function judgeMessages(
  judge: Judge,
  asked: {
    readonly waiting: readonly Candidate[];
    /** Null: only new messages are, and what else has their ids is looked for. */
    readonly twins: ReadonlyMap<string, string> | null;
  },
  into: Judged,
): Promise<void> {
  const { waiting: waking } = asked;
  const authors = await readAuthors(judge, waking);
  const everyone = await readEveryone(judge, waking, { authors, into });
  const answers = await judge.exists(
    waking.flatMap((candidate) =>
      recipientsOf(candidate, everyone).map(({ name }) => replyPath(candidate.file.path, name)),
    ),
  );
  const { twins, answered: moved } =
    asked.twins === null ? await readTwins(judge, waking) : { twins: asked.twins, answered: [] };
  into.answered.push(...moved);
  const ended = await readOlderEnds(judge, waking);
  for (const candidate of waking) {
    const { file, blob, fields, isExternal } = candidate;
    const author = authors.get(file.path);
    const from = fields.from ?? authorName(author?.author, judge.range.called);
    noteFields(judge, { file, fields: { ...fields, from } }, into);
    if (fields.asks !== null) for (const { name } of fields.to) into.decisive.add(name);
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
          : // Whom a question of an agent names is a person, whether seen here or not.
            judge.models.has(name) || (fields.asks === null && !isPerson(judge, name, from))),
    );
    const waiting =
      file.replyTo === null ? recipients : recipients.filter(({ name }) => judge.models.has(name));
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
  into: Judged,
): Promise<readonly Candidate[]> {
  const waking: Candidate[] = [];
  for (const candidate of candidates) {
    const original = candidate.file.replyTo?.path;
    if (original === undefined) waking.push(candidate);
    else if (
      candidate.fields.to.some(({ name }) => judge.models.has(name)) &&
      (await repliesToQuestion(judge, candidate, original))
    )
      waking.push(candidate);
    // It may have been a message before: it, or what it stands beside, was edited.
    else if (judge.range.from !== null) into.silent.push(candidate.file.path);
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
  { authors, into }: { readonly authors: ReadonlyMap<string, CommitInfo>; readonly into: Judged },
): Promise<ReadonlyMap<string, readonly string[]>> {
  const everyone = new Map<string, readonly string[]>();
  const byCommit = new Map<Oid, readonly string[]>();
  for (const { file, fields } of candidates) {
    if (!asksAll(fields)) continue;
    const commit = authors.get(file.path)?.oid;
    const then =
      commit === undefined
        ? []
        : (byCommit.get(commit) ??
          listModelNames(await readTextAt(judge.repository, commit, MODELS_FILE)));
    if (commit !== undefined) byCommit.set(commit, then);
    everyone.set(file.path, then.length === 0 ? judge.range.models : then);
    if (then.length === 0) into.decisive.add('all');
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
