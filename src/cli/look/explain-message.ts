/** Where a message stands for each of those it asks, open or answered. */
import { systemClock } from '../../base/clock.ts';
import { formatDuration } from '../../base/duration.ts';
import { expandAddresses } from '../../protocol/address.ts';
import type { RejectedFile } from '../../protocol/open-work.ts';
import {
  channelOf,
  messageId,
  parseMessagePath,
  replyPath,
  runFiles,
} from '../../protocol/paths.ts';
import type { Reason, ReasonOf } from '../../protocol/reason.ts';
import { isDismissed } from './acks.ts';
import { createExplainer } from './explain-work.ts';
import { readContinues } from './read-continues.ts';
import type { Surroundings } from './look-around.ts';
import { findLate, lateReason } from './late-answers.ts';
import { findOddReplies } from './odd-reply.ts';
import { isByHand, readStates } from './message-state.ts';
import { type ListedFile, lookUpFiles, readSaid, type Said } from './read-conversation.ts';
import { readRetries } from './retries.ts';
import { shortId } from './short-id.ts';

/** What `why` says: of what, and part by part. */
export interface Told {
  readonly kind: string;
  readonly about: string;
  readonly parts: readonly Part[];
}

/** The reason of one recipient; `name`: null = of the whole. */
export interface Part {
  readonly name: string | null;
  readonly reason: Reason;
}

/** The state of one message or reply. */
export async function explainMessage(around: Surroundings, file: ListedFile): Promise<Told> {
  const { said, unreadable } = await readSaid(around.session, [file]);
  const [broken] = unreadable;
  if (broken !== undefined) return tellRejected({ path: file.path, ...broken.rejection });
  const [one] = said;
  if (one === undefined)
    return {
      kind: 'message',
      about: file.path,
      parts: [{ name: null, reason: { kind: 'gone' } }],
    };
  const about = `${shortId(file.path)} from ${one.from} to ${one.to.join(', ') || 'nobody'}, ${formatDuration(Math.max(0, systemClock.wallMs() - one.atMs))} ago (${file.path})`;
  const own = file.replyTo === null ? [] : [describeAnswer(one, file.replyTo)];
  return {
    kind: file.replyTo === null ? 'message' : 'reply',
    about,
    parts: [
      ...own,
      ...explainQuestion(around, one),
      ...(await Promise.all(
        (await explainRecipients(around, one)).map((part) =>
          noteDismissal(around, file.path, part),
        ),
      )),
      ...(await findLate(around, file)).map((late) => ({ name: null, reason: lateReason(late) })),
      ...(await findNothing(around, one)),
    ],
  };
}

/** A failure about which nothing has to be done says so. */
async function noteDismissal(around: Surroundings, path: string, part: Part): Promise<Part> {
  const { name: model, reason } = part;
  const isFailed =
    reason.kind === 'answer-failed' || (reason.kind === 'run-answered' && reason.failed);
  if (model === null || !isFailed) return part;
  const id = messageId(path);
  const failure = { kind: 'failure', channel: channelOf(path) ?? '', id, model } as const;
  return (await isDismissed(around, failure)) ? dismissed(part) : part;
}

/** The same of a file that is not a message. */
export async function noteDismissedFile(around: Surroundings, told: Told): Promise<Told> {
  const { tip } = around.index;
  const [entry] = tip === null ? [] : await around.session.repository.lookUp(tip, [told.about]);
  const file = { kind: 'file', path: told.about, oid: entry?.oid ?? '' } as const;
  return (await isDismissed(around, file)) ? { ...told, parts: told.parts.map(dismissed) } : told;
}

function dismissed({ name, reason }: Part): Part {
  return { name, reason: { ...reason, also: { kind: 'dismissed' } } };
}

/** A file that is not a message, explained. */
export function tellRejected(file: RejectedFile): Told {
  return {
    kind: 'rejected',
    about: file.path,
    parts: [{ name: null, reason: rejectedReason(file) }],
  };
}

/**
 * What is wrong with a file that is not a message. A copy has nothing wrong with it but its name.
 */
export function rejectedReason(file: RejectedFile): ReasonOf<'rejected'> {
  const { path, line, found, expected, isFolder } = file;
  const replyTo = parseMessagePath(path)?.replyTo ?? null;
  const remedy = isFolder === true ? ['git', 'rm', '-r', path] : (file.remedy ?? null);
  return {
    kind: 'rejected',
    path,
    line,
    found,
    expected,
    isCopy: file.twinOf !== undefined,
    closes: replyTo === null ? null : { id: messageId(replyTo.path), recipient: replyTo.recipient },
    remedy,
  };
}

function describeAnswer(said: Said, replyTo: NonNullable<ListedFile['replyTo']>): Part {
  const { failed, error, continues } = said.message.fields;
  const to = messageId(replyTo.path);
  return {
    name: null,
    reason: {
      ...{ kind: 'is-answer', failed, class: error, recipient: replyTo.recipient, to },
      continues,
    },
  };
}

/** A question of an agent: whether it waits for the answer. */
function explainQuestion({ questions }: Surroundings, { file, message }: Said): readonly Part[] {
  if (message.fields.asks !== 'permission') return [];
  const open = [...questions.values()].find(({ path }) => path === file.path);
  const closed = { kind: 'question-closed', id: messageId(file.path) } as const;
  return [{ name: null, reason: open?.reason ?? closed }];
}

/** What a message says it answers, and is not there: nobody reads it as part of a thread. */
async function findNothing(
  { session }: Surroundings,
  { file, message }: Said,
): Promise<readonly Part[]> {
  if (file.replyTo !== null) return [];
  const { re } = message.fields;
  const found = await lookUpFiles(session, re);
  return re.flatMap((path, at): Part[] =>
    found[at] == null
      ? [{ name: null, reason: { kind: 're-nothing', path: file.path, re: path } }]
      : [],
  );
}

async function explainRecipients(around: Surroundings, said: Said): Promise<readonly Part[]> {
  const { path } = said.file;
  const explain = createExplainer(around);
  const open = new Map(
    around.works
      .filter(({ message }) => message.path === path)
      .map((work) => [work.recipient, work]),
  );
  const [state] = await readStates(around.session, [said]);
  const replies = new Map((state?.replies ?? []).map((reply) => [reply.file.path, reply]));
  const asked = expandAddresses(said.message.fields.to, around.index.models).map(
    ({ name }) => name,
  );
  const names = [...new Set([...open.keys(), ...(said.file.replyTo === null ? asked : [])])];
  const mayBeRetried = names.some(
    (name) =>
      !open.has(name) && replies.get(replyPath(path, name))?.message.fields.failed !== false,
  );
  const retries = mayBeRetried
    ? await readRetries(around.session, path)
    : new Map<string, string>();
  const answers = names.map((name) => replyPath(path, name));
  const odd = await findOddReplies(
    around,
    answers.filter((answer) => !around.index.forged.has(answer)),
  );
  const isNobody = names.length === 0 && said.message.fields.to.some(({ name }) => name === 'all');
  if (isNobody) return [{ name: 'all', reason: { kind: 'asked-nobody', path } }];
  if (said.message.fields.op !== null) {
    const channel = channelOf(path) ?? '';
    const [header] = await lookUpFiles(around.session, [runFiles(channel).header]);
    if (header == null) return [{ name: null, reason: { kind: 'order-nowhere', channel } }];
  }
  const parts = names.map(async (name): Promise<Part> => {
    const reply = replies.get(replyPath(path, name));
    const work = open.get(name);
    const newer = retries.get(name);
    const isMissing = reply === undefined || reply.message.fields.failed;
    const reason =
      odd.get(replyPath(path, name)) ??
      (work === undefined ? null : explain(work)) ??
      (newer === undefined || !isMissing ? null : ({ kind: 'retried', by: newer } as const)) ??
      (reply === undefined ? null : explainReply(said, reply)) ??
      explainSilence(around, { said, name });
    // Of its own attempts a dispatcher here has told.
    if (reason.kind !== 'running' || reason.stage !== null || work === undefined)
      return { name, reason };
    return { name, reason: { ...reason, continues: await readContinues(around, work.key) } };
  });
  return Promise.all(parts);
}

function explainReply(said: Said, reply: Said): Reason {
  const { fields } = reply.message;
  const agoMs = Math.max(0, systemClock.wallMs() - reply.atMs);
  const id = messageId(said.file.path);
  if (isByHand(reply))
    return fields.error === 'cancelled'
      ? { kind: 'cancelled', id, by: reply.from, agoMs }
      : { kind: 'answered-by-hand', by: reply.from, agoMs, isLate: fields.late };
  const { failed, error, host } = fields;
  if (fields.model === 'workflow') return { kind: 'run-answered', id, agoMs, failed };
  const { attempt, durationMs, continues } = fields;
  const how = { host, attempt: attempt ?? 1, durationMs, continues };
  if (!failed) return { kind: 'answered', reply: messageId(reply.file.path), agoMs, how };
  const detail = reply.message.body.trim().split('\n')[0] ?? '';
  return { kind: 'answer-failed', id, agoMs, how, class: error, detail };
}

/** Closed without an answer: it was never a question to that name. */
function explainSilence(
  around: Surroundings,
  { said, name }: { readonly said: Said; readonly name: string },
): Reason {
  const answer = [...around.index.older.values()].find(
    ({ recipient, paths }) => recipient === name && paths.includes(said.file.path),
  );
  if (answer !== undefined) return { kind: 'answered-elsewhere', by: messageId(answer.by) };
  const { childChannel: channel } = said.message.fields;
  if (name === 'workflow' && channel !== null) return { kind: 'ended-by-older', channel };
  if (name === said.from) return { kind: 'own' };
  if (said.file.replyTo !== null) return { kind: 'is-reply' };
  if (around.index.people.has(name)) return { kind: 'person' };
  if (around.rewrite !== null || around.outage !== null) return { kind: 'unread' };
  return { kind: 'closed', id: messageId(said.file.path) };
}
