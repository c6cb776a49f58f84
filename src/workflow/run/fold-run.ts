/**
 * The fold of a whole run: from its files to the outcome of every step, what is proposed, and what
 * stops it.
 */
import { byCodeUnit } from '../../base/order.ts';
import { channelRoot } from '../../protocol/paths.ts';
import { planInForce } from './plan-in-force.ts';
import { type BudgetUse, budgetUse, formatLimit, holdPath } from './budget.ts';
import { cancelling } from './controls.ts';
import { foldCompile } from './fold-compile.ts';
import {
  begunUndos,
  isEnded,
  isUsable,
  outcome,
  settle,
  stopBelow,
  wantsAgent,
  withdraw,
} from './fold-context.ts';
import { beginFold, createFoldMemo, keepValue } from './fold-memo.ts';
import { foldLevel } from './fold-steps.ts';
import type { RunHeader } from './header.ts';
import { isJsonObject, type Json, parseJson } from '../language/json.ts';
import { planBeforeCompile } from './open-run.ts';
import { endSteps } from '../language/plan.ts';
import { runNonce } from './prompt-text.ts';
import { inOrder } from '../language/reach.ts';
import { createReuse, stepsOfItself } from './reuse.ts';
import { endStatusOf } from './route.ts';
import { messageFiles, readRunMessages } from './run-messages.ts';
import type { RunInput } from './run-input.ts';
import { gatesFolder, folderOfStep } from '../../protocol/run-paths.ts';
import type { Fold, FoldMemo, Level, Outcome } from './fold.ts';

/** Why nothing more is started. */
export interface Stop {
  readonly kind: 'cancelled' | 'failed' | 'finish';
  readonly why: string;
  readonly atMs: number;
}

export interface FoldedRun {
  readonly fold: Fold;
  /** Null while a model still compiles the plan. */
  readonly compile: Outcome | null;
  readonly main: ReadonlyMap<string, Outcome>;
  readonly final: ReadonlyMap<string, Outcome>;
  readonly stop: Stop | null;
  readonly budget: BudgetUse;
  /** Set when the run ended: nothing is proposed any more. */
  readonly isDone: boolean;
  readonly isHeld: boolean;
  readonly undone: readonly string[];
}

/** The state of a fold before anything is folded. */
export function createFold(
  input: RunInput,
  { header, plan }: Pick<Fold, 'header' | 'plan'>,
  memo: FoldMemo = createFoldMemo(),
): Fold {
  const root = channelRoot(header.run);
  beginFold(memo, [header, plan, input.lookUp.models.join(' ')]);
  const files = messageFiles(input, root);
  const authors = files.map(([path]) => input.lookUp.whoSaid(path));
  let paths: readonly string[] | null = null;
  return {
    input,
    header,
    plan,
    root,
    memo,
    recordings: [],
    nonce: runNonce(header.run),
    paths: () => (paths ??= [...input.files.keys()].sort(byCodeUnit)),
    messages: keepValue(memo, { key: 'messages', basis: [...files.flat(), ...authors] }, () =>
      readRunMessages(input, files),
    ),
    reuse: createReuse(input, header, plan),
    ofItself: keepValue(memo, { key: 'of itself', basis: [] }, () => stepsOfItself(plan)),
    proposals: [],
    tasks: [],
    gates: [],
    steps: [],
    occupied: [],
    composed: new Map(),
    failedChains: [],
    spentSteps: [],
  };
}

/**
 * Folds a run that has its header. `memo`: what earlier folds of it found; without one everything
 * is looked at anew, and the result is the same.
 */
export function foldRun(input: RunInput, header: RunHeader, memo?: FoldMemo): FoldedRun {
  const root = channelRoot(header.run);
  const checked = planInForce(input.files, root);
  const isCompiled = checked !== null;
  const plan = checked?.plan ?? planBeforeCompile(input);
  const fold = createFold(input, { header, plan }, memo);
  const compile = header.source.kind === 'prose' ? foldCompile(fold) : null;
  const cancelled = cancelOf(fold);
  const none: ReadonlyMap<string, Outcome> = new Map();
  if (!isCompiled) {
    const done = cancelled === null || stopBelow(fold, root, { ...cancelled, name: 'cancel' });
    return {
      fold,
      compile,
      main: none,
      final: none,
      stop: cancelled,
      budget: budgetUse(fold),
      isDone: done && cancelled !== null,
      isHeld: false,
      undone: [],
    };
  }
  const atMs = Math.max(header.atMs, compile?.atMs ?? 0);
  const level = keepValue(fold.memo, { key: 'level', basis: [atMs] }, () => topLevel(fold, atMs));
  const main = foldLevel(fold, level);
  const budget = budgetUse(fold);
  const held = holdOf(fold, budget);
  const stop = cancelled ?? (held.isHeld && held.stop !== null ? held.stop : failFast(fold, main));
  const isStopped = stop !== null && stopAll(fold, stop);
  const ended =
    stop === null
      ? main
      : new Map(
          [...main].map(([id, each]) => [
            id,
            isEnded(each) ? each : { ...each, status: 'cancelled' as const, why: stop.why },
          ]),
        );
  const base: FoldedRun = {
    fold,
    compile,
    main: ended,
    final: none,
    stop,
    budget,
    isDone: false,
    isHeld: held.isHeld,
    undone: [],
  };
  if (stop === null ? ![...main.values()].every(isEnded) : !isStopped) return base;
  return foldEnd(base, level);
}

/** True when what stands so far ends in failure. */
export function isFailing({ main, stop }: Pick<FoldedRun, 'main' | 'stop'>): boolean {
  if (stop !== null)
    return stop.kind !== 'finish' || [...main.values()].some((each) => each.status === 'failed');
  return [...main.values()].some((each) => each.status === 'failed' || each.status === 'cancelled');
}

function topLevel(fold: Fold, atMs: number): Level {
  const values = new Map<string, Json>([
    ['inputs', fold.header.inputs],
    ['run', { id: fold.header.run, usd: 0, tokens: 0 }],
  ]);
  return {
    folder: fold.root,
    gatePrefix: '',
    steps: fold.plan.steps,
    values,
    outer: new Map(),
    atMs,
    caps: [],
    // Nobody waits for what the clock has started: people come first.
    priority: fold.header.from === 'schedule' ? -1 : 0,
    turn: '',
    worktree: null,
  };
}

function cancelOf(fold: Fold): Stop | null {
  const message = cancelling(fold.messages);
  if (message !== null)
    return {
      kind: 'cancelled',
      why: `cancelled by ${message.from}`,
      atMs: Math.max(fold.header.atMs, message.atMs),
    };
  const mark = fold.input.files.get(`${fold.root}CANCEL`);
  if (mark !== undefined)
    return {
      kind: 'cancelled',
      why: `cancelled${mark.trim() === '' ? '' : `: ${mark.trim().slice(0, 120)}`}`,
      atMs: fold.header.atMs,
    };
  if (fold.input.marker.isGone === true)
    return { kind: 'cancelled', why: 'its marker was removed', atMs: fold.header.atMs };
  if (fold.input.marker.reply === null) return null;
  // A run that has ended in another way has answered its marker by itself.
  if ((endStatusOf(fold.input, fold.root) ?? 'cancelled') !== 'cancelled') return null;
  return {
    kind: 'cancelled',
    why: 'the marker was answered by hand or closed',
    atMs: fold.header.atMs,
  };
}

interface Held {
  readonly isHeld: boolean;
  readonly stop: Stop | null;
}

/**
 * Holds new agents back when a limit is reached. The hold is a file, so that it stays until the
 * budget is raised.
 */
function holdOf(fold: Fold, budget: BudgetUse): Held {
  const path = holdPath(fold);
  const standing = parseJson(fold.input.files.get(path) ?? '');
  const { onExceed } = fold.plan.budget;
  const isIdle = !fold.tasks.some((task) => task.state === 'open');
  const isKilled = onExceed === 'kill' && budget.isUsedUp && !isIdle;
  if (!isJsonObject(standing)) {
    // In this order: to find out what a proposal wants it has to be composed.
    if (
      budget.reached === null ||
      !(isKilled || fold.proposals.some((proposal) => wantsAgent(fold, proposal)))
    )
      return { isHeld: false, stop: null };
    withdraw(fold, (proposal) => wantsAgent(fold, proposal));
    const atMs = Math.max(
      fold.header.atMs,
      ...fold.messages.controls.map((each) => (each.op === 'budget' ? each.atMs : 0)),
    );
    settle(fold, {
      path,
      name: `budget hold (${formatLimit(budget.reached)})`,
      atMs,
      content: { limit: formatLimit(budget.reached), 'on-exceed': onExceed },
    });
    return { isHeld: true, stop: null };
  }
  withdraw(fold, (proposal) => wantsAgent(fold, proposal));
  const why = `the budget is used up (${typeof standing['limit'] === 'string' ? standing['limit'] : '?'})`;
  // What runs is paid for already: its answers are awaited, unless nothing more may be paid.
  if (isKilled || (isIdle && (onExceed === 'fail' || onExceed === 'kill')))
    return { isHeld: true, stop: { kind: 'failed', why, atMs: fold.header.atMs } };
  return {
    isHeld: true,
    stop:
      onExceed === 'finish' && isIdle && fold.proposals.length === 0
        ? { kind: 'finish', why, atMs: fold.header.atMs }
        : null,
  };
}

function failFast(fold: Fold, main: ReadonlyMap<string, Outcome>): Stop | null {
  if (!fold.plan.failFast) return null;
  const failed = [...main].find(([, each]) => each.status === 'failed');
  return failed === undefined
    ? null
    : {
        kind: 'failed',
        why: `"${failed[0]}" failed: ${failed[1].why ?? ''}`,
        atMs: failed[1].atMs,
      };
}

function stopAll(fold: Fold, stop: Stop): boolean {
  // What runs at the end (`finally`, undo) is not folded yet, but may have open tasks of an earlier
  // fold: only these steps are closed.
  const ids = new Set(endSteps(fold.plan).map((step) => step.id));
  return fold.plan.steps
    .filter((step) => !ids.has(step.id))
    .map((step) =>
      stopBelow(fold, folderOfStep(fold.root, step.id), {
        atMs: stop.atMs,
        why: stop.why,
        name: `${stop.kind === 'cancelled' ? 'cancel' : 'stop'} ${step.id}`,
      }),
    )
    .reduce((all, each) => all && each, dropGates(fold));
}

function dropGates(fold: Fold): boolean {
  withdraw(fold, ({ paths }) => paths.some((path) => path.startsWith(gatesFolder(fold.root))));
  return true;
}

/**
 * Undo steps in reverse order, one after the other, then `finally`. An undo that has begun is
 * brought to its end, whatever the run has come to meanwhile.
 */
function foldEnd(run: FoldedRun, level: Level): FoldedRun {
  const { fold } = run;
  const undone: string[] = [];
  const atMs = Math.max(
    level.atMs,
    run.stop?.atMs ?? 0,
    ...[...run.main.values()].map((each) => each.atMs),
  );
  const outer = run.main;
  const basis = [level, atMs, ...outer.values()];
  const begun = begunUndos(fold);
  for (const step of begun.size > 0 || isFailing(run)
    ? [...inOrder(fold.plan.steps)].reverse()
    : []) {
    const undo =
      step.undo === null ? undefined : fold.plan.steps.find((each) => each.id === step.undo);
    const done = run.main.get(step.id);
    if (
      undo === undefined ||
      done === undefined ||
      !isUsable(done) ||
      !(isFailing(run) || begun.has(undo.id))
    )
      continue;
    const own = keepValue(fold.memo, { key: `undo ${undo.id}`, basis: [undo, ...basis] }, () => ({
      ...level,
      steps: [{ ...undo, needs: [] }],
      outer,
      atMs,
    }));
    const [result = outcome('skipped', atMs)] = foldLevel(fold, own).values();
    if (!isEnded(result)) return { ...run, undone, budget: budgetUse(fold) };
    undone.push(`${undo.id}: ${result.status}`);
  }
  const last = keepValue(fold.memo, { key: 'final', basis }, () => ({
    ...level,
    steps: fold.plan.final,
    outer,
    atMs,
  }));
  const final = foldLevel(fold, last);
  const isDone = [...final.values()].every(isEnded);
  return {
    ...run,
    final,
    undone,
    budget: budgetUse(fold),
    isDone: isDone && fold.proposals.length === 0,
  };
}
