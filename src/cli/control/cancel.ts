/**
 * `crosstalkd cancel`: a failed reply by the person for everybody who has not answered. Where a
 * claim stands it goes in the same push, so the server decides between this and the answer, and the
 * host that works on it stops its agent on its own.
 */
import { formatTrailers } from '../../protocol/trailers.ts';
import { formatIso } from '../../base/clock.ts';
import { CrosstalkError } from '../../base/errors.ts';
import { shellWord } from '../../base/shell-word.ts';
import { writeFrontMatter } from '../../protocol/front-matter.ts';
import { messageId, replyPath } from '../../protocol/paths.ts';
import type { Work } from '../../protocol/list-work.ts';
import type { Transaction, TransactionOutcome } from '../../transport/transaction.ts';
import { type Invocation, option } from '../command.ts';
import { type Surroundings, withRemote } from '../look/look-around.ts';
import { plain } from '../io.ts';
import { identifyPerson, type Sender } from '../talk/person.ts';
import { printDone } from '../look/reading.ts';
import { resolveId } from '../look/resolve-id.ts';
import { shortId } from '../look/short-id.ts';
import { commitBy, publishFor } from '../session/publish-for.ts';
import { REPLY } from '../session/sign-as-person.ts';
import { formatSubject } from '../../protocol/subject.ts';
import { fixBy } from '../../base/fix.ts';

/**
 * A claim may be renewed or taken over while we cancel; then the order is given again for the new
 * one.
 */
const ROUNDS_MAX = 5;

/** Closes a message. Exit 3 when nobody is awaited any more. */
export async function cancelMessage(invocation: Invocation): Promise<number> {
  const cancelled: string[] = [];
  let path = '';
  for (let round = 1; round <= ROUNDS_MAX; round += 1) {
    const isOver = await withRemote(invocation, async (around) => {
      const sender = await identifyPerson(invocation, around.session, 'cancel messages');
      path = (await resolveId(around.session, invocation.args[0] ?? '', 'cancel')).path;
      const works = openWorks(around, path, wantedNames(invocation));
      const wanted = works.map((work) => cancellation(around, work, sender));
      const outcomes = works.length === 0 ? [] : await publishFor(around.session, wanted, REPLY);
      works.forEach((work, index) => isDone(outcomes[index]) && cancelled.push(work.recipient));
      return outcomes.every(isDone);
    });
    if (isOver) break;
  }
  return printCancelled(invocation, { path, cancelled });
}

/** The names of --to, or null for everybody. */
export function wantedNames(invocation: Invocation): readonly string[] | null {
  return (
    option(invocation, 'to')
      ?.toLowerCase()
      .split(',')
      .map((name) => name.trim().split('@')[0] ?? '') ?? null
  );
}

function openWorks(
  around: Surroundings,
  path: string,
  wanted: readonly string[] | null,
): readonly Work[] {
  return around.works.filter(
    ({ message, recipient }) =>
      message.path === path && (wanted === null || wanted.includes(recipient)),
  );
}

function isDone(outcome: TransactionOutcome | undefined): boolean {
  return outcome?.kind === 'landed' || outcome?.kind === 'dropped';
}

function cancellation({ claims }: Surroundings, work: Work, sender: Sender): Transaction {
  const { message, recipient } = work;
  const claim = claims.get(work.key);
  const path = replyPath(message.path, recipient);
  const { identity, name } = sender;
  const fences = claim === undefined ? [] : [{ ref: claim.ref, expected: claim.oid, next: null }];
  const subject = formatSubject(`${recipient} ✗ ${message.from}: cancelled by ${name}`);
  const trailers = formatTrailers([
    ['Re', messageId(message.path)],
    ['Channel', message.channel],
  ]);
  return commitBy({ identity, name: `cancel ${path}`, unless: path, fences }, (atMs) => {
    const fields = {
      to: message.from,
      from: name,
      re: message.path,
      timestamp: formatIso(atMs),
      hops: message.hops + 1,
      failed: true,
      error: 'cancelled',
    };
    const content = writeFrontMatter(fields, `Cancelled by ${name}.\n`);
    return { writes: [{ path, content }], message: `${subject}\n\n${trailers}` };
  });
}

function printCancelled(
  invocation: Invocation,
  { path, cancelled }: { readonly path: string; readonly cancelled: readonly string[] },
): number {
  if (cancelled.length === 0)
    throw new CrosstalkError('NOT_FOUND', `nobody still has to answer ${shortId(path)}`, {
      fix: fixBy`crosstalkd why ${messageId(path)}`,
    });
  printDone(invocation, { id: messageId(path), path, cancelled }, () => [
    plain(
      `cancelled ${shortId(path)} for ${cancelled.join(', ')}; an agent that runs for it is stopped by its host`,
    ),
    plain(`  to ask again: crosstalkd retry ${shellWord(messageId(path))}`),
  ]);
  return 0;
}
