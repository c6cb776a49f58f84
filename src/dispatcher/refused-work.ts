/**
 * Transactions that cannot be published now because something is in the way on the branch or the
 * remote forbids them. They stay, block nothing else, and are retried less and less often; an
 * obstacle can only have gone when the branch has moved.
 */
import type { Clock } from '../base/clock.ts';
import { MINUTE, SECOND } from '../base/clock.ts';
import type { Oid } from '../base/ids.ts';
import { UNMOVED_MAX, unmovedMs } from '../transport/wait-after-loss.ts';
import type { TransactionOutcome } from '../transport/transaction.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { Outgoing, Refusal } from './notes.ts';

export type Refused = Extract<TransactionOutcome, { kind: 'refused' }>;

const PAUSE_MS = SECOND;
/** Pause of who asks too often: what limits it counts by minutes. */
export const LIMITED_MS = MINUTE;
const PAUSE_MS_MAX = 5 * MINUTE;
/** A remote may forbid something for a moment; this often in a row it means it. */
const TIMES_MEANT = 3;

/** How long to wait for a remote that failed so often in a row; without jitter. Pure. */
export function outageMs(outage: {
  /** At least 1. */
  readonly failures: number;
  readonly isLimited: boolean;
  readonly pollMsMin: number;
}): number {
  const times = Math.min(outage.failures, 20);
  const limitedMs = outage.isLimited ? LIMITED_MS * 2 ** (times - 1) : 0;
  return Math.min(PAUSE_MS_MAX, Math.max(outage.pollMsMin * 2 ** times, limitedMs));
}

/** The next state of one that was refused (again). Pure. */
export function nextRefusal(
  before: Refusal | null,
  outcome: Refused,
  now: { readonly ms: number; readonly tip: Oid | null },
): Refusal {
  const isLimited = outcome.unmoved?.reason === 'limited';
  const isUnmoved = outcome.unmoved !== undefined && !isLimited;
  const again = (before?.times ?? 0) + 1;
  const times = isLimited ? Math.max(again, TIMES_MEANT) : again;
  const pauseMs = isLimited
    ? LIMITED_MS * 2 ** Math.min(times - TIMES_MEANT, 20)
    : isUnmoved
      ? unmovedMs(times)
      : PAUSE_MS * 2 ** Math.min(times - 1, 20);
  return {
    line: outcome.line,
    blockedAt: outcome.blocked === true ? { tip: now.tip } : null,
    isUnmoved,
    times,
    sinceMs: before?.sinceMs ?? now.ms,
    nextMs: now.ms + Math.min(PAUSE_MS_MAX, pauseMs),
  };
}

/** Whether it is time to try it. Pure. */
export function isDue(
  refusal: Refusal | null,
  now: { readonly ms: number; readonly tip: Oid | null },
): boolean {
  if (refusal === null || now.ms >= refusal.nextMs) return true;
  return refusal.blockedAt !== null && refusal.blockedAt.tip !== now.tip;
}

/**
 * Whether this host has to give up on it for now: nothing but the branch, the remote or a person
 * can change that. Pure.
 */
export function isPersistentRefusal(refusal: Refusal | null): boolean {
  if (refusal === null) return false;
  const timesMax = refusal.isUnmoved ? UNMOVED_MAX : TIMES_MEANT;
  return refusal.blockedAt !== null || refusal.times >= timesMax;
}

/**
 * How long until something is due that only had a moment of trouble; null when nothing is. What is
 * refused waits for the next look instead.
 */
export function untilDueMs({ state, doors }: Pick<Dispatcher, 'state' | 'doors'>): number | null {
  const nowMs = doors.clock.monotonicMs();
  const waits = state.post.outgoing.flatMap(({ refusal }) =>
    refusal?.isUnmoved === true && !isPersistentRefusal(refusal)
      ? [Math.max(0, refusal.nextMs - nowMs)]
      : [],
  );
  return waits.length === 0 ? null : Math.min(...waits);
}

/** What of the outgoing is to be tried now. */
export function listDue({
  state,
  doors,
  mirror,
}: Pick<Dispatcher, 'state' | 'doors' | 'mirror'>): readonly Outgoing[] {
  const now = momentOf(doors.clock, mirror.index().tip);
  return state.post.outgoing.filter(({ refusal }) => isDue(refusal, now));
}

/** True when something is left to publish and none of it can be. */
export function isStuck({ state }: Pick<Dispatcher, 'state'>): boolean {
  return (
    !state.post.publishing &&
    state.post.outgoing.length > 0 &&
    state.post.outgoing.every(({ refusal }) => isPersistentRefusal(refusal))
  );
}

/**
 * Notes that one was refused, and reports it: each reason once while it lasts, and what may have
 * been a moment of trouble only when it has lasted.
 */
export function noteRefusal(dispatcher: Dispatcher, one: Outgoing, outcome: Refused): void {
  const { doors, mirror } = dispatcher;
  one.refusal = nextRefusal(one.refusal, outcome, momentOf(doors.clock, mirror.index().tip));
  if (outcome.unmoved === undefined || isPersistentRefusal(one.refusal))
    tellRefusal(dispatcher, outcome, { message: one.about });
}

/** Reports a refusal. `fields`: its subject, when there is one. */
export function tellRefusal(
  { doors, state }: Dispatcher,
  outcome: Refused,
  fields: Readonly<Record<string, string>>,
): void {
  if (state.post.refusalsTold.has(outcome.line)) return;
  state.post.refusalsTold.add(outcome.line);
  doors.log.alert('publish.refused', {
    ...fields,
    reason: outcome.line,
    waiting: state.post.outgoing.length,
    fix: fixOf(outcome.blocked === true),
  });
}

/** Nothing refused is left: a refusal from now on is news. */
export function forgetRefusals({ state }: Dispatcher): void {
  if (state.post.outgoing.every(({ refusal }) => refusal === null)) state.post.refusalsTold.clear();
}

/** What a person does about it. */
export function fixOf(blocked: boolean): string {
  return blocked ? 'remove what is in the way: git rm, commit, push' : 'crosstalkd doctor';
}

function momentOf(
  clock: Clock,
  tip: Oid | null,
): { readonly ms: number; readonly tip: Oid | null } {
  return { ms: clock.monotonicMs(), tip };
}
