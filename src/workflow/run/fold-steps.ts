/**
 * One level of steps: each in its order, with what it may see, until every step has an outcome or
 * something is proposed that brings it nearer.
 */
import {
  hasBelow,
  isEnded,
  isUsable,
  occupy,
  outcome,
  outcomeValue,
  settle,
  stopBelow,
} from './fold-context.ts';
import { noteEarlierRounds } from './earlier-rounds.ts';
import { parseStartedPath } from '../../protocol/paths.ts';
import { mayStartAgain } from '../../protocol/start-again.ts';
import { ask, foldPart, keepValue } from './fold-memo.ts';
import { foldAsk, foldWait } from './fold-people.ts';
import { foldUses } from './fold-uses.ts';
import { foldOwnLimits } from './step-budget.ts';
import { groupOutcome, summarize } from './summarize.ts';
import { foldPrompt, type Unit, unitFolder, withSelf } from './fold-prompt.ts';
import { type Item, itemsOf } from './fold-items.ts';
import type { Values } from '../language/expression-evaluate.ts';
import { isJsonObject, type Json, type JsonObject } from '../language/json.ts';
import { isListStep, type Step } from '../language/plan.ts';
import { ancestorsInOrder, inOrder } from '../language/reach.ts';
import { FIRST_ROUND, gateName, reworksLeft, type Round, roundsOf } from './rounds.ts';
import { evaluateDeep, evaluateTemplate, stepsRead } from '../language/template.ts';
import { formatTurn, ONLY_KEY, folderOfStep } from '../../protocol/run-paths.ts';
import type { Cap, Fold, Level, Outcome } from './fold.ts';

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

interface StepContext {
  readonly step: Step;
  readonly outcomes: ReadonlyMap<string, Outcome>;
  readonly round: Round;
  /** All that the step is given, for the memo. */
  readonly inputs: readonly unknown[];
}

/** What the expressions of a step see, and when it could begin. */
export function visibleTo(
  level: Level,
  step: Step,
  outcomes: ReadonlyMap<string, Outcome>,
): {
  readonly values: Values;
  readonly atMs: number;
  readonly visible: ReadonlyMap<string, Outcome>;
} {
  const before = ancestorsInOrder(step.id, level.steps).flatMap((id) => {
    const known = outcomes.get(id);
    return known === undefined ? [] : [[id, known] as const];
  });
  const visible = [...level.outer, ...before] as const;
  const run = level.values.get('run');
  const spent = {
    ...(isJsonObject(run) ? run : {}),
    usd: visible.reduce((sum, [, each]) => sum + each.usd, 0),
    tokens: visible.reduce((sum, [, each]) => sum + each.tokens, 0),
  };
  const steps: JsonObject = Object.fromEntries(
    visible.map(([id, each]) => [id, outcomeValue(each)]),
  );
  return {
    values: new Map<string, Json>([...level.values, ['run', spent], ['steps', steps]]),
    visible: new Map(visible),
    atMs: Math.max(level.atMs, ...step.needs.map((need) => outcomes.get(need)?.atMs ?? 0)),
  };
}

/** The step in its round, and what the rounds before cost. */
function foldRounds(fold: Fold, level: Level, context: StepContext): Outcome {
  const { step, round } = context;
  const before = noteEarlierRounds(fold, {
    stepFolder: folderOfStep(level.folder, step.id),
    step: step.id,
    round,
  });
  const folded = foldStep(fold, level, context);
  const total = { ...folded, usd: folded.usd + before.usd, tokens: folded.tokens + before.tokens };
  return before.isClosed || !isEnded(total) ? total : { ...total, status: 'running' };
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

/** A step that may begin. */
function unitOf(level: Level, { step, outcomes, round }: StepContext): Unit {
  const { values, visible, atMs } = visibleTo(level, step, outcomes);
  return {
    step,
    level,
    values,
    visible,
    stepFolder: folderOfStep(level.folder, step.id),
    key: null,
    prefix: formatTurn({ round: round.round, pass: 1 }),
    pass: 1,
    turn: turnOf(level.turn, round),
    atMs: Math.max(atMs, round.atMs),
    notes: round.notes,
  };
}

/** Work that was sent back is done again, also where nothing in its prompt says so. */
function turnOf(turn: string, { round }: Round): string {
  return round === 1 ? turn : [turn, `r${String(round)}`].filter((part) => part !== '').join('.');
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

function itemUnit(fold: Fold, unit: Unit, item: Item): Unit {
  const { key } = item;
  return keepValue(
    fold.memo,
    { key: `unit ${unit.stepFolder}${key}`, basis: [unit, item] },
    () => ({
      ...unit,
      key,
      values: new Map([...unit.values, ...item.names]),
    }),
  );
}

/** The passes of a loop; one pass where there is none. */
function foldPasses(fold: Fold, unit: Unit, round: number): Outcome {
  const { step } = unit;
  let before: ReadonlyMap<string, Outcome> = new Map();
  let spent = { usd: 0, tokens: 0 };
  let atMs = unit.atMs;
  const last = step.repeat?.max ?? 1;
  for (let pass = 1; pass <= last; pass += 1) {
    const inner = step.repeat === null ? unit : passUnit(fold, unit, { pass, before, atMs });
    const folded = foldBody(fold, inner, round);
    const { outcome: of, children } = folded;
    const total = { ...of, usd: of.usd + spent.usd, tokens: of.tokens + spent.tokens };
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
    spent = { usd: total.usd, tokens: total.tokens };
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

interface Pass {
  readonly pass: number;
  /** What its steps came to in the pass before; empty in the first. */
  readonly before: ReadonlyMap<string, Outcome>;
  readonly atMs: number;
}

function passUnit(fold: Fold, unit: Unit, { pass, before, atMs }: Pass): Unit {
  const { step, stepFolder, key, prefix, turn, values } = unit;
  return keepValue(
    fold.memo,
    {
      key: `pass ${String(pass)} ${stepFolder}${key ?? ''}`,
      basis: [unit, atMs, ...before.values()],
    },
    () => {
      const members =
        step.body.kind === 'group' ? step.body.steps.map((child) => child.id) : [step.id];
      const valueOf = (of: Outcome | undefined): Json =>
        of === undefined ? null : outcomeValue(of);
      const prev = Object.fromEntries(members.map((id) => [id, valueOf(before.get(id))]));
      return {
        ...unit,
        atMs,
        pass,
        prefix: `${prefix}${formatTurn({ round: 1, pass })}`,
        turn: pass === 1 ? turn : [turn, String(pass)].filter((part) => part !== '').join('.'),
        values: new Map<string, Json>([...values, ['loop', { n: pass, prev }]]),
      };
    },
  );
}

function withChildren(values: Values, children: ReadonlyMap<string, Outcome>): Values {
  const steps = values.get('steps');
  const inner = Object.fromEntries([...children].map(([id, each]) => [id, outcomeValue(each)]));
  return new Map<string, Json>([
    ...values,
    ['steps', { ...(isJsonObject(steps) ? steps : {}), ...inner }],
  ]);
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

/** What the people asked should see: what the steps before said, shortened. */
function contextOf(unit: Unit): string {
  const steps = unit.values.get('steps');
  if (!isJsonObject(steps)) return '';
  return unit.step.needs
    .flatMap((need) => {
      const value = steps[need];
      const text =
        isJsonObject(value) && typeof value['text'] === 'string' ? value['text'].trim() : '';
      return text === ''
        ? []
        : [`## ${need}\n\n${text.length > 4_000 ? `${text.slice(0, 4_000)}…` : text}`];
    })
    .join('\n\n');
}
