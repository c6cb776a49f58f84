/**
 * The chain of tasks that gives one answer: the first task, retries, fallback models, re-asks after
 * an unusable answer, and what a person asked again. The chain is replayed from its files every
 * time; the first file that is missing is the next one to add.
 */
import { formatIso } from '../../base/clock.ts';
import { replyPath, startedPath } from '../../protocol/paths.ts';
import { mayStartAgain } from '../../protocol/start-again.ts';
import { type Answer, type Expectation, failureLine, judgeAnswer, readAnswer } from './answer.ts';
import { occupy, outcome } from './fold-context.ts';
import { ask, hasFile, markUncacheable, readFile } from './fold-memo.ts';
import { callTasks, taskName } from './call-tasks.ts';
import { isJsonObject, type Json, parseJson } from '../language/json.ts';
import type { Prompt, Retry } from '../language/plan.ts';
import { listErrors, NONCE_PLACEHOLDER, reaskRequest, schemaRequest } from './prompt-text.ts';
import type { NewFile } from './run-input.ts';
import { sampleOf } from '../language/schema.ts';
import { answeredView, OPEN_VIEW, readTask, type TaskHead } from './task-view.ts';
import {
  contentKey,
  dryReply,
  modelOf,
  reusedReply,
  type TaskKind,
  taskFile,
  type TaskText,
} from './task-file.ts';
import { folderWithoutTurns, ONLY_KEY, taskPath } from '../../protocol/run-paths.ts';
import type { Cap, Fold, Outcome } from './fold.ts';

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

const TASKS_MAX = 400;
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

/** Where the chain stands before its next task. */
interface Rejected {
  readonly body: string;
  readonly errors: readonly string[];
}

interface Position {
  readonly n: number;
  readonly kind: TaskKind;
  readonly model: number;
  readonly retries: number;
  readonly reasks: number;
  readonly losses: number;
  /** The answer that could not be used, and what is wrong with it; null = there is none. */
  readonly unusable: Rejected | null;
  readonly atMs: number;
  readonly notBeforeMs: number;
  readonly session: { readonly id: string; readonly host: string | null } | null;
  readonly usd: number;
  readonly tokens: number;
}

/** The outcome of the chain; proposes its next task when one is due. */
export function foldChain(fold: Fold, spec: ChainSpec): Outcome {
  let at: Position = { ...START, atMs: spec.atMs, session: lastSession(fold, spec) };
  let failed: Outcome | null = null;
  for (; at.n <= TASKS_MAX;) {
    const path = taskPath(spec.folder, at.n);
    const text = readFile(fold, path);
    if (text === undefined) {
      const asked = failed === null ? null : askedAgain(fold, spec, at);
      return failed === null || asked !== null
        ? proposeNext(fold, spec, asked ?? at)
        : giveUp(fold, spec, { at, failed });
    }
    const task = taskOf(text, spec.models[at.model]);
    if (task.kind === 'again')
      at = { ...at, kind: 'again', ...fresh(Math.max(0, spec.models.indexOf(task.to))) };
    else if (failed !== null) return giveUp(fold, spec, { at, failed });
    const reply = replyPath(path, modelOf(task.to));
    const replyText = readFile(fold, reply);
    const answer = replyText === undefined ? null : readAnswer(replyText);
    const judged =
      answer === null || answer.failure !== null
        ? null
        : assessAnswer(fold, spec, { n: at.n, body: answer.body });
    note(fold, spec, {
      path,
      reply,
      to: task.to,
      contentKey: task.contentKey,
      answer,
      errors: judged?.errors ?? [],
    });
    if (answer === null) {
      occupy(fold, [...spec.caps, runCap(fold, path)]);
      return outcome('running', at.atMs, { usd: at.usd, tokens: at.tokens });
    }
    at = afterAnswer(at, answer);
    if (judged !== null && judged.errors.length === 0)
      return outcome('succeeded', at.atMs, {
        text: answer.body,
        json: judged.json,
        usd: at.usd,
        tokens: at.tokens,
      });
    if (answer.failure === 'cancelled')
      return outcome('cancelled', at.atMs, { why: answer.body, usd: at.usd, tokens: at.tokens });
    const next = nextAfter(fold, spec, { at, path, answer, errors: judged?.errors ?? null });
    failed = next.failed;
    at = next.at;
  }
  return outcome('failed', at.atMs, {
    why: `more than ${String(TASKS_MAX)} tasks in one chain`,
    usd: at.usd,
    tokens: at.tokens,
  });
}

/**
 * A plan that was asked for again was not a plan, whatever the models of today would say about it.
 */
function assessAnswer(
  fold: Fold,
  spec: ChainSpec,
  { n, body }: { readonly n: number; readonly body: string },
): ReturnType<typeof judgeAnswer> {
  if (spec.phase === 'compile' && hasFile(fold, taskPath(spec.folder, n + 1)))
    return { json: null, errors: ['asked again'] };
  return judgeAnswer(body, spec.expectation);
}

/** The cap of the whole run. */
export function runCap(fold: Fold, path: string): Cap {
  return { key: '', max: fold.plan.maxParallel, unit: path };
}

const START: Position = {
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

function fresh(
  model: number,
): Pick<Position, 'model' | 'retries' | 'reasks' | 'losses' | 'unusable' | 'notBeforeMs'> {
  return { model, retries: 0, reasks: 0, losses: 0, unusable: null, notBeforeMs: 0 };
}

function afterAnswer(at: Position, answer: Answer): Position {
  return {
    ...at,
    n: at.n + 1,
    atMs: Math.max(at.atMs, answer.atMs ?? 0),
    usd: at.usd + (answer.isReused ? 0 : answer.usd),
    tokens: at.tokens + (answer.isReused ? 0 : answer.tokens),
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

function nextAfter(fold: Fold, spec: ChainSpec, { at, path, answer, errors }: Unusable): Next {
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
  return { at, failed: outcome('failed', at.atMs, { why, usd: at.usd, tokens: at.tokens }) };
}

function fallBack(at: Position, why: string, spec: ChainSpec): Next {
  if (at.model + 1 < spec.models.length)
    return { at: { ...at, kind: 'fallback', ...fresh(at.model + 1) }, failed: null };
  return { at, failed: outcome('failed', at.atMs, { why, usd: at.usd, tokens: at.tokens }) };
}

/**
 * Where a person's `op: retry` put the chain, or null. The mark and not the task itself, so that
 * caps hold back what does not fit yet.
 */
function askedAgain(fold: Fold, spec: ChainSpec, at: Position): Position | null {
  const mark = readFile(fold, againPath(spec, at));
  if (mark === undefined) return null;
  const json = parseJson(mark);
  const askedMs =
    isJsonObject(json) && typeof json['timestamp'] === 'string' ? Date.parse(json['timestamp']) : 0;
  return {
    ...at,
    kind: 'again',
    ...fresh(0),
    atMs: Math.max(at.atMs, Number.isFinite(askedMs) ? askedMs : 0),
  };
}

function againPath({ folder }: ChainSpec, { n }: Position): string {
  return `${folder}again.${String(n)}.json`;
}

function giveUp(
  fold: Fold,
  spec: ChainSpec,
  end: { readonly at: Position; readonly failed: Outcome },
): Outcome {
  fold.failedChains.push({
    folder: spec.folder,
    step: spec.step,
    name: `${spec.step}${spec.key === ONLY_KEY || spec.key === '' ? '' : ` ${spec.key}`}`,
    again: (atMs) => [
      {
        path: againPath(spec, end.at),
        content: `${JSON.stringify({ timestamp: formatIso(atMs) }, null, 2)}\n`,
      },
    ],
  });
  return end.failed;
}

function proposeNext(fold: Fold, spec: ChainSpec, at: Position): Outcome {
  const running = outcome('running', at.atMs, { usd: at.usd, tokens: at.tokens });
  if (at.notBeforeMs > 0 && !ask(fold, ({ input }) => input.nowMs >= at.notBeforeMs))
    return { ...running, status: 'waiting', awaits: { kind: 'retry' } };
  const path = taskPath(spec.folder, at.n);
  fold.proposals.push({
    kind: 'task',
    name: taskName(spec, at.kind),
    call: (tasks) => callTasks(spec, at.kind, tasks),
    priority: spec.priority,
    paths: [path],
    caps: [...spec.caps, runCap(fold, path)],
    compose: (now) => {
      const task = composeTask(now, spec, at);
      const ready = readyReply(now, spec, task);
      const { uses } = task.extra;
      const asked = typeof uses === 'string' ? uses : task.to;
      return ready === null
        ? { files: [taskFile(task)], isAgent: task.to !== 'workflow', isOpen: true, asked }
        : { files: [taskFile(task), ready], isAgent: false, isOpen: false, asked };
    },
  });
  return running;
}

function composeTask(fold: Fold, spec: ChainSpec, at: Position): TaskText {
  const { unusable } = at;
  const full = (nonce: string): string =>
    `${spec.prompt(nonce)}${schemaRequest(spec.expectation.schema)}${
      unusable === null ? '' : reaskRequest(unusable.body, unusable.errors, nonce)
    }`;
  const extra = spec.extra();
  const keep = spec.session === 'last' && at.session !== null;
  return {
    path: taskPath(spec.folder, at.n),
    to: spec.models[at.model] ?? 'unknown',
    atMs: at.atMs,
    phase: spec.phase,
    kind: at.kind,
    hops: fold.header.hops + 1,
    run: fold.header.run,
    step: spec.step,
    key: spec.key,
    contentKey: contentKey({
      prompt: full(NONCE_PLACEHOLDER),
      models: spec.models,
      schema: spec.expectation.schema,
      base: typeof extra['base'] === 'string' ? extra['base'] : null,
      turn: spec.turn,
    }),
    extra: {
      ...extra,
      fallback: spec.models.length > at.model + 1 ? spec.models.slice(at.model + 1) : undefined,
      ...(keep ? { session: at.session.id, dispatch_host: at.session.host ?? undefined } : {}),
    },
    body: full(fold.nonce),
    why: unusable === null ? undefined : listErrors(unusable.errors),
  };
}

/** A reply that is there already: of a dry run, or an equal task's. */
function readyReply(fold: Fold, spec: ChainSpec, task: TaskText): NewFile | null {
  // The plan itself has to come from a model, or there would be nothing to rehearse.
  if (fold.plan.dryRun && spec.phase !== 'compile') {
    const echo =
      spec.expectation.schema === null
        ? `dry run: ${task.to} would be asked\n\n${task.body}`
        : JSON.stringify(sampleOf(spec.expectation.schema));
    return dryReply(task, echo);
  }
  const relative = task.path.slice(fold.root.length);
  const found =
    fold.reuse.answer({ contentKey: task.contentKey, relative, step: spec.step }) ??
    (spec.cache === 'false' ? null : inRun(fold, task.contentKey)) ??
    (spec.cache === 'global' ? fold.input.lookUp.cached(task.contentKey) : null);
  if (found === null) return null;
  return reusedReply(task, found.path, readAnswer(found.text));
}

function inRun(fold: Fold, key: string): { readonly path: string; readonly text: string } | null {
  const same = fold.tasks.find((task) => task.contentKey === key && task.state === 'succeeded');
  const text = same === undefined ? undefined : fold.input.files.get(same.reply);
  return same === undefined || text === undefined ? null : { path: same.reply, text };
}

/** A task that cannot be read was for the model whose turn it is. */
function taskOf(text: string, expected: string | undefined): TaskHead & { readonly to: string } {
  const head = readTask(text);
  return { ...head, to: head.to ?? expected ?? 'unknown' };
}

/** The session of this very task in the pass or round before. */
function lastSession(fold: Fold, spec: ChainSpec): Position['session'] {
  if (spec.session !== 'last') return null;
  markUncacheable(fold);
  const place = folderWithoutTurns(spec.folder);
  return (
    [...fold.tasks]
      .reverse()
      .find(
        (task) =>
          task.step === spec.step &&
          task.session !== null &&
          folderWithoutTurns(task.path) === place,
      )?.session ?? null
  );
}

interface Noted {
  readonly path: string;
  readonly reply: string;
  readonly to: string;
  readonly contentKey: string | null;
  readonly answer: Answer | null;
  readonly errors: readonly string[];
}

function note(fold: Fold, spec: ChainSpec, { answer, errors, ...task }: Noted): void {
  const own = { ...task, step: spec.step, key: spec.key, phase: spec.phase };
  fold.tasks.push({ ...own, ...(answer === null ? OPEN_VIEW : answeredView(answer, errors)) });
}
