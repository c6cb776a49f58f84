/**
 * The parts of a dispatcher: its settings, the doors it acts through, and the state that its verbs
 * share (state.ts).
 */
import type { Agents, StartedProcess } from '../agents/agent.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { LocalState } from '../local/local-state.ts';
import type { Worktrees } from '../local/worktree.ts';
import type { ModelProblem } from '../protocol/models.ts';
import type { Trust } from '../protocol/trust.ts';
import type { RefNames } from '../protocol/paths.ts';
import type { Mirror } from '../transport/mirror.ts';
import type { Publisher } from '../transport/transaction.ts';
import type { Repository } from '../transport/repository.ts';
import type { ReadSpacing } from '../transport/space-reads.ts';
import type { LeaseTimes } from '../protocol/pace.ts';
import type { State } from './state.ts';
import type { Serving } from './notes.ts';

export interface Settings extends LeaseTimes {
  readonly alias: string;
  readonly version: string;
  readonly refs: RefNames;
  /** Attempts at the same time on this host. */
  readonly concurrency: number;
  /** In place of its lease where pushes are few; null = set by hand, and holds always. */
  readonly slowLease: LeaseTimes | null;
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
  /**
   * A beat that did not change for this long (connected time of this host) is that of a dead host
   * and is removed; a living one renews its own thrice in it.
   */
  readonly forgetBeatMs: number;
  /** Orders to all hosts are obeyed, no matter who gave them. */
  readonly obeysControl: boolean;
  /** How long another host's share is left to it before this one takes it. */
  readonly stealAfterMs: number;
  /** Where others can call this host, for its beat; null = nowhere. */
  readonly wakeAddress: string | null;
  /** Path of the one message that is worked on, and no run moved on; absent = all there is. */
  readonly onlyMessage?: string | undefined;
  /** This host calls others when it has published something, so it must know their beats. */
  readonly pokes: boolean;
  /** The public half of the key by which this host signs its commits; absent: it signs none. */
  readonly key?: string;
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
  /** How far apart the reads of `repository` keep. */
  readonly spacing: ReadSpacing;
  readonly local: LocalState;
  readonly agents: Agents;
  readonly workspace: Workspace;
  /** For attempts that work in a project on their own branch. */
  readonly worktrees: Worktrees;
  /**
   * Re-read when its sources changed; `modelsText` is data/models.yaml as it is in force, `problem`
   * why that is not the version at the tip.
   */
  readonly serving: (modelsText: string | null, problem?: ModelProblem | null) => Promise<Serving>;
  /** Whose signatures this host requires; absent: nobody's. */
  readonly trust?: () => Promise<Trust>;
  /** Ends process groups that an earlier run of this state directory left behind. */
  readonly reap: (
    started: readonly (StartedProcess & { readonly attemptId: string })[],
  ) => Promise<void>;
  /** Pieces of a running agent's output, for people who watch. */
  readonly onOutput: (key: string, text: string) => void;
  /**
   * Tells other hosts, by the addresses in their beats, that there is something to see. Sends only
   * where this host's operator allows it.
   */
  readonly poke: (addresses: readonly string[]) => void;
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

/** Makes the loop poll at once. */
export function wake(dispatcher: Dispatcher): void {
  dispatcher.state.loop.active = true;
  dispatcher.state.loop.hints.lookDue = true;
  dispatcher.state.loop.wake.abort();
}
