/**
 * One level of steps: each in its order, with what it may see, until every step has an outcome or
 * something is proposed that brings it nearer.
 */
import { inOrder } from '../language/reach.ts';
import { folderOfStep, ONLY_KEY } from '../../protocol/run-paths.ts';
import { evaluateDeep, evaluateTemplate, stepsRead } from '../language/template.ts';
import { isListStep, type Step } from '../language/plan.ts';
import { RunTooLarge } from '../language/too-large.ts';
import { mayStartAgain } from '../../protocol/start-again.ts';
import { parseStartedPath } from '../../protocol/paths.ts';
import type { Cap, Fold, Level, Outcome } from './fold.ts';
import { FIRST_ROUND, gateName, reworksLeft, roundsOf } from './rounds.ts';
import { ask, foldPart, keepValue } from './fold-memo.ts';
import {
  contextOf,
  itemUnit,
  passUnit,
  type StepContext,
  type Unit,
  unitFolder,
  unitOf,
  withChildren,
  withSelf,
} from './unit.ts';
import { noteEarlierRounds } from './earlier-rounds.ts';
import { hasBelow, isEnded, isUsable, occupy, outcome, settle, stopBelow } from './fold-context.ts';
import { foldOwnLimits } from './step-budget.ts';
import { itemsOf } from './fold-items.ts';
import { groupOutcome, summarize } from './summarize.ts';
import { foldPrompt } from './fold-prompt.ts';
import { foldAsk, foldWait } from './fold-people.ts';
import { foldUses } from './fold-uses.ts';
import { sumUse, type Use } from '../../protocol/usage.ts';

/** The outcomes of all steps of a level, by id. */
export function foldLevel(fold: Fold, level: Level): ReadonlyMap<string, Outcome> {
  const outcomes = new Map<string, Outcome>();
  const rounds = roundsOf(fold, level);
  const undoing = new Set(level.steps.flatMap((step) => step.undo ?? []));
  for (const step of inOrder(level.steps)) {
    if (undoing.has(step.id)) continue;
    const at = fold.steps.length;
    const round = rounds.get(step.id) ?? FIRST_ROUND;
    // What a step hangs on beyond what it needs directly, that hangs on as well: it is the same
    // while they are.
    const inputs = [
      level,
      step,
      round.round,
      round.atMs,
      ...round.notes,
      ...step.needs.map((need) => outcomes.get(need)),
    ];
    const folded = foldPart(
      fold,
      { key: `step ${folderOfStep(level.folder, step.id)}`, inputs },
      () => tolerate(step, foldRounds(fold, level, { step, outcomes, round, inputs })),
    );
    outcomes.set(step.id, folded);
    const view = {
      id: step.id,
      kind: step.body.kind,
      folder: folderOfStep(level.folder, step.id),
      needs: step.needs,
      status: folded.status,
      why: folded.why,
      awaits: folded.awaits,
    };
    fold.steps.splice(at, 0, view);
  }
  return outcomes;
}

/** The step in its round, and what the rounds before cost. */
function foldRounds(fold: Fold, level: Level, context: StepContext): Outcome {
  const { step, round } = context;
  const before = noteEarlierRounds(fold, {
    stepFolder: folderOfStep(level.folder, step.id),
    step: step.id,
    round,
  });
  const folded = orTooLarge(level, () => foldStep(fold, level, context));
  const total = { ...folded, ...sumUse([folded, before]) };
  return before.isClosed || !isEnded(total) ? total : { ...total, status: 'running' };
}

/** A step whose values have outgrown every use has failed: the run ends as after any failure. */
function orTooLarge(level: Level, foldIt: () => Outcome): Outcome {
  try {
    return foldIt();
  } catch (error) {
    if (!(error instanceof RunTooLarge)) throw error;
    return outcome('failed', level.atMs, { why: error.message });
  }
}

function foldStep(fold: Fold, level: Level, context: StepContext): Outcome {
  const { step, outcomes, round, inputs } = context;
  const waiting = step.needs.filter(
    (need) => !isEnded(outcomes.get(need) ?? outcome('pending', 0)),
  );
  if (waiting.length > 0)
    return outcome('pending', level.atMs, { why: `waits for ${waiting.join(', ')}` });
  const stepFolder = folderOfStep(level.folder, step.id);
  const unit = keepValue(fold.memo, { key: `unit ${stepFolder}`, basis: inputs }, () =>
    unitOf(level, context),
  );
  const { values, atMs, prefix } = unit;
  const asked = step.when === null ? new Set<string>() : stepsRead(step.when, ['status', 'failed']);
  const blocked = step.needs.filter(
    (need) => !isUsable(outcomes.get(need) ?? outcome('pending', 0)) && !asked.has(need),
  );
  const blocker = blocked[0];
  if (blocker !== undefined)
    return outcome('skipped', atMs, {
      why: `"${blocker}" ${outcomes.get(blocker)?.status ?? 'is missing'}`,
    });
  if (step.when !== null && evaluateTemplate(step.when, values) !== true) {
    const stands = settle(fold, {
      path: `${stepFolder}${prefix}skipped.json`,
      called: { name: `skip ${step.id}`, words: `skip ${step.id} (if: false)` },
      atMs,
      content: { why: 'if' },
    });
    return stands
      ? outcome('skipped', atMs, { why: 'its "if" does not hold' })
      : outcome('pending', atMs);
  }
  const folded = isListStep(step) ? foldItems(fold, unit) : foldPasses(fold, unit, round.round);
  return foldOwnLimits(fold, unit, folded);
}

/** `continue-on-error`: the failure is kept to be seen, but dependants continue. */
function tolerate(step: Step, folded: Outcome): Outcome {
  return step.continueOnError && folded.status === 'failed'
    ? { ...folded, status: 'degraded', isFailed: true }
    : folded;
}

function foldItems(fold: Fold, unit: Unit): Outcome {
  const items = keepValue(fold.memo, { key: `items ${unit.stepFolder}`, basis: [unit] }, () =>
    itemsOf(unit.step, unit.values),
  );
  if (typeof items === 'string') return outcome('failed', unit.atMs, { why: items });
  const folded = items.map((item) => ({
    item,
    outcome: foldPart(
      fold,
      { key: `item ${unit.stepFolder}${item.key}`, inputs: [unit, item] },
      () => foldPasses(fold, itemUnit(fold, unit, item), 1),
    ),
  }));
  const failed = folded.filter((each) => each.outcome.status === 'failed');
  const [first] = failed;
  if (unit.step.failFast && first !== undefined) {
    const why = `${first.item.key} failed`;
    const done = stopBelow(fold, unit.stepFolder, {
      atMs: first.outcome.atMs,
      why,
      called: {
        name: `fail-fast ${unit.step.id} (${first.item.key})`,
        words: `stop ${unit.step.id}: ${why}`,
      },
    });
    if (!done) return outcome('running', unit.atMs);
    return summarize(
      unit,
      folded.map((each) =>
        isEnded(each.outcome)
          ? each
          : { ...each, outcome: { ...each.outcome, status: 'cancelled' as const } },
      ),
    );
  }
  return summarize(unit, folded);
}

/** The passes of a loop; one pass where there is none. */
function foldPasses(fold: Fold, unit: Unit, round: number): Outcome {
  const { step } = unit;
  let before: ReadonlyMap<string, Outcome> = new Map();
  let spent: Use = { usd: 0, tokens: 0 };
  let atMs = unit.atMs;
  const last = step.repeat?.max ?? 1;
  for (let pass = 1; pass <= last; pass += 1) {
    const inner = step.repeat === null ? unit : passUnit(fold, unit, { pass, before, atMs });
    const folded = foldBody(fold, inner, round);
    const { outcome: of, children } = folded;
    const total = { ...of, ...sumUse([of, spent]) };
    if (step.repeat === null || !isUsable(of)) return total;
    const values =
      children === null
        ? withSelf(inner.values, step.id, of)
        : withChildren(inner.values, children);
    if (evaluateTemplate(step.repeat.until, values) === true) return total;
    if (!mayStartAgain({ isOutside: actedIn(fold, unit.stepFolder), failure: null }))
      return {
        ...total,
        status: 'failed',
        isFailed: true,
        why: '"until" does not hold, and what acts outside is not started again on its own: a person decides. A model that changes nothing says "effects: none"',
      };
    if (pass === last)
      return step.repeat.onMax === 'last'
        ? total
        : {
            ...total,
            status: 'failed',
            isFailed: true,
            why: `"until" did not hold after ${String(last)} passes`,
          };
    before = children ?? new Map([[step.id, of]]);
    spent = total;
    atMs = Math.max(atMs, of.atMs);
  }
  return outcome('failed', atMs, { why: 'the loop has no pass' });
}

/** Whether an agent with effects outside was started for a step, in whatever pass. */
function actedIn(fold: Fold, folder: string): boolean {
  return ask(fold, ({ input }) =>
    [...input.files.keys()].some(
      (path) => path.startsWith(folder) && parseStartedPath(path) !== null,
    ),
  );
}

interface Body {
  readonly outcome: Outcome;
  /** Outcomes of the steps of a group, null for other kinds. */
  readonly children: ReadonlyMap<string, Outcome> | null;
}

function foldBody(fold: Fold, unit: Unit, round: number): Body {
  const { step, level } = unit;
  const { body } = step;
  switch (body.kind) {
    case 'prompt':
      return { outcome: foldPrompt(fold, unit, body), children: null };
    case 'value': {
      const value = evaluateDeep(body.value, unit.values);
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      return { outcome: outcome('succeeded', unit.atMs, { json: value, text }), children: null };
    }
    case 'ask': {
      const gate = gateName(level, step);
      const mayRework = reworksLeft(fold, level, step) > 0;
      return {
        outcome: foldAsk(fold, unit, {
          ask: body,
          gate,
          round,
          context: contextOf(unit),
          mayRework,
        }),
        children: null,
      };
    }
    case 'wait':
      return { outcome: foldWait(fold, unit, body), children: null };
    case 'uses':
      return { outcome: foldUses(fold, unit, body), children: null };
    case 'group':
      return foldGroup(fold, unit, body.steps);
  }
}

function foldGroup(fold: Fold, unit: Unit, steps: readonly Step[]): Body {
  const { step, level } = unit;
  const folder = unitFolder(unit, null);
  const name = folder.slice(unit.stepFolder.length, -1);
  const own: readonly Cap[] =
    step.maxParallel === null
      ? []
      : [{ key: unit.stepFolder, max: step.maxParallel, unit: unit.key ?? ONLY_KEY }];
  const inner = keepValue(fold.memo, { key: `level ${folder}`, basis: [unit] }, () => ({
    folder,
    gatePrefix: `${level.gatePrefix}${step.id}.${name}.`,
    steps,
    values: unit.values,
    outer: unit.visible,
    atMs: unit.atMs,
    caps: [...level.caps, ...own],
    priority: level.priority + step.priority,
    turn: unit.turn,
    worktree: level.worktree ?? `${step.id}${unit.key === null ? '' : `-${unit.key}`}`,
  }));
  const children = foldLevel(fold, inner);
  const made = groupOutcome(unit, steps, children);
  if (!isEnded(made) && hasBelow(fold, folder)) occupy(fold, own);
  return { outcome: made, children };
}
