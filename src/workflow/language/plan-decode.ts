/**
 * The top level of a workflow: raw mapping → Plan. Every key is known and typed; references and
 * expressions are checked in plan-check.ts.
 */
import { isChannel, isPortable, NOT_PORTABLE, slugName } from '../../protocol/names.ts';
import type { JsonObject } from './json.ts';
import { decodeInputs } from './input-decode.ts';
import { cronProblem } from './cron.ts';
import {
  type Budget,
  DEFAULT_BUDGET,
  DEFAULT_MAX_PARALLEL,
  type Concurrency,
  type Plan,
} from './plan.ts';
import {
  createTaker,
  type Mapping,
  refuseUnknownKeys,
  type Report,
  takeBelow,
} from './read-keys.ts';
import { decodeLimits, decodeModels } from './field-decode.ts';
import { KEYS } from './keys.ts';
import { decodeSteps } from './step-decode.ts';

/**
 * The plan in a raw mapping. Problems go to `report`; with any reported, the plan must not be run.
 */
export function decodePlan(raw: JsonObject, report: Report): Plan {
  const mapping: Mapping = { raw, path: [], report };
  refuseUnknownKeys(mapping, KEYS.run, 'a workflow');
  const take = createTaker(mapping);
  const { mapping: defaults } = takeBelow(mapping, 'defaults', KEYS.defaults);
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
  const { mapping, take } = takeBelow(outer, 'budget', KEYS.budget);
  const limits = decodeLimits(mapping);
  return {
    ...limits,
    agents: limits.agents ?? DEFAULT_BUDGET.agents,
    onExceed:
      take.choice('on-exceed', ['pause', 'fail', 'finish', 'kill']) ?? DEFAULT_BUDGET.onExceed,
  };
}

function decodeConcurrency(outer: Mapping): Concurrency | null {
  if (outer.raw['concurrency'] === undefined) return null;
  const { mapping, take } = takeBelow(outer, 'concurrency', KEYS.concurrency);
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
  const { mapping, take } = takeBelow(outer, 'on', KEYS.on);
  const cron = take.text('schedule');
  if (cron === null) {
    outer.report(mapping.path, '"on" needs a "schedule"', 'on: { schedule: "0 9 * * 1" }');
    return null;
  }
  const problem = cronProblem(cron);
  if (problem !== null)
    outer.report([...mapping.path, 'schedule'], problem, 'five fields in UTC, such as "0 9 * * 1"');
  const channel = take.text('channel') ?? 'workflows';
  if (!isChannel(channel))
    outer.report([...mapping.path, 'channel'], `"${channel}" is not a channel`);
  else if (!isPortable(channel))
    outer.report([...mapping.path, 'channel'], `"${channel}" is ${NOT_PORTABLE}`);
  return {
    cron,
    channel,
    catchUp: take.choice('catch-up', ['once', 'skip']) ?? 'once',
    overlap: take.flag('overlap') ?? false,
  };
}
