/**
 * The arbiter between hosts that push. A transaction decides on the tip that becomes its parent;
 * after a rejected push it decides again on the new tip, and a decision is never replayed on
 * another tip. Waiting transactions are published together, one commit each, and the claims they
 * rest on are deleted in the same atomic push, so the server itself refuses a reply whose claim was
 * taken over. PROTOCOL.md "Publishing".
 */
import { buildOnTip, type Built } from './build-on-tip.ts';
import { isRefusal, takesTime } from './git-failure.ts';
import { type PushOutcome, type RemoteFailure, TIP_ALONE } from './repository.ts';
import { settleBatch } from './settle-push.ts';
import type { Publisher, Transaction, TransactionOutcome } from './transaction.ts';
import { backoffMs, unmovedMs, UNMOVED_MAX } from './wait-after-loss.ts';

export interface PublishLimits {
  /** Aborting stops waiting; pushes under way are checked once more. */
  readonly signal: AbortSignal;
  /** Give up after this long without reaching the remote; null = never. */
  readonly unreachableMsMax: number | null;
}

/**
 * Lands the transactions, in order, or says of each why not. Rejects only for broken invariants.
 */
export async function publish(
  publisher: Publisher,
  transactions: readonly Transaction[],
  { signal, unreachableMsMax }: PublishLimits,
): Promise<readonly TransactionOutcome[]> {
  const { clock, random } = publisher;
  const outcomes = new Map<Transaction, TransactionOutcome>();
  const startedMs = clock.monotonicMs();
  const lost = { rounds: 0, unmoved: 0, failure: null as RemoteFailure | null };
  const listWaiting = () => transactions.filter((transaction) => !outcomes.has(transaction));
  await publishRounds(publisher, {
    signal,
    next: listWaiting,
    after: (round) => {
      const { settled, failure } = splitRound(round);
      for (const [transaction, outcome] of settled) outcomes.set(transaction, outcome);
      if (listWaiting().length === 0) return 'end';
      lost.rounds += 1;
      lost.unmoved = failure !== null && round.failure === null ? lost.unmoved + 1 : 0;
      lost.failure = failure;
      const tooLong =
        unreachableMsMax !== null &&
        failure !== null &&
        clock.monotonicMs() - startedMs >= unreachableMsMax;
      const isOver = tooLong || (failure !== null && takesTime(failure));
      if (signal.aborted || isOver || lost.unmoved >= UNMOVED_MAX) return 'end';
      const waitMs = backoffMs(lost.rounds, round.pushMs, random);
      return lost.unmoved > 0 ? Math.max(waitMs, unmovedMs(lost.unmoved)) : waitMs;
    },
  });
  return transactions.map((transaction) => outcomes.get(transaction) ?? unsettled(lost.failure));
}

/** What a round has settled, and what kept the rest, if not another host. */
function splitRound(round: PublishRound): {
  readonly settled: ReadonlyMap<Transaction, TransactionOutcome>;
  readonly failure: RemoteFailure | null;
} {
  const unmoved = [...round.outcomes].flatMap(([transaction, outcome]) =>
    outcome.kind === 'refused' && outcome.unmoved !== undefined
      ? [[transaction, outcome.unmoved] as const]
      : [],
  );
  const settled = new Map(round.outcomes);
  for (const [transaction] of unmoved) settled.delete(transaction);
  return { settled, failure: round.failure ?? unmoved[0]?.[1] ?? null };
}

/** How a person who stops waiting learns what has not landed. */
function unsettled(failure: RemoteFailure | null): TransactionOutcome {
  return failure !== null && isRefusal(failure)
    ? { kind: 'refused', line: failure.line }
    : { kind: 'unsettled', failure };
}

/** One round: what it settled, and why the rest still waits (null: somebody else won this time). */
export interface PublishRound {
  readonly outcomes: ReadonlyMap<Transaction, TransactionOutcome>;
  readonly failure: RemoteFailure | null;
  readonly pushMs: number;
}

/** Who publishes decides what, and how patiently; the rounds themselves are the same for all. */
export interface PublishRounds {
  /** What the next round takes along; empty: no next round. */
  readonly next: () => readonly Transaction[] | Promise<readonly Transaction[]>;
  /**
   * Notes what a round has settled. Milliseconds to wait before the next; `now`: others of the
   * same queue need not wait; `end`: there is none.
   */
  readonly after: (round: PublishRound) => AfterRound | Promise<AfterRound>;
  /** Aborting ends the waits. */
  readonly signal: AbortSignal;
}
export type AfterRound = number | 'now' | 'end';

/** The one loop that publishes, of a dispatcher as of a person's command. */
export async function publishRounds(
  publisher: Publisher,
  { next, after, signal }: PublishRounds,
): Promise<void> {
  for (;;) {
    const waiting = await next();
    if (waiting.length === 0) return;
    const then = await after(await publishOnce(publisher, waiting));
    if (then === 'end') return;
    if (then !== 'now') await waitAndCatchUp(publisher, then, signal);
  }
}

/**
 * Decides, builds and pushes once. Transactions without an outcome must be retried, together
 * with whatever came up meanwhile.
 */
async function publishOnce(
  publisher: Publisher,
  waiting: readonly Transaction[],
): Promise<PublishRound> {
  const outcomes = new Map<Transaction, TransactionOutcome>();
  const asOf = publisher.mirror.epoch();
  const built = await buildOnTip(publisher, waiting, outcomes);
  if (built.updates.length === 0) {
    for (const { transaction } of built.parts)
      outcomes.set(transaction, { kind: 'landed', commits: [] });
    return { outcomes, failure: null, pushMs: 0 };
  }
  const startedMs = publisher.clock.monotonicMs();
  const pushed = await pushBuilt(publisher, built);
  const pushMs = publisher.clock.monotonicMs() - startedMs;
  const settled = await settleBatch(publisher, { built, pushed, asOf });
  return {
    outcomes: new Map([...outcomes, ...settled.outcomes]),
    failure: settled.failure,
    pushMs,
  };
}

/**
 * Waits, then brings the mirror to the remote's tip before another try. While the loser of a race
 * paused, others were not idle: what it builds on the tip from before its pause loses again. A
 * remote that cannot be reached is left for the push to find out.
 */
export async function waitAndCatchUp(
  { repository, mirror, clock }: Publisher,
  ms: number,
  signal: AbortSignal,
): Promise<void> {
  await clock.sleep(ms, signal);
  const asOf = mirror.epoch();
  const listed = await repository.listRefs([], TIP_ALONE);
  if (listed.kind === 'reached') await mirror.pull({ tip: listed.value.tip, asOf });
}

async function pushBuilt(publisher: Publisher, built: Built): Promise<PushOutcome> {
  if (publisher.atomic || built.updates.length === 1)
    return publisher.repository.push(built.updates, {
      atomic: publisher.atomic && built.updates.length > 1,
    });
  return pushInTwoSteps(publisher, built);
}

const CLAIM_MOVED = 'the claim stands elsewhere';

/**
 * Without atomic pushes: look at the claims once more, land the branch, then let the claims go.
 * Still one reply, but no fence at the server.
 */
async function pushInTwoSteps(publisher: Publisher, built: Built): Promise<PushOutcome> {
  const fences = built.updates.filter(({ ref }) => ref !== publisher.branchRef);
  const listed = await publisher.repository.listRefs(fences.map(({ ref }) => ref));
  if (listed.kind === 'unreachable') return { kind: 'unknown', failure: listed.failure };
  const lost = fences.filter(
    ({ ref, expected }) => (listed.value.refs.get(ref) ?? null) !== expected,
  );
  if (lost.length > 0)
    return {
      kind: 'answered',
      refs: new Map(built.updates.map(({ ref }) => [ref, { kind: 'stale', line: CLAIM_MOVED }])),
    };
  const branch = built.updates.filter(({ ref }) => ref === publisher.branchRef);
  const pushed: PushOutcome =
    branch.length === 0
      ? { kind: 'answered', refs: new Map() }
      : await publisher.repository.push(branch, { atomic: false });
  if (pushed.kind === 'unknown' || [...pushed.refs.values()].some(({ kind }) => kind !== 'landed'))
    return pushed;
  const released = await publisher.repository.push(fences, { atomic: false });
  // The branch has landed; a claim that could not be deleted now lapses like any other of an
  // answered message.
  const rest =
    released.kind === 'answered'
      ? released.refs
      : new Map(fences.map(({ ref }) => [ref, { kind: 'landed' } as const]));
  return { kind: 'answered', refs: new Map([...pushed.refs, ...rest]) };
}
