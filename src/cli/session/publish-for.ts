/** Publishing for a person, who waits for it. */
import { systemClock } from '../../base/clock.ts';
import { sendControl } from '../../local/control-client.ts';
import { publish } from '../../transport/publish.ts';
import type { CommitDraft } from '../../transport/repository.ts';
import type { Transaction, TransactionOutcome } from '../../transport/transaction.ts';
import { refused, rewritten, unsettled } from './remote-errors.ts';
import { findCountingSign, findSign, type Needs } from './sign-as-person.ts';
import type { TransportSession } from './transport-session.ts';

/** A person's commit that is to be: by whom, and what the transaction is called. */
export interface PersonCommit extends Partial<Pick<Transaction, 'fences'>> {
  readonly identity: CommitDraft['author'];
  readonly name: string;
  /** Nothing is added where a file stands at this path. */
  readonly unless?: string;
}

/** A transaction of one commit by one person, made at the moment it is built. */
export function commitBy(
  { identity, name, unless, fences = [] }: PersonCommit,
  compose: (atMs: number) => Pick<CommitDraft, 'writes' | 'message'>,
): Transaction {
  return {
    name,
    fences,
    decide: async (view) => {
      const [standing] = unless === undefined ? [] : await view.lookUp([unless]);
      if (standing != null) return null;
      const atMs = systemClock.wallMs();
      return [{ author: identity, committer: identity, atMs, ...compose(atMs) }];
    },
  };
}

/**
 * Publishes what a person asked for, and wakes the dispatcher here; or throws saying why it did not
 * land. `needs`: who must sign it where this host requires that; absent: nobody.
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
    if (outcome.kind === 'unsettled') throw unsettled(session.located.url, outcome.failure);
  }
  const { path } = session.directory;
  await sendControl(path, { op: 'wake' }, { timeoutMs: WAKE_MS }).catch(() => undefined);
  return outcomes;
}

/** A dispatcher that does not take a wake-up at once will find it on its own. */
const WAKE_MS = 1_000;
