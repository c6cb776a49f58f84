/**
 * The index of open work: what a fold over the tree's changes leaves standing. It holds only
 * messages that still wait for somebody (and files that were rejected), so its size is that of the
 * open work and not of the history. It is a function of the tree: a host that joins later, or lost
 * its state, comes to the same index. PROTOCOL.md "When a message is work".
 */
import type { Oid } from '../base/ids.ts';
import { byCodeUnit } from '../base/order.ts';
import type { Recipient } from './address.ts';
import type { Effects } from './models.ts';
import type { Rejection } from './rejection.ts';
import type { OlderAnswer } from './older-answer.ts';
import {
  claimKey,
  identityOf,
  isTaskPath,
  parseMessagePath,
  replyPath,
  startedPath,
} from './paths.ts';
import type { StartMark } from './started.ts';
import { isCanonical } from './twins.ts';

/** A message that waits for at least one recipient. The body stays in the object database. */
export interface OpenMessage {
  readonly path: string;
  readonly channel: string;
  readonly identity: string;
  readonly blob: Oid;
  readonly from: string;
  readonly timestampMs: number;
  readonly hops: number;
  readonly priority: number;
  readonly isWorkflow: boolean;
  /** It may change something, whatever the entry of the model says. */
  readonly isExternal: boolean;
  /** Name of the directory that its agent should run in; null = none. */
  readonly project: string | null;
  /** The host that goes first while it is up; null = any. */
  readonly preferredHost: string | null;
  /** Its sender asks another model when this one fails. */
  readonly hasFallback: boolean;
  /** Who has not answered yet: models, and names that nobody knows. */
  readonly recipients: readonly Recipient[];
}

/** A file below a channel that is not a message, and why. */
export interface RejectedFile extends Rejection {
  readonly path: string;
  /**
   * The message with the same id that counts instead; when that one goes, this one is none any
   * more.
   */
  readonly twinOf?: string;
  /** A folder of which nothing is read; `path` is its own, without a trailing slash. */
  readonly isFolder?: true;
  /** The words of the command that mends it, where more is known than `lint` says. */
  readonly remedy?: readonly string[];
}

export interface OpenIndex {
  /** The commit this is true of; null = nothing read yet. */
  readonly tip: Oid | null;
  /** Names in data/models.yaml at that commit, in code-unit order. */
  readonly models: readonly string[];
  readonly messages: ReadonlyMap<string, OpenMessage>;
  /**
   * Unanswered, but asked again by another message: no work, but a claim may still stand for one,
   * and it is work again when the other goes.
   */
  readonly superseded: ReadonlyMap<string, OpenMessage>;
  readonly rejected: ReadonlyMap<string, RejectedFile>;
  /** Message that asks again → the one it closes. */
  readonly retried: ReadonlyMap<string, string>;
  /**
   * Messages of older programs that answer others, by their paths: as many as an older transport
   * brought.
   */
  readonly older: ReadonlyMap<string, OlderAnswer>;
  /** Everyone who ever wrote: their names are not mistakes in a `to:`. */
  readonly people: ReadonlySet<string>;
  /** Channels of the runs that have begun and not ended, whatever became of their markers. */
  readonly runs: ReadonlySet<string>;
  /** Marks of started agents that have no reply beside them, by their paths. */
  readonly started: ReadonlyMap<string, StartMark>;
}

export const EMPTY_INDEX: OpenIndex = {
  tip: null,
  models: [],
  messages: new Map(),
  superseded: new Map(),
  rejected: new Map(),
  retried: new Map(),
  older: new Map(),
  people: new Set(),
  runs: new Set(),
  started: new Map(),
};

/**
 * What one step from commit to commit changed, already read and judged (transport/read-changes.ts).
 */
export interface ChangeBatch {
  readonly tip: Oid;
  readonly models: readonly string[];
  /** Messages as they stand now; one without recipients is closed. */
  readonly messages: readonly OpenMessage[];
  readonly rejected: readonly RejectedFile[];
  /** Replies that stand now: they close (message, recipient). */
  readonly replies: readonly { readonly path: string; readonly recipient: string }[];
  /** Messages that ask again (`by`) for another one, which is closed by it. */
  readonly retried: readonly { readonly by: string; readonly path: string }[];
  /** Answers in the form of older programs that stand now. */
  readonly older: readonly OlderAnswer[];
  /** One that stood before is gone or says something else. */
  readonly withdrawn: boolean;
  readonly removed: readonly string[];
  /** Written messages that everybody they ask has answered. */
  readonly answered: readonly string[];
  /**
   * Messages among `messages` that stood before and are open again because their reply was removed.
   */
  readonly reopened: readonly string[];
  readonly people: readonly string[];
  /** Channels that went to the archive or came back from it. */
  readonly archived: readonly string[];
  /** Runs that began, ended or came back: whether each is open now. */
  readonly runs: ReadonlyMap<string, boolean>;
  /** Marks of started agents that stand now without a reply beside them. */
  readonly started: readonly StartMark[];
}

/** The index after a batch. Of the tree alone: what way led to it makes no difference. */
export function foldChanges(index: OpenIndex, batch: ChangeBatch): OpenIndex {
  const messages = new Map(index.messages);
  for (const [path, message] of index.superseded) messages.set(path, message);
  const rejected = new Map(index.rejected);
  for (const path of batch.removed) {
    messages.delete(path);
    rejected.delete(path);
  }
  for (const path of batch.answered) messages.delete(path);
  for (const message of batch.messages) {
    rejected.delete(message.path);
    if (message.recipients.length === 0) messages.delete(message.path);
    else messages.set(message.path, message);
  }
  // One that was mended; what is still wrong with it is in the batch.
  for (const { path, recipient } of batch.replies) {
    const reply = replyPath(path, recipient);
    if (rejected.get(reply)?.twinOf === undefined) rejected.delete(reply);
  }
  for (const file of batch.rejected) {
    messages.delete(file.path);
    rejected.set(file.path, file);
  }
  closeTwins(messages, rejected, [...batch.replies.map(({ path }) => path), ...batch.answered]);
  closeCopies(messages, rejected, batch.messages);
  const answers = groupBy(batch.replies, ({ path }) => path);
  for (const [path, replies] of answers)
    closeRecipients(messages, path, new Set(replies.map(({ recipient }) => recipient)));
  const older =
    batch.older.length === 0
      ? index.older
      : new Map([...index.older, ...batch.older.map((answer) => [answer.by, answer] as const)]);
  closeOlder(messages, older);
  const retried = new Map([
    ...index.retried,
    ...batch.retried.map(({ by, path }) => [by, path] as const),
  ]);
  closeForPeople(messages, {
    ...batch,
    people: batch.people.filter((name) => !index.people.has(name)),
  });
  const superseded = removeEntry(messages, retried);
  return {
    tip: batch.tip,
    models: batch.models,
    messages,
    superseded,
    rejected,
    retried,
    older,
    people: new Set([...index.people, ...batch.people]),
    runs: batch.runs.size === 0 ? index.runs : openRuns(index.runs, batch.runs),
    started: foldStarted(index.started, batch),
  };
}

function foldStarted(
  before: OpenIndex['started'],
  { started, replies, removed }: Pick<ChangeBatch, 'started' | 'replies' | 'removed'>,
): OpenIndex['started'] {
  if (before.size === 0 && started.length === 0) return before;
  const standing = new Map(before);
  for (const path of removed) standing.delete(path);
  for (const { path, recipient } of replies) standing.delete(startedPath(path, recipient));
  for (const mark of started) standing.set(mark.path, mark);
  return standing;
}

function openRuns(before: OpenIndex['runs'], now: ChangeBatch['runs']): ReadonlySet<string> {
  const open = new Set(before);
  for (const [channel, isOpen] of now)
    if (isOpen) open.add(channel);
    else open.delete(channel);
  return open;
}

/** What is asked again elsewhere is no open message any more. */
function removeEntry(
  messages: Map<string, OpenMessage>,
  retried: OpenIndex['retried'],
): ReadonlyMap<string, OpenMessage> {
  const taken = new Map<string, OpenMessage>();
  for (const path of retried.values()) {
    const message = messages.get(path);
    if (message !== undefined && messages.delete(path)) taken.set(path, message);
  }
  return taken;
}

/** A folder that takes more work to read than anybody may ask for. */
export function rejectFolder(path: string, why: string): RejectedFile {
  return {
    path,
    line: 1,
    isFolder: true,
    found: why,
    expected: 'a folder of messages; nothing in it is read until somebody removes it (git rm -r)',
  };
}

/** A second message with the id of another. */
export function rejectTwin(path: string, twinOf: string): RejectedFile {
  return {
    path,
    line: 1,
    twinOf,
    found: `the same id as ${twinOf}`,
    expected: 'one message an id: send a new message instead of a copy',
  };
}

/**
 * Two names that differ in case, normalisation or folder only are one id. When one is answered, the
 * other is not work any more: a newcomer sees the same.
 */
function closeTwins(
  messages: Map<string, OpenMessage>,
  rejected: Map<string, RejectedFile>,
  answered: readonly string[],
): void {
  const byId = groupBy(answered, idOf);
  if (byId.size === 0) return;
  for (const { path: twin, channel, identity } of [...messages.values()]) {
    const path = byId.get(`${channel}/${identity}`)?.find((other) => other !== twin);
    if (path !== undefined && idOf(twin) !== null && !isCanonical(twin) && messages.delete(twin))
      rejected.set(twin, rejectTwin(twin, path));
  }
}

/**
 * Of several that are open with one id the canonical one counts, else the first: for every host,
 * also one that has met them one after the other.
 */
function closeCopies(
  messages: Map<string, OpenMessage>,
  rejected: Map<string, RejectedFile>,
  fresh: readonly OpenMessage[],
): void {
  if (fresh.length === 0) return;
  const keyOfId = ({ channel, identity }: OpenMessage): string => `${channel}/${identity}`;
  const copies = new Map<string, string[]>(fresh.map((message) => [keyOfId(message), []]));
  for (const message of messages.values()) copies.get(keyOfId(message))?.push(message.path);
  for (const paths of copies.values()) {
    if (paths.length < 2) continue;
    const counts = paths.find(isCanonical) ?? [...paths].sort(byCodeUnit)[0];
    for (const path of paths)
      if (path !== counts && messages.delete(path))
        rejected.set(path, rejectTwin(path, counts ?? path));
  }
}

function idOf(path: string): string | null {
  const file = parseMessagePath(path);
  return file === null || file.replyTo !== null ? null : `${file.channel}/${identityOf(file)}`;
}

/**
 * Anyone who has written now is a person: mail to them is not work that nobody knows of any more.
 */
function closeForPeople(
  messages: Map<string, OpenMessage>,
  { people, models }: Pick<ChangeBatch, 'people' | 'models'>,
): void {
  const known = new Set(models);
  const names = new Set(people.filter((name) => !known.has(name)));
  if (names.size === 0) return;
  for (const { path } of messages.values()) closeRecipients(messages, path, names);
}

/** Held against everything that is open, since either may have come first. */
function closeOlder(messages: Map<string, OpenMessage>, older: OpenIndex['older']): void {
  for (const { paths, recipient, to } of older.values()) {
    const askers = new Set(to);
    for (const path of paths)
      if (askers.has(messages.get(path)?.from ?? ''))
        closeRecipients(messages, path, new Set([recipient]));
  }
}

function closeRecipients(
  messages: Map<string, OpenMessage>,
  path: string,
  names: ReadonlySet<string>,
): void {
  const message = messages.get(path);
  if (message === undefined) return;
  const recipients = message.recipients.filter(({ name }) => !names.has(name));
  if (recipients.length === message.recipients.length) return;
  if (recipients.length === 0) messages.delete(path);
  else messages.set(path, { ...message, recipients });
}

/** Values by what they have in common; those without it are left out. */
function groupBy<T>(
  values: readonly T[],
  keyOf: (value: T) => string | null,
): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = key === null ? undefined : groups.get(key);
    if (group !== undefined) group.push(value);
    else if (key !== null) groups.set(key, [value]);
  }
  return groups;
}

/** One (message, recipient) that waits. */
export interface Work {
  readonly key: string;
  readonly message: OpenMessage;
  readonly recipient: string;
  /** The only hosts that may do it, or null. */
  readonly hosts: readonly string[] | null;
  /** Path of a message with the same identity that comes first; such a twin is never run. */
  readonly twinOf: string | null;
}

/**
 * Whether an attempt may have changed something: the model's entry decides, and a message can only
 * be stricter.
 */
export function effectsOf(entry: { readonly effects: Effects }, message: OpenMessage): Effects {
  return message.isExternal ? 'external' : entry.effects;
}

/** A run of a workflow asks with it. */
export function isTask({ from, path }: Pick<OpenMessage, 'from' | 'path'>): boolean {
  return from === 'workflow' && isTaskPath(path);
}

/**
 * Every piece of open work, most urgent first: priority, then age, then path. An index never
 * changes, so it is put in order once.
 */
export function listWork(index: OpenIndex): readonly Work[] {
  return openOf(index).works;
}

/** Every piece of open work by its key; of twins the one that counts. */
export function openByKey(index: OpenIndex): ReadonlyMap<string, Work> {
  return openOf(index).byKey;
}

/** What would be work, had nobody asked again. */
export function listSuperseded(index: OpenIndex): readonly Work[] {
  return worksOf(index.superseded);
}

interface Open {
  readonly works: readonly Work[];
  readonly byKey: ReadonlyMap<string, Work>;
}

const openByIndex = new WeakMap<OpenIndex, Open>();

function openOf(index: OpenIndex): Open {
  const known = openByIndex.get(index);
  if (known !== undefined) return known;
  const works = worksOf(index.messages);
  const open = {
    works,
    byKey: new Map(
      works.flatMap((work) => (work.twinOf === null ? [[work.key, work] as const] : [])),
    ),
  };
  openByIndex.set(index, open);
  return open;
}

/**
 * A message that stays open through many advances of the branch is hashed once for each recipient.
 */
const keysByMessage = new WeakMap<OpenMessage, Map<string, string>>();

function keyOf(message: OpenMessage, recipient: string): string {
  const keys = keysByMessage.get(message) ?? new Map<string, string>();
  keysByMessage.set(message, keys);
  const key =
    keys.get(recipient) ??
    claimKey({ channel: message.channel, identity: message.identity, recipient });
  keys.set(recipient, key);
  return key;
}

function worksOf(messages: OpenIndex['messages']): readonly Work[] {
  const first = new Map<string, Work>();
  const works = [...messages.values()].flatMap((message) =>
    message.recipients.map(({ name, hosts }): Work => {
      const work = { key: keyOf(message, name), message, recipient: name, hosts, twinOf: null };
      const before = first.get(work.key);
      if (before === undefined || message.path < before.message.path) first.set(work.key, work);
      return work;
    }),
  );
  const judged =
    first.size === works.length
      ? works
      : works.map((work) => asTwin(work, first.get(work.key) ?? work));
  // Few are of one moment, so hardly ever does it come to comparing paths.
  return judged.sort(
    (a, b) =>
      b.message.priority - a.message.priority ||
      a.message.timestampMs - b.message.timestampMs ||
      byCodeUnit(a.message.path, b.message.path),
  );
}

function asTwin(work: Work, first: Work): Work {
  return work === first ? work : { ...work, twinOf: first.message.path };
}

/**
 * Raised when the index means something else than before: an older checkpoint is then read again.
 */
const CHECKPOINT_VERSION = 9;

/** A plain value for the checkpoint file. */
export function encodeIndex(index: OpenIndex): unknown {
  return {
    v: CHECKPOINT_VERSION,
    tip: index.tip,
    models: index.models,
    messages: [...index.messages.values(), ...index.superseded.values()],
    rejected: [...index.rejected.values()],
    retried: [...index.retried],
    older: [...index.older.values()],
    people: [...index.people],
    runs: [...index.runs],
    started: [...index.started.values()],
  };
}

/**
 * The index in a checkpoint of ours, or null. The file is our own and checksummed; only its version
 * can differ.
 */
export function decodeIndex(value: unknown): OpenIndex | null {
  const raw = value as {
    v: number;
    tip: Oid;
    models: string[];
    messages: OpenMessage[];
    rejected: RejectedFile[];
    retried: [string, string][];
    older: OlderAnswer[];
    people: string[];
    runs: string[];
    started: StartMark[];
  } | null;
  if (raw?.v !== CHECKPOINT_VERSION) return null;
  const messages = new Map(raw.messages.map((message) => [message.path, message]));
  const retried = new Map(raw.retried);
  const superseded = removeEntry(messages, retried);
  return {
    tip: raw.tip,
    models: raw.models,
    messages,
    superseded,
    rejected: new Map(raw.rejected.map((file) => [file.path, file])),
    retried,
    older: new Map(raw.older.map((answer) => [answer.by, answer])),
    people: new Set(raw.people),
    runs: new Set(raw.runs),
    started: new Map(raw.started.map((mark) => [mark.path, mark])),
  };
}
