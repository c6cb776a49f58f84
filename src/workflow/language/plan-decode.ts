/**
 * The top level of a workflow: raw mapping → Plan. Every key is known and typed; references and
 * expressions are checked in plan-check.ts.
 */
import { isChannel, slugName } from '../../protocol/names.ts';
import { isJsonList, isJsonObject, type Json, type JsonObject } from './json.ts';
import { cronProblem } from './cron.ts';
import {
  type Budget,
  DEFAULT_BUDGET,
  DEFAULT_MAX_PARALLEL,
  type Concurrency,
  type InputSpec,
  type Plan,
} from './plan.ts';
import {
  createTaker,
  type Mapping,
  mappingAt,
  refuseUnknownKeys,
  type Report,
} from './read-keys.ts';
import { decodeLimits, decodeModels } from './field-decode.ts';
import { decodeSteps } from './step-decode.ts';

/**
 * The keys of a run. `uses`, `with`, `compile`, `fork` belong to markers and are handled before.
 */
export const PLAN_KEYS =
  'name description inputs steps model budget max-parallel fail-fast concurrency defaults finally output on follow dry-run dispatch_host'.split(
    ' ',
  );
/** The keys of `defaults`: those of a prompt step that say who and how, never what. */
export const DEFAULT_KEYS =
  'model as session timeout-minutes idle-minutes retry continue-on-error reask cache project isolate base keep effects'.split(
    ' ',
  );

/**
 * The plan in a raw mapping. Problems go to `report`; with any reported, the plan must not be run.
 */
export function decodePlan(raw: JsonObject, report: Report): Plan {
  const mapping: Mapping = { raw, path: [], report };
  refuseUnknownKeys(mapping, PLAN_KEYS, 'a workflow');
  const take = createTaker(mapping);
  const defaults = mappingAt(mapping, 'defaults');
  refuseUnknownKeys(defaults, DEFAULT_KEYS, '"defaults"');
  const model = decodeModels(mapping, 'model');
  const inherited = { defaults: defaults.raw, model };
  const on = decodeSchedule(mapping);
  return {
    name: slugName(take.text('name') ?? 'workflow', 'workflow').replaceAll(/[._]/g, '-'),
    inputs: decodeInputs(mapping),
    steps: decodeSteps(mapping, 'steps', inherited),
    final: raw['finally'] === undefined ? [] : decodeSteps(mapping, 'finally', inherited),
    output: take.template('output'),
    model,
    budget: decodeBudget(mapping) ?? DEFAULT_BUDGET,
    maxParallel: take.integer('max-parallel', 1, 1_000) ?? DEFAULT_MAX_PARALLEL,
    failFast: take.flag('fail-fast') ?? false,
    concurrency: decodeConcurrency(mapping),
    schedule: on,
    follow: take.flag('follow') ?? false,
    dryRun: take.flag('dry-run') ?? false,
    dispatchHost: take.text('dispatch_host'),
  };
}

function decodeBudget(outer: Mapping): Budget | null {
  if (outer.raw['budget'] === undefined) return null;
  const mapping = mappingAt(outer, 'budget');
  refuseUnknownKeys(mapping, ['usd', 'tokens', 'agents', 'minutes', 'on-exceed'], '"budget"');
  const limits = decodeLimits(mapping);
  return {
    ...limits,
    agents: limits.agents ?? DEFAULT_BUDGET.agents,
    onExceed:
      createTaker(mapping).choice('on-exceed', ['pause', 'fail', 'finish']) ??
      DEFAULT_BUDGET.onExceed,
  };
}

function decodeConcurrency(outer: Mapping): Concurrency | null {
  if (outer.raw['concurrency'] === undefined) return null;
  const mapping = mappingAt(outer, 'concurrency');
  refuseUnknownKeys(mapping, ['group', 'max', 'overflow', 'max-queue'], '"concurrency"');
  const take = createTaker(mapping);
  const group = take.template('group');
  if (group === null) {
    outer.report(mapping.path, '"concurrency" needs a "group"', 'concurrency: { group: <name> }');
    return null;
  }
  return {
    group,
    max: take.integer('max', 1, 1_000) ?? 1,
    overflow: take.choice('overflow', ['queue', 'drop', 'cancel-oldest']) ?? 'queue',
    maxQueue: take.integer('max-queue', 0, 10_000) ?? 100,
  };
}

function decodeSchedule(outer: Mapping): Plan['schedule'] {
  if (outer.raw['on'] === undefined) return null;
  const mapping = mappingAt(outer, 'on');
  refuseUnknownKeys(mapping, ['schedule', 'channel'], '"on"');
  const take = createTaker(mapping);
  const cron = take.text('schedule');
  if (cron === null) {
    outer.report(mapping.path, '"on" needs a "schedule"', 'on: { schedule: "0 9 * * 1" }');
    return null;
  }
  const problem = cronProblem(cron);
  if (problem !== null)
    outer.report([...mapping.path, 'schedule'], problem, 'five fields in UTC, such as "0 9 * * 1"');
  const channel = take.text('channel') ?? 'workflows';
  if (!isChannel(channel)) outer.report([...mapping.path, 'channel'], `"${channel}" is no channel`);
  return { cron, channel };
}

const INPUT_TYPES = ['string', 'number', 'boolean', 'choice', 'json'] as const;

function decodeInputs(outer: Mapping): readonly InputSpec[] {
  const inputs = mappingAt(outer, 'inputs');
  return Object.keys(inputs.raw).map((name) => {
    const mapping = mappingAt(inputs, name);
    if (!/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/.test(name))
      outer.report(mapping.path, `"${name}" is no name for an input`);
    refuseUnknownKeys(
      mapping,
      ['type', 'required', 'default', 'options', 'description'],
      `input "${name}"`,
    );
    const take = createTaker(mapping);
    const spec: InputSpec = {
      name,
      type: take.choice('type', INPUT_TYPES) ?? 'string',
      required: take.flag('required') ?? false,
      fallback: mapping.raw['default'],
      options: take.texts('options'),
    };
    if (spec.type === 'choice' && spec.options.length === 0)
      outer.report(mapping.path, `input "${name}" is a choice without "options"`);
    if (spec.fallback !== undefined && coerceInput(spec, spec.fallback) === undefined)
      outer.report(
        [...mapping.path, 'default'],
        `the default of input "${name}" is not ${describeInput(spec)}`,
      );
    return spec;
  });
}

/**
 * The given value in the type of the input (texts such as `3` and `true` are converted), or
 * undefined when it does not fit.
 */
export function coerceInput(spec: InputSpec, value: Json): Json | undefined {
  switch (spec.type) {
    case 'string':
      return typeof value === 'object' ? undefined : String(value);
    case 'number': {
      const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
      return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
    }
    case 'boolean':
      if (value === 'true' || value === 'false') return value === 'true';
      return typeof value === 'boolean' ? value : undefined;
    case 'choice':
      return spec.options.find(
        (option) => option === String(isJsonObject(value) || isJsonList(value) ? '' : value),
      );
    case 'json':
      return value;
  }
}

/** What an input takes, for messages. */
export function describeInput(spec: InputSpec): string {
  return spec.type === 'choice'
    ? `one of ${spec.options.join(', ')}`
    : spec.type === 'json'
      ? 'JSON'
      : `a ${spec.type}`;
}
