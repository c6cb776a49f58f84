/**
 * A reply: the final answer to one (message, recipient), as a file and as the commit that people
 * read in `git log`. PROTOCOL.md "Replies".
 */
import {
  formatCost,
  formatTokens,
  formatTrailers,
  type Trailer,
  withoutTrailers,
} from './trailers.ts';
import { formatIso } from '../base/clock.ts';
import { type Attachment, fieldOfAttachments } from './attachments.ts';
import { decodeMessage } from './message.ts';
import type { Continued } from './capsule.ts';
import { checkedUsage, type Usage } from './usage.ts';
import { writeFrontMatter } from './front-matter.ts';
import { formatSubject } from './subject.ts';
import { attachmentFolder, messageId, replyPath } from './paths.ts';

/** What is known when an answer, or the lack of one, is final. */
export interface ReplyFacts extends Usage {
  readonly message: string;
  readonly channel: string;
  /** Who asked, and so who is answered. */
  readonly asker: string;
  readonly recipient: string;
  readonly host: string;
  readonly attempt: number;
  readonly atMs: number;
  /** Hops of the message answered. */
  readonly hops: number;
  readonly body: string;
  readonly failure: {
    readonly class: string;
    readonly detail: string;
    /** Nobody knows what the agent did. */
    readonly isUnknown?: boolean;
  } | null;
  readonly durationMs: number | null;
  readonly session: string | null;
  readonly agent: string | null;
  /** What it left in its output folder; the names are harmless. */
  readonly files?: readonly Attachment[];
  /** The attempt whose words its agent began with; absent = none. */
  readonly continues?: Continued;
  /** What it left in its project. */
  readonly work?: { readonly branch: string | null; readonly commit: string };
}

/** The facts of a run that nobody knows: it is unclear how far it came. */
export const NO_RUN: Pick<
  ReplyFacts,
  'durationMs' | 'tokensIn' | 'tokensOut' | 'costUsd' | 'session' | 'agent'
> = {
  durationMs: null,
  tokensIn: null,
  tokensOut: null,
  costUsd: null,
  session: null,
  agent: null,
};

/** A reply ready to be committed. */
export interface Reply {
  readonly path: string;
  readonly content: string;
  readonly commitMessage: string;
  readonly author: { readonly name: string; readonly email: string };
  readonly committer: { readonly name: string; readonly email: string };
  readonly atMs: number;
  /** Its files, for the folder beside it. As text (base64), because the outbox keeps them so. */
  readonly files?: readonly { readonly name: string; readonly base64: string }[];
  /** The same reply without them, for when something stands in their place already. */
  readonly alone?: { readonly content: string; readonly commitMessage: string };
}

const BODY_LINES_MAX = 20;

/**
 * The reply's file and commit. The text of an agent is only ever the body: every field is the
 * dispatcher's own.
 */
export function composeReply(facts: ReplyFacts): Reply {
  const reply = compose({ ...facts, ...checkedUsage(facts) });
  // Every host reads it as a message: a program's report about itself matters less than its answer.
  return decodeMessage(Buffer.from(reply.content)).kind === 'message'
    ? reply
    : compose({ ...facts, ...NO_RUN, durationMs: facts.durationMs });
}

function compose(facts: ReplyFacts): Reply {
  const path = replyPath(facts.message, facts.recipient);
  const files = facts.files ?? [];
  // In this order a git host's table of the head begins with what people look for; what is long
  // comes last.
  const fields = {
    from: facts.recipient,
    to: facts.asker,
    failed: facts.failure === null ? undefined : true,
    error: facts.failure?.class,
    host: facts.host,
    duration_ms: facts.durationMs === null ? undefined : Math.round(facts.durationMs),
    cost_usd: facts.costUsd,
    tokens_in: facts.tokensIn,
    tokens_out: facts.tokensOut,
    attempt: facts.attempt,
    continues: facts.continues === undefined ? undefined : sayContinues(facts.continues),
    model: facts.recipient,
    agent: facts.agent,
    timestamp: formatIso(facts.atMs),
    hops: facts.hops + 1,
    branch: facts.work?.branch,
    commit: facts.work?.commit,
    files:
      files.length === 0
        ? undefined
        : fieldOfAttachments(
            path,
            files.map(({ name }) => name),
          ),
    re: facts.message,
    session: facts.session,
  };
  return {
    path,
    content: writeFrontMatter(fields, facts.body),
    commitMessage: composeCommitMessage(facts),
    author: modelIdentity(facts.recipient, facts.host),
    committer: dispatcherIdentity(facts.host),
    atMs: facts.atMs,
    ...(files.length === 0
      ? {}
      : { files: files.map(toText), alone: composeAlone(facts, files.length) }),
  };
}

function composeAlone(facts: ReplyFacts, count: number): NonNullable<Reply['alone']> {
  const folder = attachmentFolder(replyPath(facts.message, facts.recipient));
  const body = `${facts.body.trimEnd()}\n\n(${count} files of this answer are left out: something stood at ${folder} already)\n`;
  const { content, commitMessage } = compose({ ...facts, files: [], body });
  return { content, commitMessage };
}

function toText({ name, bytes }: Attachment): { readonly name: string; readonly base64: string } {
  return { name, base64: Buffer.from(bytes).toString('base64') };
}

/** `opus <opus@mbp.crosstalk>`. */
export function modelIdentity(
  model: string,
  host: string,
): { readonly name: string; readonly email: string } {
  return { name: model, email: `${model}@${host}.crosstalk` };
}

/** `crosstalkd on mbp <dispatcher@mbp.crosstalk>`. */
export function dispatcherIdentity(host: string): {
  readonly name: string;
  readonly email: string;
} {
  return { name: `crosstalkd on ${host}`, email: `dispatcher@${host}.crosstalk` };
}

/**
 * The first line of a markdown text that says something, without its heading or quote marks; of a
 * text of nothing but marks the first of them.
 */
export function firstLine(text: string): string {
  const bare = (line: string): string => line.replace(/^[\s#>*-]+/, '').trim();
  const lines = text.split('\n');
  const line = lines.find((one) => bare(one) !== '');
  return line === undefined ? (lines.find((one) => one.trim() !== '') ?? '').trim() : bare(line);
}

/**
 * The beginning of a text as the body of a commit message: at most 20 lines, none of them endless.
 */
export function textForLog(text: string): string {
  const lines = text.trimEnd().split(/\r?\n/);
  const kept = [
    ...lines.slice(0, BODY_LINES_MAX).map((line) => line.slice(0, 500)),
    ...(lines.length > BODY_LINES_MAX ? [`… (${lines.length - BODY_LINES_MAX} more lines)`] : []),
  ];
  return withoutTrailers(kept.join('\n').trim());
}

const ANSWERS = '→';
const FAILS = '✗';

/**
 * True for the subject of an answer: versions before `Crosstalk-Outcome: answered` say it only
 * here.
 */
export function isAnswerSubject(subject: string, model: string): boolean {
  // eslint-disable-next-line no-restricted-syntax -- commits of programs before 9.0.0
  return subject.startsWith(`${model} ${ANSWERS} `);
}

/** True for that of a failure: versions before the trailer `Crosstalk-Failed` said it only here. */
export function isFailureSubject(subject: string, model: string): boolean {
  // eslint-disable-next-line no-restricted-syntax -- commits of programs before 9.0.0
  return subject.startsWith(`${model} ${FAILS} `);
}

/** What an attempt began with: `attempt 1 of gpt on mbp, with changes`. */
export function sayContinues({
  alias,
  attempt,
  model,
  hasChanges,
}: NonNullable<ReplyFacts['continues']>): string {
  return `attempt ${attempt}${model === undefined ? '' : ` of ${model}`} on ${alias}${hasChanges ? ', with changes' : ''}`;
}

function outcomeOf({ failure }: ReplyFacts): 'answered' | 'unknown' | null {
  if (failure === null) return 'answered';
  return failure.isUnknown === true ? 'unknown' : null;
}

function composeCommitMessage(facts: ReplyFacts): string {
  const said =
    facts.failure === null
      ? firstLine(facts.body)
      : `${facts.failure.class}: ${facts.failure.detail}`;
  const subject = formatSubject(
    `${facts.recipient} ${facts.failure === null ? ANSWERS : FAILS} ${facts.asker}: ${said}`,
  );
  const trailers: readonly Trailer[] = [
    ['Re', messageId(facts.message)],
    ['Channel', facts.channel],
    ['Failed', facts.failure?.class ?? null],
    ['Detail', facts.failure?.detail ?? null],
    ['Outcome', outcomeOf(facts)],
    ['Host', facts.host],
    ['Attempt', String(facts.attempt)],
    ['Continues', facts.continues === undefined ? null : sayContinues(facts.continues)],
    [
      'Tokens',
      facts.tokensIn === null && facts.tokensOut === null
        ? null
        : formatTokens(facts.tokensIn ?? 0, facts.tokensOut ?? 0),
    ],
    [
      'Files',
      facts.files === undefined || facts.files.length === 0
        ? null
        : facts.files.map(({ name }) => name).join(', '),
    ],
    ['Branch', facts.work?.branch ?? null],
    ['Commit', facts.work?.branch == null ? null : facts.work.commit],
    ['Cost', facts.costUsd === null ? null : formatCost(facts.costUsd)],
  ];
  return `${subject}\n\n${textForLog(facts.body)}\n\n${formatTrailers(trailers)}`;
}
