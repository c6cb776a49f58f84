/** Where a message stands for each of those it asks, open or answered. */
import { readTrailer, readTrailers } from '../../protocol/trailers.ts';
import { systemClock } from '../../base/clock.ts';
import { formatDuration } from '../../base/duration.ts';
import { shellWord } from '../../base/shell-word.ts';
import { expandAddresses } from '../../protocol/address.ts';
import type { RejectedFile } from '../../protocol/open-work.ts';
import { messageId, replyPath } from '../../protocol/paths.ts';
import { createExplainer } from './explain-work.ts';
import type { HostOpinion } from './host-opinions.ts';
import type { Surroundings } from './look-around.ts';
import { findOddReplies } from './odd-reply.ts';
import { isByHand, readStates } from './message-state.ts';
import { type ListedFile, readSaid, type Said } from './read-conversation.ts';
import { tipOf } from './reading.ts';
import { shortId } from './short-id.ts';

/** What `why` says: of what, and part by part. */
export interface Told {
  readonly kind: string;
  readonly about: string;
  readonly parts: readonly Part[];
}

export interface Part {
  /** The recipient, or null. */
  readonly name: string | null;
  readonly kind: string;
  readonly says: string;
  readonly fix: string | null;
  readonly hosts: readonly HostOpinion[];
}

const COMMITS_MAX = 5_000;

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
      parts: [part('gone', 'is not there any more', 'crosstalkd log')],
    };
  const about = `${shortId(file.path)} from ${one.from} to ${one.to.join(', ') || 'nobody'}, ${formatDuration(Math.max(0, systemClock.wallMs() - one.atMs))} ago (${file.path})`;
  const own = file.replyTo === null ? [] : [describeAnswer(one, file.replyTo)];
  return {
    kind: file.replyTo === null ? 'message' : 'reply',
    about,
    parts: [...own, ...(await explainRecipients(around, one))],
  };
}

/** A file that is no message, explained. */
export function tellRejected(file: RejectedFile): Told {
  const { says, fix } = describeRejected(file);
  return {
    kind: 'rejected',
    about: file.path,
    parts: [part('rejected', `is no message: ${says}`, fix)],
  };
}

/**
 * What is wrong with a file that is no message, and the command that says or does more about it. A
 * copy has nothing wrong with it but its name.
 */
export function describeRejected(rejected: RejectedFile): {
  readonly says: string;
  readonly fix: string;
} {
  const { path, line, found, expected, twinOf, isFolder } = rejected;
  if (isFolder === true)
    return { says: `found ${found}; expected ${expected}`, fix: `git rm -r ${shellWord(path)}` };
  const [, named] = expected.split('or: ', 2);
  return {
    says: `line ${line}: found ${found}; expected ${expected}`,
    fix:
      twinOf !== undefined
        ? `git rm ${shellWord(path)}`
        : named?.startsWith('crosstalkd ') === true
          ? named
          : `crosstalkd lint ${shellWord(path)}`,
  };
}

function part(kind: string, says: string, fix: string | null = null): Part {
  return { name: null, kind, says, fix, hosts: [] };
}

function describeAnswer(said: Said, replyTo: NonNullable<ListedFile['replyTo']>): Part {
  const how = said.message.fields.failed
    ? `failure (${said.message.fields.error ?? 'no reason given'})`
    : 'answer';
  return part(
    'reply',
    `is the ${how} of ${replyTo.recipient} to ${shortId(replyTo.path)}`,
    `crosstalkd why ${shellWord(messageId(replyTo.path))}`,
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
  const retried = names.some((name) => !open.has(name) && !replies.has(replyPath(path, name)))
    ? await findRetry(around, path)
    : null;
  const odd = await findOddReplies(
    around,
    names.map((name) => replyPath(path, name)),
  );
  return names.map((name): Part => {
    const blocked = odd.get(replyPath(path, name));
    if (blocked !== undefined) return { name, kind: 'blocked', ...blocked, hosts: [] };
    const work = open.get(name);
    if (work !== undefined) {
      const { kind, says, fix, hosts } = explain(work);
      return { name, kind, says, fix, hosts };
    }
    const reply = replies.get(replyPath(path, name));
    return {
      name,
      hosts: [],
      ...(reply === undefined
        ? explainSilence(around, { said, name, retried })
        : explainReply(said, reply)),
    };
  });
}

type Bare = Pick<Part, 'kind' | 'says' | 'fix'>;

function explainReply(said: Said, reply: Said): Bare {
  const { fields } = reply.message;
  const ago = `${formatDuration(Math.max(0, systemClock.wallMs() - reply.atMs))} ago`;
  const id = messageId(said.file.path);
  if (fields.error === 'cancelled' && isByHand(reply))
    return {
      kind: 'cancelled',
      says: `cancelled by ${reply.from}, ${ago}`,
      fix: `crosstalkd retry ${shellWord(id)}`,
    };
  if (isByHand(reply))
    return {
      kind: 'answered-by-hand',
      says: `answered by hand by ${reply.from}, ${ago}`,
      fix: null,
    };
  const where = `on ${fields.host ?? 'a host'}, attempt ${fields.attempt ?? 1}${fields.durationMs === null ? '' : `, ${formatDuration(fields.durationMs)}`}`;
  if (fields.model === 'workflow')
    return {
      kind: fields.failed ? 'failed' : 'answered',
      says: `${fields.failed ? 'failed' : 'answered'} ${ago} by its run`,
      fix: `crosstalkd workflow show ${shellWord(id)}`,
    };
  if (!fields.failed)
    return {
      kind: 'answered',
      says: `answered ${ago} (${where})`,
      fix: `crosstalkd show ${shellWord(messageId(reply.file.path))}`,
    };
  const line = reply.message.body.trim().split('\n')[0] ?? '';
  return {
    kind: 'failed',
    says: `failed ${ago}: ${fields.error ?? 'no reason given'} (${where}): ${line}`,
    fix: `crosstalkd retry ${shellWord(id)}`,
  };
}

/** Closed without an answer: it was never a question to that name, or somebody asked again. */
function explainSilence(
  around: Surroundings,
  {
    said,
    name,
    retried,
  }: { readonly said: Said; readonly name: string; readonly retried: string | null },
): Bare {
  if (retried !== null)
    return {
      kind: 'retried',
      says: `was asked again by ${shortId(retried)}`,
      fix: `crosstalkd why ${shellWord(retried)}`,
    };
  const answer = [...around.index.older.values()].find(
    ({ recipient, paths }) => recipient === name && paths.includes(said.file.path),
  );
  if (answer !== undefined)
    return {
      kind: 'answered',
      says: `answered by ${shortId(answer.by)}`,
      fix: `crosstalkd show ${shellWord(messageId(answer.by))}`,
    };
  if (name === 'workflow' && said.message.fields.childChannel !== null)
    return {
      kind: 'answered',
      says: `was ended by an older program in ${said.message.fields.childChannel}`,
      fix: `crosstalkd channels`,
    };
  if (name === said.from)
    return { kind: 'own', says: `wrote it, and nobody answers themselves`, fix: null };
  if (said.file.replyTo !== null)
    return { kind: 'reply', says: 'is answered with this; nothing follows by itself', fix: null };
  if (around.index.people.has(name))
    return { kind: 'person', says: `is a person; people answer when they want to`, fix: null };
  if (around.rewrite !== null || around.outage !== null)
    return { kind: 'unread', says: 'is not read yet', fix: 'crosstalkd status' };
  return {
    kind: 'closed',
    says: 'is not awaited: the message was closed',
    fix: `crosstalkd thread ${shellWord(messageId(said.file.path))}`,
  };
}

async function findRetry(around: Surroundings, path: string): Promise<string | null> {
  const commits = await around.session.repository.history({
    from: null,
    to: tipOf(around.session),
    max: COMMITS_MAX,
  });
  const id = messageId(path);
  const again = commits.findLast(({ message }) => readTrailers(message, 'Retries').includes(id));
  return again === undefined ? null : readTrailer(again.message, 'Message');
}
