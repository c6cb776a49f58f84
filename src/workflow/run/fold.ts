/**
 * What a fold over a run's files is made of: the outcomes of steps, what would bring the run
 * forward, and what a later fold may take over. Types and the list of statuses only, so that every
 * part of the engine can know them.
 */
import type { Values } from '../language/expression-evaluate.ts';
import type { Json, JsonObject } from '../language/json.ts';
import type { Ask, Plan, Step } from '../language/plan.ts';
import type { Awaited } from '../../protocol/reason.ts';
import type { RunHeader } from './header.ts';
import type { Reuse } from './reuse.ts';
import type { NewFile, RunInput, TransitionName } from './run-input.ts';
import type { RunMessages } from './run-messages.ts';

export const STATUSES = [
  'pending',
  'running',
  'waiting-human',
  'waiting',
  'succeeded',
  'degraded',
  'failed',
  'skipped',
  'cancelled',
] as const;
export type Status = (typeof STATUSES)[number];

/**
 * What is known of a step, an item or a candidate. `atMs` is the latest timestamp that went into
 * it.
 */
export interface Outcome {
  readonly status: Status;
  /** It failed, or would have if that were not tolerated. */
  readonly isFailed: boolean;
  readonly text: string;
  readonly json: Json;
  readonly list: readonly JsonObject[];
  readonly decision: string | null;
  readonly why: string | null;
  /** What a step that waits waits for. */
  readonly awaits: Awaited | null;
  readonly atMs: number;
  readonly usd: number;
  readonly tokens: number;
}

/** At most `max` units below `key` at once. */
export interface Cap {
  readonly key: string;
  readonly max: number;
  readonly unit: string;
}

/** What a proposal adds. */
export interface Composed {
  readonly files: readonly NewFile[];
  /** True when a model is asked. */
  readonly isAgent: boolean;
  /** False for what is answered already: it needs no place below a cap. */
  readonly isOpen: boolean;
  /** Whom a task asks, or which saved workflow it starts; null for files of the engine's own. */
  readonly asked: string | null;
}

/** Files that would bring the run forward. */
export interface Proposal {
  readonly kind: 'file' | 'task';
  /** Tasks that share it go into one commit. */
  readonly name: string;
  /** What the commit of it, or of several that share its name, is called. */
  readonly call: (composed: readonly Composed[]) => TransitionName;
  readonly priority: number;
  /** Where its files go. */
  readonly paths: readonly string[];
  /** What it takes if an agent is needed. */
  readonly caps: readonly Cap[];
  /**
   * Made when it is asked for: of a thousand tasks that wait for a place, few are written at once.
   * A later fold may be the one that asks.
   */
  readonly compose: (fold: Fold) => Composed;
}

/** A task as people see it. */
export interface TaskView {
  readonly path: string;
  readonly reply: string;
  readonly step: string;
  readonly key: string;
  readonly to: string;
  readonly phase: string;
  /** `cancelled`: closed before anybody answered, by a person or the end of the run. */
  readonly state: 'open' | 'succeeded' | 'failed' | 'rejected' | 'cancelled';
  readonly contentKey: string | null;
  readonly isReused: boolean;
  readonly host: string | null;
  readonly session: { readonly id: string; readonly host: string | null } | null;
  readonly attempts: number | null;
  readonly usd: number;
  readonly tokens: number;
  readonly durationMs: number | null;
  readonly why: string | null;
}

/** A question to people as people see it. */
export interface GateView {
  readonly gate: string;
  readonly path: string;
  readonly title: string;
  readonly form: Ask['form'];
  /** What a gate of the form `choose` offers. */
  readonly choices: readonly string[];
  /** `closed`: the run ended before anybody decided. */
  readonly state: 'open' | 'decided' | 'closed';
  readonly decision: string | null;
  /** A decision.json stands that no answers stand behind: it must be removed. */
  readonly isVoid: boolean;
  /** Who is notified. */
  readonly approvers: readonly string[];
  /** Nobody was named: any person's answer counts. */
  readonly anyone: boolean;
  readonly received: number;
  readonly quorum: number;
  readonly schema: Json | null;
  /** What people have said, in order of time; `problem`: why it does not count. */
  readonly answers: readonly {
    readonly from: string;
    readonly says: string | null;
    readonly problem: string | null;
  }[];
  /** Whose answers made the decision; nobody's = its time was over. */
  readonly by: readonly string[];
}

/** A step as people see it, groups with their inner steps. */
export interface StepView {
  readonly id: string;
  readonly kind: string;
  readonly folder: string;
  readonly needs: readonly string[];
  readonly status: Status;
  readonly why: string | null;
  readonly awaits: Awaited | null;
}

/** A chain that failed for good. */
export interface FailedChain {
  readonly folder: string;
  readonly step: string;
  /** The step and, of several, the item; for people. */
  readonly name: string;
  readonly again: (atMs: number) => readonly NewFile[];
}

export interface Fold {
  readonly input: RunInput;
  readonly header: RunHeader;
  readonly plan: Plan;
  readonly root: string;
  readonly nonce: string;
  /** Every path of the run's files, in code-unit order. */
  readonly paths: () => readonly string[];
  readonly messages: RunMessages;
  readonly reuse: Reuse;
  /** Steps whose answers are never taken from elsewhere: `finally` and undo steps. */
  readonly ofItself: ReadonlySet<string>;
  readonly proposals: Proposal[];
  readonly tasks: TaskView[];
  readonly gates: GateView[];
  readonly steps: StepView[];
  /** Caps of everything that is at work. */
  readonly occupied: Cap[];
  /** Chains that failed for good, with what a retry would add. */
  readonly failedChains: FailedChain[];
  /** Steps whose own budget is used up: nothing in them can be retried. */
  readonly spentSteps: string[];
  /** Proposals that were looked at. */
  readonly composed: Map<Proposal, Composed>;
  readonly memo: FoldMemo;
  /** The parts that are being folded now, the innermost last. */
  readonly recordings: Recording[];
}

/** Outcomes by the ids of their steps; a map is one. */
export type Visible = Pick<ReadonlyMap<string, Outcome>, 'get' | 'entries'>;

/** One level of steps in the run: where its files are and what its expressions see. */
export interface Level {
  readonly folder: string;
  readonly gatePrefix: string;
  readonly steps: readonly Step[];
  readonly values: Values;
  readonly outer: Visible;
  readonly atMs: number;
  readonly caps: readonly Cap[];
  readonly priority: number;
  /** Which pass of which loops this is, for content keys. */
  readonly turn: string;
  /** The worktree that everything in this level shares, or null. */
  readonly worktree: string | null;
}

/**
 * Kept by the caller between folds of one run. It is changed by them, and may be thrown away at any
 * time.
 */
export interface FoldMemo {
  /** What all of it rests on. */
  basis: readonly unknown[];
  /** Counts the folds, so that a part is looked over once in each. */
  fold: number;
  readonly parts: Map<string, Part>;
  readonly values: Map<string, { readonly basis: readonly unknown[]; readonly value: unknown }>;
}

/** A question of a part, and its answer. Files are by far the most, so they need no function. */
export type Seen =
  | { readonly path: string; readonly text: string | undefined }
  | { readonly path: null; readonly ask: (fold: Fold) => unknown; readonly told: unknown };

/** What a part adds to the lists of a fold. */
export type Added = Readonly<
  Pick<Fold, 'tasks' | 'proposals' | 'gates' | 'steps' | 'occupied' | 'failedChains' | 'spentSteps'>
>;

export interface Part {
  readonly inputs: readonly unknown[];
  readonly seen: readonly Seen[];
  /** Parts within it. */
  readonly inner: readonly Part[];
  readonly added: Added;
  readonly outcome: Outcome;
  checked: { readonly fold: number; readonly holds: boolean };
}

/** A part that is being folded. */
export interface Recording {
  readonly seen: Seen[];
  readonly inner: Part[];
  /** It rests on something that cannot be compared: it is folded again every time. */
  isLoose: boolean;
}
