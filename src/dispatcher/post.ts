/**
 * The queue of everything this host commits or deletes on the remote: replies, marks, workflow
 * transitions, markers of schedules, released claims. Waiting items are published together; the
 * dispatcher continues while a push is in progress.
 */
import { MINUTE } from '../base/clock.ts';
import { errorText } from '../base/errors.ts';
import {
  type AfterRound,
  publishRounds,
  type PublishRound,
  waitAndCatchUp,
} from '../transport/publish.ts';
import { backoffMs, rivalryMs, yieldMs } from '../transport/wait-after-loss.ts';
import type { Transaction, TransactionOutcome } from '../transport/transaction.ts';
import type { RemoteFailure } from '../transport/repository.ts';
import { type Dispatcher, wake } from './dispatcher.ts';
import { limitsNow, mayPush } from './keep-pace.ts';
import type { Outgoing, Rider } from './notes.ts';
import { hasLanded, learnCrowd } from './learn-crowd.ts';
import { pokeOthers } from './poke-others.ts';
import {
  forgetRefusals,
  LIMITED_MS,
  listDue,
  noteRefusal,
  tellRefusal,
  untilDueMs,
} from './refused-work.ts';
import { pushesRest } from './rest-pushes.ts';
import { liveClaims } from './own-claims.ts';

/** More replies than this in one push gain nothing. */
const BATCH_MAX = 128;
/** How long an answer waits for others, as a part of a push, and at most. */
const GATHER_PART = 5;
const GATHER_MS_MAX = 50;
/** After a refusal nothing goes along with answers for this long. */
const RIDE_AGAIN_MS = 5 * MINUTE;
/** A remote that refuses is asked again at this pace, doubling. */
const REFUSED_MS = 1_000;
/** Something on this machine does not work (a full disk): no faster than this. */
const BROKEN_MS = 2_000;

/** Adds to what the publisher will push, and starts it if it rests. */
export function enqueue(dispatcher: Dispatcher, one: Omit<Outgoing, 'refusal'>): Outgoing {
  const outgoing = { ...one, refusal: null };
  dispatcher.state.post.outgoing.push(outgoing);
  resumePublishing(dispatcher);
  return outgoing;
}

/**
 * Adds what goes along with answers that are due. Resolves when it is known what became of it:
 * null = it was not pushed.
 */
export async function sendAlong(
  dispatcher: Dispatcher,
  transactions: readonly Transaction[],
): Promise<PublishRound | null> {
  const { post } = dispatcher.state;
  const rounds = transactions.map(
    (transaction) =>
      new Promise<PublishRound | null>((done) => post.riders.push({ transaction, done })),
  );
  resumePublishing(dispatcher);
  if (!post.publishing) dropRiders(dispatcher);
  const [round = null] = await Promise.all(rounds);
  return round;
}

/** Whether claims may go along with the answers that are due now. */
export function takesAlong(dispatcher: Dispatcher): boolean {
  const { state, doors, publisher } = dispatcher;
  const due = listDue(dispatcher);
  return (
    limitsNow(dispatcher) !== null &&
    publisher.atomic &&
    !state.post.publishing &&
    due.length > 0 &&
    due.every(({ refusal }) => refusal === null) &&
    doors.clock.monotonicMs() >= state.post.rideAfterMs
  );
}

function dropRiders({ state }: Dispatcher): void {
  for (const rider of state.post.riders.splice(0)) rider.done(null);
}

/** Takes it off the queue, if it still stands there: its sender may have been first. */
export function withdraw({ state }: Dispatcher, one: Outgoing): void {
  const { outgoing } = state.post;
  const at = outgoing.indexOf(one);
  if (at >= 0) outgoing.splice(at, 1);
}

/** Starts the publisher if something waits and nothing forbids it. */
export function resumePublishing(dispatcher: Dispatcher): void {
  const { state, doors } = dispatcher;
  // Before the first look there is no tip to decide on.
  if (
    state.post.publishing ||
    listDue(dispatcher).length === 0 ||
    state.host.halted !== null ||
    state.seenMs === Number.NEGATIVE_INFINITY
  )
    return;
  if (!mayPush(dispatcher)) {
    if (state.pace.sight === 'old') wake(dispatcher);
    return;
  }
  state.post.publishing = true;
  publishOutgoing(dispatcher)
    .catch((error: unknown) => {
      doors.log.alert('publish.broken', {
        reason: errorText(error),
        waiting: state.post.outgoing.length,
        next: 'retries shortly',
      });
      return doors.clock.sleep(BROKEN_MS, state.loop.ending.signal);
    })
    .finally(() => {
      state.post.publishing = false;
      dropRiders(dispatcher);
      wake(dispatcher);
    });
}

/** What the running round is publishing, and how the rounds before it went. */
interface Sending {
  batch: readonly Outgoing[];
  riders: readonly Rider[];
  losses: number;
  batchMax: number;
}

/** One round after the other until nothing waits but what is refused. */
async function publishOutgoing(dispatcher: Dispatcher): Promise<void> {
  const { state, publisher } = dispatcher;
  const sending: Sending = { batch: [], riders: [], losses: 0, batchMax: BATCH_MAX };
  await gather(dispatcher);
  try {
    await publishRounds(publisher, {
      signal: state.loop.ending.signal,
      next: async () => {
        if (hasEnded(dispatcher)) return [];
        sending.batch = (await awaitDue(dispatcher)).slice(0, sending.batchMax);
        sending.riders = sending.batch.length === 0 ? [] : state.post.riders.splice(0);
        return [...sending.batch, ...sending.riders].map(({ transaction }) => transaction);
      },
      after: (round) => afterRound(dispatcher, sending, round),
    });
  } finally {
    // A round that broke: transactions that were settled before stay settled.
    for (const rider of sending.riders) rider.done(null);
  }
}

/** Settles a round, and says when the next may begin. */
async function afterRound(
  dispatcher: Dispatcher,
  sending: Sending,
  round: PublishRound,
): Promise<AfterRound> {
  const { state, doors } = dispatcher;
  for (const rider of sending.riders) rider.done(round);
  const kinds = new Set([...round.outcomes.values()].map(({ kind }) => kind));
  if (kinds.has('rewritten')) return 'end';
  const settled = await settleRound(dispatcher, sending.batch, round);
  if (kinds.has('landed')) pokeOthers(dispatcher);
  const isRefused = noteRefused(dispatcher, sending, round);
  forgetRefusals(dispatcher);
  // One reply that the remote does not take must not hold back the others: alone, and then after
  // its own pause.
  sending.batchMax = isRefused ? 1 : BATCH_MAX;
  const before = sending.losses;
  const losses = settled > 0 && !isRefused ? 0 : before + 1;
  sending.losses = losses;
  const crowd = learnCrowd(dispatcher, { round, isLost: losses > 0, isFirst: before === 0 });
  // Where pushes are counted, each takes its own turn.
  if (limitsNow(dispatcher) !== null || pushesRest(dispatcher) !== null)
    return endTurn(dispatcher, losses > 0);
  const { failure, pushMs } = round;
  if (losses > 0 && listDue(dispatcher).length > 0) {
    doors.log.status('publish.retried', {
      losses,
      waiting: state.post.outgoing.length,
      reason: failure?.line ?? (isRefused ? 'the remote refuses it' : 'another host was first'),
    });
    const isRivalry = !isRefused && failure === null;
    return isRivalry
      ? rivalryMs(losses, crowd, doors.random)
      : pauseMs(failure) + backoffMs(losses, isRefused ? REFUSED_MS : pushMs, doors.random);
  }
  const yields = hasLanded(round) && crowd.rivals > 1 && state.host.mode === 'running';
  return yields ? yieldMs(crowd, doors.random) : 'now';
}

/** After a loss a look says first what the others have pushed. */
function endTurn({ state }: Dispatcher, isLost: boolean): AfterRound {
  if (isLost && state.pace.sight === 'seen') state.pace.sight = 'old';
  return 'end';
}

function hasEnded({ state }: Dispatcher): boolean {
  return state.host.halted !== null || state.loop.ending.signal.aborted;
}

/** The wait after a failure, beside the usual one. */
function pauseMs(failure: RemoteFailure | null): number {
  return failure?.reason === 'limited' ? LIMITED_MS : 0;
}

/** What is due, or will be in a moment; nothing when all that is left waits for the next poll. */
async function awaitDue(dispatcher: Dispatcher): Promise<readonly Outgoing[]> {
  const { state, publisher } = dispatcher;
  const { signal } = state.loop.ending;
  for (;;) {
    const due = listDue(dispatcher);
    const waitMs = due.length > 0 ? null : untilDueMs(dispatcher);
    if (waitMs === null || signal.aborted) return due;
    await waitAndCatchUp(publisher, waitMs, signal);
  }
}

/**
 * Notes which of the batch cannot be published. True when the remote refuses: of several together
 * nobody knows which it means.
 */
function noteRefused(
  dispatcher: Dispatcher,
  { batch, riders }: { readonly batch: readonly Outgoing[]; readonly riders: readonly Rider[] },
  round: PublishRound,
): boolean {
  let isRefused = false;
  const pushed = [...batch, ...riders].filter(
    ({ transaction }) => !isBlocked(round.outcomes.get(transaction)),
  );
  for (const one of batch) {
    const outcome = round.outcomes.get(one.transaction);
    if (outcome?.kind !== 'refused') one.refusal = outcome === undefined ? one.refusal : null;
    else if (isClear(outcome) || pushed.length === 1) noteRefusal(dispatcher, one, outcome);
    else tellRefusal(dispatcher, outcome, {});
    isRefused ||= outcome?.kind === 'refused' && !isClear(outcome);
  }
  const { state, doors } = dispatcher;
  if (isRefused) state.post.rideAfterMs = doors.clock.monotonicMs() + RIDE_AGAIN_MS;
  return isRefused;
}

/** Whether it is clear whom a refusal means: the one that is blocked, or all alike. */
function isClear(outcome: TransactionOutcome): boolean {
  return isBlocked(outcome) || (outcome.kind === 'refused' && outcome.unmoved !== undefined);
}

function isBlocked(outcome: TransactionOutcome | undefined): boolean {
  return outcome?.kind === 'refused' && outcome.blocked === true;
}

/**
 * The first answer of several waits a moment for the others: alone it would keep them waiting for a
 * whole push. The moment is a small part of what the last push took, and nobody waits when nothing
 * else runs here. Where pushes are counted, everything has waited for its turn already.
 */
async function gather(dispatcher: Dispatcher): Promise<void> {
  const { state, doors } = dispatcher;
  if (limitsNow(dispatcher) !== null) return;
  const others = liveClaims(state.claims.own).length;
  const ms = Math.min(GATHER_MS_MAX, state.post.pushMs / GATHER_PART);
  if (others > 0 && ms >= 1) await doors.clock.sleep(ms, state.loop.ending.signal);
}

async function settleRound(
  dispatcher: Dispatcher,
  batch: readonly Outgoing[],
  round: PublishRound,
): Promise<number> {
  const settled = batch.filter(({ transaction }) => isFinal(round.outcomes.get(transaction)));
  for (const one of settled) withdraw(dispatcher, one);
  // All at once, so that they share their waits for the disk.
  await Promise.all(
    settled.map((one) => noteOutcome(dispatcher, one, round.outcomes.get(one.transaction))),
  );
  return settled.length;
}

/**
 * It is settled on the remote; what cannot be noted here must not hold back the others, and a
 * restart finds it out again.
 */
async function noteOutcome(
  { doors }: Dispatcher,
  one: Outgoing,
  outcome: TransactionOutcome | undefined,
): Promise<void> {
  try {
    if (outcome !== undefined) await one.done(outcome);
  } catch (error) {
    doors.log.alert('publish.unrecorded', { reason: errorText(error), fix: 'crosstalkd doctor' });
  }
}

function isFinal(outcome: TransactionOutcome | undefined): boolean {
  return outcome?.kind === 'landed' || outcome?.kind === 'dropped' || outcome?.kind === 'fenced';
}
