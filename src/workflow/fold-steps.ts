/** One level of steps: each in its order, with what it may see, until every step has an outcome or something is proposed that brings it nearer. */
import {
  type Cap,
  type Fold,
  hasBelow,
  isEnded,
  isUsable,
  type Level,
  occupy,
  type Outcome,
  outcome,
  outcomeValue,
  settle,
  stopBelow,
} from './fold-context.ts';
import { foldAsk, foldWait } from './fold-people.ts';
import { foldChain } from './fold-chain.ts';
import { foldPrompt, type Unit, unitFolder, withSelf } from './fold-prompt.ts';
import { type Item, itemsOf } from './fold-items.ts';
import type { Values } from './expression-evaluate.ts';
import { isJsonObject, type Json, type JsonObject, parseJson } from './json.ts';
import { isListStep, type Step } from './plan.ts';
import { writeYaml } from '../protocol/yaml.ts';
import { ancestorsOf, inOrder } from './reach.ts';
import { gateName, type Round, roundsOf } from './rounds.ts';
import { evaluateDeep, evaluateTemplate, stepsRead } from './template.ts';

/** The outcomes of all steps of a level, by id. */
export function foldLevel(fold: Fold, level: Level): ReadonlyMap<string, Outcome> {
  const outcomes = new Map<string, Outcome>();
  const rounds = roundsOf(fold, level);
  const undoing = new Set(level.steps.flatMap((step) => step.undo ?? []));
  for (const step of inOrder(level.steps)) {
    if (undoing.has(step.id)) continue;
    const at = fold.steps.length;
    const folded = tolerate(step, foldStep(fold, level, { step, outcomes, round: rounds.get(step.id) ?? { round: 1, notes: [] } }));
    outcomes.set(step.id, folded);
    const view = {
      id: step.id,
      kind: step.body.kind,
      folder: `${level.folder}steps/${step.id}/`,
      needs: step.needs,
      status: folded.status,
      why: folded.why,
    };
    fold.steps.splice(at, 0, view);
  }
  return outcomes;
}

interface StepContext {
  readonly step: Step;
  readonly outcomes: ReadonlyMap<string, Outcome>;
  readonly round: Round;
}

/** What the expressions of a step see, and when it could begin. */
export function visibleTo(
  level: Level,
  step: Step,
  outcomes: ReadonlyMap<string, Outcome>,
): { readonly values: Values; readonly atMs: number; readonly visible: ReadonlyMap<string, Outcome> } {
  const before = ancestorsOf(step.id, level.steps);
  const visible = [...level.outer, ...[...outcomes].filter(([id]) => before.has(id))] as const;
  const run = level.values.get('run');
  const spent = {
    ...(isJsonObject(run) ? run : {}),
    usd: visible.reduce((sum, [, each]) => sum + each.usd, 0),
    tokens: visible.reduce((sum, [, each]) => sum + each.tokens, 0),
  };
  const steps: JsonObject = Object.fromEntries(visible.map(([id, each]) => [id, outcomeValue(each)]));
  return {
    values: new Map<string, Json>([...level.values, ['run', spent], ['steps', steps]]),
    visible: new Map(visible),
    atMs: Math.max(level.atMs, ...step.needs.map((need) => outcomes.get(need)?.atMs ?? 0)),
  };
}

function foldStep(fold: Fold, level: Level, context: StepContext): Outcome {
  const { step, outcomes, round } = context;
  const waiting = step.needs.filter((need) => !isEnded(outcomes.get(need) ?? outcome('pending', 0)));
  if (waiting.length > 0) return outcome('pending', level.atMs, { why: `waits for ${waiting.join(', ')}` });
  const { values, atMs, visible } = visibleTo(level, step, outcomes);
  const asked = step.when === null ? new Set<string>() : stepsRead(step.when, ['status', 'failed']);
  const blocked = step.needs.filter((need) => !isUsable(outcomes.get(need) ?? outcome('pending', 0)) && !asked.has(need));
  const blocker = blocked[0];
  if (blocker !== undefined) return outcome('skipped', atMs, { why: `"${blocker}" ${outcomes.get(blocker)?.status ?? 'is missing'}` });
  const stepFolder = `${level.folder}steps/${step.id}/`;
  const prefix = round.round > 1 ? `r${String(round.round)}-` : '';
  if (step.when !== null && evaluateTemplate(step.when, values) !== true) {
    const stands = settle(fold, { path: `${stepFolder}${prefix}skipped.json`, name: `skip ${step.id}`, atMs, content: { why: 'if' } });
    return stands ? outcome('skipped', atMs, { why: 'its "if" does not hold' }) : outcome('pending', atMs);
  }
  const unit: Unit = { step, level, values, visible, stepFolder, key: null, prefix, pass: 1, turn: level.turn, atMs, notes: round.notes };
  const folded = isListStep(step) ? foldItems(fold, unit, prefix) : foldPasses(fold, unit, round);
  return foldOwnLimits(fold, unit, folded);
}

/** `continue-on-error`: the failure is kept to be seen, but dependants go on. */
function tolerate(step: Step, folded: Outcome): Outcome {
  return step.continueOnError && folded.status === 'failed' ? { ...folded, status: 'degraded', isFailed: true } : folded;
}

/** A step that used up its own budget fails; what it has open is closed. */
function foldOwnLimits(fold: Fold, unit: Unit, folded: Outcome): Outcome {
  const { step, stepFolder, prefix } = unit;
  const path = `${stepFolder}${prefix}failed.json`;
  const standing = parseJson(fold.input.files.get(path) ?? '');
  const why = isJsonObject(standing) && typeof standing['why'] === 'string' ? standing['why'] : null;
  if (why !== null) {
    const done = stopBelow(fold, stepFolder, { atMs: folded.atMs, why, name: `close ${step.id}` });
    return done ? { ...folded, status: 'failed', isFailed: true, why } : { ...folded, status: 'running' };
  }
  if (step.budget === null || isEnded(folded)) return folded;
  const isMine = (files: readonly { readonly path: string }[]): boolean => files.some((file) => file.path.startsWith(stepFolder));
  const mine = fold.tasks.filter((task) => task.path.startsWith(stepFolder) && !task.isReused);
  const left = (step.budget.agents ?? Infinity) - mine.length;
  const wanted = fold.proposals.filter((proposal) => proposal.isAgent && isMine(proposal.files));
  const [usd, tokens] = [mine.reduce((sum, task) => sum + task.usd, 0), mine.reduce((sum, task) => sum + task.tokens, 0)];
  const isSpent = usd >= (step.budget.usd ?? Infinity) || tokens >= (step.budget.tokens ?? Infinity) || left <= 0;
  if (wanted.length === 0) return folded;
  const kept = isSpent ? [] : wanted.slice(0, left);
  const others = fold.proposals.filter((proposal) => !wanted.includes(proposal) || kept.includes(proposal));
  fold.proposals.splice(0, fold.proposals.length, ...others);
  if (isSpent && !mine.some((task) => task.state === 'open'))
    settle(fold, { path, name: `fail ${step.id} (budget)`, atMs: folded.atMs, content: { why: 'the budget of the step is used up' } });
  return folded;
}

function foldItems(fold: Fold, unit: Unit, prefix: string): Outcome {
  const items = itemsOf(unit.step, unit.values);
  if (typeof items === 'string') return outcome('failed', unit.atMs, { why: items });
  const folded = items.map((item) => ({ item, outcome: foldPasses(fold, unitOf(unit, item), { round: 1, notes: unit.notes }, prefix) }));
  const failed = folded.filter((each) => each.outcome.status === 'failed');
  const [first] = failed;
  if (unit.step.failFast && first !== undefined) {
    const why = `${first.item.key} failed`;
    const done = stopBelow(fold, unit.stepFolder, { atMs: first.outcome.atMs, why, name: `fail-fast ${unit.step.id} (${first.item.key})` });
    if (!done) return outcome('running', unit.atMs);
    return summarize(
      unit,
      folded.map((each) => (isEnded(each.outcome) ? each : { ...each, outcome: { ...each.outcome, status: 'cancelled' as const } })),
    );
  }
  return summarize(unit, folded);
}

interface FoldedItem {
  readonly item: Item;
  readonly outcome: Outcome;
}

function summarize(unit: Unit, folded: readonly FoldedItem[]): Outcome {
  const total = {
    usd: folded.reduce((sum, each) => sum + each.outcome.usd, 0),
    tokens: folded.reduce((sum, each) => sum + each.outcome.tokens, 0),
    text: folded
      .filter((each) => isUsable(each.outcome))
      .map((each) => each.outcome.text)
      .join('\n\n'),
    json: folded.map((each) => each.outcome.json),
    list: folded.map(({ item, outcome: of }, index): JsonObject => ({ ...(outcomeValue(of) as JsonObject), key: item.key, index })),
  };
  const atMs = Math.max(unit.atMs, ...folded.map((each) => each.outcome.atMs));
  const open = folded.filter((each) => !isEnded(each.outcome));
  if (open.length > 0) {
    const status =
      (['running', 'waiting-human', 'waiting'] as const).find((each) => open.some(({ outcome: of }) => of.status === each)) ?? 'pending';
    return outcome(status, atMs, { ...total, why: open.find(({ outcome: of }) => of.why !== null)?.outcome.why ?? null });
  }
  const bad = folded.filter((each) => each.outcome.status === 'failed' || each.outcome.status === 'cancelled');
  const [first] = bad;
  if (first !== undefined) {
    const names = bad
      .slice(0, 5)
      .map((each) => each.item.key)
      .join(', ');
    const why = `${String(bad.length)} of ${String(folded.length)} items failed (${names}): ${first.outcome.why ?? first.outcome.status}`;
    return outcome('failed', atMs, { ...total, why });
  }
  const degraded = folded.filter((each) => each.outcome.status === 'degraded');
  return outcome(degraded.length > 0 ? 'degraded' : 'succeeded', atMs, { ...total, why: degraded[0]?.outcome.why ?? null });
}

function unitOf(unit: Unit, item: Item): Unit {
  return { ...unit, key: item.key, values: new Map([...unit.values, ...item.names]) };
}

/** The passes of a loop; one pass where there is none. */
function foldPasses(fold: Fold, unit: Unit, round: Round, roundPrefix = unit.prefix): Outcome {
  const { step } = unit;
  let prev: JsonObject = Object.fromEntries(loopMembers(step).map((id) => [id, null]));
  let spent = { usd: 0, tokens: 0 };
  let atMs = unit.atMs;
  const last = step.repeat?.max ?? 1;
  for (let pass = 1; pass <= last; pass += 1) {
    const loop: JsonObject = { n: pass, prev };
    const inner: Unit = {
      ...unit,
      atMs,
      pass,
      prefix: pass === 1 ? roundPrefix : `${roundPrefix}n${String(pass)}-`,
      turn: step.repeat === null || pass === 1 ? unit.turn : [unit.turn, String(pass)].filter((part) => part !== '').join('.'),
      values: step.repeat === null ? unit.values : new Map([...unit.values, ['loop', loop]]),
    };
    const folded = foldBody(fold, inner, round);
    const { outcome: of, children } = folded;
    const total = { ...of, usd: of.usd + spent.usd, tokens: of.tokens + spent.tokens };
    if (step.repeat === null || !isUsable(of)) return total;
    const values = children === null ? withSelf(inner.values, step.id, of) : withChildren(inner.values, children);
    if (evaluateTemplate(step.repeat.until, values) === true) return total;
    if (pass === last)
      return step.repeat.onMax === 'last'
        ? total
        : { ...total, status: 'failed', isFailed: true, why: `"until" did not hold after ${String(last)} passes` };
    prev =
      children === null ? { [step.id]: outcomeValue(of) } : Object.fromEntries([...children].map(([id, each]) => [id, outcomeValue(each)]));
    spent = { usd: total.usd, tokens: total.tokens };
    atMs = Math.max(atMs, of.atMs);
  }
  return outcome('failed', atMs, { why: 'the loop has no pass' });
}

function loopMembers(step: Step): readonly string[] {
  return step.body.kind === 'group' ? step.body.steps.map((child) => child.id) : [step.id];
}

function withChildren(values: Values, children: ReadonlyMap<string, Outcome>): Values {
  const steps = values.get('steps');
  const inner = Object.fromEntries([...children].map(([id, each]) => [id, outcomeValue(each)]));
  return new Map<string, Json>([...values, ['steps', { ...(isJsonObject(steps) ? steps : {}), ...inner }]]);
}

interface Body {
  readonly outcome: Outcome;
  /** Outcomes of the steps of a group, null for other kinds. */
  readonly children: ReadonlyMap<string, Outcome> | null;
}

function foldBody(fold: Fold, unit: Unit, round: Round): Body {
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
      return { outcome: foldAsk(fold, unit, { ask: body, gate, round: round.round, context: contextOf(unit) }), children: null };
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
  const own: readonly Cap[] = step.maxParallel === null ? [] : [{ key: unit.stepFolder, max: step.maxParallel, unit: unit.key ?? 'one' }];
  const children = foldLevel(fold, {
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
  });
  const made = groupOutcome(unit, steps, children);
  if (!isEnded(made) && hasBelow(fold, folder)) occupy(fold, own);
  return { outcome: made, children };
}

function groupOutcome(unit: Unit, steps: readonly Step[], children: ReadonlyMap<string, Outcome>): Outcome {
  const all = [...children.values()];
  const atMs = Math.max(unit.atMs, ...all.map((each) => each.atMs));
  const costs = { usd: all.reduce((sum, each) => sum + each.usd, 0), tokens: all.reduce((sum, each) => sum + each.tokens, 0) };
  const open = all.filter((each) => !isEnded(each));
  if (open.length > 0) {
    const status =
      (['running', 'waiting-human', 'waiting'] as const).find((each) => open.some((child) => child.status === each)) ?? 'pending';
    return outcome(status, atMs, { ...costs, why: open.find((each) => each.status === status)?.why ?? null });
  }
  const last = [...steps]
    .reverse()
    .map((step) => children.get(step.id))
    .find((each) => each !== undefined && isUsable(each));
  const parts = { ...costs, text: last?.text ?? '', json: last?.json ?? null, list: last?.list ?? [] };
  const failed = [...children].find(([, each]) => each.status === 'failed' || each.status === 'cancelled');
  if (failed !== undefined) return outcome('failed', atMs, { ...parts, why: `${failed[0]}: ${failed[1].why ?? failed[1].status}` });
  if (all.length > 0 && all.every((each) => each.status === 'skipped'))
    return outcome('skipped', atMs, { why: 'every step of the group was skipped' });
  const degraded = all.find((each) => each.status === 'degraded');
  return outcome(degraded === undefined ? 'succeeded' : 'degraded', atMs, { ...parts, why: degraded?.why ?? null });
}

/** A child run: its marker is a task for `workflow`, its routed reply is the answer. */
function foldUses(fold: Fold, unit: Unit, body: { readonly name: string; readonly with: JsonObject }): Outcome {
  const given = evaluateDeep(body.with, unit.values);
  const own: readonly Cap[] =
    unit.step.maxParallel === null ? [] : [{ key: unit.stepFolder, max: unit.step.maxParallel, unit: unitFolder(unit, null) }];
  const made = foldChain(fold, {
    folder: unitFolder(unit, null),
    step: unit.step.id,
    key: unit.key ?? 'one',
    phase: 'fanout',
    models: ['workflow'],
    prompt: () => `Runs the saved workflow "${body.name}".\n\n\`\`\`yaml\n${writeYaml(given)}\`\`\``,
    extra: { type: 'workflow', uses: body.name, with: given, 'dry-run': fold.plan.dryRun ? true : undefined },
    expectation: { schema: null, checks: [], valuesWith: () => unit.values },
    reask: 0,
    retry: { max: 0, delayMs: 0, factor: 1, maxDelayMs: 0, on: [] },
    session: 'fresh',
    cache: 'false',
    base: null,
    caps: [...unit.level.caps, ...own],
    priority: unit.level.priority + unit.step.priority,
    atMs: unit.atMs,
    turn: unit.turn,
    pass: unit.turn,
  });
  return made.status === 'succeeded' ? { ...made, json: parseJson(made.text) ?? null } : made;
}

/** What the people asked should see: what the steps before said, shortened. */
function contextOf(unit: Unit): string {
  const steps = unit.values.get('steps');
  if (!isJsonObject(steps)) return '';
  return unit.step.needs
    .flatMap((need) => {
      const value = steps[need];
      const text = isJsonObject(value) && typeof value['text'] === 'string' ? value['text'].trim() : '';
      return text === '' ? [] : [`## ${need}\n\n${text.length > 4_000 ? `${text.slice(0, 4_000)}…` : text}`];
    })
    .join('\n\n');
}
