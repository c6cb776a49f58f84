/**
 * Questions that agents wait for now: those that a claim names, that nobody asked has answered, and
 * whose time is not over.
 */
import { systemClock } from '../../base/clock.ts';
import { oneLine } from '../../base/plain-text.ts';
import type { Claim } from '../../protocol/claim.ts';
import { messageId } from '../../protocol/paths.ts';
import { replyPath } from '../../protocol/paths.ts';
import type { ReasonOf } from '../../protocol/reason.ts';
import type { TransportSession } from '../session/transport-session.ts';
import { lookUpFiles, readSaid } from './read-conversation.ts';

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
  const files = (await lookUpFiles(session, [path])).filter((file) => file !== null);
  const [question] = (await readSaid(session, files)).said;
  const { asks, asksUntilMs } = question?.message.fields ?? {};
  const forMs = (asksUntilMs ?? 0) - systemClock.wallMs();
  if (question === undefined || asks !== 'permission' || forMs <= 0) return null;
  const people = question.message.fields.to.map(({ name }) => name);
  const answers = await lookUpFiles(
    session,
    people.map((name) => replyPath(path, name)),
  );
  if (answers.some((answer) => answer !== null)) return null;
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
