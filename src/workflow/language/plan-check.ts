/**
 * Checks a decoded plan: ids, needs, cycles, references only to ancestors or the loop, types of
 * conditions. Whether those whom it asks exist: models-check.ts.
 */
import { oneLine } from '../../base/plain-text.ts';
import { suggestName } from '../../protocol/address.ts';
import type { TypeScope } from './expression-check.ts';
import type { Json } from './json.ts';
import { checkModels, type KnownModels } from './models-check.ts';
import {
  allSteps,
  type InputSpec,
  isListStep,
  type ListSource,
  type Plan,
  type Prompt,
  type Step,
} from './plan.ts';
import { ancestorsOf, byId, closure, descendantsOf, findCycle, isBefore } from './reach.ts';
import { asList, didYouMean, type Report } from './read-keys.ts';
import { schemaType } from './schema.ts';
import { checkStart, type KnownFiles } from './start-check.ts';
import { checkUses } from './uses-check.ts';
import { singleStepType, stepType, typeOfValue } from './step-type.ts';
import { checkTemplate, type Template, templatesIn } from './template.ts';
import { ANY, BOOLEAN, describeType, NUMBER, objectOf, TEXT, type Type } from './type.ts';

/** What is known of the transport when a plan is checked. */
export interface CheckOptions extends KnownModels, KnownFiles {
  /**
   * The text of a saved workflow; absent = the plan of an open run, which keeps what it began with.
   */
  readonly savedWorkflow?: (name: string) => string | null;
}

/** Steps by their ids, null for one that reads itself; a map is one. */
type Visible = Pick<ReadonlyMap<string, Step | null>, 'get' | 'has' | 'keys'>;

/** One level of steps and what is visible around it. */
interface Level {
  readonly steps: readonly Step[];
  readonly names: ReadonlyMap<string, Type>;
  /** Steps of outer levels that are already finished here. */
  readonly outer: Visible;
  readonly all: readonly Step[];
  readonly isStrict: boolean;
  /** What each step was told to add to its "needs". */
  readonly advised: Map<string, readonly string[]>;
}

/** Reports everything that is wrong with the plan as a whole. */
export function checkPlan(plan: Plan, options: CheckOptions, report: Report): void {
  const all = allSteps([...plan.steps, ...plan.final]);
  checkIds(all, report);
  const names = new Map<string, Type>([
    [
      'inputs',
      objectOf(Object.fromEntries(plan.inputs.map((input) => [input.name, inputType(input)]))),
    ],
    ['run', objectOf({ id: TEXT, usd: NUMBER, tokens: NUMBER })],
  ]);
  const main = new Map(plan.steps.map((step) => [step.id, step] as const));
  const isStrict = options.savedWorkflow !== undefined;
  const top = { names, outer: new Map<string, Step>(), all, isStrict, advised: new Map() };
  checkLevel({ ...top, steps: plan.steps }, report);
  checkLevel({ ...top, steps: plan.final, outer: main }, report);
  checkUndo(plan, report);
  const everywhere = scopeOf({ ...top, steps: [], outer: main }, main);
  if (plan.output !== null)
    reportAll(checkTemplate(plan.output, everywhere).problems, ['output'], report);
  if (plan.concurrency !== null) {
    const scope = scopeOf({ ...top, steps: [], all: [] }, new Map());
    reportAll(
      checkTemplate(plan.concurrency.group, scope).problems,
      ['concurrency', 'group'],
      report,
    );
  }
  checkModels(plan, options, report);
  if (options.savedWorkflow === undefined) return;
  checkUses(all, options.savedWorkflow, report);
  checkStart(plan, options, report);
}

function checkIds(all: readonly Step[], report: Report): void {
  const seen = new Set<string>();
  for (const step of all) {
    if (seen.has(step.id))
      report(
        step.place,
        `the step id "${step.id}" is used twice`,
        'ids are unique in a workflow, groups included',
      );
    seen.add(step.id);
  }
}

function checkLevel(level: Level, report: Report): void {
  const ids = level.steps.map((step) => step.id);
  for (const step of level.steps)
    for (const need of step.needs) {
      if (ids.includes(need)) continue;
      const meant = level.outer.has(need) ? null : suggestName(need, ids);
      const known = level.outer.has(need)
        ? 'it is finished before this group starts: leave it out'
        : `known here: ${ids.join(', ')}`;
      report(
        [...step.place, 'needs'],
        `"${step.id}" needs "${need}", which is not a step beside it`,
        meant === null ? (asList(need) ?? known) : `did you mean "${meant}"?`,
      );
    }
  const cycle = findCycle(level.steps);
  if (cycle !== null)
    report(
      level.steps.find((step) => cycle.startsWith(`${step.id} `))?.place ?? [],
      `these steps wait for each other: ${cycle}`,
    );
  else for (const step of level.steps) checkStep(step, level, report);
}

function checkStep(step: Step, level: Level, report: Report): void {
  const before = visibleBefore(step, level);
  const scope = scopeOf(level, before, step);
  if (step.when !== null) checkCondition(step.when, scope, { path: [...step.place, 'if'], report });
  const names = new Map(level.names);
  if (isListStep(step)) bindItems(step, scope, { names, report });
  if (step.repeat !== null) bindLoop(step, names);
  const inner: Level = { ...level, names, outer: before };
  const self = scopeOf(inner, withSteps(before, new Map([[step.id, null]])), step);
  if (step.body.kind === 'group') checkLevel({ ...inner, steps: step.body.steps }, report);
  checkBody(step, { scope: scopeOf(inner, before, step), self, level, report });
  if (step.repeat !== null) {
    const children = step.body.kind === 'group' ? step.body.steps : [];
    const visible = withSteps(before, new Map(children.map((child) => [child.id, child])));
    const until = step.body.kind === 'group' ? scopeOf(inner, visible, step) : self;
    checkCondition(step.repeat.until, until, { path: [...step.place, 'repeat', 'until'], report });
  }
}

interface BodyChecks {
  readonly scope: TypeScope;
  readonly self: TypeScope;
  readonly level: Level;
  readonly report: Report;
}

function checkBody(step: Step, { scope, self, level, report }: BodyChecks): void {
  const { body, place } = step;
  const say = (template: Template | null, key: string): void => {
    if (template !== null)
      reportAll(checkTemplate(template, scope).problems, [...place, key], report);
  };
  if (body.kind === 'prompt') {
    say(body.prompt, 'prompt');
    if (body.join.kind === 'model') say(body.join.prompt, 'join');
    say(body.isolation.base, 'base');
    say(body.isolation.branch, 'branch');
    if (typeof body.count !== 'number') {
      const checked = checkTemplate(body.count, scope);
      reportAll(checked.problems, [...place, 'count'], report);
      if (checked.type.kind !== 'number' && checked.type.kind !== 'any')
        report(
          [...place, 'count'],
          `"count" must be a number, found ${describeType(checked.type)}`,
        );
    }
    for (const check of body.checks)
      checkCondition(check.that, self, { path: [...place, 'checks'], report });
    checkPromptFits(step, body, report);
  } else if (body.kind === 'value')
    checkValue(body.value, scope, (problems) => reportAll(problems, [...place, 'value'], report));
  else if (body.kind === 'uses')
    checkValue(body.with, scope, (problems) => reportAll(problems, [...place, 'with'], report));
  else if (body.kind === 'ask') {
    say(body.title, 'ask');
    const rework = body.onDeny.kind === 'rework' ? body.onDeny.step : null;
    if (rework !== null && !isBefore(rework, step, level.steps))
      report(
        [...place, 'ask', 'on-deny'],
        `"rework: ${rework}" must name a step that "${step.id}" needs`,
        didYouMean(rework, ancestorsOf(step.id, level.steps)),
      );
  } else if (body.kind === 'wait' && body.what.kind === 'until') {
    const { type, problems } = checkTemplate(body.what.at, scope);
    reportAll(problems, [...place, 'wait'], report);
    if (level.isStrict && type.kind !== 'string' && type.kind !== 'any')
      report([...place, 'wait', 'until'], `"until" must be a time, found ${describeType(type)}`);
  }
}

function checkPromptFits(step: Step, prompt: Prompt, report: Report): void {
  const { join } = prompt;
  if ((join.kind === 'vote' || join.kind === 'best') && prompt.schema === null)
    report(
      [...step.place, 'join'],
      `"join: {${join.kind}}" reads a field of the answers: declare a "schema"`,
    );
  else if (join.kind === 'vote' || join.kind === 'best') {
    const type = checkField(prompt.schema, join.field);
    if (type === null) report([...step.place, 'join'], `the schema has no field "${join.field}"`);
    else if (join.kind === 'best' && type.kind !== 'number' && type.kind !== 'any')
      report(
        [...step.place, 'join'],
        `"best" needs a number, "${join.field}" is ${describeType(type)}`,
      );
  }
  if (prompt.cache === 'global' && prompt.effects !== null && prompt.effects !== 'none')
    report(
      [...step.place, 'cache'],
      `"cache: global" would skip effects: use it only with "effects: none"`,
    );
  if (prompt.effects === 'git' && prompt.isolation.isolate !== 'worktree')
    report(
      [...step.place, 'effects'],
      '"effects: git" needs "isolate: worktree": elsewhere nothing keeps its changes apart',
      'effects: external',
    );
  if (
    prompt.isolation.isolate === 'worktree' &&
    prompt.isolation.project === null &&
    prompt.cache === 'global'
  )
    report([...step.place, 'cache'], '"cache: global" cannot bring back a worktree');
}

function checkField(schema: Json | null, field: string): Type | null {
  const type = schema === null ? ANY : schemaType(schema);
  if (type.kind !== 'object') return type.kind === 'any' ? ANY : null;
  return type.fields.get(field) ?? (type.open ? ANY : null);
}

function checkValue(
  value: Json,
  scope: TypeScope,
  say: (problems: readonly string[]) => void,
): void {
  for (const template of templatesIn(value)) say(checkTemplate(template, scope).problems);
}

function checkCondition(
  template: Template,
  scope: TypeScope,
  at: { readonly path: readonly string[]; readonly report: Report },
): void {
  const { type, problems } = checkTemplate(template, scope);
  reportAll(problems, at.path, at.report);
  if (problems.length > 0 || type.kind === 'boolean') return;
  const [key, source] = [at.path.at(-1) ?? '', sourceOf(template)];
  if (template.parts.length > 1) {
    const parts = template.parts.map((part) => (part.kind === 'text' ? part.text : part.source));
    at.report(
      at.path,
      `"${key}" must be one expression, found text around it`,
      `\${{ ${oneLine(parts.join(''), 60)} }}`,
    );
    return;
  }
  if (type.kind === 'any')
    at.report(
      at.path,
      `"${key}" must be true or false, and no schema says what "${source}" is`,
      'declare it as { type: boolean }, or compare it: … == true',
    );
  else
    at.report(
      at.path,
      `"${key}" must be true or false, found ${describeType(type)}`,
      'compare it with something',
    );
}

function sourceOf({ parts }: Template): string {
  const [first] = parts.flatMap((part) => (part.kind === 'expression' ? [part.source] : []));
  return (first ?? '').slice(0, 60);
}

function bindItems(
  step: Step,
  scope: TypeScope,
  into: { readonly names: Map<string, Type>; readonly report: Report },
): void {
  const elementType = (source: ListSource, key: string): Type => {
    if (source.kind === 'list') {
      const type = typeOfValue(source.items);
      return type.kind === 'list' ? type.of : ANY;
    }
    const { type, problems } = checkTemplate(source.template, scope);
    reportAll(problems, [...step.place, key], into.report);
    if (type.kind === 'list') return type.of;
    if (type.kind !== 'any' && problems.length === 0)
      into.report([...step.place, key], `"${key}" needs a list, found ${describeType(type)}`);
    return ANY;
  };
  into.names.set('index', NUMBER);
  if (step.each !== null) into.names.set('item', elementType(step.each, 'each'));
  else
    into.names.set(
      'matrix',
      objectOf(
        Object.fromEntries(
          step.matrix.map(([key, source]) => [key, elementType(source, 'matrix')]),
        ),
      ),
    );
}

function bindLoop(step: Step, names: Map<string, Type>): void {
  const members = step.body.kind === 'group' ? step.body.steps : [step];
  const prev = Object.fromEntries(
    members.map((member) => [member.id, member === step ? singleStepType(step) : stepType(member)]),
  );
  names.set('loop', objectOf({ n: NUMBER, prev: objectOf(prev) }));
}

function scopeOf(level: Level, visible: Visible, reader: Step | null = null): TypeScope {
  const typeOf = (id: string): Type | undefined => {
    const step = visible.get(id);
    if (step === undefined) return undefined;
    if (step !== null) return stepType(step);
    return reader === null ? ANY : singleStepType(reader);
  };
  const fields = { get: typeOf, has: (id: string) => visible.has(id), keys: () => visible.keys() };
  return {
    isStrict: level.isStrict,
    names: new Map([...level.names, ['steps', { kind: 'object', fields, open: false }]]),
    unreachable: (id) => {
      if (!level.all.some((step) => step.id === id)) return null;
      if (id === reader?.id) return `"${id}" cannot read itself before it has run`;
      if (reader !== null && descendantsOf(reader.id, level.steps).has(id))
        return `"${id}" runs after "${reader.id}"`;
      const beside = level.steps.some((step) => step.id === id);
      if (beside && reader !== null) {
        const needsOf = (each: string): readonly string[] => [
          ...(level.steps.find((step) => step.id === each)?.needs ?? []),
          ...(level.advised.get(each) ?? []),
        ];
        if (closure(id, needsOf).has(reader.id))
          return `"${id}" reads "${reader.id}", so one of the two cannot read the other`;
        level.advised.set(reader.id, [...(level.advised.get(reader.id) ?? []), id]);
      }
      return `"${id}" is not finished when this runs${beside ? `: add it to "needs"` : ': it is inside a group or comes later'}`;
    },
  };
}

/** What stands before a step. Looked up one by one: in a chain they are many. */
function visibleBefore(step: Step, { steps, outer }: Level): Visible {
  const get = (id: string): Step | null | undefined =>
    isBefore(id, step, steps) ? byId(steps).get(id) : outer.get(id);
  return {
    get,
    has: (id) => get(id) !== undefined,
    keys: () => {
      const before = ancestorsOf(step.id, steps);
      const ids = steps.flatMap(({ id }) => (before.has(id) ? [id] : []));
      return new Set([...outer.keys(), ...ids]).keys();
    },
  };
}

function withSteps(before: Visible, more: ReadonlyMap<string, Step | null>): Visible {
  return {
    get: (id) => (more.has(id) ? more.get(id) : before.get(id)),
    has: (id) => more.has(id) || before.has(id),
    keys: () => new Set([...before.keys(), ...more.keys()]).keys(),
  };
}

function checkUndo(plan: Plan, report: Report): void {
  for (const step of allSteps(plan.steps)) {
    if (step.undo === null) continue;
    const target = plan.steps.find((each) => each.id === step.undo);
    const path = [...step.place, 'undo'];
    if (!plan.steps.includes(step)) report(path, '"undo" works on steps of the top level only');
    else if (target === undefined)
      report(
        path,
        `"undo: ${step.undo}" names no step of the top level`,
        didYouMean(
          step.undo,
          plan.steps.map(({ id }) => id),
        ),
      );
    else if (!target.needs.includes(step.id))
      report(path, `the undo step "${target.id}" must say "needs: [${step.id}]"`);
    else if (plan.steps.some((each) => each.needs.includes(target.id)))
      report(path, `nothing may need the undo step "${target.id}"`);
  }
}

function reportAll(problems: readonly string[], path: readonly string[], report: Report): void {
  for (const problem of problems) report(path, problem);
}

function inputType(input: InputSpec): Type {
  if (input.type === 'number' || input.type === 'integer') return NUMBER;
  if (input.type === 'boolean') return BOOLEAN;
  return input.type === 'json' ? ANY : TEXT;
}
