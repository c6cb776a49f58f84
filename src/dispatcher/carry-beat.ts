/**
 * This host's beat as a ref update. Every push carries it, so a beat is pushed alone only when
 * nothing else is. Capsules go along with beats, never alone.
 */
import type { Oid } from '../base/ids.ts';
import { type Beat, formatBeat } from '../protocol/beat.ts';
import type { SignedKind } from '../protocol/trust.ts';
import type { PushOutcome, RefResult, RefUpdate, Repository } from '../transport/repository.ts';
import { noteAnswered } from './rest-pushes.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { BeatPush } from './notes.ts';
import { capsulesAlong, noteCapsules } from './keep-capsules.ts';
import { leaseTimes, limitsNow, notePush, ownName, tellTraffic } from './keep-pace.ts';
import { keepPush } from './keep-pushes.ts';
import { heldClaims, liveClaims } from './own-claims.ts';
import { listResting } from './park-model.ts';

/** The ref of this host's beat. */
export function beatRef(dispatcher: Dispatcher): string {
  return dispatcher.settings.refs.hosts + ownName(dispatcher);
}

/** Where this host knows its beat to be; null = nowhere. */
export function standingBeat(dispatcher: Dispatcher): Oid | null {
  return dispatcher.state.refs.get(beatRef(dispatcher)) ?? null;
}

/**
 * Composes the next beat, for a push of `along`. It is under way until `noteBeat` says how it went.
 */
export async function beginBeat(
  dispatcher: Dispatcher,
  along: readonly RefUpdate[] = [],
): Promise<BeatPush> {
  const { state, doors } = dispatcher;
  const startedMs = doors.clock.monotonicMs();
  const presence = describePresence(dispatcher);
  const beat = composeBeat(dispatcher, along);
  state.host.beat = { ...state.host.beat, isUnderWay: true };
  try {
    const next = await doors.repository.writeRecord(formatBeat(beat));
    const update = { ref: beatRef(dispatcher), expected: standingBeat(dispatcher), next };
    return { update, beat, presence, startedMs };
  } catch (error) {
    state.host.beat = { ...state.host.beat, isUnderWay: false };
    throw error;
  }
}

/**
 * Takes in what became of it. Not landed: another count, so that the next try is another object,
 * and until a look shows what stands there no other push is burdened with it. The lease continues
 * from the last beat that landed.
 */
export function noteBeat(
  { state, settings, doors }: Dispatcher,
  pushed: BeatPush,
  result: RefResult | undefined,
): void {
  const { update, beat, presence, startedMs } = pushed;
  const before = { ...state.host.beat, count: beat.count, isUnderWay: false };
  if (result?.kind !== 'landed') {
    state.host.beat = { ...before, doubt: { pushed, atMs: doors.clock.monotonicMs() } };
    return;
  }
  const landed = { startedMs, presence, refusal: null, doubt: null, hasLanded: true };
  state.host.beat = { ...before, ...landed };
  const name = update.ref.slice(settings.refs.hosts.length);
  if ((beat.holds ?? beat.busy) > 0) state.pace.busy.add(name);
  else state.pace.busy.delete(name);
}

/** Takes in a look: a beat that stands there has landed, whatever became of the answer. */
export function confirmBeat(dispatcher: Dispatcher): void {
  const { doubt, isUnderWay } = dispatcher.state.host.beat;
  if (doubt === null || isUnderWay || standingBeat(dispatcher) !== doubt.pushed.update.next) return;
  noteBeat(dispatcher, doubt.pushed, { kind: 'landed' });
}

/** A push that counts itself and carries the beat, and with it the capsules. */
export function carryBeat(dispatcher: Dispatcher, push: Repository['push']): Repository['push'] {
  return async (updates, options) => {
    const own = beatRef(dispatcher);
    const isOwn = updates.some(({ ref }) => ref === own);
    const isCarrying = !isOwn && carries(dispatcher, options);
    // Somebody else may have moved one: that must not take an answer with it.
    const capsules = options.atomic
      ? []
      : await capsulesAlong(dispatcher, { withBeat: isOwn || isCarrying });
    const carried = isCarrying ? await beginBeat(dispatcher, updates) : null;
    const beats = carried === null ? [] : [carried.update];
    const all = [...updates, ...beats, ...capsules];
    let outcome: PushOutcome | null = null;
    const startedMs = dispatcher.doors.clock.monotonicMs();
    try {
      outcome = await push(all, options);
    } finally {
      notePushed(dispatcher, outcome);
      keepPush(dispatcher, all, { outcome, startedMs });
      noteCapsules(dispatcher, capsules, outcome);
      if (carried !== null)
        noteBeat(
          dispatcher,
          carried,
          outcome?.kind === 'answered' ? outcome.refs.get(own) : undefined,
        );
    }
    return withoutRefs(outcome, [...beats, ...capsules]);
  };
}

function notePushed(dispatcher: Dispatcher, outcome: PushOutcome | null): void {
  const { state, doors } = dispatcher;
  const nowMs = doors.clock.monotonicMs();
  notePush(dispatcher, ownName(dispatcher), nowMs);
  if (outcome?.kind === 'unknown' && outcome.failure.reason === 'limited')
    state.pace.limitedMs = nowMs;
  if (outcome !== null) noteAnswered(dispatcher, outcome);
}

function withoutRefs(outcome: PushOutcome, carried: readonly RefUpdate[]): PushOutcome {
  if (outcome.kind === 'unknown' || carried.length === 0) return outcome;
  const refs = new Map(outcome.refs);
  for (const { ref } of carried) refs.delete(ref);
  return { kind: 'answered', refs };
}

/**
 * Whether a push takes the beat along: where pushes are counted always, else when the next one is
 * due soon. One that might be refused must not take others with it.
 */
function carries(dispatcher: Dispatcher, { atomic }: { readonly atomic: boolean }): boolean {
  const { state, doors } = dispatcher;
  const { beat } = state.host;
  if (
    beat.isUnderWay ||
    beat.refusal !== null ||
    (beat.doubt !== null && beat.doubt.atMs >= state.seenMs)
  )
    return false;
  if (!beat.hasLanded && (atomic || limitsNow(dispatcher) === null)) return false;
  const ageMs = doors.clock.monotonicMs() - beat.startedMs;
  return (
    limitsNow(dispatcher) !== null ||
    (heldClaims(state.claims.own).length > 0 && ageMs >= leaseTimes(dispatcher).beatMs / 2)
  );
}

/** Facts whose change others must know at once. */
export function describePresence(dispatcher: Dispatcher): string {
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
    ...requiredNow(dispatcher),
  ]);
}

/** What must be signed for this host, by its last look. */
function requiredNow({ state }: Dispatcher): readonly SignedKind[] {
  return [...(state.trust.heardBy?.required ?? [])];
}

/** Claims that are held once these updates have landed. */
function countHeld({ state, settings }: Dispatcher, along: readonly RefUpdate[]): number {
  const claims = along.filter(({ ref }) => ref.startsWith(settings.refs.claims));
  const made = claims.filter(({ expected, next }) => expected === null && next !== null).length;
  const ended = claims.filter(({ next }) => next === null).length;
  return Math.max(0, heldClaims(state.claims.own).length + made - ended);
}

function composeBeat(dispatcher: Dispatcher, along: readonly RefUpdate[]): Beat {
  const { settings, state, doors, run } = dispatcher;
  const required = requiredNow(dispatcher);
  return {
    alias: settings.alias,
    instance: doors.local.instance,
    run,
    count: state.host.beat.count + 1,
    version: settings.version,
    state: state.host.mode,
    slots: settings.concurrency,
    busy: liveClaims(state.claims.own).length,
    holds: countHeld(dispatcher, along),
    models: [...state.models.serving.models.keys()].sort(),
    blocked: listResting(dispatcher).map(({ model, why, untilMs }) => ({ model, why, untilMs })),
    pollMs: settings.pollMsMax,
    wake: settings.wakeAddress,
    ...tellTraffic(dispatcher),
    ...(required.length === 0 ? {} : { requires: required }),
    ...(settings.key === undefined ? {} : { key: settings.key }),
    atMs: doors.clock.wallMs(),
  };
}
