/**
 * Where a message is claimed: one push of create-only refs, each winning or losing by itself. An
 * agent starts only after a look at the remote that is later than the push has shown our claim and
 * no reply, because a reply and the deletion of its claim land together.
 */
import { aheadMs, MINUTE, SECOND } from '../base/clock.ts';
import type { Oid } from '../base/ids.ts';
import { type Claim, formatClaim } from '../protocol/claim.ts';
import type { ModelEntry } from '../protocol/models.ts';
import { effectsOf, type Work } from '../protocol/open-work.ts';
import type { RefUpdate } from '../transport/repository.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { Held, Refusal, UncertainClaim } from './state.ts';
import { currentWork, isStillOurs } from './follow-moves.ts';
import { observe } from './observe.ts';
import { releaseClaim } from './publish-reply.ts';
import { isMeant } from './refused-work.ts';
import { runClaim } from './run-attempt.ts';
import { journal } from './write-journal.ts';

const GIVE_BACK_MS = 2_000;
/** A server that hides refs takes a claim and does not list it. */
const NOT_SHOWN = 'it takes a claim and does not show it afterwards';
/** A model whose claims the remote does not take rests at least so long, doubling, and at most. */
const REFUSED_MS = 5 * SECOND;
const REFUSED_MS_MAX = 15 * MINUTE;
/** A claim lost so often in a row to nobody was not lost but refused. */
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
  if (requests.length === 0) return;
  const { doors, state } = dispatcher;
  const drafts = await Promise.all(requests.map((request) => draftClaim(dispatcher, request)));
  const pushing = { startedMs: doors.clock.monotonicMs(), aheadMs: aheadMs(doors.clock) };
  const pushed = await doors.repository.push(
    drafts.map(({ update }) => update),
    { atomic: false },
  );
  for (const { request, claim, update, oid } of drafts) {
    const { work } = request;
    const result = pushed.kind === 'unknown' ? undefined : pushed.refs.get(update.ref);
    if (result?.kind === 'stale' || result?.kind === 'refused')
      await loseClaim(dispatcher, work, { claim, expected: update.expected, ...result });
    else
      state.claims.uncertain.set(update.ref, {
        oid,
        work,
        claim,
        expected: update.expected,
        ...pushing,
        line: pushed.kind === 'unknown' ? pushed.failure.line : NOT_SHOWN,
        isLimited: pushed.kind === 'unknown' && pushed.failure.reason === 'limited',
      });
  }
  if (state.claims.uncertain.size > 0 && (await observe(dispatcher)) === 'seen')
    await adoptClaims(dispatcher);
}

/**
 * Starts or gives back the claims whose push is now known to have landed; forgets the others.
 * Called after every look.
 */
export async function adoptClaims(dispatcher: Dispatcher): Promise<void> {
  const { state, doors } = dispatcher;
  forgetRefused(dispatcher);
  for (const [ref, pushed] of state.claims.uncertain) {
    if (pushed.startedMs > state.seenMs) continue;
    state.claims.uncertain.delete(ref);
    if (state.refs.get(ref) !== pushed.oid) {
      const kind = pushed.isLimited ? 'refused' : 'stale';
      await loseClaim(dispatcher, pushed.work, { ...pushed, kind });
      continue;
    }
    state.claims.refused.delete(pushed.work.key);
    const held = holdClaim(dispatcher, ref, pushed);
    if (!isStillOurs(dispatcher, held)) {
      doors.log.status('claim.released', {
        message: pushed.work.message.path,
        model: pushed.work.recipient,
        why: 'answered meanwhile',
      });
      releaseClaim(dispatcher, held, 'answered');
      continue;
    }
    doors.log.status('message.claimed', {
      message: pushed.work.message.path,
      model: pushed.work.recipient,
      from: pushed.work.message.from,
      attempt: pushed.claim.attempt,
    });
    void runClaim(dispatcher, held);
  }
}

/**
 * Takes back, at the end, claims of which nobody knows whether they landed: nothing was started for
 * them, and nobody has to wait out their lease.
 */
export async function giveBackUncertain({ state, doors }: Dispatcher): Promise<void> {
  const given = [...state.claims.uncertain];
  if (given.length === 0) return;
  const updates = given.map(([ref, { oid }]): RefUpdate => ({ ref, expected: oid, next: null }));
  // Nobody waits long for a remote that does not answer: then the lease does it, or the next start.
  await Promise.race([
    doors.repository.push(updates, { atomic: false }),
    doors.clock.sleep(GIVE_BACK_MS, state.loop.ending.signal),
  ]);
  for (const [ref, { work }] of given) {
    state.claims.uncertain.delete(ref);
    doors.log.status('claim.released', {
      message: work.message.path,
      model: work.recipient,
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

interface Draft {
  readonly request: ClaimRequest;
  readonly claim: Claim;
  readonly oid: Oid;
  readonly update: RefUpdate;
}

async function draftClaim(dispatcher: Dispatcher, request: ClaimRequest): Promise<Draft> {
  const claim = composeClaim(dispatcher, request);
  const oid = await dispatcher.doors.repository.writeRecord(formatClaim(claim));
  await journal(dispatcher, {
    kind: 'claiming',
    key: request.work.key,
    nonce: claim.nonce,
    claim: oid,
  });
  return {
    request,
    claim,
    oid,
    update: {
      ref: dispatcher.settings.refs.claims + request.work.key,
      expected: request.expected,
      next: oid,
    },
  };
}

/** Whether the remote refuses a claim on work that is open still. */
export function hasRefusedClaims({ state }: Pick<Dispatcher, 'state'>): boolean {
  return [...state.claims.refused.values()].some(({ refusal }) => isMeant(refusal));
}

/** Lets go of refusals that have ended: somebody has the claim, or nobody wants it any more. */
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
  readonly claim: Claim;
  readonly expected: Oid | null;
  readonly kind: 'stale' | 'refused';
  readonly line: string;
  /** The remote wants to be called less often. */
  readonly isLimited?: boolean;
}

/**
 * A claim that did not come about. As a rule another host has it; when nobody has, and again, the
 * remote does not take it, and the model rests.
 */
async function loseClaim(dispatcher: Dispatcher, work: Work, lost: LostPush): Promise<void> {
  const { doors, state } = dispatcher;
  const { refused } = state.claims;
  const nowMs = doors.clock.monotonicMs();
  const before = refused.get(work.key)?.refusal;
  const again = (before?.times ?? 0) + 1;
  const times = lost.kind === 'refused' ? Math.max(again, LOST_TO_NOBODY_MAX) : again;
  // What was said first says more than "it does not stand where you said".
  const line = lost.kind === 'refused' ? lost.line : (before?.line ?? lost.line);
  const refusal: Refusal = {
    line,
    blockedAt: null,
    isUnmoved: false,
    times,
    sinceMs: before?.sinceMs ?? nowMs,
    nextMs: nowMs,
  };
  const fields = { message: work.message.path, model: work.recipient };
  if (!isMeant(refusal)) doors.log.status('claim.lost', fields);
  else {
    const isNews = ![...refused.values()].some(
      (other) => isMeant(other.refusal) && other.refusal.line === line,
    );
    if (isNews)
      doors.log.alert('claim.refused', { ...fields, reason: line, fix: 'crosstalkd doctor' });
    const firstMs = lost.isLimited === true ? MINUTE : REFUSED_MS;
    const restMs = Math.min(REFUSED_MS_MAX, firstMs * 2 ** (times - LOST_TO_NOBODY_MAX));
    state.models.parked.set(work.recipient, {
      untilMs: nowMs + restMs,
      why: { kind: 'claims-refused', line },
    });
  }
  refused.set(work.key, { expected: lost.expected, refusal });
  await journal(dispatcher, {
    kind: 'settled',
    key: work.key,
    nonce: lost.claim.nonce,
    how: 'lost',
  });
}

function holdClaim(dispatcher: Dispatcher, ref: string, pushed: UncertainClaim): Held {
  const held: Held = {
    key: pushed.work.key,
    ref,
    work: pushed.work,
    claim: pushed.claim,
    oid: pushed.oid,
    renewedMs: pushed.startedMs,
    renewedAheadMs: pushed.aheadMs,
    confirmedMs: dispatcher.state.seenMs,
    phase: 'attempt',
    stopped: null,
    abort: new AbortController(),
    startedMs: null,
    restores: 0,
  };
  dispatcher.state.claims.held.set(held.key, held);
  return held;
}
