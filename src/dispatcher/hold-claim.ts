/**
 * A held claim while its attempt runs: it is renewed before the attempt continues, watched so that
 * the attempt stops before others may take over, and ended by us.
 */
import type { Oid } from '../base/ids.ts';
import { shellWord } from '../base/shell-word.ts';
import { aheadMs } from '../base/clock.ts';
import { formatClaim } from '../protocol/claim.ts';
import type { ModelEntry } from '../protocol/models.ts';
import { effectsOf } from '../protocol/list-work.ts';
import type { Dispatcher } from './dispatcher.ts';
import { awaitTurn, leaseTimes } from './keep-pace.ts';
import type { RefResult } from '../transport/repository.ts';
import {
  advance,
  dropOwn,
  isLive,
  type LiveClaim,
  type OwnClaim,
  type StopReason,
} from './own-claims.ts';
import { continuedBy, leaveCapsule } from './keep-capsules.ts';
import { isMarkedBy } from './mark-start.ts';
import { NO_RUN } from '../protocol/reply.ts';
import { lateOf, publishReply, releaseClaim } from './publish-reply.ts';
import { journal } from './write-journal.ts';

/** What every reply of a claim says, however it ended. */
export function replyBasics(dispatcher: Dispatcher, held: LiveClaim) {
  const { message, recipient } = held.work;
  return {
    message: message.path,
    channel: message.channel,
    asker: message.from,
    recipient,
    host: dispatcher.settings.alias,
    attempt: held.state.claim.attempt,
    atMs: dispatcher.doors.clock.wallMs(),
    hops: message.hops,
    ...(held.state.saved === null ? {} : { work: held.state.saved }),
    ...continuedBy(dispatcher, held),
  };
}

/**
 * The next invocation is another attempt, visible to everybody: the claim says so, and what it may
 * do, before it starts. False when the claim is lost.
 */
export async function renewClaim(
  dispatcher: Dispatcher,
  held: LiveClaim,
  entry: ModelEntry,
): Promise<boolean> {
  const { doors } = dispatcher;
  if (held.state.stopped !== null) {
    await stopClaim(dispatcher, held, '');
    return false;
  }
  await awaitTurn(dispatcher, held.abort.signal);
  const claim = {
    ...held.state.claim,
    attempt: held.state.claim.attempt + 1,
    effects: effectsOf(entry, held.work.message),
  };
  const oid = await doors.repository.writeRecord(formatClaim(claim));
  const renewed = { renewedMs: doors.clock.monotonicMs(), renewedAheadMs: aheadMs(doors.clock) };
  const before = held.state.oid;
  advance(held, { kind: 'renewing' });
  const pushed = await doors.repository.push([{ ref: held.ref, expected: before, next: oid }], {
    atomic: false,
  });
  const result = pushed.kind === 'answered' ? pushed.refs.get(held.ref) : undefined;
  const isLanded = result?.kind === 'landed';
  const standing = isLanded ? oid : await refNow(dispatcher, held.ref);
  if (!isLanded && standing === before) {
    // Nobody has taken it: the remote does not take the renewal. Anyone who can continue, may.
    doors.log.warning('claim.unrenewed', {
      message: held.work.message.path,
      model: held.work.recipient,
      reason: pushed.kind === 'unknown' ? pushed.failure.line : lineOf(result),
      next: 'releases the claim',
    });
    releaseClaim(dispatcher, held, 'unrenewed');
    return false;
  }
  if (standing !== oid) {
    doors.log.warning('claim.lost', {
      message: held.work.message.path,
      model: held.work.recipient,
      next: 'the attempt ends here; the holder of the claim continues',
    });
    await journal(dispatcher, {
      kind: 'settled',
      key: held.key,
      nonce: held.state.claim.nonce,
      how: 'lost',
    });
    dropOwn(dispatcher.state.claims.own, held);
    return false;
  }
  const nowMs = doors.clock.monotonicMs();
  advance(held, { kind: 'stands', nowMs, renewed: { claim, oid, ...renewed } });
  return true;
}

/**
 * The machine slept since the claim was last renewed: it stands, but somebody may be about to take
 * it over. Only another renewal decides who has it.
 */
export function hasSlept(dispatcher: Dispatcher, held: LiveClaim): boolean {
  const { marginMs } = leaseTimes(dispatcher);
  return aheadMs(dispatcher.doors.clock) - held.state.renewedAheadMs > marginMs;
}

function lineOf(result: RefResult | undefined): string {
  return result === undefined || result.kind === 'landed' ? 'no answer' : result.line;
}

/** Where a ref stands now; null also when the remote cannot be reached. */
export async function refNow(dispatcher: Dispatcher, ref: string): Promise<Oid | null> {
  const listed = await dispatcher.doors.repository.listRefs([ref]);
  return listed.kind === 'reached' ? (listed.value.refs.get(ref) ?? null) : null;
}

/**
 * We ended the attempt ourselves. Its output is kept, never published; whether the claim is given
 * back depends on why, and on what may have happened.
 */
export async function stopClaim(
  dispatcher: Dispatcher,
  held: LiveClaim,
  text: string,
): Promise<void> {
  const { doors, state } = dispatcher;
  const reason: StopReason = held.state.stopped ?? 'shutdown';
  doors.log.warning('attempt.stopped', {
    message: held.work.message.path,
    model: held.work.recipient,
    reason,
    next: text === '' ? 'nothing was said yet' : 'the output so far is kept under late/',
  });
  if (text !== '')
    await doors.local.keepLate(lateOf(dispatcher, held, { reason, text, form: 'part' }));
  const mayHaveActed = isMarkedBy(dispatcher, held);
  if (mayHaveActed && (reason === 'shutdown' || reason === 'lease-lapsed')) {
    const why = reason === 'shutdown' ? 'was stopped' : 'lost the remote';
    const detail = `outcome unknown: ${dispatcher.settings.alias} ${why} while running it`;
    const fix = `crosstalkd retry ${shellWord(held.work.message.path)}`;
    await publishReply(dispatcher, held, {
      ...replyBasics(dispatcher, held),
      body: `No answer: ${detail}. To ask again: ${fix}\n`,
      failure: { class: 'host-lost', detail, isUnknown: true },
      ...NO_RUN,
    });
  } else if (reason === 'claim-lost') {
    await journal(dispatcher, {
      kind: 'settled',
      key: held.key,
      nonce: held.state.claim.nonce,
      how: reason,
    });
    dropOwn(state.claims.own, held);
  } else {
    if (reason !== 'answered') await leaveCapsule(dispatcher, held);
    releaseClaim(dispatcher, held, reason);
  }
}

/** Ends a held attempt for a reason of ours. */
export function stopAttempt(claim: OwnClaim, reason: StopReason): void {
  if (!isLive(claim) || claim.state.stopped !== null) return;
  advance(claim, { kind: 'stopped', reason });
  claim.abort.abort();
}

/**
 * A holder that could not renew its lease must be silent before anybody may take over: whatever
 * else hangs, this timer does not.
 */
export async function watchLease(
  dispatcher: Dispatcher,
  held: LiveClaim,
  done: AbortSignal,
): Promise<void> {
  const { doors, state } = dispatcher;
  while (!done.aborted) {
    const { leaseMs, marginMs } = leaseTimes(dispatcher);
    const deadlineMs =
      Math.max(held.state.renewedMs, state.host.beat.startedMs) + leaseMs - marginMs;
    const leftMs = deadlineMs - doors.clock.monotonicMs();
    if (leftMs <= 0) {
      stopAttempt(held, 'lease-lapsed');
      return;
    }
    await doors.clock.sleep(leftMs, done);
  }
}
