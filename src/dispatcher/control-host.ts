/**
 * Commands of this host's user to a running dispatcher (pause, resume, drain, poll, accept a
 * rewrite), and its report about itself.
 */
import { CrosstalkError } from '../base/errors.ts';
import { messageId } from '../protocol/paths.ts';
import { silentMs } from '../protocol/lease.ts';
import { listPushes } from '../protocol/turn.ts';
import { sayReason } from '../protocol/say-reason.ts';
import { beatName } from '../protocol/beat.ts';
import { sayContinues } from '../protocol/reply.ts';
import { noteOf } from './capsule-notes.ts';
import { type Dispatcher, wake } from './dispatcher.ts';
import type { HostReport } from './host-report.ts';
import { leaseTimes, limitsNow } from './keep-pace.ts';
import { tellPushes } from './keep-pushes.ts';
import { saveRests } from './keep-rests.ts';
import { listResting } from './park-model.ts';
import { blockWhatRan } from './recover.ts';
import { isPersistentRefusal } from './refused-work.ts';
import { refsUnder } from './refs-under.ts';
import { judgeAllWork } from './tick.ts';
import { heldClaims } from './own-claims.ts';

const WAITING_MAX = 1_000;

/** Claims nothing new until `resumeHost`; what runs continues. */
export function pauseHost(dispatcher: Dispatcher): HostReport {
  const { state, doors } = dispatcher;
  state.host.pausedHere = true;
  if (state.host.mode === 'running') {
    state.host.mode = 'paused';
    doors.log.status('host.paused', { by: 'this host' });
  }
  wake(dispatcher);
  return reportHost(dispatcher);
}

/**
 * Takes work again, unless all hosts are ordered to pause. Throws REFUSED for one that is about to
 * end.
 */
export function resumeHost(dispatcher: Dispatcher, model: string | null = null): HostReport {
  if (model !== null) return endRest(dispatcher, model);
  const { state, doors } = dispatcher;
  if (state.host.mode === 'draining')
    throw new CrosstalkError(
      'REFUSED',
      'this dispatcher ends when its agents finish; then start it again: crosstalkd run',
    );
  state.host.pausedHere = false;
  // Anyone who has signed in to a program says so with this.
  state.models.parked.clear();
  state.models.parks.clear();
  state.models.failures.clear();
  void saveRests(dispatcher);
  if (state.host.mode === 'paused' && state.host.control?.op !== 'pause') {
    state.host.mode = 'running';
    doors.log.status('host.running', { by: 'this host' });
  }
  wake(dispatcher);
  return reportHost(dispatcher);
}

/** Ends the rest of one model. Throws NOT_FOUND for one that does not rest. */
function endRest(dispatcher: Dispatcher, model: string): HostReport {
  const { models } = dispatcher.state;
  const spent = models.spentOut.get(model);
  if (spent !== undefined)
    throw new CrosstalkError('REFUSED', `${model} is at the end of its ${sayReason(spent)}`);
  if (!models.parked.delete(model))
    throw new CrosstalkError('NOT_FOUND', `${model} does not rest on this host`);
  models.parks.delete(model);
  models.failures.delete(model);
  void saveRests(dispatcher);
  dispatcher.doors.log.status('model.resumed', { model, by: 'this host' });
  wake(dispatcher);
  return reportHost(dispatcher);
}

/** Claims nothing new and ends when what runs is done. */
export function drainHost(dispatcher: Dispatcher): HostReport {
  const { state, doors } = dispatcher;
  if (state.host.mode !== 'draining') doors.log.status('host.draining', { by: 'this host' });
  state.host.mode = 'draining';
  wake(dispatcher);
  return reportHost(dispatcher);
}

/**
 * Takes the branch as the remote has it now, although it does not descend from what was read, or
 * its version file asks something else. Does nothing otherwise.
 */
export async function acceptRewrite(dispatcher: Dispatcher): Promise<HostReport> {
  const { doors, mirror, state } = dispatcher;
  const asOf = mirror.epoch();
  const listed = await doors.repository.listRefs([]);
  if (listed.kind === 'unreachable')
    throw new CrosstalkError('REMOTE_UNREACHABLE', listed.failure.line);
  const { tip } = listed.value;
  if (tip === null)
    throw new CrosstalkError(
      'REFUSED',
      'the branch does not exist on the remote; push it again first',
    );
  const pulled = await mirror.pull({ tip, asOf });
  if (pulled.kind === 'reached' && pulled.value.kind === 'rewritten') {
    const accepted = await mirror.accept(tip);
    if (accepted.kind === 'unreachable')
      throw new CrosstalkError('REMOTE_UNREACHABLE', accepted.failure.line);
    if (!pulled.value.descends) await blockWhatRan(dispatcher);
    doors.log.warning('transport.accepted', {
      tip,
      next: 'continues with the branch as it is now',
    });
  }
  state.host.halted = null;
  wake(dispatcher);
  return reportHost(dispatcher);
}

/** What this dispatcher says of itself now. */
export function reportHost(dispatcher: Dispatcher): HostReport {
  const { settings, state, doors, run } = dispatcher;
  const nowMs = doors.clock.monotonicMs();
  return {
    alias: settings.alias,
    instance: doors.local.instance,
    run,
    version: settings.version,
    state: state.host.mode,
    pausedHere: state.host.pausedHere,
    orderedBy: state.host.control?.by ?? null,
    slots: settings.concurrency,
    running: listRunning(dispatcher, nowMs),
    ...listWaiting(dispatcher, nowMs),
    serves: [...state.models.serving.models.keys()],
    parked: listResting(dispatcher).map(({ model, why, forMs }) => ({
      model,
      why,
      says: sayReason(why),
      forMs,
    })),
    unsent: state.post.outgoing.length,
    ...listRefused(dispatcher, nowMs),
    outage: whyAway(dispatcher),
    halted: state.host.halted !== null,
    silent: listSilent(dispatcher),
    leaseMs: leaseTimes(dispatcher).leaseMs,
    ...tellBus(dispatcher),
    pushes: tellPushes(dispatcher),
    nextLookMs: Math.max(0, state.loop.nextLookMs - nowMs),
    wakes: {
      watched: state.loop.hints.watch === 'trusted',
      heard: Object.fromEntries(state.loop.hints.heard),
    },
  };
}

/** Why the remote gives nothing, or takes nothing, now. */
function whyAway({ state: { host, pace } }: Dispatcher): string | null {
  const { outage, beat } = host;
  const refusal = isPersistentRefusal(beat.refusal) ? beat.refusal : null;
  return (outage ?? pace.unanswered ?? refusal)?.line ?? null;
}

function listRunning(dispatcher: Dispatcher, nowMs: number): HostReport['running'] {
  return heldClaims(dispatcher.state.claims.own).map(({ key, work, state: own }) => ({
    key,
    message: work.message.path,
    model: work.recipient,
    attempt: own.claim.attempt,
    forMs: own.kind === 'held' || own.startedMs === null ? null : nowMs - own.startedMs,
    publishing: own.kind === 'publishing',
    continues: sayBefore(dispatcher, key),
    asks:
      own.kind === 'publishing' || own.asking === null
        ? null
        : { question: messageId(own.asking.path), people: own.asking.people },
  }));
}

function listWaiting(
  dispatcher: Dispatcher,
  nowMs: number,
): Pick<HostReport, 'waiting' | 'waitingCount'> {
  const { firstSeen } = dispatcher.state.claims;
  const all = judgeAllWork(dispatcher).filter(({ reason }) => reason.kind !== 'held');
  const waiting = all.slice(0, WAITING_MAX).map(({ work, reason }) => ({
    key: work.key,
    reason,
    says: sayReason(reason),
    message: work.message.path,
    model: work.recipient,
    forMs: nowMs - (firstSeen.get(work.key) ?? nowMs),
    gates: dispatcher.state.workflows.gates.get(work.message.path) ?? [],
  }));
  return { waiting, waitingCount: all.length };
}

function listRefused({ state }: Dispatcher, nowMs: number): Pick<HostReport, 'refused'> {
  const refused = state.post.outgoing.flatMap(({ about, refusal }) => {
    if (refusal === null) return [];
    const { line, blockedAt, sinceMs } = refusal;
    return [{ about, reason: line, blocked: blockedAt !== null, forMs: nowMs - sinceMs }];
  });
  return { refused };
}

function tellBus(dispatcher: Dispatcher): Pick<HostReport, 'bus'> {
  const limits = limitsNow(dispatcher);
  if (limits === null) return {};
  const nowMs = dispatcher.doors.clock.monotonicMs();
  const { traffic, askedMs } = dispatcher.state.pace;
  const pushes = listPushes({ traffic, nowMs }).length;
  const wait = askedMs === null ? {} : { waitMs: Math.max(0, askedMs - nowMs) };
  return { bus: { pushes, limit: limits.pushesPerMinute, ...wait } };
}

function listSilent(dispatcher: Dispatcher): HostReport['silent'] {
  const { settings, state } = dispatcher;
  return refsUnder(state.refs, settings.refs.claims).flatMap(([ref, oid]) => {
    const claim = state.records.get(oid)?.claim ?? null;
    const silent = silentMs(state.book, {
      claim: ref,
      beat: claim === null ? null : settings.refs.hosts + beatName(claim),
    });
    return silent === null
      ? []
      : [{ key: ref.slice(settings.refs.claims.length), silentMs: silent }];
  });
}

function sayBefore(dispatcher: Dispatcher, key: string): string | null {
  const { continues } = noteOf(dispatcher, { key });
  return continues === null ? null : sayContinues(continues);
}
