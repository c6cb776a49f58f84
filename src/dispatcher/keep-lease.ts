/** Keeps this host's lease: sends beats, and stops attempts whose claim is no longer ours. */
import { MINUTE } from '../base/clock.ts';
import { parseBeatName } from '../protocol/beat.ts';
import { silentMs } from '../protocol/lease.ts';
import { replyPath } from '../protocol/paths.ts';
import type { Dispatcher } from './dispatcher.ts';
import { heldClaims, isLive, type LiveClaim } from './own-claims.ts';
import { hasLeftCapsule } from './keep-capsules.ts';
import { beatRef, beginBeat, describePresence, noteBeat, standingBeat } from './carry-beat.ts';
import { leaseTimes, limitsNow, mayPush } from './keep-pace.ts';
import { refNow, stopAttempt } from './hold-claim.ts';
import { refsUnder } from './refs-under.ts';
import type { PushOutcome, RefResult, RemoteFailure } from '../transport/repository.ts';
import { isDue, isPersistentRefusal, listDue, nextRefusal } from './refused-work.ts';
import { restoreClaim } from './restore-claim.ts';

/**
 * Pushes a beat alone when one is due and no other push has carried it: at every interval while
 * claims are held, when what this host offers changes, and now and then to be remembered. It can
 * wait for everything else, for a minute.
 */
export async function keepBeat(dispatcher: Dispatcher): Promise<void> {
  const { doors, state } = dispatcher;
  const nowMs = doors.clock.monotonicMs();
  const { beat } = state.host;
  const isWanted = isBeatWanted(dispatcher, nowMs);
  const dueSinceMs = isWanted ? (beat.dueSinceMs ?? nowMs) : null;
  state.host.beat = { ...beat, dueSinceMs };
  if (dueSinceMs === null || beat.isUnderWay) return;
  if (!isDue(beat.refusal, { ms: nowMs, tip: null })) return;
  if (!mayBeatAlone(dispatcher, nowMs - dueSinceMs)) return;
  const next = await beginBeat(dispatcher);
  let pushed: PushOutcome | null = null;
  let result: RefResult | undefined;
  try {
    pushed = await doors.repository.push([next.update], { atomic: false });
  } finally {
    result = pushed?.kind === 'answered' ? pushed.refs.get(next.update.ref) : undefined;
    noteBeat(dispatcher, next, result);
  }
  if (result?.kind !== 'landed')
    noteRefusal(dispatcher, pushed.kind === 'unknown' ? pushed.failure : (result ?? NO_ANSWER));
}

/** How long a beat lets everything else go first. */
const PATIENCE_MS = MINUTE;

function isBeatWanted(dispatcher: Dispatcher, nowMs: number): boolean {
  const { settings, state } = dispatcher;
  const { beat } = state.host;
  const intervalMs =
    heldClaims(state.claims.own).length > 0 || hasLeftCapsule(dispatcher)
      ? leaseTimes(dispatcher).beatMs
      : settings.forgetBeatMs / 3;
  return (
    nowMs - beat.startedMs >= intervalMs ||
    standingBeat(dispatcher) === null ||
    describePresence(dispatcher) !== beat.presence
  );
}

/** Whether it may be pushed alone after so long: what waits to be pushed may carry it soon. */
function mayBeatAlone(dispatcher: Dispatcher, waitedMs: number): boolean {
  const { doors, state } = dispatcher;
  const ageMs = doors.clock.monotonicMs() - state.host.beat.startedMs;
  const isLate =
    heldClaims(state.claims.own).length > 0 && ageMs >= 2 * leaseTimes(dispatcher).beatMs;
  const isCarried = limitsNow(dispatcher) !== null && listDue(dispatcher).length > 0;
  if (isCarried && !isLate) return false;
  const isUrgent = isLate || standingBeat(dispatcher) === null || waitedMs >= PATIENCE_MS;
  return mayPush(dispatcher, isUrgent ? 'normal' : 'low');
}

const NO_ANSWER = { line: 'no answer' };

/** Nobody else moves this ref, so what repeats is no race. */
function noteRefusal(
  { state, doors }: Dispatcher,
  failed: Pick<RemoteFailure, 'line'> & Partial<RemoteFailure>,
): void {
  const { beat } = state.host;
  const { line } = failed;
  // A limit is waited out; everything else is retried soon.
  const unmoved = failed.reason === 'limited' ? { unmoved: { reason: failed.reason, line } } : {};
  const refusal = nextRefusal(
    beat.refusal,
    { kind: 'refused', line, ...unmoved },
    { ms: doors.clock.monotonicMs(), tip: null },
  );
  state.host.beat = { ...beat, refusal };
  if (!isPersistentRefusal(refusal))
    doors.log.warning('beat.failed', {
      reason: line,
      next: 'retries; agents are stopped before the lease ends',
    });
  else if (!isPersistentRefusal(beat.refusal))
    doors.log.alert('beat.refused', { reason: line, fix: 'crosstalkd doctor' });
}

/**
 * Removes beats of hosts that are gone for good: until then a dead host in view delays its share of
 * the work. Told by this host's own clock and only while the remote was in view; a host that was
 * merely away beats again when it is back.
 */
export async function forgetDeadHosts(dispatcher: Dispatcher): Promise<void> {
  const { settings, doors, state } = dispatcher;
  await forgetOldName(dispatcher);
  // Nobody was silent for longer than this host has looked.
  if (state.book.connectedMs < settings.forgetBeatMs) return;
  const own = beatRef(dispatcher);
  const dead = refsUnder(state.refs, settings.refs.hosts).filter(
    ([ref, oid]) =>
      ref !== own &&
      !state.host.forgotten.has(oid) &&
      (silentMs(state.book, { claim: ref, beat: null }) ?? 0) >= settings.forgetBeatMs,
  );
  if (dead.length === 0 || !mayPush(dispatcher, 'low')) return;
  for (const [ref, oid] of dead) {
    state.host.forgotten.add(oid);
    doors.log.status('host.forgotten', { host: ref.slice(settings.refs.hosts.length) });
  }
  await doors.repository.push(
    dead.map(([ref, expected]) => ({ ref, expected, next: null })),
    { atomic: false },
  );
}

/** The beat of this host under a name that it had before; once: a copy of it may go on with it. */
async function forgetOldName(dispatcher: Dispatcher): Promise<void> {
  const { settings, doors, state } = dispatcher;
  const old = refsUnder(state.refs, settings.refs.hosts).filter(([ref]) => {
    const host = parseBeatName(ref.slice(settings.refs.hosts.length));
    const isOld = host?.instance === doors.local.instance && host.alias !== settings.alias;
    return isOld && !state.host.warnedTwins.has(ref);
  });
  if (old.length === 0 || !mayPush(dispatcher, 'low')) return;
  for (const [ref] of old) state.host.warnedTwins.add(ref);
  await doors.repository.push(
    old.map(([ref, expected]) => ({ ref, expected, next: null })),
    { atomic: false },
  );
}

/**
 * Takes this host's beat off the remote: it has ended in good order. Where pushes are counted and
 * used up it stays, and is forgotten later; so it does after a few pushes without success, each on
 * what stands there: one whose answer was lost may have landed.
 */
export async function endBeat(dispatcher: Dispatcher): Promise<void> {
  const { host } = dispatcher.state;
  // One that is under way moves what is taken away here, and one that came later would stay.
  while (host.beat.isUnderWay) await dispatcher.doors.clock.sleep(50);
  host.beat = { ...host.beat, isUnderWay: true };
  const ref = beatRef(dispatcher);
  let expected = standingBeat(dispatcher);
  for (let tries = 0; tries < END_TRIES_MAX; tries += 1) {
    if (expected === null || !mayPush(dispatcher)) return;
    const update = { ref, expected, next: null };
    const pushed = await dispatcher.doors.repository.push([update], { atomic: false });
    if (pushed.kind === 'answered' && pushed.refs.get(ref)?.kind === 'landed') return;
    expected = await refNow(dispatcher, ref);
  }
}

const END_TRIES_MAX = 3;

/**
 * Ends attempts that the last look has shown to be pointless: the claim is gone or another's, or
 * the message has its answer, or is asked again.
 */
export async function stopLostAttempts(dispatcher: Dispatcher): Promise<void> {
  const { state } = dispatcher;
  for (const held of state.claims.own.values()) {
    if (!isLive(held) || state.seenMs < held.state.confirmedMs) continue;
    const standing = state.refs.get(held.ref) ?? null;
    if (await isAnswered(dispatcher, held)) stopAttempt(held, 'answered');
    else if (isAskedAgain(dispatcher, held)) stopAttempt(held, 'asked again');
    else if (standing !== held.state.oid && !(await restoreClaim(dispatcher, held, standing)))
      stopAttempt(held, 'claim-lost');
  }
  warnOfTwins(dispatcher);
}

async function isAnswered({ mirror, doors }: Dispatcher, { work }: LiveClaim): Promise<boolean> {
  const { tip, messages } = mirror.index();
  if (
    tip === null ||
    (messages.get(work.message.path)?.recipients.some(({ name }) => name === work.recipient) ??
      false)
  )
    return false;
  // Not open any more: answered by hand, or moved or deleted, in which case the claimed work goes
  // on.
  const [reply] = await doors.repository.lookUp(tip, [
    replyPath(work.message.path, work.recipient),
  ]);
  return reply != null;
}

/** Somebody wants it from another host or model. What may have acted is waited for. */
function isAskedAgain({ mirror }: Dispatcher, { state: { claim }, work }: LiveClaim): boolean {
  return claim.effects === 'none' && mirror.index().superseded.has(work.message.path);
}

/**
 * Another living host under our alias: both may work, each under its own claims, but `opus@alias`
 * means two machines.
 */
function warnOfTwins(dispatcher: Dispatcher): void {
  const { settings, doors, state } = dispatcher;
  for (const [ref] of refsUnder(state.refs, settings.refs.hosts)) {
    const name = ref.slice(settings.refs.hosts.length);
    const host = name.startsWith(settings.alias) ? parseBeatName(name) : null;
    if (host?.alias !== settings.alias || host.instance === doors.local.instance) continue;
    if ((state.book.refs.get(ref)?.sinceMs ?? 0) === 0 || state.host.warnedTwins.has(ref)) continue;
    state.host.warnedTwins.add(ref);
    doors.log.warning('host.alias-twice', {
      alias: settings.alias,
      other: host.instance,
      next: 'both continue; rename one of them with --alias',
    });
  }
}
