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
import { noteLeftTasks } from './left-tasks.ts';
import { planBeforeCompile } from './open-run.ts';
import { endSteps } from '../language/plan.ts';
import { runNonce } from './prompt-text.ts';
import { inOrder } from '../language/reach.ts';
import { createReuse, stepsOfItself } from './reuse.ts';
import { endStatusOf } from './route.ts';
import { messageFiles, readRunMessages } from './run-messages.ts';
import type { RunInput, TransitionName } from './run-input.ts';
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

const NONE: ReadonlyMap<string, Outcome> = new Map();

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
 * is looked at again, and the result is the same.
 */
export function foldRun(input: RunInput, header: RunHeader, memo?: FoldMemo): FoldedRun {
  const root = channelRoot(header.run);
  const checked = planInForce(input.files, root);
  const isCompiled = checked !== null;
  const plan = checked?.plan ?? planBeforeCompile(input);
  const fold = createFold(input, { header, plan }, memo);
  const compile = header.source.kind === 'prose' ? foldCompile(fold) : null;
  const cancelled = cancelOf(fold);
  if (!isCompiled) {
    const done =
      cancelled === null ||
      stopBelow(fold, root, {
        ...cancelled,
        called: { name: 'cancel', words: 'cancel what runs' },
      });
    return {
      fold,
      compile,
      main: NONE,
      final: NONE,
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
  noteLeftTasks(fold, main);
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
    final: NONE,
    stop,
    budget,
    isDone: false,
    isHeld: held.isHeld,
    undone: [],
  };
  if (stop === null ? [...main.values()].every(isEnded) : isStopped) return foldEnd(base, level);
  // The end may have begun before something was asked again.
  noteLeftOfEnd(fold, NONE, outcome('pending', atMs));
  return { ...base, budget: budgetUse(fold) };
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
  // A run that has ended in another way has answered its marker on its own.
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
    // In this order: to find out what a proposal wants it must be composed.
    if (
      budget.reached === null ||
      !(isKilled || fold.proposals.some((proposal) => wantsAgent(fold, proposal)))
    )
      return { isHeld: false, stop: null };
    withdraw(fold, (proposal) => wantsAgent(fold, proposal));
    // Open tasks may cost less than is guessed: nothing is started before they have ended.
    if (!budget.isUsedUp && budget.reached.limit !== 'agents') return { isHeld: false, stop: null };
    const atMs = Math.max(
      fold.header.atMs,
      ...fold.messages.controls.map((each) => (each.op === 'budget' ? each.atMs : 0)),
    );
    settle(fold, {
      path,
      called: {
        name: `budget hold (${formatLimit(budget.reached)})`,
        words: `hold: budget reached (${formatLimit(budget.reached)})`,
        isNews: true,
      },
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
        called: stopped(stop, step.id),
      }),
    )
    .reduce((all, each) => all && each, dropGates(fold));
}

function stopped({ kind, why }: Stop, step: string): TransitionName {
  return kind === 'cancelled'
    ? { name: `cancel ${step}`, words: `cancel ${step}` }
    : { name: `stop ${step}`, words: `stop ${step}: ${why}` };
}

function dropGates(fold: Fold): boolean {
  withdraw(fold, ({ paths }) => paths.some((path) => path.startsWith(gatesFolder(fold.root))));
  return true;
}

/** What of the end a run has come to; `atMs` is when its end begins. */
interface Ending {
  readonly level: Level;
  readonly basis: readonly unknown[];
  readonly atMs: number;
}

/**
 * Undo steps in reverse order, one after the other, then `finally`. An undo that has begun is
 * brought to its end, whatever the run has come to meanwhile.
 */
function foldEnd(run: FoldedRun, level: Level): FoldedRun {
  const { fold, main } = run;
  const atMs = Math.max(
    level.atMs,
    run.stop?.atMs ?? 0,
    ...[...main.values()].map((each) => each.atMs),
  );
  const ending: Ending = { level, basis: [level, atMs, ...main.values()], atMs };
  const undos = foldUndos(run, ending);
  const undone = [...undos].flatMap(([id, { status }]) =>
    isEnded({ status }) ? [`${id}: ${status}`] : [],
  );
  if (undone.length < undos.size) {
    noteLeftOfEnd(fold, undos, outcome('pending', atMs));
    return { ...run, undone, budget: budgetUse(fold) };
  }
  const last = keepValue(fold.memo, { key: 'final', basis: ending.basis }, () => ({
    ...level,
    steps: fold.plan.final,
    outer: main,
    atMs,
  }));
  const final = foldLevel(fold, last);
  noteLeftOfEnd(fold, new Map([...undos, ...final]), outcome('skipped', atMs));
  const isDone = [...final.values()].every(isEnded);
  return {
    ...run,
    final,
    undone,
    budget: budgetUse(fold),
    isDone: isDone && fold.proposals.length === 0,
  };
}

/** The outcomes of undo steps in their order, up to the first that has not ended. */
function foldUndos(run: FoldedRun, { level, basis, atMs }: Ending): ReadonlyMap<string, Outcome> {
  const { fold, main } = run;
  const undos = new Map<string, Outcome>();
  const begun = begunUndos(fold);
  if (begun.size === 0 && !isFailing(run)) return undos;
  for (const step of [...inOrder(fold.plan.steps)].reverse()) {
    const undo = fold.plan.steps.find((each) => each.id === step.undo);
    const done = main.get(step.id);
    if (undo === undefined || done === undefined || !isUsable(done)) continue;
    if (!isFailing(run) && !begun.has(undo.id)) continue;
    const own = keepValue(fold.memo, { key: `undo ${undo.id}`, basis: [undo, ...basis] }, () => ({
      ...level,
      steps: [{ ...undo, needs: [] }],
      outer: main,
      atMs,
    }));
    const [result = outcome('skipped', atMs)] = foldLevel(fold, own).values();
    undos.set(undo.id, result);
    if (!isEnded(result)) break;
  }
  return undos;
}

/**
 * Tasks of undo steps and of `finally` that are not looked at now; `otherwise`: the outcome of
 * those steps that were not folded.
 */
function noteLeftOfEnd(
  fold: Fold,
  outcomes: ReadonlyMap<string, Outcome>,
  otherwise: Outcome,
): void {
  const ids = endSteps(fold.plan).map(({ id }) => id);
  noteLeftTasks(fold, new Map(ids.map((id) => [id, outcomes.get(id) ?? otherwise])));
}
