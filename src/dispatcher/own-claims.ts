/**
 * This host's claims, from draft to end, and the transitions allowed for each (src/README.md
 * "States"). A claim is a shared handle; only `advance` changes its state, and a transition that
 * its state does not allow cannot be written. Landed and settled claims are in no collection. The
 * mark of a start is read from the branch.
 */
import type { Oid } from '../base/ids.ts';
import type { Claim } from '../protocol/claim.ts';
import type { Work } from '../protocol/list-work.ts';

/** Why a running attempt is ended by us. */
export type StopReason = 'claim-lost' | 'lease-lapsed' | 'answered' | 'asked again' | 'shutdown';

/** What an attempt left in its project. */
export interface Saved {
  readonly branch: string | null;
  readonly commit: string;
}

/** A question that waits for a person. */
export interface Asking {
  readonly path: string;
  /** The question as it was asked. */
  readonly text: string;
  readonly people: readonly string[];
  /** The slot is free for other work meanwhile. */
  readonly isSlotFree: boolean;
  readonly decide: (says: 'approve' | 'deny', by: string) => void;
}

/** What was pushed for a claim, and since when it counts. */
interface Standing {
  readonly claim: Claim;
  readonly oid: Oid;
  /** Monotonic time at which the push that made (or renewed) it began: its lease runs from here. */
  readonly renewedMs: number;
  /** What the wall clock was ahead of the monotonic one then: when the machine sleeps, it grows. */
  readonly renewedAheadMs: number;
}

/** A claim that was seen on the remote. */
interface Won extends Standing {
  /**
   * Monotonic time from which a listing without this claim means that it is lost; infinite while a
   * push of its ref is on its way.
   */
  readonly confirmedMs: number;
  /** How often it was put back after somebody had moved its ref. */
  readonly restores: number;
}

/** A claim whose work is being done. */
interface Live extends Won {
  readonly stopped: StopReason | null;
  readonly saved: Saved | null;
  /** What a person is asked now. */
  readonly asking: Asking | null;
  /** How many questions this process has asked for it. */
  readonly questions: number;
  /** Resolves when it is known what became of the push of the last question; null = none. */
  readonly posting: Promise<void> | null;
}

export type OwnState =
  /** In the journal only. `expected`: where its ref has to stand for it to be taken. */
  | {
      readonly kind: 'drafted';
      readonly expected: Oid | null;
      readonly oid: Oid;
      readonly claim: Claim;
    }
  /** Pushed; nothing has shown yet that it stands on open work. */
  | (Standing & {
      readonly kind: 'uncertain';
      readonly expected: Oid | null;
      /** What to say when it turns out that it did not land. */
      readonly line: string;
      /** The remote limits how often it is called. */
      readonly isLimited: boolean;
    })
  /** Won; no agent was started. */
  | (Live & { readonly kind: 'held' })
  /** An agent was started. `startedMs`: when the one that runs now was. */
  | (Live & { readonly kind: 'attempt'; readonly startedMs: number })
  /** Its end is in the outbox, or a release is on its way. */
  | (Won & { readonly kind: 'publishing'; readonly startedMs: number | null });

export type OwnKind = OwnState['kind'];

type Of<K extends OwnKind> = Extract<OwnState, { readonly kind: K }>;

/** A claim of ours; `S`: the states that it may be in. */
export interface OwnClaim<S extends OwnState = OwnState> {
  readonly key: string;
  readonly ref: string;
  readonly work: Work;
  /** Aborted when we end its attempt. */
  readonly abort: AbortController;
  readonly state: S;
}

/** A claim that is about to be pushed. */
export type DraftedClaim = OwnClaim<Of<'drafted'>>;
/** A claim that was pushed and not yet seen. */
export type UncertainClaim = OwnClaim<Of<'uncertain'>>;
/** A claim whose work is being done here. */
export type LiveClaim = OwnClaim<Of<'held' | 'attempt'>>;
/** A claim of ours that is on the remote, to our knowledge. */
export type HeldClaim = OwnClaim<Of<'held' | 'attempt' | 'publishing'>>;

/** Claims of ours by their keys. */
export type OwnClaims = Map<string, OwnClaim>;

/** What happens to a claim. */
type Step =
  | {
      readonly kind: 'pushed';
      readonly startedMs: number;
      readonly aheadMs: number;
      readonly line: string;
      readonly isLimited: boolean;
    }
  /** A look that began at `seenMs` has shown it. */
  | { readonly kind: 'won'; readonly seenMs: number }
  /** A push of its ref begins. */
  | { readonly kind: 'renewing' }
  | { readonly kind: 'restoring' }
  /** As `renewing`, together with a question. */
  | { readonly kind: 'posting'; readonly posting: Promise<void> }
  /** A person is asked, or not any more. */
  | { readonly kind: 'asking'; readonly asking: Asking | null }
  /** That push has ended; `renewed`: what stands now, where it landed. */
  | { readonly kind: 'stands'; readonly nowMs: number; readonly renewed: Partial<Standing> }
  | { readonly kind: 'started'; readonly nowMs: number }
  | { readonly kind: 'saved'; readonly saved: Saved | null }
  | { readonly kind: 'stopped'; readonly reason: StopReason }
  /** Its reply or its release is on its way. */
  | { readonly kind: 'ended' };

/** In which states it may happen. */
const FROM = {
  pushed: ['drafted'],
  won: ['uncertain'],
  renewing: ['held', 'attempt'],
  restoring: ['held', 'attempt', 'publishing'],
  posting: ['held', 'attempt'],
  asking: ['held', 'attempt'],
  stands: ['held', 'attempt', 'publishing'],
  started: ['held', 'attempt'],
  saved: ['held', 'attempt'],
  stopped: ['held', 'attempt'],
  ended: ['held', 'attempt', 'publishing'],
} as const satisfies Readonly<Record<Step['kind'], readonly OwnKind[]>>;

type From = { readonly [D in Step['kind']]: (typeof FROM)[D][number] };

/** The state that it leads to, where that is another. */
interface To {
  pushed: 'uncertain';
  won: 'held';
  started: 'attempt';
  ended: 'publishing';
}

/** The steps that are possible in each of the states `K`. */
type StepIn<K extends OwnKind> = {
  [S in keyof From]: [K] extends [From[S]] ? S : never;
}[keyof From];
type After<S extends OwnState, D extends keyof From> = D extends keyof To ? Of<To[D]> : S;

/** No look can say anything of it: a push of its ref is on its way. */
const ON_ITS_WAY = { confirmedMs: Number.POSITIVE_INFINITY };

/** A claim that is about to be pushed. */
export function draftOwn(
  own: Pick<OwnClaim, 'key' | 'ref' | 'work'>,
  draft: { readonly claim: Claim; readonly oid: Oid; readonly expected: Oid | null },
): DraftedClaim {
  return { ...own, abort: new AbortController(), state: { kind: 'drafted', ...draft } };
}

/** A claim of an earlier run whose end is in the outbox. */
export function resumeOwn(
  own: Pick<OwnClaim, 'key' | 'ref' | 'work'>,
  standing: Standing,
): OwnClaim<Of<'publishing'>> {
  const state = {
    ...standing,
    ...ON_ITS_WAY,
    restores: 0,
    startedMs: null,
  };
  return { ...own, abort: new AbortController(), state: { kind: 'publishing', ...state } };
}

/** Takes a claim through one step, and gives it back as what it is then. */
export function advance<S extends OwnState, D extends StepIn<S['kind']>>(
  claim: OwnClaim<S>,
  step: Extract<Step, { readonly kind: D }>,
): OwnClaim<After<S, D>> {
  const state = nextState(claim.state, step);
  // The one place that writes it: to everybody else the state is read-only.
  return Object.assign(claim, { state }) as unknown as OwnClaim<After<S, D>>;
}

function nextState(state: OwnState, step: Step): OwnState {
  // Only a holder that kept what another step has made of its claim can come here otherwise.
  if (!(FROM[step.kind] as readonly OwnKind[]).includes(state.kind))
    throw new Error(`a claim that is ${state.kind} cannot be ${step.kind}`);
  return (MOVES[step.kind] as (state: OwnState, step: Step) => OwnState)(state, step);
}

/** What each step makes of a claim. */
const MOVES: {
  readonly [D in Step['kind']]: (
    state: Of<From[D]>,
    step: Extract<Step, { readonly kind: D }>,
  ) => OwnState;
} = {
  pushed: ({ claim, oid, expected }, { startedMs, aheadMs, line, isLimited }) => {
    const standing = { claim, oid, renewedMs: startedMs, renewedAheadMs: aheadMs };
    return { kind: 'uncertain', ...standing, expected, line, isLimited };
  },
  won: ({ claim, oid, renewedMs, renewedAheadMs }, { seenMs }) => {
    const standing = { claim, oid, renewedMs, renewedAheadMs, confirmedMs: seenMs, restores: 0 };
    const quiet = { asking: null, questions: 0, posting: null };
    return { kind: 'held', ...standing, ...quiet, stopped: null, saved: null };
  },
  renewing: (state) => ({ ...state, ...ON_ITS_WAY }),
  restoring: (state) => ({ ...state, ...ON_ITS_WAY, restores: state.restores + 1 }),
  posting: (state, { posting }) => {
    return { ...state, ...ON_ITS_WAY, posting, questions: state.questions + 1 };
  },
  asking: (state, { asking }) => ({ ...state, asking }),
  stands: (state, { renewed, nowMs }) => ({ ...state, ...renewed, confirmedMs: nowMs }),
  started: (state, { nowMs }) => ({ ...state, kind: 'attempt', startedMs: nowMs }),
  saved: (state, { saved }) => ({ ...state, saved }),
  stopped: (state, { reason }) => ({ ...state, stopped: reason }),
  ended: (state) => {
    const { claim, oid, renewedMs, renewedAheadMs, confirmedMs, restores } = state;
    const startedMs = state.kind === 'held' ? null : state.startedMs;
    const standing = { claim, oid, renewedMs, renewedAheadMs, confirmedMs, restores };
    return { kind: 'publishing', ...standing, startedMs };
  },
};

function isAtWork(state: OwnState): state is LiveClaim['state'] {
  return state.kind === 'held' || state.kind === 'attempt';
}

function isWon(state: OwnState): state is HeldClaim['state'] {
  return isAtWork(state) || state.kind === 'publishing';
}

/** True while its work is being done here. */
export function isLive(claim: OwnClaim): claim is LiveClaim {
  return isAtWork(claim.state);
}

/** The claims whose work is being done here. */
export function liveClaims(claims: OwnClaims): readonly LiveClaim[] {
  return [...claims.values()].filter(isLive);
}

/** Our claims that are on the remote, to our knowledge. */
export function heldClaims(claims: OwnClaims): readonly HeldClaim[] {
  return [...claims.values()].filter((claim): claim is HeldClaim => isWon(claim.state));
}

/** The claims that no later poll has shown to have landed or not. */
export function uncertainClaims(claims: OwnClaims): readonly UncertainClaim[] {
  return [...claims.values()].filter(
    (claim): claim is UncertainClaim => claim.state.kind === 'uncertain',
  );
}

/** Nothing of this claim is left to do. Another of the same key stays. */
export function dropOwn(claims: OwnClaims, claim: OwnClaim): void {
  if (claims.get(claim.key) === claim) claims.delete(claim.key);
}
