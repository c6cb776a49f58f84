/** What the last pushes of this host carried: kept in memory, to be shown to people. */
import type { Oid } from '../base/ids.ts';
import type { PushOutcome, RefUpdate } from '../transport/repository.ts';
import type { Dispatcher } from './dispatcher.ts';

/** One push. Refs that it only compared are not counted. */
export interface PushMade {
  /** When it ended, monotonic, and how long it took. */
  readonly atMs: number;
  readonly tookMs: number;
  /** `part`: some refs landed; `lost`: another push was first; `unknown`: the remote said nothing. */
  readonly how: 'landed' | 'part' | 'lost' | 'refused' | 'unknown';
  /** Where it moved the branch; null = it did not. */
  readonly branch: { readonly from: Oid | null; readonly to: Oid } | null;
  readonly claimed: number;
  readonly renewed: number;
  readonly released: number;
  readonly capsules: number;
  readonly hasBeat: boolean;
}

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
