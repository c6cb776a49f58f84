/**
 * Parks models: this host does not start them for a while because their program or provider cannot
 * answer, or because they fail repeatedly.
 */
import type { Failed } from '../agents/agent.ts';
import { MINUTE } from '../base/clock.ts';
import { fixBy, formatFix } from '../base/fix.ts';
import { fixOf } from '../protocol/remedy.ts';
import type { RestReason } from '../protocol/reason.ts';
import { sayReason } from '../protocol/say-reason.ts';
import type { Dispatcher } from './dispatcher.ts';
import { saveRests } from './keep-rests.ts';

/** How long a host leaves a model alone that keeps failing there: something is broken here. */
const CIRCUIT_MS = 5 * MINUTE;

/** A model that this host does not run now: for how long, and until when by the wall clock. */
export interface Resting {
  readonly model: string;
  readonly why: RestReason;
  readonly forMs: number;
  readonly untilMs: number;
}

/** What rests now: parked for a while, or at the end of a budget. */
export function listResting({ state, doors }: Dispatcher): readonly Resting[] {
  const nowMs = doors.clock.monotonicMs();
  const wallMs = doors.clock.wallMs();
  const parked = [...state.models.parked].filter(([, { untilMs }]) => untilMs > nowMs);
  return [
    ...parked.map(([model, { why, untilMs }]) => ({
      model,
      why,
      forMs: untilMs - nowMs,
      untilMs: wallMs + untilMs - nowMs,
    })),
    ...[...state.models.spentOut].map(([model, why]) => ({
      model,
      why,
      forMs: Math.max(0, why.untilMs - wallMs),
      untilMs: why.untilMs,
    })),
  ];
}

/**
 * How often in a row a model was parked before. Several attempts that find out the same at a time
 * are one: what rests already is not parked once more.
 */
export function parksInARow({ state, doors }: Dispatcher, model: string): number {
  const { parks, parked } = state.models;
  const rests = (parked.get(model)?.untilMs ?? 0) > doors.clock.monotonicMs();
  return Math.max(0, (parks.get(model) ?? 0) - (rests ? 1 : 0));
}

/** Parks a model after a failure of a class that is parked. */
export function parkFailed(
  dispatcher: Dispatcher,
  model: string,
  { ms, outcome }: { readonly ms: number; readonly outcome: Failed },
): void {
  dispatcher.state.models.parks.set(model, parksInARow(dispatcher, model) + 1);
  const isOpenEnded = outcome.class.endsWith('-limit') && outcome.resetAtMs === null;
  park(dispatcher, model, {
    ms,
    why: { kind: 'failed', class: outcome.class, detail: outcome.detail, isOpenEnded },
    class: outcome.class,
  });
}

/** Takes a model off this host for a while, visibly. */
export function park(
  dispatcher: Dispatcher,
  model: string,
  rest: { readonly ms: number; readonly why: RestReason; readonly class?: string },
): void {
  const { state, doors } = dispatcher;
  const untilMs = doors.clock.monotonicMs() + rest.ms;
  if ((state.models.parked.get(model)?.untilMs ?? Number.NEGATIVE_INFINITY) >= untilMs) return;
  const { why } = rest;
  state.models.parked.set(model, {
    untilMs,
    why,
    ...(rest.class === undefined ? {} : { class: rest.class }),
  });
  void saveRests(dispatcher);
  doors.log.alert('model.parked', {
    model,
    for_ms: rest.ms,
    reason: sayReason(rest.why),
    fix: formatFix(fixOf(rest.why) ?? fixBy`crosstalkd resume ${model}`),
  });
}

/** Counts a failure; too many in a short time park the model. */
export function noteFailure(dispatcher: Dispatcher, model: string, outcome: Failed): void {
  const { state, doors, settings } = dispatcher;
  const failures = recent(state.models.failures.get(model), {
    nowMs: doors.clock.monotonicMs(),
    windowMs: settings.failureWindowMs,
  });
  state.models.failures.set(model, failures);
  if (failures.length < settings.failuresMax) {
    void saveRests(dispatcher);
    return;
  }
  state.models.failures.delete(model);
  park(dispatcher, model, {
    ms: CIRCUIT_MS,
    class: outcome.class,
    why: {
      kind: 'failures',
      count: failures.length,
      windowMs: settings.failureWindowMs,
      class: outcome.class,
      detail: outcome.detail,
    },
  });
}

/** The times that lie within the window, and now. */
export function recent(
  times: readonly number[] | undefined,
  now: { readonly nowMs: number; readonly windowMs: number },
): readonly number[] {
  return [...(times ?? []).filter((atMs) => now.nowMs - atMs < now.windowMs), now.nowMs];
}
