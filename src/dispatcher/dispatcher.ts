/**
 * What a dispatcher is made of: its settings, the doors it acts through, and the state that its verbs share. Everything here is lost at a crash;
 * what must not be lost is on the remote or behind the door to local state.
 */
import type { Agents, StartedProcess } from '../agents/agent.ts';
import type { Clock } from '../base/clock.ts';
import type { Oid } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { LocalState } from '../local/local-state.ts';
import type { Worktrees } from '../local/worktree.ts';
import type { HostState } from '../protocol/beat.ts';
import { type Budgets, NO_BUDGETS, type Reached, type Spent } from '../protocol/budgets.ts';
import type { Claim } from '../protocol/claim.ts';
import type { Control } from '../protocol/control.ts';
import { EMPTY_LEASES, type LeaseBook } from '../protocol/lease.ts';
import type { ModelEntry } from '../protocol/models.ts';
import type { OpenIndex, OpenMessage, Work } from '../protocol/open-work.ts';
import type { RefNames } from '../protocol/paths.ts';
import type { Mirror } from '../transport/mirror.ts';
import type { Publisher, Transaction, TransactionOutcome } from '../transport/publish.ts';
import type { TextMemory } from '../transport/read-folder.ts';
import type { RemoteFailure, Repository } from '../transport/repository.ts';
import type { FoldMemo } from '../workflow/fold-memo.ts';
import { type AnswerCache, createAnswerCache } from './cached-answers.ts';
import type { Schedules } from './fire-schedules.ts';
import { createHints, type Hints } from './hints.ts';
import type { Refusal } from './refused-work.ts';

export interface Settings {
  readonly alias: string;
  readonly version: string;
  readonly refs: RefNames;
  /** Attempts at the same time on this host. */
  readonly concurrency: number;
  readonly leaseMs: number;
  readonly beatMs: number;
  /** A holder that could not beat stops its agents this long before the lease is over. */
  readonly marginMs: number;
  /** The poll interval begins here after activity … */
  readonly pollMsMin: number;
  /** … and doubles up to here when nothing happens. */
  readonly pollMsMax: number;
  readonly maxAgeMs: number;
  readonly hopsMax: number;
  readonly threadMessagesMax: number;
  readonly threadBytesMax: number;
  /** How long running agents may still take after SIGTERM. */
  readonly graceMs: number;
  /** Failures of one model within the window after which this host leaves it alone for a while. */
  readonly failuresMax: number;
  readonly failureWindowMs: number;
  /** Directories of this host by the name that a message's `project:` gives; absolute. */
  readonly projects: Readonly<Record<string, string>>;
  /** A beat that did not change for so long (connected time of this host) is that of a dead host and is removed; a living one renews its own thrice in it. */
  readonly forgetBeatMs: number;
  /** How long another host's share is left to it before this one takes it. */
  readonly stealAfterMs: number;
  /** Where others can call this host, for its beat; null = nowhere. */
  readonly wakeAddress: string | null;
  /** This host calls others when it has published something, so it has to know their beats. */
  readonly pokes: boolean;
}

/** The models that this host would run now, and why it does not run the others. */
export interface Serving {
  readonly models: ReadonlyMap<string, ModelEntry>;
  /** Model name → reason, such as "not approved on this host: crosstalkd allow opus". */
  readonly refused: ReadonlyMap<string, string>;
}

/** Private directories for attempts. */
export interface Workspace {
  readonly open: (attemptId: string) => Promise<string>;
  readonly remove: (directory: string) => Promise<void>;
}

export interface Doors {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly repository: Repository;
  readonly local: LocalState;
  readonly agents: Agents;
  readonly workspace: Workspace;
  /** For attempts that work in a project on a branch of their own. */
  readonly worktrees: Worktrees;
  /** Re-read when its sources changed; `modelsText` is data/models.yaml at the tip. */
  readonly serving: (modelsText: string | null) => Promise<Serving>;
  /** Ends process groups that an earlier run of this state directory left behind. */
  readonly reap: (started: readonly (StartedProcess & { readonly attemptId: string })[]) => Promise<void>;
  /** Pieces of a running agent's output, for people who watch. */
  readonly onOutput: (key: string, text: string) => void;
  /** Tells other hosts, by the addresses in their beats, that there is something to see. Sends only where this host's operator allows it. */
  readonly poke: (addresses: readonly string[]) => void;
}

/** Why a running attempt is ended by us. */
export type StopReason = 'claim-lost' | 'lease-lapsed' | 'answered' | 'shutdown';

/** A claim of ours that stands on the remote as far as we know. */
export interface Held {
  readonly key: string;
  readonly ref: string;
  readonly work: Work;
  claim: Claim;
  oid: Oid;
  /** Monotonic time at which the push that made (or renewed) it began: its lease runs from here. */
  renewedMs: number;
  /** What the wall clock was ahead of the monotonic one then: when the machine sleeps, it grows. */
  renewedAheadMs: number;
  /** Monotonic time from which a listing without this claim means that it is lost; infinite while a renewal is on its way. */
  confirmedMs: number;
  /** `attempt`: an agent runs or will; `publishing`: its end is in the outbox or a release is on its way. */
  phase: 'attempt' | 'publishing';
  stopped: StopReason | null;
  readonly abort: AbortController;
  /** When the agent that runs now was started; null = none. */
  startedMs: number | null;
  /** What the attempt left in its project; absent = nothing. */
  saved?: { readonly branch: string | null; readonly commit: string };
}

/** A claim that was pushed and not yet seen on the remote by a later look. */
export interface UncertainClaim {
  readonly oid: Oid;
  readonly work: Work;
  readonly claim: Claim;
  readonly startedMs: number;
  /** As `renewedAheadMs` of a held claim. */
  readonly aheadMs: number;
}

export interface Parked {
  readonly untilMs: number;
  readonly why: string;
}

/** What is known of the day's spending. Without data/budgets.yaml it stays empty. */
export interface DayBook {
  /** The commit up to which replies are counted; null = none yet. */
  tip: Oid | null;
  /** data/budgets.yaml as it was last read. */
  text: string | null;
  budgets: Budgets;
  /** By the path of the reply: one that is read twice counts once. */
  readonly spent: Map<string, Spent>;
}

/** A transaction that waits for the publisher, and who wants to know. */
export interface Outgoing {
  readonly transaction: Transaction;
  /** The message, marker or ref that it is about. */
  readonly about: string;
  /** Why it waits although nothing else does; null = it does not. */
  refusal: Refusal | null;
  readonly done: (outcome: TransactionOutcome) => Promise<void>;
}

/** What was last seen of a workflow run, so that one that cannot move costs one look-up a tick. */
export interface RunSeen {
  /** The tree of its channel; null = none yet. */
  readonly tree: Oid | null;
  /** Monotonic time at which that tree was first seen, and at which the engine was last asked. */
  readonly seenMs: number;
  readonly askedMs: number;
}

/** One record of a claim or host that somebody else wrote; null = unreadable. */
export type Records = Map<Oid, { readonly text: string } | null>;

export interface State {
  /** Every ref of claims, hosts and control that the last successful poll saw. */
  refs: ReadonlyMap<string, Oid>;
  /** Monotonic time at which that poll began. */
  seenMs: number;
  book: LeaseBook;
  serving: Serving;
  readonly held: Map<string, Held>;
  /** Claims whose push had no answer, by ref: settled by the next look. */
  readonly uncertain: Map<string, UncertainClaim>;
  /** False until the claims of an earlier run were looked for. */
  recovered: boolean;
  /** Claims of an earlier run of this state directory: their process is dead, whatever their lease says. Ref → whether its agent was started. */
  readonly orphans: Map<string, { readonly oid: Oid; readonly started: boolean }>;
  /** Claim refs of others whose removal or failure reply is on its way. */
  readonly settling: Set<string>;
  /** Keys of work whose agent this state directory has started, as far back as its journal goes. */
  readonly ran: Set<string>;
  /** Of these, what a rewritten branch shows as open: it is not run a second time here. */
  readonly blocked: Set<string>;
  /** The rejected files that were reported, as the index last had them. */
  rejected: OpenIndex['rejected'];
  /** Beat refs under our alias that were reported. */
  readonly warnedTwins: Set<string>;
  /** Beats of dead hosts that this host tried to remove, by object: each once. */
  readonly forgotten: Set<Oid>;
  readonly outgoing: Outgoing[];
  /** Reasons of refusals that were told of. */
  readonly refusalsTold: Set<string>;
  publishing: boolean;
  /** How long the last push of the branch took; 0 = none yet. */
  pushMs: number;
  readonly parked: Map<string, Parked>;
  /** What the models of all hosts have used today, and which of them are at the end of their budget. */
  readonly day: DayBook;
  spentOut: ReadonlyMap<string, Reached>;
  /** How often in a row each model was parked without an answer in between. */
  readonly parks: Map<string, number>;
  /** Wall-independent times of attempts of the last hour, by model. */
  readonly starts: Map<string, readonly number[]>;
  readonly failures: Map<string, readonly number[]>;
  /** When each open piece of work was first seen, monotonic. */
  readonly firstSeen: Map<string, number>;
  readonly records: Records;
  /** Open workflow runs by marker path: what was seen of each, its texts, its channel, and whether a transition is on its way. */
  readonly runs: Map<string, RunSeen>;
  readonly runTexts: Map<string, TextMemory>;
  /** What folds of each found, by marker path: it only saves work. */
  readonly foldMemos: Map<string, FoldMemo>;
  readonly channelOf: Map<string, string>;
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
  mode: Exclude<HostState, 'stopped'>;
  /** Paused by this host's operator (as opposed to by `--all`). */
  pausedHere: boolean;
  control: Control | null;
  beat: { readonly count: number; readonly startedMs: number; readonly presence: string };
  /** Why nothing may run, or null. */
  halted: { readonly was: Oid; readonly now: Oid | null } | null;
  outage: RemoteFailure | null;
  /** Ordered to end as by SIGTERM. */
  stopOrdered: boolean;
  /** Monotonic time of the next look, as planned. */
  nextLookMs: number;
  /** The cache's upkeep: whether it goes on now, and the mirror's epoch when it last began. */
  readonly upkeep: { running: boolean; epoch: number };
  /** Something happened since the last tick: poll fast. */
  active: boolean;
  readonly hints: Hints;
  wake: AbortController;
  /** Aborted when the dispatcher ends: nothing begins any more. */
  readonly ending: AbortController;
}

/** Where the marker of a run was when the run began; null = its header does not say which file. */
export interface MarkerPlace {
  readonly path: string;
  readonly blob: Oid | null;
}

export interface Dispatcher {
  readonly settings: Settings;
  readonly doors: Doors;
  readonly mirror: Mirror;
  readonly publisher: Publisher;
  /** This process, 16 hex. */
  readonly run: string;
  readonly state: State;
}

/** A dispatcher that has not looked at anything yet. */
export function createDispatcher(parts: Omit<Dispatcher, 'state' | 'run'>): Dispatcher {
  return {
    ...parts,
    run: parts.doors.random.hex(8),
    state: {
      refs: new Map(),
      seenMs: Number.NEGATIVE_INFINITY,
      book: EMPTY_LEASES,
      serving: { models: new Map(), refused: new Map() },
      held: new Map(),
      uncertain: new Map(),
      recovered: false,
      orphans: new Map(),
      settling: new Set(),
      ran: new Set(),
      blocked: new Set(),
      rejected: new Map(),
      warnedTwins: new Set(),
      forgotten: new Set(),
      outgoing: [],
      refusalsTold: new Set(),
      publishing: false,
      pushMs: 0,
      parked: new Map(),
      day: { tip: null, text: null, budgets: NO_BUDGETS, spent: new Map() },
      spentOut: new Map(),
      parks: new Map(),
      starts: new Map(),
      failures: new Map(),
      firstSeen: new Map(),
      records: new Map(),
      runs: new Map(),
      runTexts: new Map(),
      foldMemos: new Map(),
      channelOf: new Map(),
      markerOf: new Map(),
      closing: { tip: null, markers: [] },
      advancing: new Set(),
      advancedTip: null,
      folderTexts: new Map(),
      answers: createAnswerCache(),
      schedules: { tree: null, entries: [], nextMs: 0 },
      firing: new Set(),
      mode: 'running',
      pausedHere: false,
      control: null,
      beat: { count: 0, startedMs: Number.NEGATIVE_INFINITY, presence: '' },
      halted: null,
      outage: null,
      stopOrdered: false,
      nextLookMs: 0,
      upkeep: { running: false, epoch: 0 },
      active: true,
      hints: createHints(),
      wake: new AbortController(),
      ending: new AbortController(),
    },
  };
}

/** Makes the loop look again at once. */
export function wake(dispatcher: Dispatcher): void {
  dispatcher.state.active = true;
  dispatcher.state.hints.lookDue = true;
  dispatcher.state.wake.abort();
}
