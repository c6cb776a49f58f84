/**
 * The life of a dispatcher: recover, tick until told to stop, then shut down cleanly. It sleeps
 * between ticks, shorter after activity and longer when idle; anything that finishes here wakes it.
 */
import { CrosstalkError, errorText } from '../base/errors.ts';
import { encodeIndex } from '../protocol/index-checkpoint.ts';
import { type Dispatcher, wake } from './dispatcher.ts';
import { leaseTimes, watchPauseMs } from './keep-pace.ts';
import { endBeat } from './keep-lease.ts';
import { giveBackUncertain, hasRefusedClaims } from './claim-message.ts';
import { recoverLocal } from './recover.ts';
import { resumePublishing } from './post.ts';
import { pushesRest } from './rest-pushes.ts';
import { refsUnder } from './refs-under.ts';
import { takesTime } from '../transport/git-failure.ts';
import { isPersistentRefusal, isStuck, outageMs } from './refused-work.ts';
import { stopAttempt } from './hold-claim.ts';
import { sawOutage } from './observe.ts';
import { judgeAllWork, tick, type TickResult } from './tick.ts';
import { workInHand } from './work-in-hand.ts';

export interface LoopOptions {
  /** Ends when nothing is left that this host could do. */
  readonly once: boolean;
  /** First abort: finish what runs, within `graceMs`. */
  readonly stop: AbortSignal;
  /** Second abort: end now. */
  readonly kill: AbortSignal;
  /** Asked while the branch is gone from the remote: it stands there by another name. */
  readonly isRenamed?: () => Promise<boolean>;
}

/**
 * Why the loop ended; `ordered`: by an order to all hosts, from another machine; `renamed`: to be
 * begun again on the branch's new name.
 */
export type LoopEnd =
  'stopped' | 'ordered' | 'nothing-left' | 'refused' | 'unreachable' | 'halted' | 'renamed';

/** With `--once`: polls that may fail in a row before it gives up. */
const ONCE_OUTAGES_MAX = 3;
/** A restart reads what changed since the last checkpoint; more often than this gains nothing. */
const CHECKPOINT_MS = 5_000;
/** Advances of the branch after which the cache is looked after. */
const UPKEEP_IDLE = 16;
const UPKEEP_BUSY = 128;
/** From telling agents to end until the last of what they started is killed. */
const KILL_MS = 6_000;
/**
 * An immediate end: the time for pushes under way, so that no claim and no beat are left behind.
 */
const LEAVE_MS = 3_000;
/** While an observer waits for a lease it must look at least this often in it. */
const LOOKS_PER_LEASE = 8;

/** Runs until stopped. Throws only when local state cannot be read. */
export async function runDispatcher(
  dispatcher: Dispatcher,
  options: LoopOptions,
): Promise<LoopEnd> {
  const { doors, state } = dispatcher;
  const onStop = (): void => {
    doors.repository.hurry();
    state.host.mode = 'draining';
    wake(dispatcher);
  };
  options.stop.addEventListener('abort', onStop);
  doors.log.status('dispatcher.started', {
    alias: dispatcher.settings.alias,
    run: dispatcher.run,
    instance: doors.local.instance,
  });
  await recoverLocal(dispatcher);
  const pace: Pace = {
    quietMs: dispatcher.settings.pollMsMin,
    failures: 0,
    checkpointOf: null,
    checkpointMs: Number.NEGATIVE_INFINITY,
  };
  const end = await keepTicking(dispatcher, options, pace);
  await shutDown(dispatcher, options);
  // Up to its own last reply: a rewrite that drops just that must be noticed by the next start.
  await checkpoint(dispatcher, { ...pace, checkpointMs: Number.NEGATIVE_INFINITY });
  state.loop.ending.abort();
  options.stop.removeEventListener('abort', onStop);
  doors.log.status('dispatcher.ended', { why: end, outbox: state.post.outgoing.length });
  return end;
}

async function keepTicking(
  dispatcher: Dispatcher,
  options: LoopOptions,
  pace: Pace,
): Promise<LoopEnd> {
  const { state } = dispatcher;
  while (!isStopped(options)) {
    const result = await tickOnce(dispatcher);
    pace.failures = result === 'unreachable' ? pace.failures + 1 : 0;
    if (result === 'done') {
      await checkpoint(dispatcher, pace);
      maintainCache(dispatcher);
    }
    // Agents that run have until their end: what they say waits in the outbox.
    const isIdle = workInHand(state).attempts.length === 0;
    if (state.host.halted?.now === null && isIdle && (await options.isRenamed?.()) === true)
      return 'renamed';
    if (state.host.stopOrdered) return 'ordered';
    if (state.host.mode === 'draining' && workInHand(state).held === 0)
      return state.host.drainOrdered ? 'ordered' : 'stopped';
    const end = options.once ? endOfOnce(dispatcher, result, pace.failures) : null;
    if (end !== null) return end;
    // A look that fails takes long, and the rest after it longer: an order to stop that came
    // meanwhile must not wait for either.
    if (!isStopped(options)) await waitForNextPoll(dispatcher, result, pace);
  }
  return 'stopped';
}

function isStopped({ stop }: LoopOptions): boolean {
  return stop.aborted;
}

/**
 * Packs what lies loose in the cache: soon when nothing is going on, at last also when something
 * always is. Beats continue meanwhile.
 */
function maintainCache({ state, doors, mirror }: Dispatcher): void {
  const { upkeep } = state.loop;
  const { held, unsent } = workInHand(state);
  const isIdle = held + unsent === 0;
  if (upkeep.running || mirror.epoch() - upkeep.epoch < (isIdle ? UPKEEP_IDLE : UPKEEP_BUSY))
    return;
  Object.assign(upkeep, { running: true, epoch: mirror.epoch() });
  doors.repository
    .maintain()
    .catch((error: unknown) =>
      doors.log.warning('cache.unkept', {
        reason: errorText(error),
        next: 'continues; retries later',
      }),
    )
    .finally(() => (upkeep.running = false));
}

async function tickOnce(dispatcher: Dispatcher): Promise<TickResult> {
  try {
    return await tick(dispatcher);
  } catch (error) {
    // A partial cache reads older contents from the remote, and that may be down for a while.
    if (error instanceof CrosstalkError && error.code === 'REMOTE_UNREACHABLE') {
      sawOutage(dispatcher, { reason: 'unknown', line: errorText(error) });
      return 'unreachable';
    }
    // A full disk empties again, and until then the agents that run must not be left without their
    // dispatcher.
    if (
      error instanceof CrosstalkError &&
      error.code !== 'INTERNAL' &&
      error.code !== 'STATE_UNUSABLE'
    )
      throw error;
    dispatcher.doors.log.alert('tick.broken', {
      reason: errorText(error),
      fix: 'crosstalkd doctor',
    });
    return 'unreachable';
  }
}

interface Pace {
  quietMs: number;
  failures: number;
  checkpointOf: string | null;
  checkpointMs: number;
}

async function waitForNextPoll(
  dispatcher: Dispatcher,
  result: TickResult,
  pace: Pace,
): Promise<void> {
  const { settings, state, doors } = dispatcher;
  const { pollMsMin, pollMsMax } = settings;
  pace.quietMs = state.loop.active ? pollMsMin : Math.min(pollMsMax, pace.quietMs * 2);
  const woken = state.loop.wake.signal.aborted;
  state.loop.active = false;
  state.loop.wake = new AbortController();
  if (woken && result === 'done') return;
  const watching = refsUnder(state.refs, settings.refs.claims).length > 0;
  const { leaseMs } = leaseTimes(dispatcher);
  const lookMsMax = leaseMs / LOOKS_PER_LEASE;
  const lookMs = watching ? Math.min(pace.quietMs, lookMsMax) : pace.quietMs;
  const isLimited = state.host.outage?.reason === 'limited';
  // Anyone who holds claims must be back with a beat before they lapse.
  const outageMsMax = workInHand(state).held === 0 ? Infinity : isLimited ? leaseMs / 2 : lookMsMax;
  const { askedMs } = state.pace;
  const untilMs = askedMs === null ? Infinity : Math.max(0, askedMs - doors.clock.monotonicMs());
  // In time for its turn, and before it often enough to see when the others push: all must agree
  // on when a round began.
  const watchMs = watchPauseMs(dispatcher);
  const turnMs = untilMs < 2 * watchMs ? untilMs : watchMs;
  const { failures } = pace;
  const waitMs =
    result === 'unreachable'
      ? Math.min(outageMs({ failures, isLimited, pollMsMin }), outageMsMax)
      : lookMs;
  // Jitter keeps hosts that started together from looking together for ever.
  const jitteredMs = waitMs * (0.75 + 0.5 * doors.random.next());
  const restMs = result === 'done' ? Math.min(jitteredMs, turnMs) : jitteredMs;
  state.loop.nextLookMs = doors.clock.monotonicMs() + restMs;
  await doors.clock.sleep(restMs, state.loop.wake.signal);
}

function endOfOnce(dispatcher: Dispatcher, result: TickResult, failures: number): LoopEnd | null {
  const { state } = dispatcher;
  if (result === 'halted') return 'halted';
  if (result === 'unreachable')
    return failures >= outagesMax(state.host) && workInHand(state).attempts.length === 0
      ? 'unreachable'
      : null;
  const stuck = isStuck(dispatcher);
  const isResting = pushesRest(dispatcher) !== null;
  if (isResting ? workInHand(state).attempts.length > 0 : isBusy(dispatcher, stuck)) return null;
  const isRefused =
    stuck || isResting || state.host.beat.refusal !== null || hasRefusedClaims(dispatcher);
  return isRefused ? 'refused' : 'nothing-left';
}

/** Whether something is under way, or ready. `stuck`: what is to be published cannot be. */
function isBusy(dispatcher: Dispatcher, stuck: boolean): boolean {
  const { state } = dispatcher;
  const isAsking = [...state.workflows.runs.values()].some(
    ({ askedMs }) => askedMs === Number.NEGATIVE_INFINITY,
  );
  const hand = workInHand(state);
  const { refusal } = state.host.beat;
  return (
    isAsking ||
    // Something ended since the look: what it freed, a claim that was removed for one, is seen by
    // the next.
    state.loop.wake.signal.aborted ||
    // A reply that landed since then may move a run on.
    (state.workflows.runs.size > 0 &&
      state.host.mode === 'running' &&
      state.workflows.advancedTip !== dispatcher.mirror.index().tip) ||
    hand.uncertain > 0 ||
    hand.isPublishing ||
    // A beat that failed once or twice may have had bad luck.
    (refusal !== null && !isPersistentRefusal(refusal)) ||
    // Runs, claims and schedules that wait for what cannot be published wait for a person.
    (stuck ? hand.attempts.length > 0 : hand.held + hand.unsent + hand.runs > 0) ||
    judgeAllWork(dispatcher).some(({ reason }) => reason.kind === 'ready')
  );
}

/** A remote that limits calls is not called again at once; one that is silent has had its time. */
function outagesMax({ outage }: Dispatcher['state']['host']): number {
  return outage !== null && takesTime(outage) ? 1 : ONCE_OUTAGES_MAX;
}

async function checkpoint(dispatcher: Dispatcher, pace: Pace): Promise<void> {
  const index = dispatcher.mirror.index();
  const nowMs = dispatcher.doors.clock.monotonicMs();
  if (index.tip === pace.checkpointOf || nowMs - pace.checkpointMs < CHECKPOINT_MS) return;
  pace.checkpointMs = nowMs;
  try {
    await dispatcher.doors.local.writeCheckpoint(encodeIndex(index));
    pace.checkpointOf = index.tip;
  } catch (error) {
    // It only saves reading at the next start: a full disk must not take the dispatcher from the
    // agents that run.
    dispatcher.doors.log.warning('checkpoint.unwritten', {
      reason: errorText(error),
      next: 'continues; retries later',
    });
  }
}

/**
 * Lets running agents finish within the grace, ends the rest, and publishes what there is to
 * publish. No program outlives this.
 */
async function shutDown(dispatcher: Dispatcher, options: LoopOptions): Promise<void> {
  const { state, settings, doors } = dispatcher;
  state.host.mode = 'draining';
  state.pace.sight = 'leaving';
  const deadlineMs = doors.clock.monotonicMs() + settings.graceMs;
  const stopAtMs = deadlineMs - Math.min(settings.graceMs / 2, KILL_MS);
  let [killAtMs, leaveAtMs] = [deadlineMs + KILL_MS, deadlineMs];
  for (let hand = workInHand(state); hand.held + hand.unsent > 0; hand = workInHand(state)) {
    const nowMs = doors.clock.monotonicMs();
    if (options.kill.aborted) {
      killAtMs = Math.min(killAtMs, nowMs + KILL_MS);
      leaveAtMs = Math.min(leaveAtMs, nowMs + LEAVE_MS);
    }
    const running = hand.attempts;
    if (nowMs >= stopAtMs || options.kill.aborted)
      for (const held of running) stopAttempt(held, 'shutdown');
    const over = nowMs >= leaveAtMs || cannotPublish(dispatcher);
    if (running.length === 0 ? over : nowMs >= killAtMs) break;
    resumePublishing(dispatcher);
    await doors.clock.sleep(50, options.kill.aborted ? undefined : options.kill);
  }
  if (state.host.halted !== null) return;
  await giveBackUncertain(dispatcher);
  if (state.host.outage !== null) return;
  const ended = endBeat(dispatcher);
  await (options.kill.aborted
    ? Promise.race([ended, doors.clock.sleep(LEAVE_MS, state.loop.ending.signal)])
    : ended);
}

function cannotPublish(dispatcher: Dispatcher): boolean {
  const { host, seenMs } = dispatcher.state;
  return (
    isStuck(dispatcher) ||
    pushesRest(dispatcher) !== null ||
    host.halted !== null ||
    host.outage !== null ||
    seenMs === Number.NEGATIVE_INFINITY
  );
}
