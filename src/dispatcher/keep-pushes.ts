/** What the last pushes of this host carried: kept in memory, to be shown to people. */
import type { PushOutcome, RefUpdate } from '../transport/repository.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { PushMade } from './state.ts';

/** The same for a reader elsewhere: an age instead of a moment. */
export type PushTold = Omit<PushMade, 'atMs'> & { readonly agoMs: number };

const KEPT_MAX = 30;

/** Keeps one that is over. */
export function keepPush(
  { state, doors, settings: { refs }, publisher }: Dispatcher,
  updates: readonly RefUpdate[],
  ended: { readonly outcome: PushOutcome | null; readonly startedMs: number },
): void {
  const moved = updates.filter(({ expected, next }) => expected !== next);
  const under = (prefix: string): readonly RefUpdate[] =>
    moved.filter(({ ref }) => ref.startsWith(prefix));
  const claims = under(refs.claims);
  const branch = moved.find(({ ref }) => ref === publisher.branchRef);
  const atMs = doors.clock.monotonicMs();
  const made: PushMade = {
    atMs,
    tookMs: atMs - ended.startedMs,
    how: howItEnded(moved, ended.outcome),
    branch: branch?.next == null ? null : { from: branch.expected, to: branch.next },
    claimed: claims.filter(({ expected }) => expected === null).length,
    renewed: claims.filter(({ expected, next }) => expected !== null && next !== null).length,
    released: claims.filter(({ next }) => next === null).length,
    capsules: under(refs.capsules).length,
    hasBeat: under(refs.hosts).length > 0,
  };
  state.pace.made = [made, ...state.pace.made].slice(0, KEPT_MAX);
}

function howItEnded(moved: readonly RefUpdate[], outcome: PushOutcome | null): PushMade['how'] {
  if (outcome?.kind !== 'answered') return 'unknown';
  const kinds = moved.map(({ ref }) => outcome.refs.get(ref)?.kind);
  const landed = kinds.filter((kind) => kind === 'landed').length;
  if (landed === kinds.length) return 'landed';
  if (landed > 0) return 'part';
  return kinds.includes('refused') ? 'refused' : 'lost';
}

/** Newest first. */
export function tellPushes({ state, doors }: Dispatcher): readonly PushTold[] {
  const nowMs = doors.clock.monotonicMs();
  return state.pace.made.map(({ atMs, ...made }) => ({ ...made, agoMs: nowMs - atMs }));
}
