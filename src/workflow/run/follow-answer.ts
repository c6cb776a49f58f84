/**
 * What follows an answer that does not end its chain: a retry, a re-ask, the next model, or a
 * person.
 */
import { startedPath } from '../../protocol/paths.ts';
import { mayStartAgain } from '../../protocol/start-again.ts';
import { type ChainSpec, fresh, outcomeAt, type Position, type Rejected } from './chain.ts';
import { type Answer, failureLine } from './answer.ts';
import type { Fold, Outcome } from './fold.ts';
import { modelOf } from './task-file.ts';
import { hasFile } from './fold-memo.ts';
import { sumUse } from '../../protocol/usage.ts';

/** Times that a task with `effects: git` is asked again because its host was lost. */
const LOST_MAX = 2;

/** Classes that may pass on their own; what `retry` without `on` repeats. */
const PASSING = [
  'rate-limit',
  'unavailable',
  'idle',
  'crash',
  'empty',
  'timeout',
  'context',
  'failed',
];

/** Repeating these is pointless: the next model is asked at once. */
const NEVER_RETRIED = ['auth', 'usage-limit', 'missing', 'setup', 'model'];

/** The chain after an answer: its costs, its time and its session count. */
export function afterAnswer(at: Position, answer: Answer): Position {
  return {
    ...at,
    n: at.n + 1,
    atMs: Math.max(at.atMs, answer.atMs ?? 0),
    ...sumUse(answer.isReused ? [at] : [at, answer]),
    session: answer.session === null ? at.session : { id: answer.session, host: answer.host },
  };
}

interface Next {
  readonly at: Position;
  readonly failed: Outcome | null;
}

interface Unusable {
  readonly at: Position;
  /** Of the task. */
  readonly path: string;
  readonly answer: Answer;
  /** What is wrong with it; null = it is a failure. */
  readonly errors: readonly string[] | null;
}

/** The next task, or the failure that ends the chain unless a person asks again. */
export function nextAfter(
  fold: Fold,
  spec: ChainSpec,
  { at, path, answer, errors }: Unusable,
): Next {
  const model = modelOf(spec.models[at.model] ?? '');
  const isOutside = hasFile(fold, startedPath(path, model));
  if (!mayStartAgain({ isOutside, failure: answer.failure, isRepeatable: spec.isRepeatable }))
    return forPerson(at, errors === null ? failureLine(answer) : rejection(at, errors, spec));
  return errors === null
    ? afterFailure(at, answer, spec)
    : afterRejection(at, { body: answer.body, errors }, spec);
}

function afterFailure(at: Position, answer: Answer, spec: ChainSpec): Next {
  const failure = answer.failure ?? 'failed';
  const { on, max, delayMs, factor, maxDelayMs } = spec.retry;
  if (failure === 'host-lost' && spec.isRepeatable && at.losses < LOST_MAX)
    return { at: { ...at, kind: 'retry', losses: at.losses + 1, notBeforeMs: 0 }, failed: null };
  const may =
    !NEVER_RETRIED.includes(failure) && (on.length === 0 ? PASSING : on).includes(failure);
  if (!may || at.retries >= max) return fallBack(at, failureLine(answer), spec);
  const notBeforeMs =
    (answer.atMs ?? 0) + Math.min(maxDelayMs, delayMs * Math.max(1, factor) ** at.retries);
  return { at: { ...at, kind: 'retry', retries: at.retries + 1, notBeforeMs }, failed: null };
}

function afterRejection(at: Position, unusable: Rejected, spec: ChainSpec): Next {
  if (at.reasks >= spec.reask) return fallBack(at, rejection(at, unusable.errors, spec), spec);
  return {
    at: { ...at, kind: 'reask', reasks: at.reasks + 1, unusable, notBeforeMs: 0 },
    failed: null,
  };
}

function rejection(at: Position, errors: readonly string[], { models }: ChainSpec): string {
  return `the answer of ${modelOf(models[at.model] ?? '')} cannot be used: ${errors.join('; ')}`;
}

/** What acts outside is not started again on its own: no retry, re-ask or other model. */
function forPerson(at: Position, said: string): Next {
  const why = `${said}. It acts outside and was started, so a person decides: workflow retry asks it again`;
  return { at, failed: outcomeAt(at, 'failed', { why }) };
}

function fallBack(at: Position, why: string, spec: ChainSpec): Next {
  if (at.model + 1 < spec.models.length)
    return { at: { ...at, kind: 'fallback', ...fresh(at.model + 1) }, failed: null };
  return { at, failed: outcomeAt(at, 'failed', { why }) };
}
