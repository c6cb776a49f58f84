/**
 * Questions that agents wait for now: those that a claim names, that nobody asked has answered, and
 * whose time is not over.
 */
import { DAY, systemClock } from '../../base/clock.ts';
import { oneLine } from '../../base/plain-text.ts';
import type { Claim } from '../../protocol/claim.ts';
import { messageId, replyPath } from '../../protocol/paths.ts';
import { firstLine } from '../../protocol/reply.ts';
import type { ReasonOf } from '../../protocol/reason.ts';
import type { TransportSession } from '../session/transport-session.ts';
import { lookUpFiles, readPaths, type Said } from './read-conversation.ts';

/** A question that is open: the path of its message, and how it stands. */
export interface OpenQuestion {
  readonly path: string;
  readonly reason: ReasonOf<'asks'>;
}

/** Work key → its open question. */
export async function readQuestions(
  session: TransportSession,
  claims: Iterable<{ readonly key: string; readonly claim: Claim | null }>,
): Promise<ReadonlyMap<string, OpenQuestion>> {
  const asking = [...claims].flatMap(({ key, claim }) =>
    claim?.asks === undefined ? [] : [{ key, claim, path: claim.asks }],
  );
  const open = new Map<string, OpenQuestion>();
  for (const { key, claim, path } of asking) {
    const reason = await readQuestion(session, claim, path);
    if (reason !== null) open.set(key, { path, reason });
  }
  return open;
}

async function readQuestion(
  session: TransportSession,
  claim: Claim,
  path: string,
): Promise<ReasonOf<'asks'> | null> {
  const [question] = await readPaths(session, [path]);
  const { asks, asksUntilMs } = question?.message.fields ?? {};
  const forMs = (asksUntilMs ?? 0) - systemClock.wallMs();
  if (question === undefined || asks !== 'permission' || forMs <= 0) return null;
  const people = question.message.fields.to.map(({ name }) => name);
  if (await isAnswered(session, question)) return null;
  return {
    kind: 'asks',
    id: messageId(claim.message),
    question: messageId(path),
    model: claim.recipient,
    host: claim.alias,
    people,
    title: oneLine(question.message.fields.subject ?? '', 200),
    forMs,
  };
}

/** A question that nobody answers for this long is no longer listed. */
const TOLD_MS = 30 * DAY;

/** What agents have asked of people and nobody has answered; `asked`: paths of questions. */
export async function readAsked(
  session: TransportSession,
  asked: readonly string[],
): Promise<readonly ReasonOf<'asked'>[]> {
  const open: ReasonOf<'asked'>[] = [];
  for (const question of await readPaths(session, asked)) {
    const { fields, body } = question.message;
    const agoMs = Math.max(0, systemClock.wallMs() - question.atMs);
    if (fields.asks !== 'answer' || agoMs > TOLD_MS || (await isAnswered(session, question)))
      continue;
    open.push({
      kind: 'asked',
      question: messageId(question.file.path),
      model: question.from,
      people: fields.to.map(({ name }) => name),
      text: oneLine(fields.subject ?? firstLine(body), 200),
      agoMs,
    });
  }
  return open;
}

/** Those of the questions at these paths that nobody has answered; unreadable ones do not count. */
export async function dropAnswered(
  session: TransportSession,
  asked: readonly string[],
): Promise<readonly string[]> {
  const open: string[] = [];
  for (const question of await readPaths(session, asked))
    if (!(await isAnswered(session, question))) open.push(question.file.path);
  return open;
}

/** Whether one of those who were asked has replied. */
async function isAnswered(session: TransportSession, { file, message }: Said): Promise<boolean> {
  const replies = message.fields.to.map(({ name }) => replyPath(file.path, name));
  return (await lookUpFiles(session, replies)).some((reply) => reply !== null);
}
