/**
 * Claims messages: one push of create-only refs, each winning or losing on its own. A reply and the
 * deletion of its claim land together, so a claim can be won on work that was answered a moment
 * ago. Therefore an agent starts only if the push itself found the branch at a tip where the work
 * is open, or a later poll shows our claim and no reply.
 */
import { aheadMs, MINUTE, SECOND } from '../base/clock.ts';
import type { Oid } from '../base/ids.ts';
import { type Claim, formatClaim } from '../protocol/claim.ts';
import type { ModelEntry } from '../protocol/models.ts';
import { effectsOf, type Work } from '../protocol/list-work.ts';
import { parseMessagePath, ulidOf } from '../protocol/paths.ts';
import type { PushOutcome, RefUpdate, RemoteFailure } from '../transport/repository.ts';
import type { Dispatcher } from './dispatcher.ts';
import { hasRoomForTwo, mayPush } from './keep-pace.ts';
import type { LostClaim, Refusal } from './notes.ts';
import {
  advance,
  draftOwn,
  type DraftedClaim,
  dropOwn,
  type UncertainClaim,
  uncertainClaims,
} from './own-claims.ts';
import { currentWork, isStillOurs } from './follow-moves.ts';
import { hasLanded as movedBranch } from './learn-crowd.ts';
import { observe } from './observe.ts';
import { sendAlong, takesAlong } from './post.ts';
import { releaseClaim } from './publish-reply.ts';
import { isPersistentRefusal, listDue } from './refused-work.ts';
import { runClaim } from './run-attempt.ts';
import { journal } from './write-journal.ts';

const GIVE_BACK_MS = 2_000;
const CLAIM_TAKEN = 'somebody else has it';
/** A server that hides refs takes a claim and does not list it. */
const NOT_SHOWN = 'it accepts a claim and does not show it afterwards';
/** Work whose claim the remote does not take rests at least this long, doubling, and at most. */
const REFUSED_MS = 5 * SECOND;
const REFUSED_MS_MAX = 15 * MINUTE;
/** A claim lost this many times in a row without a winner was not lost but refused. */
const LOST_TO_NOBODY_MAX = 3;

/** A claim to be made. `expected`: the lapsed claim that it takes over, or null for a free one. */
export interface ClaimRequest {
  readonly work: Work;
  readonly entry: ModelEntry;
  readonly attempt: number;
  readonly expected: Oid | null;
}

/** Claims what it can of the requests and starts the agents of what it won. */
export async function claimMessages(
  dispatcher: Dispatcher,
  requests: readonly ClaimRequest[],
): Promise<void> {
  if (requests.length === 0 || !mayPush(dispatcher)) return;
  const isAlong = takesAlong(dispatcher);
  if (!isAlong && !mayClaim(dispatcher)) return;
  const { doors, state } = dispatcher;
  const drafts = await Promise.all(requests.map((request) => draftClaim(dispatcher, request)));
  const pushing = { startedMs: doors.clock.monotonicMs(), aheadMs: aheadMs(doors.clock) };
  if (isAlong) return claimAlong(dispatcher, drafts, pushing);
  const unmoved = checkUnmoved(dispatcher);
  const pushed = await doors.repository.push(
    [
      ...drafts.map(({ ref, state: { expected, oid } }) => ({ ref, expected, next: oid })),
      ...unmoved,
    ],
    { atomic: false },
  );
  const isUnmoved = unmoved.some(({ ref }) => hasLanded(pushed, ref));
  for (const draft of drafts) {
    const result = pushed.kind === 'unknown' ? undefined : pushed.refs.get(draft.ref);
    if (result?.kind === 'stale' || result?.kind === 'refused') {
      await loseClaim(dispatcher, draft, result);
      continue;
    }
    notePushed(dispatcher, draft, {
      ...pushing,
      failure: pushed.kind === 'unknown' ? pushed.failure : null,
      isProved: isUnmoved && result?.kind === 'landed',
    });
  }
  if (uncertainClaims(state.claims.own).length > 0 && (await observe(dispatcher)) === 'seen')
    await adoptClaims(dispatcher);
}

/**
 * Claims together with answers that are due: one push where pushes are few. The server moves the
 * branch and creates the claims at once, so the work is open as the tip below that push shows it.
 */
async function claimAlong(
  dispatcher: Dispatcher,
  drafts: readonly DraftedClaim[],
  pushing: { readonly startedMs: number; readonly aheadMs: number },
): Promise<void> {
  const along = drafts.map((draft) => {
    const { ref, state: drafted } = draft;
    const fences = [{ ref, expected: drafted.expected, next: drafted.oid }];
    return { draft, claim: { name: `claim ${ref}`, fences, decide: () => Promise.resolve([]) } };
  });
  const round = await sendAlong(
    dispatcher,
    along.map(({ claim }) => claim),
  );
  for (const { draft, claim } of along) {
    const outcome = round?.outcomes.get(claim);
    if (outcome?.kind === 'fenced')
      await loseClaim(dispatcher, draft, { kind: 'stale', line: CLAIM_TAKEN });
    else if (round === null || (outcome?.kind !== 'landed' && round.failure === null))
      await forgetDraft(dispatcher, draft);
    else
      notePushed(dispatcher, draft, {
        ...pushing,
        failure: round.failure,
        isProved: outcome?.kind === 'landed' && movedBranch(round),
      });
  }
}

/** A claim that may have landed; `isProved`: it is on open work. */
function notePushed(
  dispatcher: Dispatcher,
  draft: DraftedClaim,
  pushed: {
    readonly startedMs: number;
    readonly aheadMs: number;
    readonly failure: RemoteFailure | null;
    readonly isProved: boolean;
  },
): void {
  const { state, doors } = dispatcher;
  const { startedMs, failure } = pushed;
  const isLimited = failure?.reason === 'limited';
  const line = failure?.line ?? NOT_SHOWN;
  const step = { kind: 'pushed', startedMs, aheadMs: pushed.aheadMs, line, isLimited } as const;
  const isSure = pushed.isProved && hasOwnId(draft);
  const uncertain = advance(draft, step);
  state.claims.own.set(draft.key, uncertain);
  if (isSure) startWon(dispatcher, uncertain, doors.clock.monotonicMs());
}

/** Its push fell for another reason: as if it had not been made. */
async function forgetDraft(
  dispatcher: Dispatcher,
  { work: { key }, state: { claim } }: DraftedClaim,
): Promise<void> {
  await journal(dispatcher, { kind: 'settled', key, nonce: claim.nonce, how: 'lost' });
}

/**
 * The branch as a part of a push: nothing is moved, but git compares it with what the remote
 * stands at when the push begins, and says whether it is the same.
 */
function checkUnmoved({ mirror, publisher }: Dispatcher): readonly RefUpdate[] {
  const { tip } = mirror.index();
  return tip === null ? [] : [{ ref: publisher.branchRef, expected: tip, next: tip }];
}

function hasLanded(pushed: PushOutcome, ref: string): boolean {
  return pushed.kind === 'answered' && pushed.refs.get(ref)?.kind === 'landed';
}

/**
 * Whether its key stays the same wherever its message is moved. Of another message somebody may
 * have claimed the same bytes under another key: only a look at all claims shows that.
 */
function hasOwnId({ work }: DraftedClaim): boolean {
  return ulidOf(parseMessagePath(work.message.path)?.stem ?? '') !== null;
}

/** Where pushes are few, finished answers go before claims. */
function mayClaim(dispatcher: Dispatcher): boolean {
  return mayPush(dispatcher) && (listDue(dispatcher).length === 0 || hasRoomForTwo(dispatcher));
}

/**
 * Starts or gives back the claims whose push is now known to have landed; forgets the others.
 * Called after every look.
 */
export async function adoptClaims(dispatcher: Dispatcher): Promise<void> {
  const { state } = dispatcher;
  forgetRefused(dispatcher);
  for (const uncertain of uncertainClaims(state.claims.own)) {
    if (uncertain.state.renewedMs > state.seenMs) continue;
    if (state.refs.get(uncertain.ref) !== uncertain.state.oid) {
      const { isLimited, line } = uncertain.state;
      await loseClaim(dispatcher, uncertain, {
        kind: isLimited ? 'refused' : 'stale',
        line,
        isLimited,
      });
      continue;
    }
    startWon(dispatcher, uncertain, state.seenMs);
  }
}

/** Starts the agent of a claim that is known to stand since `seenMs`, if its work is open still. */
function startWon(dispatcher: Dispatcher, uncertain: UncertainClaim, seenMs: number): void {
  const { state, doors } = dispatcher;
  state.claims.refused.delete(uncertain.key);
  for (const [key, lost] of state.claims.refused)
    state.claims.refused.set(key, { ...lost, isAlone: true });
  const held = advance(uncertain, { kind: 'won', seenMs });
  const { message, recipient } = held.work;
  const fields = { message: message.path, model: recipient };
  if (!isStillOurs(dispatcher, held)) {
    doors.log.status('claim.released', { ...fields, why: 'answered meanwhile' });
    releaseClaim(dispatcher, held, 'answered');
    return;
  }
  const { attempt } = held.state.claim;
  doors.log.status('message.claimed', { ...fields, from: message.from, attempt });
  void runClaim(dispatcher, held);
}

/**
 * Takes back, at the end, claims that may or may not have landed: nothing was started for
 * them, and nobody needs to wait out their lease.
 */
export async function giveBackUncertain({ state, doors }: Dispatcher): Promise<void> {
  const given = uncertainClaims(state.claims.own);
  if (given.length === 0) return;
  const updates = given.map((claim): RefUpdate => {
    return { ref: claim.ref, expected: claim.state.oid, next: null };
  });
  // Nobody waits long for a remote that does not answer: then the lease does it, or the next start.
  await Promise.race([
    doors.repository.push(updates, { atomic: false }),
    doors.clock.sleep(GIVE_BACK_MS, state.loop.ending.signal),
  ]);
  for (const claim of given) {
    dropOwn(state.claims.own, claim);
    doors.log.status('claim.released', {
      message: claim.work.message.path,
      model: claim.work.recipient,
      why: 'shutdown',
    });
  }
}

/** A claim of this process for the next attempt at a piece of work. */
export function composeClaim(
  dispatcher: Dispatcher,
  request: Omit<ClaimRequest, 'expected'>,
): Claim {
  const { work, entry, attempt } = request;
  return {
    message: work.message.path,
    blob: work.message.blob,
    recipient: work.recipient,
    alias: dispatcher.settings.alias,
    instance: dispatcher.doors.local.instance,
    run: dispatcher.run,
    attempt,
    nonce: dispatcher.doors.random.hex(8),
    effects: effectsOf(entry, work.message),
  };
}

async function draftClaim(dispatcher: Dispatcher, request: ClaimRequest): Promise<DraftedClaim> {
  const { work } = request;
  const claim = composeClaim(dispatcher, request);
  const oid = await dispatcher.doors.repository.writeRecord(formatClaim(claim));
  await journal(dispatcher, {
    kind: 'claiming',
    key: work.key,
    nonce: claim.nonce,
    claim: oid,
  });
  return draftOwn(
    { key: work.key, ref: dispatcher.settings.refs.claims + work.key, work },
    {
      claim,
      oid,
      expected: request.expected,
    },
  );
}

/** Whether the remote refuses a claim on work that is open still. */
export function hasRefusedClaims({ state }: Pick<Dispatcher, 'state'>): boolean {
  return [...state.claims.refused.values()].some(({ refusal }) => isPersistentRefusal(refusal));
}

/** Drops refusals that have ended: somebody has the claim, or nobody wants it any more. */
function forgetRefused(dispatcher: Dispatcher): void {
  const { state, settings } = dispatcher;
  const { refused } = state.claims;
  if (refused.size === 0) return;
  const open = new Set(currentWork(dispatcher).map(({ key }) => key));
  for (const [key, { expected }] of refused)
    if (!open.has(key) || (state.refs.get(settings.refs.claims + key) ?? null) !== expected)
      refused.delete(key);
}

interface LostPush {
  readonly kind: 'stale' | 'refused';
  readonly line: string;
  /** The remote wants to be called less often. */
  readonly isLimited?: boolean;
}

/**
 * A claim that failed. As a rule another host has it; when nobody has it, repeatedly, the
 * remote does not take it, and the work rests; the model, too, where no claim is taken.
 */
async function loseClaim(
  dispatcher: Dispatcher,
  claim: DraftedClaim | UncertainClaim,
  lost: LostPush,
): Promise<void> {
  const { work } = claim;
  const { doors, state } = dispatcher;
  const { refused } = state.claims;
  const nowMs = doors.clock.monotonicMs();
  const known = refused.get(work.key);
  const before = known?.refusal;
  const isAlone = known?.isAlone ?? false;
  const alike = isAlone ? undefined : refusedAlike(refused, work.key, before?.line ?? lost.line);
  const refusal = refuseAgain(alike ?? before, lost, nowMs);
  const { line } = refusal;
  const fields = { message: work.message.path, model: work.recipient };
  if (!isPersistentRefusal(refusal)) doors.log.status('claim.lost', fields);
  else {
    const isNews = ![...refused.values()].some(
      (other) => isPersistentRefusal(other.refusal) && other.refusal.line === line,
    );
    if (isNews)
      doors.log.alert('claim.refused', { ...fields, reason: line, fix: 'crosstalkd doctor' });
    // What refuses one may take others; what refuses two in the same words refuses them all.
    if (lost.isLimited === true || alike !== undefined)
      state.models.parked.set(work.recipient, {
        untilMs: refusal.nextMs,
        why: { kind: 'claims-refused', line },
      });
  }
  refused.set(work.key, { expected: claim.state.expected, refusal, isAlone });
  dropOwn(state.claims.own, claim);
  await journal(dispatcher, {
    kind: 'settled',
    key: work.key,
    nonce: claim.state.claim.nonce,
    how: 'lost',
  });
}

/** Of other claims that are refused in the same words, with none taken since: the longest. */
function refusedAlike(
  refused: ReadonlyMap<string, LostClaim>,
  key: string,
  line: string,
): Refusal | undefined {
  return [...refused]
    .filter(([other, { isAlone }]) => other !== key && !isAlone)
    .map(([, { refusal }]) => refusal)
    .filter((refusal) => isPersistentRefusal(refusal) && refusal.line === line)
    .sort((a, b) => b.times - a.times)[0];
}

/** What is known of the refusals of one claim after another. */
function refuseAgain(before: Refusal | undefined, lost: LostPush, nowMs: number): Refusal {
  const again = (before?.times ?? 0) + 1;
  const times = lost.kind === 'refused' ? Math.max(again, LOST_TO_NOBODY_MAX) : again;
  const firstMs = lost.isLimited === true ? MINUTE : REFUSED_MS;
  const restMs =
    times < LOST_TO_NOBODY_MAX
      ? 0
      : Math.min(REFUSED_MS_MAX, firstMs * 2 ** (times - LOST_TO_NOBODY_MAX));
  return {
    // What was said first says more than "it does not stand where you said".
    line: lost.kind === 'refused' ? lost.line : (before?.line ?? lost.line),
    blockedAt: null,
    isUnmoved: false,
    times,
    sinceMs: before?.sinceMs ?? nowMs,
    nextMs: nowMs + restMs,
  };
}
