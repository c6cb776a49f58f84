/** What a chain of tasks is made from, and where it stands before its next task. */
import type { Json } from '../language/json.ts';
import type { Prompt, Retry } from '../language/plan.ts';
import type { Expectation } from './answer.ts';
import type { Cap, Fold, Outcome } from './fold.ts';
import type { TaskKind } from './task-file.ts';
import { outcome } from './fold-context.ts';

/** A chain: the tasks that give one answer. */
export interface ChainSpec {
  /** Folder of the chain, with its trailing slash. */
  readonly folder: string;
  readonly step: string;
  readonly key: string;
  readonly phase: 'fanout' | 'synthesize' | 'compile';
  readonly models: readonly string[];
  readonly prompt: (nonce: string) => string;
  /** Further front matter; `base` is part of the content key. Read when a task is composed. */
  readonly extra: () => Readonly<Record<string, Json | undefined>>;
  readonly expectation: Expectation;
  readonly reask: number;
  readonly retry: Retry;
  readonly session: Prompt['session'];
  readonly cache: Prompt['cache'];
  /**
   * Its effects are commits of its own branch: a task whose host was lost is asked again, whatever
   * `retry` says.
   */
  readonly isRepeatable: boolean;
  readonly caps: readonly Cap[];
  readonly priority: number;
  readonly atMs: number;
  /** Which pass of which loops, and which candidate: part of the content key. */
  readonly turn: string;
  /** Round and pass as people read them, such as ` pass 2`; empty for the first. */
  readonly pass: string;
}

/** An answer that could not be used, and what is wrong with it. */
export interface Rejected {
  readonly body: string;
  readonly errors: readonly string[];
}

/** Where a chain stands before its next task. */
export interface Position {
  readonly n: number;
  readonly kind: TaskKind;
  readonly model: number;
  readonly retries: number;
  readonly reasks: number;
  readonly losses: number;
  /** Null: no answer was unusable since the chain began or changed its model. */
  readonly unusable: Rejected | null;
  readonly atMs: number;
  readonly notBeforeMs: number;
  readonly session: { readonly id: string; readonly host: string | null } | null;
  readonly usd: number;
  readonly tokens: number;
}

/** Before the first task. */
export const START: Position = {
  n: 1,
  kind: 'first',
  model: 0,
  retries: 0,
  reasks: 0,
  losses: 0,
  unusable: null,
  atMs: 0,
  notBeforeMs: 0,
  session: null,
  usd: 0,
  tokens: 0,
};

/** What starts over with another model. */
export function fresh(
  model: number,
): Pick<Position, 'model' | 'retries' | 'reasks' | 'losses' | 'unusable' | 'notBeforeMs'> {
  return { model, retries: 0, reasks: 0, losses: 0, unusable: null, notBeforeMs: 0 };
}

/** The cap of the whole run. */
export function runCap(fold: Fold, path: string): Cap {
  return { key: '', max: fold.plan.maxParallel, unit: path };
}

/** The outcome of a chain that stands there, with what it has cost. */
export function outcomeAt(
  { atMs, usd, tokens }: Position,
  status: Outcome['status'],
  more: Partial<Outcome> = {},
): Outcome {
  return outcome(status, atMs, { ...more, usd, tokens });
}
