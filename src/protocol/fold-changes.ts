/** Folds the changes of one step of the branch into the index of open work. */
import { groupBy } from '../base/group-by.ts';
import type { Oid } from '../base/ids.ts';
import { byCodeUnit } from '../base/order.ts';
import type { OlderAnswer } from './older-answer.ts';
import type { OpenIndex, OpenMessage, RejectedFile } from './open-work.ts';
import { identityOf, parseMessagePath, replyPath, startedPath } from './paths.ts';
import type { StartMark } from './started.ts';
import { isCanonical } from './twins.ts';

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
  /** One that existed before is gone or has changed. */
  readonly withdrawn: boolean;
  readonly removed: readonly string[];
  /** Written messages that everybody they ask has answered. */
  readonly answered: readonly string[];
  /** Written replies that wake nobody. */
  readonly silent: readonly string[];
  /**
   * Messages among `messages` that stood before and are open again because their reply was removed.
   */
  readonly reopened: readonly string[];
  readonly people: readonly string[];
  readonly decisive: ReadonlySet<string>;
  /** Whose addresses are whose at the tip. */
  readonly called: OpenIndex['called'];
  /** Replies that are left out of all the others. */
  readonly forged: OpenIndex['forged'];
  /** Channels that went to the archive or came back from it. */
  readonly archived: readonly string[];
  /** Runs that began, ended or came back: whether each is open now. */
  readonly runs: ReadonlyMap<string, boolean>;
  /** Marks that stand now of started agents whose work may be open, now or later. */
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
  for (const path of [...batch.answered, ...batch.silent]) {
    messages.delete(path);
    // It was fixed after somebody had answered it by hand.
    if (rejected.get(path)?.twinOf === undefined) rejected.delete(path);
  }
  for (const message of batch.messages) {
    rejected.delete(message.path);
    if (message.recipients.length === 0) messages.delete(message.path);
    else messages.set(message.path, message);
  }
  // It was fixed; what is still wrong with it is in the batch.
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
    decisive:
      batch.decisive.size === 0 ? index.decisive : new Set([...index.decisive, ...batch.decisive]),
    called: batch.called,
    runs: batch.runs.size === 0 ? index.runs : openRuns(index.runs, batch.runs),
    started: foldStarted(index.started, batch),
    forged: batch.forged,
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

/** A message that is asked again elsewhere is not open any more. */
export function removeEntry(
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
    expected: 'one message per id: send a new message instead of a copy',
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
  for (const message of [...messages.values()]) {
    const twin = message.path;
    const path = byId.get(idOfMessage(message))?.find((other) => other !== twin);
    if (path !== undefined && idOf(twin) !== null && !isCanonical(twin) && messages.delete(twin))
      rejected.set(twin, rejectTwin(twin, path));
  }
}

/**
 * Of several with one id the canonical one counts, else the first: for every host, also one that
 * has met them one after the other. One that asks people only (`fresh`, without recipients) counts
 * too.
 */
function closeCopies(
  messages: Map<string, OpenMessage>,
  rejected: Map<string, RejectedFile>,
  fresh: readonly OpenMessage[],
): void {
  if (fresh.length === 0) return;
  const copies = new Map<string, Set<string>>(
    fresh.map((message) => [idOfMessage(message), new Set()]),
  );
  const asked = fresh.filter(({ path }) => idOf(path) !== null);
  for (const message of [...messages.values(), ...asked])
    copies.get(idOfMessage(message))?.add(message.path);
  for (const paths of copies.values()) {
    if (paths.size < 2) continue;
    const counts = [...paths].find(isCanonical) ?? [...paths].sort(byCodeUnit)[0];
    for (const path of paths)
      if (path !== counts && messages.delete(path))
        rejected.set(path, rejectTwin(path, counts ?? path));
  }
}

/** What all copies of a message have in common. */
export function idOfMessage({ channel, identity }: OpenMessage): string {
  return `${channel}/${identity}`;
}

/** The same of a path; null for a reply and for any other file. */
export function idOf(path: string): string | null {
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
