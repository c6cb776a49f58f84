/**
 * The chain of tasks that gives one answer: the first task, retries, fallback models, re-asks after
 * an unusable answer, and what a person asked again. The chain is replayed from its files every
 * time; the first file that is missing is the next one to add.
 */
import { folderWithoutTurns, ONLY_KEY, taskPath } from '../../protocol/run-paths.ts';
import { replyPath } from '../../protocol/paths.ts';
import { isJsonObject, parseJson } from '../language/json.ts';
import { formatIso } from '../../base/clock.ts';
import type { Fold, Outcome } from './fold.ts';
import { type ChainSpec, fresh, outcomeAt, type Position, runCap, START } from './chain.ts';
import { hasFile, markUncacheable, readFile } from './fold-memo.ts';
import { proposeNext } from './propose-task.ts';
import { modelOf } from './task-file.ts';
import { type Answer, judgeAnswer, readAnswer } from './answer.ts';
import { occupy } from './fold-context.ts';
import { afterAnswer, nextAfter } from './follow-answer.ts';
import { answeredView, OPEN_VIEW, readTask, type TaskHead } from './task-view.ts';

const TASKS_MAX = 400;

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
    const { answer, judged } = takeAnswer(fold, spec, { n: at.n, path, task });
    if (answer === null) {
      occupy(fold, [...spec.caps, runCap(fold, path)]);
      return outcomeAt(at, 'running');
    }
    at = afterAnswer(at, answer);
    if (judged !== null && judged.errors.length === 0)
      return outcomeAt(at, 'succeeded', { text: answer.body, json: judged.json });
    if (answer.failure === 'cancelled') return outcomeAt(at, 'cancelled', { why: answer.body });
    const next = nextAfter(fold, spec, { at, path, answer, errors: judged?.errors ?? null });
    failed = next.failed;
    at = next.at;
  }
  return outcomeAt(at, 'failed', { why: `more than ${String(TASKS_MAX)} tasks in one chain` });
}

interface Asked {
  readonly n: number;
  readonly path: string;
  readonly task: TaskHead & { readonly to: string };
}

/** The answer to a task, judged unless it is a failure; null: it is open. The run lists both. */
function takeAnswer(
  fold: Fold,
  spec: ChainSpec,
  { n, path, task }: Asked,
): { readonly answer: Answer | null; readonly judged: ReturnType<typeof judgeAnswer> | null } {
  const reply = replyPath(path, modelOf(task.to));
  const text = readFile(fold, reply);
  const answer = text === undefined ? null : readAnswer(text);
  const judged =
    answer === null || answer.failure !== null
      ? null
      : assessAnswer(fold, spec, { n, body: answer.body });
  fold.tasks.push({
    path,
    reply,
    to: task.to,
    contentKey: task.contentKey,
    step: spec.step,
    key: spec.key,
    phase: spec.phase,
    ...(answer === null ? OPEN_VIEW : answeredView(answer, judged?.errors ?? [])),
  });
  return { answer, judged };
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

/** A task that cannot be read was for the model whose turn it is. */
function taskOf(text: string, expected: string | undefined): Asked['task'] {
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
