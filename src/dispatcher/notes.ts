/** What the verbs of a dispatcher note between two polls: one record a kind, kept in its state. */
import type { Oid } from '../base/ids.ts';
import type { ModelEntry } from '../protocol/models.ts';
import type { OfferReason, RestReason } from '../protocol/reason.ts';
import type { CapsuleWork } from '../protocol/capsule-work.ts';
import type { Said } from '../agents/agent.ts';
import type { ReplyFacts } from '../protocol/reply.ts';
import type { FileInForce } from '../transport/find-readable.ts';
import type { RefUpdate } from '../transport/repository.ts';
import type { Budgets, Spent } from '../protocol/budgets.ts';
import type { Transaction, TransactionOutcome } from '../transport/transaction.ts';
import type { Claim } from '../protocol/claim.ts';
import type { Beat } from '../protocol/beat.ts';
import type { Trust } from '../protocol/trust.ts';
import type { ScheduleInput } from '../workflow/run/schedule.ts';
import type { PublishRound } from '../transport/publish.ts';

/** Why one transaction waits, since when, and until when. Monotonic times. */
export interface Refusal {
  readonly line: string;
  /** The tip at which something stood in its way; null = the remote forbids it. */
  readonly blockedAt: { readonly tip: Oid | null } | null;
  /** Its pushes had no effect although nobody else was there. */
  readonly isUnmoved: boolean;
  readonly times: number;
  readonly sinceMs: number;
  readonly nextMs: number;
}

/** The models that this host would run now, and why it does not run the others. */
export interface Serving {
  readonly models: ReadonlyMap<string, ModelEntry>;
  /** Model name → why it is not run here. */
  readonly refused: ReadonlyMap<string, OfferReason>;
}

/** How the work in a worktree is found out, and what was found when. */
export interface WorkNote {
  readonly attempt: number;
  /** Null when the worktree is gone. */
  readonly look: (() => Promise<CapsuleWork | null>) | null;
  readonly last: CapsuleWork | null;
  /** Monotonic time before which it is not looked at again. */
  readonly notBeforeMs: number;
}

/** What the agents of a piece of work have said here, and what of it is in its capsule. */
export interface CapsuleNote {
  /** The end of it, of which model and in which attempt; null: no agent was started. */
  readonly said: (Said & { readonly attempt: number; readonly model: string }) | null;
  /** What they have changed in their worktree; null: nothing, or nothing that may be shared. */
  readonly work: WorkNote | null;
  /** What this process has pushed into its capsule. */
  readonly kept: { readonly record: string; readonly oid: Oid } | null;
  /** Whose words the agent that runs now began with. */
  readonly continues: NonNullable<ReplyFacts['continues']> | null;
  /** What an attempt that we ended leaves behind: the next push takes it along. */
  readonly left: RefUpdate | null;
}

/** A claim that failed although nobody else was seen to hold it. */
export interface LostClaim {
  /** Where its ref pointed, and must still point: otherwise somebody else has won. */
  readonly expected: Oid | null;
  readonly refusal: Refusal;
  /** Another claim was taken while this one was refused: the remote does not refuse them all. */
  readonly isAlone: boolean;
}

export interface Parked {
  readonly untilMs: number;
  readonly why: RestReason;
  /** Class of the failure that it rests after; absent when it was not a failure of its program. */
  readonly class?: string;
}

/** What is known of the day's spending. Without data/budgets.yaml it stays empty. */
export interface DayBook {
  /** The commit up to which replies are counted; null = none yet. */
  tip: Oid | null;
  /** The first moment that was counted up to that tip. */
  sinceMs: number;
  /** data/budgets.yaml as it was last read; null = not yet. */
  file: FileInForce | null;
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

/** A record that somebody else wrote of a claim or host. `claim` is null when it cannot be read. */
export interface SeenRecord {
  readonly text: string;
  readonly claim: Claim | null;
  /** No known host has signed it, and this host requires that: it does not count. */
  readonly isForged?: true;
}

/** Records by object; null = not there. */
export type Records = Map<Oid, SeenRecord | null>;

/** Where the marker of a run was when the run began; null = its header does not say which file. */
export interface MarkerPlace {
  readonly path: string;
  readonly blob: Oid | null;
}

/** The saved workflows with a schedule, as of one tree of data/workflows. */
export interface Schedules {
  readonly tree: Oid | null;
  /** Whose signatures they were judged by; absent: none is required. */
  readonly trust?: Trust | undefined;
  readonly entries: readonly Scheduled[];
  /** Wall time before which nothing can be due: a schedule has minutes as its smallest unit. */
  readonly nextMs: number;
}

/** What is asked of a saved workflow when its time may have come. */
export type Scheduled = Pick<ScheduleInput, 'name' | 'text' | 'sinceMs'>;

/** What goes along with a push of others, once: whatever its outcome, it is not retried. */
export interface Rider {
  readonly transaction: Transaction;
  /** Null: it was not pushed. */
  readonly done: (round: PublishRound | null) => void;
}

/** A beat on its way. */
export interface BeatPush {
  readonly update: RefUpdate & { readonly next: Oid };
  readonly beat: Beat;
  readonly presence: string;
  readonly startedMs: number;
}
