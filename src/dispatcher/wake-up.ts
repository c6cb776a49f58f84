/**
 * Wakes the loop before its pause ends. All sources call `hint`, which only means "poll now":
 * nothing else is believed, and any number of hints causes at most one poll per shortest pause.
 */
import { MINUTE } from '../base/clock.ts';
import { type Dispatcher, wake } from './dispatcher.ts';
import type { WakeSource } from './hints.ts';
import { refsUnder } from './refs-under.ts';
import { isAtRest, workInHand } from './work-in-hand.ts';

/**
 * A push moves several refs one after the other; a look in the middle would have to be made again.
 */
const SETTLE_MS = 5;
/**
 * A watched remote is polled as well: once in this many of the longest pauses, and once in so long.
 */
const SAFETY_PAUSES = 10;
const SAFETY_MS_MAX = 10 * MINUTE;
/** How late an announcement may come after the poll that found the change. */
const DOUBT_MS = 2_000;

/** The remote may have changed: look soon. */
export function hint(dispatcher: Dispatcher, source: WakeSource): void {
  const { state, settings, doors } = dispatcher;
  const { hints } = state.loop;
  hints.heard.set(source, (hints.heard.get(source) ?? 0) + 1);
  if (hints.pending) return;
  hints.pending = true;
  const nowMs = doors.clock.monotonicMs();
  const waitMs = Math.max(SETTLE_MS, hints.lastMs + settings.pollMsMin - nowMs);
  void doors.clock.sleep(waitMs, state.loop.ending.signal).then(() => {
    hints.pending = false;
    hints.lastMs = doors.clock.monotonicMs();
    if (!state.loop.ending.signal.aborted) wake(dispatcher);
  });
}

/** From now on every change of the remote is announced by `hint`. */
export function trustWatch(dispatcher: Dispatcher, where: string): void {
  dispatcher.state.loop.hints.watch = 'trusted';
  dispatcher.doors.log.status('remote.watched', { where, safety_ms: safetyMs(dispatcher) });
}

/** Changes are not announced any more, or never were. */
export function loseWatch(dispatcher: Dispatcher, why: string): void {
  const { hints } = dispatcher.state.loop;
  Object.assign(hints, { watch: 'none', doubt: null });
  dispatcher.doors.log.warning('remote.unwatched', {
    reason: why,
    next: 'polls the remote at the usual pace',
  });
}

/**
 * True when a look could show nothing: the remote is watched, nothing was announced, and nothing of
 * ours or anybody else's is on its way.
 */
export function canSkipPoll(dispatcher: Dispatcher): boolean {
  const { state, settings, doors } = dispatcher;
  judgeDoubt(dispatcher);
  if (
    state.loop.hints.watch !== 'trusted' ||
    state.loop.hints.lookDue ||
    state.loop.hints.doubt !== null ||
    !state.claims.recovered
  )
    return false;
  if (state.host.outage !== null || state.host.halted !== null) return false;
  if (state.pace.askedMs !== null) return false;
  if (!isAtRest(workInHand(state))) return false;
  // While anybody holds a claim, time without a look is time in which nobody is seen to be silent.
  if (refsUnder(state.refs, settings.refs.claims).length > 0) return false;
  return doors.clock.monotonicMs() - state.seenMs < safetyMs(dispatcher);
}

/**
 * A look begins. The result, called with whether it found a change, notes a change that should have
 * been announced.
 */
export function beginLook(dispatcher: Dispatcher): (changed: boolean) => void {
  const { state, doors } = dispatcher;
  const { hints } = state.loop;
  const { held, uncertain, runs, isPublishing } = workInHand(state);
  const idle = held + uncertain + runs === 0 && !isPublishing;
  const unasked =
    hints.watch === 'trusted' &&
    !hints.lookDue &&
    !hints.pending &&
    idle &&
    state.host.outage === null &&
    hints.doubt === null;
  hints.lookDue = false;
  const heard = hints.heard.get('watch') ?? 0;
  return (changed) => {
    if (changed && unasked && hints.watch === 'trusted')
      hints.doubt = { sinceMs: doors.clock.monotonicMs(), heard };
  };
}

function judgeDoubt(dispatcher: Dispatcher): void {
  const { state, doors } = dispatcher;
  const { doubt, heard } = state.loop.hints;
  if (doubt === null) return;
  if ((heard.get('watch') ?? 0) > doubt.heard) state.loop.hints.doubt = null;
  else if (doors.clock.monotonicMs() - doubt.sinceMs >= DOUBT_MS)
    loseWatch(dispatcher, 'the file system of the remote did not report a change');
}

function safetyMs({ settings }: Dispatcher): number {
  return Math.max(settings.pollMsMax, Math.min(settings.pollMsMax * SAFETY_PAUSES, SAFETY_MS_MAX));
}
