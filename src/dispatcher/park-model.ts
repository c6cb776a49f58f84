/** Models that this host leaves alone for a while: because their program or provider cannot answer, or because they fail again and again. */
import type { AttemptOutcome } from '../agents/agent.ts';
import { MINUTE } from '../base/clock.ts';
import { formatDuration } from '../base/duration.ts';
import type { Dispatcher } from './dispatcher.ts';

type Failed = Extract<AttemptOutcome, { kind: 'failed' }>;

/** For so long a host leaves a model alone that keeps failing there: something is broken here. */
const CIRCUIT_MS = 5 * MINUTE;

/** Parks a model after a failure of a class that is parked. */
export function parkFailed(
  dispatcher: Dispatcher,
  model: string,
  { ms, outcome }: { readonly ms: number; readonly outcome: Failed },
): void {
  const { parks } = dispatcher.state;
  parks.set(model, (parks.get(model) ?? 0) + 1);
  park(dispatcher, model, { ms, why: `${outcome.class}: ${outcome.detail}` });
}

/** Takes a model off this host for a while, visibly. */
export function park(dispatcher: Dispatcher, model: string, rest: { readonly ms: number; readonly why: string }): void {
  const { state, doors } = dispatcher;
  const untilMs = doors.clock.monotonicMs() + rest.ms;
  if ((state.parked.get(model)?.untilMs ?? Number.NEGATIVE_INFINITY) >= untilMs) return;
  state.parked.set(model, { untilMs, why: rest.why });
  doors.log.alert('model.parked', { model, for_ms: rest.ms, reason: rest.why, fix: 'crosstalkd models' });
}

/** Counts a failure; too many in a short time park the model. */
export function noteFailure(dispatcher: Dispatcher, model: string, outcome: Failed): void {
  const { state, doors, settings } = dispatcher;
  const failures = recent(state.failures.get(model), { nowMs: doors.clock.monotonicMs(), windowMs: settings.failureWindowMs });
  state.failures.set(model, failures);
  if (failures.length < settings.failuresMax) return;
  state.failures.delete(model);
  park(dispatcher, model, {
    ms: CIRCUIT_MS,
    why: `${failures.length} failures within ${formatDuration(settings.failureWindowMs)}, the last: ${outcome.class}: ${outcome.detail}`,
  });
}

/** The times that lie within the window, and now. */
export function recent(
  times: readonly number[] | undefined,
  now: { readonly nowMs: number; readonly windowMs: number },
): readonly number[] {
  return [...(times ?? []).filter((atMs) => now.nowMs - atMs < now.windowMs), now.nowMs];
}
