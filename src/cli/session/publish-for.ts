/** Publishing for a person, who waits for it. */
import { publish } from '../../transport/publish.ts';
import type { Transaction, TransactionOutcome } from '../../transport/transaction.ts';
import { refused, rewritten, unreachable } from './remote-errors.ts';
import { findCountingSign, findSign, type Needs } from './sign-as-person.ts';
import type { TransportSession } from './transport-session.ts';

/**
 * Publishes what a person asked for, or throws saying why it did not land. `needs`: who has to
 * sign it where this host requires that; absent: nobody.
 */
export async function publishFor(
  session: TransportSession,
  transactions: readonly Transaction[],
  needs?: Needs,
): Promise<readonly TransactionOutcome[]> {
  const sign = await (needs === undefined ? findSign(session) : findCountingSign(session, needs));
  const publisher = { ...session.publisher, sign: sign ?? undefined };
  const outcomes = await publish(publisher, transactions, {
    signal: new AbortController().signal,
    unreachableMsMax: 20_000,
  });
  for (const outcome of outcomes) {
    if (outcome.kind === 'refused') throw refused(outcome.line, session.located);
    if (outcome.kind === 'rewritten') throw rewritten(null);
    if (outcome.kind === 'unsettled')
      throw unreachable(session.located.url, outcome.failure?.line ?? 'no answer');
  }
  return outcomes;
}
