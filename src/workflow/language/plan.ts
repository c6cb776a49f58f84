/**
 * The validated form of a workflow: what the engine works with once every key, type and reference
 * has been checked.
 */
import type { Json, JsonObject } from './json.ts';
import type { Template } from './template.ts';

/** Something wrong in a workflow file; `line` and `column` are 1-based in that file. */
export interface Problem {
  readonly line: number;
  /** Where it is known. */
  readonly column?: number;
  readonly message: string;
  readonly suggestion: string | null;
  /** Set when it is a value given for an input that is wrong, and not the workflow. */
  readonly input?: { readonly name: string; readonly kind: InputProblem['kind'] };
}

/** What is wrong with the value of an input. */
export interface InputProblem {
  readonly name: string;
  readonly kind: 'missing' | 'unknown' | 'unfit';
  readonly message: string;
}

/** A list that is written out, or an expression that gives one. */
export type ListSource =
  | { readonly kind: 'list'; readonly items: readonly Json[] }
  | { readonly kind: 'expression'; readonly template: Template };

export interface InputSpec {
  readonly name: string;
  readonly type: 'string' | 'number' | 'integer' | 'boolean' | 'choice' | 'json';
  readonly required: boolean;
  readonly fallback: Json | undefined;
  readonly options: readonly string[];
}

export interface Limits {
  readonly usd: number | null;
  readonly tokens: number | null;
  readonly agents: number | null;
  readonly minutes: number | null;
}

export interface Budget extends Limits {
  readonly onExceed: 'pause' | 'fail' | 'finish' | 'kill';
}

export interface Concurrency {
  readonly group: Template;
  readonly max: number;
  readonly overflow: 'queue' | 'drop' | 'cancel-oldest';
  readonly maxQueue: number;
}

export type Join =
  | { readonly kind: 'all'; readonly min: number }
  | { readonly kind: 'first'; readonly min: number }
  | {
      readonly kind: 'model';
      readonly models: readonly string[];
      readonly prompt: Template | null;
      readonly schema: Json | null;
      readonly min: number;
    }
  | { readonly kind: 'vote'; readonly field: string; readonly min: number }
  | { readonly kind: 'best'; readonly field: string; readonly min: number };

export interface Retry {
  readonly max: number;
  readonly delayMs: number;
  readonly factor: number;
  readonly maxDelayMs: number;
  /** Failure classes that are retried; empty = all that may pass on their own. */
  readonly on: readonly string[];
}

export interface Repeat {
  readonly until: Template;
  readonly max: number;
  readonly onMax: 'fail' | 'last';
}

export interface Check {
  readonly that: Template;
  readonly message: string;
}

export interface Isolation {
  readonly project: string | null;
  readonly isolate: 'worktree' | 'none';
  readonly base: Template | null;
  readonly branch: Template | null;
  readonly keep: boolean;
}

/** What an agent is asked and how its answer is judged. */
export interface Prompt {
  readonly kind: 'prompt';
  readonly prompt: Template;
  readonly models: readonly string[];
  /** One task per model of this list; empty = one task with `models` as fallbacks. */
  readonly spread: readonly string[];
  readonly count: number | Template;
  readonly join: Join;
  readonly as: string | null;
  readonly session: 'fresh' | 'last';
  readonly timeoutMinutes: number | null;
  readonly idleMinutes: number | null;
  readonly retry: Retry;
  readonly schema: Json | null;
  readonly reask: number;
  readonly checks: readonly Check[];
  readonly cache: 'false' | 'run' | 'global';
  readonly isolation: Isolation;
  readonly effects: 'none' | 'git' | 'external' | null;
}

export type OnDeny =
  | { readonly kind: 'fail' | 'continue' | 'skip' }
  | { readonly kind: 'rework'; readonly step: string; readonly max: number };

export interface Ask {
  readonly kind: 'ask';
  readonly title: Template;
  readonly form: 'approve' | 'choose' | 'input';
  readonly choices: readonly string[];
  readonly schema: Json | null;
  readonly approvers: readonly string[];
  readonly quorum: number;
  readonly timeoutMinutes: number | null;
  readonly onTimeout: 'wait' | 'fail' | 'deny' | 'approve';
  readonly onDeny: OnDeny;
}

export interface Wait {
  readonly kind: 'wait';
  readonly what:
    | { readonly kind: 'for'; readonly ms: number }
    | { readonly kind: 'until'; readonly at: Template }
    | { readonly kind: 'message'; readonly from: string | null; readonly contains: string | null }
    | { readonly kind: 'event'; readonly name: string };
}

export type StepBody =
  | Prompt
  | { readonly kind: 'value'; readonly value: Json }
  | Ask
  | Wait
  | { readonly kind: 'uses'; readonly name: string; readonly with: JsonObject }
  | { readonly kind: 'group'; readonly steps: readonly Step[] };

export interface Step {
  readonly id: string;
  readonly body: StepBody;
  readonly needs: readonly string[];
  readonly when: Template | null;
  readonly priority: number;
  readonly each: ListSource | null;
  readonly matrix: readonly (readonly [string, ListSource])[];
  readonly maxParallel: number | null;
  readonly failFast: boolean;
  readonly continueOnError: boolean;
  readonly budget: Limits | null;
  readonly repeat: Repeat | null;
  /** The step that takes this one's effects back when the run fails later. */
  readonly undo: string | null;
  /** Where the step is written, for problems found later. */
  readonly place: readonly string[];
  /** Canonical text of everything written for this step: equal text = the same step. */
  readonly source: string;
}

/** When a saved workflow starts on its own. */
export interface Schedule {
  /** Five fields, UTC. */
  readonly cron: string;
  readonly channel: string;
  /** What happens to the latest firing that nobody was up for. */
  readonly catchUp: 'once' | 'skip';
  /** A firing may start while the run of the one before is open. */
  readonly overlap: boolean;
}

export interface Plan {
  readonly name: string;
  readonly inputs: readonly InputSpec[];
  readonly steps: readonly Step[];
  readonly final: readonly Step[];
  readonly output: Template | null;
  readonly model: readonly string[];
  readonly budget: Budget;
  readonly maxParallel: number;
  readonly failFast: boolean;
  readonly concurrency: Concurrency | null;
  readonly schedule: Schedule | null;
  readonly follow: boolean;
  readonly dryRun: boolean;
  readonly dispatchHost: string | null;
}

export const ITEMS_MAX = 1_000;
export const COUNT_MAX = 10;
export const DEFAULT_BUDGET: Budget = {
  usd: null,
  tokens: null,
  agents: 1_000,
  minutes: null,
  onExceed: 'pause',
};
export const DEFAULT_MAX_PARALLEL = 4;

/** Every step below the list, groups included, in the order they are written. */
export function allSteps(steps: readonly Step[]): readonly Step[] {
  return steps.flatMap((step) =>
    step.body.kind === 'group' ? [step, ...allSteps(step.body.steps)] : [step],
  );
}

/** The steps after the rest: `finally`, and those that take others back. */
export function endSteps(plan: Pick<Plan, 'steps' | 'final'>): readonly Step[] {
  const undoing = new Set(plan.steps.flatMap((step) => step.undo ?? []));
  return [...plan.final, ...plan.steps.filter((step) => undoing.has(step.id))];
}

/** True when the step keeps a list: one result per item of `each` or `matrix`. */
export function isListStep(step: Step): boolean {
  return step.each !== null || step.matrix.length > 0;
}
