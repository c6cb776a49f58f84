/**
 * State that the verbs of a dispatcher share between two polls. A crash loses it; what must survive
 * is on the remote or behind the door to local state.
 */
import { type BudgetReached, NO_BUDGETS } from '../protocol/budgets.ts';
import type { Work } from '../protocol/list-work.ts';
import type { TextMemory } from '../transport/read-folder.ts';
import type { PaceInForce } from '../transport/read-pace.ts';
import type { FoldMemo } from '../workflow/run/fold.ts';
import type { Oid } from '../base/ids.ts';
import type { OpenIndex, OpenMessage } from '../protocol/open-work.ts';
import { OWN_PACE, type Pace } from '../protocol/pace.ts';
import type { Traffic } from '../protocol/turn.ts';
import type { HostState } from '../protocol/beat.ts';
import type { Control } from '../protocol/control.ts';
import type { Rewrite } from '../transport/mirror.ts';
import type { RemoteFailure } from '../transport/repository.ts';
import type { Trust, Voice } from '../protocol/trust.ts';
import type { ReasonOf } from '../protocol/reason.ts';
import { EMPTY_LEASES, type LeaseBook } from '../protocol/lease.ts';
import type {
  BeatPush,
  CapsuleNote,
  DayBook,
  LostClaim,
  MarkerPlace,
  Outgoing,
  Parked,
  Records,
  Refusal,
  Rider,
  RunSeen,
  Schedules,
  Serving,
} from './notes.ts';
import type { OwnClaims } from './own-claims.ts';
import type { OtherClaims } from './other-claims.ts';
import { createLedger, type StartLedger } from './start-ledger.ts';
import { type AnswerCache, createAnswerCache } from './cached-answers.ts';
import { createHints, type Hints } from './hints.ts';
import type { SignedFile } from './signed-file.ts';
import type { BelievedBeat, ListedRun, TrustNow } from './trust-state.ts';

/** Which models run here, and what keeps one from running. */
export interface ModelState {
  serving: Serving;
  readonly parked: Map<string, Parked>;
  /**
   * What the models of all hosts have used today, and which of them are at the end of their budget.
   */
  readonly day: DayBook;
  spentOut: ReadonlyMap<string, BudgetReached>;
  /** How often in a row each model was parked without an answer in between. */
  readonly parks: Map<string, number>;
  /** Wall-independent times of attempts of the last hour, by model. */
  readonly starts: Map<string, readonly number[]>;
  readonly failures: Map<string, readonly number[]>;
}

/** Claims on their way from the push to the settled end. */
export interface ClaimState {
  readonly own: OwnClaims;
  /** Claims that the remote does not take, by key, while nobody else takes them either. */
  readonly refused: Map<string, LostClaim>;
  /** False until the claims of an earlier run were looked for. */
  recovered: boolean;
  readonly others: OtherClaims;
  /** What this state directory has started, as far back as its journal goes. */
  readonly ledger: StartLedger;
  /** The capsules that this process has written or read, by key. */
  readonly capsules: Map<string, CapsuleNote>;
  /** Monotonic time until which none is pushed: the remote has refused one. */
  capsulesRestMs: number;
  /** Keys of it that a rewritten branch shows as open: they are not run a second time here. */
  readonly blocked: Set<string>;
  /** Connected time since which started work has been seen without a claim, by key. */
  readonly unclaimed: Map<string, number>;
  /** When each open piece of work was first seen, monotonic. */
  readonly firstSeen: Map<string, number>;
  /** The work that the last look saw: what was noted of it needs no second look. */
  seenWorks: readonly Work[];
}

/** What waits for the publisher. */
export interface PostState {
  readonly outgoing: Outgoing[];
  publishing: boolean;
  /** How long the last push took; 0 = none yet. */
  pushMs: number;
  /**
   * How long one takes that lands on the branch: the last that did, or the longest while none has.
   */
  landing: { readonly ms: number; readonly hasLanded: boolean };
  /**
   * How many hosts seem to push at the same time: doubles with a loss, halves when a push lands at
   * once.
   */
  rivals: number;
  /** Reasons of refusals that were reported. */
  readonly refusalsTold: Set<string>;
  /** Claims that go along with the next push. */
  readonly riders: Rider[];
  /** Monotonic time before which none goes along: one might be what the remote refuses. */
  rideAfterMs: number;
}

/** What was read of workflow runs, so that one that cannot move costs a look-up a tick. */
export interface WorkflowState {
  /**
   * Open workflow runs by marker path: what was seen of each, its texts, its channel, and whether a
   * transition is on its way.
   */
  readonly runs: Map<string, RunSeen>;
  readonly runTexts: Map<string, TextMemory>;
  /** What folds of each found, by marker path: it only saves work. */
  readonly foldMemos: Map<string, FoldMemo>;
  readonly channelOf: Map<string, string>;
  /** Gates of each that wait for people, by marker path. */
  readonly gates: Map<string, readonly string[]>;
  /** The marker of each run that has not ended, by channel. */
  readonly markerOf: Map<string, MarkerPlace>;
  /** The closing runs at a tip (closing-runs.ts); null = none was looked at yet. */
  closing: { readonly tip: Oid | null; readonly markers: readonly OpenMessage[] };
  readonly advancing: Set<string>;
  /** The commit at which the engine was last asked about every run that may move. */
  advancedTip: Oid | null;
  /** Texts of saved workflows, schemas and forked runs, by a name for each. */
  readonly folderTexts: Map<string, TextMemory>;
  /** Answers of every run, for steps with `cache: global`. */
  readonly answers: AnswerCache;
  schedules: Schedules;
  /** Saved workflows whose marker is on its way. */
  readonly firing: Set<string>;
}

/** This host's own beat. Monotonic times. */
export interface BeatState {
  readonly count: number;
  /** When the push of the last one that landed began: leases run from here. */
  readonly startedMs: number;
  readonly presence: string;
  /** Why the remote does not take it; null = it does. */
  readonly refusal: Refusal | null;
  /** One of this process has landed. */
  readonly hasLanded: boolean;
  /** Since when one has been due; null = none is. */
  readonly dueSinceMs: number | null;
  /** One is on its way. */
  readonly isUnderWay: boolean;
  /** The push of this one failed or had no answer, and when: a later look shows what is there. */
  readonly doubt: { readonly pushed: BeatPush; readonly atMs: number } | null;
}

/** One push. Refs that it only compared are not counted. */
export interface PushMade {
  /** When it ended, monotonic, and how long it took. */
  readonly atMs: number;
  readonly tookMs: number;
  /** `part`: some refs landed; `lost`: another push was first; `unknown`: no answer. */
  readonly how: 'landed' | 'part' | 'lost' | 'refused' | 'unknown';
  /** Where it moved the branch; null = it did not. */
  readonly branch: { readonly from: Oid | null; readonly to: Oid } | null;
  readonly claimed: number;
  readonly renewed: number;
  readonly released: number;
  readonly capsules: number;
  readonly hasBeat: boolean;
}

/** How often the remote may be called, and what is known of who has called it. Monotonic times. */
export interface PaceState {
  /** data/transport.yaml as it was last read, and at which commit; null = not yet. */
  tip: Oid | null;
  file: PaceInForce | null;
  /** As it is in force. */
  pace: Pace;
  traffic: Traffic;
  /** The last pushes of this host, newest first. */
  made: readonly PushMade[];
  /** The beats, by ref, whose pushes are in `traffic`. */
  noted: ReadonlyMap<string, Oid>;
  /** When the first look was answered. */
  sinceMs: number;
  /** Hosts that hold claims, as their last beats say, by the names of the beats. */
  readonly busy: Set<string>;
  /** When the remote last limited any host. */
  limitedMs: number;
  /** Pushes in a row that the remote did not answer in time; null = it has answered the last. */
  unanswered: { readonly line: string; readonly times: number; readonly untilMs: number } | null;
  /**
   * `seen`: the verbs of a tick act on its look; `leaving`: nobody looks any more, and what was
   * seen last must do. Else nothing is pushed before another look.
   */
  sight: 'seen' | 'old' | 'leaving';
  /** Until when a turn that was begun may be used on. */
  turnEndMs: number;
  /** The earliest turn that something waits for; null = nothing does. */
  askedMs: number | null;
  /** Since when something has waited for a turn; null = nothing has. */
  waitingSinceMs: number | null;
  /** Attempts that wait for a turn to renew their claim, to be called one a turn. */
  readonly waiting: (() => void)[];
}

/** How this host stands: as its operator, the remote and its alias make it. */
export interface HostCondition {
  /** Beat refs under our alias that were reported. */
  readonly warnedTwins: Set<string>;
  /** Hosts whose beat was read, by its name, and the models that they were seen to serve. */
  readonly serving: Map<string, ReadonlySet<string>>;
  /** Beats of dead hosts that this host tried to remove, by object: each once. */
  readonly forgotten: Set<Oid>;
  mode: Exclude<HostState, 'stopped'>;
  /** Paused by this host's operator (as opposed to by `--all`). */
  pausedHere: boolean;
  control: Control | null;
  beat: BeatState;
  /** Why nothing may run, or null. */
  halted: Rewrite | null;
  outage: RemoteFailure | null;
  /** Ordered from another machine to end: as by SIGTERM, or when nothing runs any more. */
  stopOrdered: boolean;
  drainOrdered: boolean;
}

/** When the loop looks next, and what wakes it. */
export interface LoopState {
  /** Monotonic time of the next look, as planned. */
  nextLookMs: number;
  /** The cache's upkeep: whether it continues now, and the mirror's epoch when it last began. */
  readonly upkeep: { running: boolean; epoch: number };
  /** Something happened since the last tick: poll fast. */
  active: boolean;
  readonly hints: Hints;
  wake: AbortController;
  /** Aborted when the dispatcher ends: nothing begins any more. */
  readonly ending: AbortController;
}

/** Whose word open work is, where signatures are required. */
export interface TrustState {
  /** What the voices were judged by. */
  heardBy: Trust | null;
  /** Blob and path → who signed it. */
  readonly voices: Map<string, Voice>;
  /** What was checked last; null: nothing. */
  checked: {
    readonly index: OpenIndex;
    readonly works: readonly Work[];
    readonly models: Serving['models'];
  } | null;
  /** Files of hosts in runs, by the channels of these. */
  readonly listed: Map<string, ListedRun>;
  /** The keys that are known, with what people may do, as of a version of data/people.yaml. */
  now: TrustNow | null;
  /** The keys by which the records were judged. */
  recordsBy: Trust | null;
  /** By their refs, where beats must be signed. */
  readonly beats: Map<string, BelievedBeat>;
  /** Refs of beats that were told to be too old to count. */
  readonly oldTold: Set<string>;
  /** Work key → why it is held back, as of this tick. */
  held: ReadonlyMap<string, ReasonOf<'unsigned'>>;
  /** Files that must be signed, by path: what counts, as it was last told. */
  readonly files: Map<string, SignedFile>;
}

/** What the verbs of a dispatcher share. What the last successful look saw stands at the top. */
export interface State {
  /** Every ref of claims, hosts and control that the last successful poll saw. */
  refs: ReadonlyMap<string, Oid>;
  /** The same as the remote listed them: `refs` leaves out beats that nobody known has signed. */
  listed: ReadonlyMap<string, Oid>;
  /** Monotonic time at which that poll began. */
  seenMs: number;
  book: LeaseBook;
  /** The rejected files that were reported, as the index last had them. */
  rejected: OpenIndex['rejected'];
  readonly records: Records;
  readonly models: ModelState;
  readonly claims: ClaimState;
  readonly post: PostState;
  readonly workflows: WorkflowState;
  readonly trust: TrustState;
  readonly host: HostCondition;
  readonly pace: PaceState;
  readonly loop: LoopState;
}

/** The state of a dispatcher that has not looked at anything yet. */
export function createState(): State {
  return {
    refs: new Map(),
    listed: new Map(),
    seenMs: Number.NEGATIVE_INFINITY,
    book: EMPTY_LEASES,
    rejected: new Map(),
    records: new Map(),
    models: {
      serving: { models: new Map(), refused: new Map() },
      parked: new Map(),
      day: { tip: null, sinceMs: 0, file: null, budgets: NO_BUDGETS, spent: new Map() },
      spentOut: new Map(),
      parks: new Map(),
      starts: new Map(),
      failures: new Map(),
    },
    claims: {
      own: new Map(),
      refused: new Map(),
      recovered: false,
      others: new Map(),
      ledger: createLedger(),
      capsules: new Map(),
      capsulesRestMs: Number.NEGATIVE_INFINITY,
      blocked: new Set(),
      unclaimed: new Map(),
      firstSeen: new Map(),
      seenWorks: [],
    },
    post: {
      outgoing: [],
      publishing: false,
      pushMs: 0,
      landing: { ms: 0, hasLanded: false },
      rivals: 1,
      refusalsTold: new Set(),
      riders: [],
      rideAfterMs: Number.NEGATIVE_INFINITY,
    },
    trust: {
      ...{ heardBy: null, checked: null, now: null, recordsBy: null },
      ...{
        beats: new Map(),
        oldTold: new Set(),
        voices: new Map(),
        listed: new Map(),
        held: new Map(),
        files: new Map(),
      },
    },
    workflows: {
      runs: new Map(),
      runTexts: new Map(),
      foldMemos: new Map(),
      channelOf: new Map(),
      gates: new Map(),
      markerOf: new Map(),
      closing: { tip: null, markers: [] },
      advancing: new Set(),
      advancedTip: null,
      folderTexts: new Map(),
      answers: createAnswerCache(),
      schedules: { tree: null, entries: [], nextMs: 0 },
      firing: new Set(),
    },
    host: {
      warnedTwins: new Set(),
      serving: new Map(),
      forgotten: new Set(),
      mode: 'running',
      pausedHere: false,
      control: null,
      beat: {
        count: 0,
        startedMs: Number.NEGATIVE_INFINITY,
        presence: '',
        refusal: null,
        hasLanded: false,
        dueSinceMs: null,
        isUnderWay: false,
        doubt: null,
      },
      halted: null,
      outage: null,
      stopOrdered: false,
      drainOrdered: false,
    },
    pace: {
      tip: null,
      file: null,
      pace: OWN_PACE,
      traffic: new Map(),
      made: [],
      noted: new Map(),
      sinceMs: Number.NEGATIVE_INFINITY,
      busy: new Set(),
      limitedMs: Number.NEGATIVE_INFINITY,
      unanswered: null,
      sight: 'old',
      turnEndMs: Number.NEGATIVE_INFINITY,
      askedMs: null,
      waitingSinceMs: null,
      waiting: [],
    },
    loop: {
      nextLookMs: 0,
      upkeep: { running: false, epoch: 0 },
      active: true,
      hints: createHints(),
      wake: new AbortController(),
      ending: new AbortController(),
    },
  };
}
