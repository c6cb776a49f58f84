/**
 * The state of one fold over a run's files. Folding a step either finds its outcome in the files or
 * proposes the files that bring it nearer; at the end the engine takes the first proposal.
 * Proposals of tasks are held back by caps, all others are free.
 */
import { formatIso } from '../../base/clock.ts';
import type { Values } from '../language/expression-evaluate.ts';
import type { Awaited } from '../../protocol/reason.ts';
import { ask, type FoldMemo, hasFile, type Recording } from './fold-memo.ts';
import type { RunHeader } from './header.ts';
import type { Json, JsonObject } from '../language/json.ts';
import type { Ask, Plan, Step } from '../language/plan.ts';
import type { RunMessages } from './run-messages.ts';
import type { Reuse } from './reuse.ts';
import type { NewFile, RunInput } from './run-input.ts';
import { closedReply } from './task-file.ts';
import { folderOfStep } from '../../protocol/run-paths.ts';

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
}

/** Files that would bring the run forward. */
export interface Proposal {
  readonly kind: 'file' | 'task';
  /** Subject for one; tasks that share it go into one commit with their number in brackets. */
  readonly name: string;
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
  readonly state: 'open' | 'succeeded' | 'failed' | 'rejected';
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
  readonly state: 'open' | 'decided';
  readonly decision: string | null;
  /** A decision.json stands that no answers stand behind: it has to be removed. */
  readonly isVoid: boolean;
  /** Who is told. */
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

/** One level of steps in the run: where its files are and what its expressions see. */
export interface Level {
  readonly folder: string;
  readonly gatePrefix: string;
  readonly steps: readonly Step[];
  readonly values: Values;
  readonly outer: ReadonlyMap<string, Outcome>;
  readonly atMs: number;
  readonly caps: readonly Cap[];
  readonly priority: number;
  /** Which pass of which loops this is, for content keys. */
  readonly turn: string;
  /** The worktree that everything in this level shares, or null. */
  readonly worktree: string | null;
}

/** True when nothing more will happen to it by itself. */
export function isEnded({ status }: { readonly status: Status }): boolean {
  return ['succeeded', 'degraded', 'failed', 'skipped', 'cancelled'].includes(status);
}

/** True when dependants may use it. */
export function isUsable({ status }: { readonly status: Status }): boolean {
  return status === 'succeeded' || status === 'degraded';
}

/** An outcome with the parts given; the rest is empty. */
export function outcome(status: Status, atMs: number, parts: Partial<Outcome> = {}): Outcome {
  return {
    status,
    atMs,
    isFailed: status === 'failed',
    text: '',
    json: null,
    list: [],
    decision: null,
    why: null,
    awaits: null,
    usd: 0,
    tokens: 0,
    ...parts,
  };
}

/** What expressions see of an outcome. */
export function outcomeValue(of: Outcome): JsonObject {
  return {
    text: of.text,
    json: of.json,
    status: of.status,
    failed: of.isFailed,
    list: of.list,
    decision: of.decision,
  };
}

/** True when the file stands; otherwise it is proposed. `atMs` is written as its timestamp. */
export function settle(
  fold: Fold,
  file: {
    readonly path: string;
    readonly name: string;
    readonly atMs: number;
    readonly content: JsonObject;
  },
): boolean {
  if (hasFile(fold, file.path)) return true;
  const content = `${JSON.stringify({ ...file.content, timestamp: formatIso(file.atMs) }, null, 2)}\n`;
  propose(fold, file.name, [{ path: file.path, content }]);
  return false;
}

/** Proposes files of the engine's own, free of caps. */
export function propose(fold: Fold, name: string, files: readonly NewFile[]): void {
  const paths = files.map(({ path }) => path);
  fold.proposals.push({
    kind: 'file',
    name,
    priority: 0,
    paths,
    caps: [],
    compose: () => ({ files, isAgent: false, isOpen: false }),
  });
}

/** What a proposal adds, made once in a fold. */
export function composeProposal(fold: Fold, proposal: Proposal): Composed {
  const known = fold.composed.get(proposal);
  if (known !== undefined) return known;
  const composed = proposal.compose(fold);
  fold.composed.set(proposal, composed);
  return composed;
}

/** True when something proposed would ask an agent. */
export function wantsAgent(fold: Fold, proposal: Proposal): boolean {
  return proposal.kind === 'task' && composeProposal(fold, proposal).isAgent;
}

/** Takes back proposals. */
export function withdraw(fold: Fold, isWithdrawn: (proposal: Proposal) => boolean): void {
  const kept = fold.proposals.filter((proposal) => !isWithdrawn(proposal));
  fold.proposals.splice(0, fold.proposals.length, ...kept);
}

/** True when any file of the run stands below the folder. */
export function hasBelow(fold: Fold, folder: string): boolean {
  return ask(fold, ({ paths }) => {
    const sorted = paths();
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sorted[middle] ?? '') < folder) low = middle + 1;
      else high = middle;
    }
    return sorted[low]?.startsWith(folder) === true;
  });
}

/** Notes that a unit is at work below a cap. */
export function occupy(fold: Fold, caps: readonly Cap[]): void {
  fold.occupied.push(...caps);
}

/**
 * Takes back what is proposed below `prefix` and proposes to close what is open there, in one
 * commit with `files`. True when there was nothing left to close or add.
 */
export function stopBelow(
  fold: Fold,
  prefix: string,
  stop: {
    readonly atMs: number;
    readonly why: string;
    readonly name: string;
    readonly files?: readonly NewFile[];
  },
): boolean {
  withdraw(fold, ({ paths }) => paths.some((path) => path.startsWith(prefix)));
  const open = fold.tasks.filter((task) => task.state === 'open' && task.path.startsWith(prefix));
  const closing = open.map((task) =>
    closedReply(task.path, task.to.split('@')[0] ?? task.to, {
      atMs: stop.atMs,
      hops: fold.header.hops + 1,
      text: stop.why,
    }),
  );
  const files = [...(stop.files ?? []).filter((file) => !hasFile(fold, file.path)), ...closing];
  if (files.length > 0) propose(fold, stop.name, files);
  return files.length === 0;
}

/** Undo steps that have a task: what their steps did is being taken back, or is taken back. */
export function begunUndos({ plan, tasks, root }: Fold): ReadonlySet<string> {
  const undoing = plan.steps.flatMap((step) => step.undo ?? []);
  return new Set(
    undoing.filter((id) => tasks.some(({ path }) => path.startsWith(folderOfStep(root, id)))),
  );
}
