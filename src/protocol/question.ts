/**
 * A request of an agent for permission, as a message: what would run, where, in which attempt. The
 * person answers by a reply. PROTOCOL.md "Questions of agents". Pure.
 */
import { formatIso } from '../base/clock.ts';
import { oneLine, spellUnsafe } from '../base/plain-text.ts';
import type { Claim } from './claim.ts';
import { writeFrontMatter } from './front-matter.ts';
import { decodeMessage } from './message.ts';
import { messageId, replyPath } from './paths.ts';
import { dispatcherIdentity, modelIdentity } from './reply.ts';
import { formatTrailers } from './trailers.ts';
import { formatSubject, listNames } from './subject.ts';
import { yesOrNo } from './yes-or-no.ts';

/** What an agent wants to do. All of it is its own words. */
export interface PermissionAsked {
  readonly title: string;
  /** `execute`, `edit` …; null: unknown. */
  readonly kind: string | null;
  /** Exactly what would be done, as JSON; null: unknown. */
  readonly input: string | null;
}

export interface QuestionFacts {
  readonly asked: PermissionAsked;
  readonly claim: Claim;
  /** Path of the question, and of the message that is worked on as it stands now. */
  readonly path: string;
  readonly message: string;
  readonly channel: string;
  /** Hops of the message. */
  readonly hops: number;
  /** Who may answer. */
  readonly people: readonly string[];
  /** Directory that the agent runs in. */
  readonly directory: string;
  readonly atMs: number;
  readonly untilMs: number;
}

/** More than this nobody reads before saying yes. */
const SHOWN_MAX = 16_384;

/** What to commit; null when it is too long to be shown whole, and so must not be allowed. */
export function composeQuestion(facts: QuestionFacts) {
  const { asked, claim, path, message, channel, hops, people, atMs, untilMs } = facts;
  const exact = spellLines(asked.input ?? asked.title);
  if (exact.length + asked.title.length > SHOWN_MAX) return null;
  const [first = ''] = people;
  const id = messageId(path);
  const title = oneLine(spellUnsafe(asked.title), 200);
  const subject = `${claim.recipient} asks to be allowed: ${title}`;
  const fields = {
    to: people.length === 1 ? first : people,
    from: claim.recipient,
    asks: 'permission',
    asks_until: formatIso(untilMs),
    subject: oneLine(subject, 200),
    re: message,
    // Its answer goes to the agent that waits, and wakes no other.
    wait: true,
    timestamp: formatIso(atMs),
    hops: hops + 1,
  };
  const answerFile = replyPath(path, first).slice(path.lastIndexOf('/') + 1);
  const body = `${claim.recipient} on ${claim.alias}, attempt ${claim.attempt} for ${messageId(message)}, asks to do this once:

${quoted(`${asked.kind === null ? '' : `${oneLine(asked.kind, 60)}: `}${title}`)}

In ${oneLine(spellUnsafe(facts.directory), 300)}. Exactly:

${quoted(exact)}

All of that is the agent's own words. Answer approve or deny until ${formatIso(untilMs)}; without an answer it is denied.

    crosstalkd answer ${id} approve

Or put a file beside this one, called ${answerFile}, with this text:

${quoted(`---\nto: ${claim.recipient}\n---\napprove`)}
`;
  return {
    writes: [{ path, content: writeFrontMatter(fields, body) }] as const,
    author: modelIdentity(claim.recipient, claim.alias),
    committer: dispatcherIdentity(claim.alias),
    atMs,
    message: `${formatSubject(`${claim.recipient} ? ${listNames(people)}: ${title}`)}

${formatTrailers([
  ['Re', messageId(message)],
  ['Channel', channel],
  ['Host', claim.alias],
  ['Attempt', String(claim.attempt)],
])}`,
  };
}

/** Text that others chose, as lines that no markdown can leave. */
function quoted(text: string): string {
  return text
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n');
}

/** Each unsafe character is spelled: what is read is what is run. */
function spellLines(text: string): string {
  return text.split('\n').map(spellUnsafe).join('\n');
}

/** What a reply to a question says; a person may write the word alone. Null: neither yes nor no. */
export function readPermission(text: string): 'approve' | 'deny' | null {
  const read = decodeMessage(Buffer.from(text));
  if (read.kind === 'rejected') return yesOrNo(text);
  // What agents have come to is never a person's word.
  return read.message.fields.hops > 0 ? null : yesOrNo(read.message.body);
}
