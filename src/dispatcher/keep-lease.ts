/**
 * Staying alive in the eyes of the others: beats, and the end of attempts whose claim is no longer
 * ours.
 */
import { type Beat, beatName, formatBeat, parseBeatName } from '../protocol/beat.ts';
import { silentMs } from '../protocol/lease.ts';
import { replyPath } from '../protocol/paths.ts';
import type { Dispatcher } from './dispatcher.ts';
import { heldClaims, isLive, type LiveClaim, liveClaims } from './own-claims.ts';
import { listResting } from './park-model.ts';
import { stopAttempt } from './hold-claim.ts';
import { refsUnder } from './refs-under.ts';
import type { RemoteFailure } from '../transport/repository.ts';
import { isDue, isMeant, nextRefusal } from './refused-work.ts';
import { restoreClaim } from './restore-claim.ts';

/**
 * Pushes a beat when one is due: at every interval while claims are held, when what this host
 * offers changes, and now and then to be remembered.
 */
export async function keepBeat(dispatcher: Dispatcher): Promise<void> {
  const { settings, doors, state } = dispatcher;
  const nowMs = doors.clock.monotonicMs();
  const presence = describePresence(dispatcher);
  const ref = beatRef(dispatcher);
  const intervalMs =
    heldClaims(state.claims.own).length > 0 ? settings.beatMs : settings.forgetBeatMs / 3;
  const due = nowMs - state.host.beat.startedMs >= intervalMs || !state.refs.has(ref);
  if (!due && presence === state.host.beat.presence) return;
  if (!isDue(state.host.beat.refusal, { ms: nowMs, tip: null })) return;
  const next = await doors.repository.writeRecord(formatBeat(composeBeat(dispatcher)));
  const pushed = await doors.repository.push(
    [{ ref, expected: state.refs.get(ref) ?? null, next }],
    { atomic: false },
  );
  const result = pushed.kind === 'answered' ? pushed.refs.get(ref) : undefined;
  if (result?.kind === 'landed') {
    const { count } = state.host.beat;
    state.host.beat = { count: count + 1, startedMs: nowMs, presence, refusal: null };
    state.refs = new Map([...state.refs, [ref, next]]);
  } else
    noteBeatFailed(dispatcher, pushed.kind === 'unknown' ? pushed.failure : (result ?? NO_ANSWER));
}

const NO_ANSWER = { line: 'no answer' };

/**
 * Another count, so that the next try is another object; the lease goes on from the last beat that
 * landed. Nobody else moves this ref, so what repeats is no race.
 */
function noteBeatFailed(
  { state, doors }: Dispatcher,
  failed: Pick<RemoteFailure, 'line'> & Partial<RemoteFailure>,
): void {
  const { beat } = state.host;
  const { line } = failed;
  // A limit is waited out; everything else is tried again soon.
  const unmoved = failed.reason === 'limited' ? { unmoved: { reason: failed.reason, line } } : {};
  const refusal = nextRefusal(
    beat.refusal,
    { kind: 'refused', line, ...unmoved },
    { ms: doors.clock.monotonicMs(), tip: null },
  );
  state.host.beat = { ...beat, count: beat.count + 1, refusal };
  if (!isMeant(refusal))
    doors.log.warning('beat.failed', {
      reason: line,
      next: 'tries again; agents are stopped before the lease is over',
    });
  else if (!isMeant(beat.refusal))
    doors.log.alert('beat.refused', { reason: line, fix: 'crosstalkd doctor' });
}

/**
 * Removes beats of hosts that are gone for good: until then a dead host in view delays its share of
 * the work. Told by this host's own clock and only while the remote was in view; a host that was
 * merely away beats anew when it is back.
 */
export async function forgetDeadHosts(dispatcher: Dispatcher): Promise<void> {
  const { settings, doors, state } = dispatcher;
  // Nobody was silent for longer than this host has looked.
  if (state.book.connectedMs < settings.forgetBeatMs) return;
  const own = beatRef(dispatcher);
  const dead = refsUnder(state.refs, settings.refs.hosts).filter(
    ([ref, oid]) =>
      ref !== own &&
      !state.host.forgotten.has(oid) &&
      (silentMs(state.book, { claim: ref, beat: null }) ?? 0) >= settings.forgetBeatMs,
  );
  if (dead.length === 0) return;
  for (const [ref, oid] of dead) {
    state.host.forgotten.add(oid);
    doors.log.status('host.forgotten', { host: ref.slice(settings.refs.hosts.length) });
  }
  await doors.repository.push(
    dead.map(([ref, expected]) => ({ ref, expected, next: null })),
    { atomic: false },
  );
}

/** Takes this host's beat off the remote: it has ended in good order. */
export async function endBeat(dispatcher: Dispatcher): Promise<void> {
  const ref = beatRef(dispatcher);
  const expected = dispatcher.state.refs.get(ref);
  if (expected !== undefined)
    await dispatcher.doors.repository.push([{ ref, expected, next: null }], { atomic: false });
}

/**
 * Ends attempts that the last look has shown to be pointless: the claim is gone or another's, or
 * the message has its answer.
 */
export async function stopLostAttempts(dispatcher: Dispatcher): Promise<void> {
  const { state } = dispatcher;
  for (const held of state.claims.own.values()) {
    if (!isLive(held) || state.seenMs < held.state.confirmedMs) continue;
    const standing = state.refs.get(held.ref) ?? null;
    if (await isAnswered(dispatcher, held)) stopAttempt(held, 'answered');
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
      next: 'both go on; give one of them another name with --alias',
    });
  }
}

function beatRef(dispatcher: Dispatcher): string {
  return (
    dispatcher.settings.refs.hosts +
    beatName({ alias: dispatcher.settings.alias, instance: dispatcher.doors.local.instance })
  );
}

function describePresence(dispatcher: Dispatcher): string {
  const { mode } = dispatcher.state.host;
  const { serving } = dispatcher.state.models;
  // How long a rest takes, or what a budget has used, changes all the time; that the model rests is
  // all that others need at once.
  const blocked = listResting(dispatcher).map(({ model, why, untilMs }) => [
    model,
    why.kind === 'budget' ? untilMs : why,
  ]);
  return JSON.stringify([
    mode,
    dispatcher.settings.concurrency,
    [...serving.models.keys()].sort(),
    blocked,
  ]);
}

function composeBeat(dispatcher: Dispatcher): Beat {
  const { settings, state, doors, run } = dispatcher;
  return {
    alias: settings.alias,
    instance: doors.local.instance,
    run,
    count: state.host.beat.count + 1,
    version: settings.version,
    state: state.host.mode,
    slots: settings.concurrency,
    busy: liveClaims(state.claims.own).length,
    models: [...state.models.serving.models.keys()].sort(),
    blocked: listResting(dispatcher).map(({ model, why, untilMs }) => ({ model, why, untilMs })),
    pollMs: settings.pollMsMax,
    wake: settings.wakeAddress,
    ...(settings.key === undefined ? {} : { key: settings.key }),
    atMs: doors.clock.wallMs(),
  };
}
