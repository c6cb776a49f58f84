/** A prompt step: who is asked what, how often, and how the answers become one. */
import { MINUTE, SECOND } from '../../base/clock.ts';
import { isJsonObject, type Json, type JsonObject } from './json.ts';
import { type Check, COUNT_MAX, type Join, type Prompt, type Retry } from './plan.ts';
import { KEYS } from './keys.ts';
import { createTaker, type Mapping, mappingAt, refuseUnknownKeys, takeBelow } from './read-keys.ts';
import { decodeModels, decodeSchema, type Inherited } from './field-decode.ts';
import { parseTemplate, type Template } from './template.ts';

const REASK_DEFAULT = 2;
const CHECKS_MAX = 20;

/** The prompt in a step's mapping; keys that are absent come from `defaults`. */
export function decodePrompt(own: Mapping, inherited: Inherited): Prompt {
  const raw: JsonObject = { ...inherited.defaults, ...own.raw };
  const mapping: Mapping = { ...own, raw };
  const take = createTaker(mapping);
  const models = decodeModels(mapping, 'model');
  return {
    kind: 'prompt',
    prompt: take.template('prompt') ?? parseTemplate(''),
    models: models.length > 0 ? models : inherited.model,
    spread: decodeModels(mapping, 'models'),
    count: decodeCount(mapping),
    join: decodeJoin(mapping),
    as: take.text('as'),
    session: take.choice('session', ['fresh', 'last']) ?? 'fresh',
    timeoutMinutes: take.amount('timeout-minutes'),
    idleMinutes: take.amount('idle-minutes'),
    retry: decodeRetry(mapping),
    schema: decodeSchema(mapping),
    reask: take.integer('reask', 0, 3) ?? REASK_DEFAULT,
    checks: decodeChecks(mapping),
    cache: take.choice('cache', ['false', 'run', 'global']) ?? 'false',
    isolation: {
      project: take.text('project'),
      isolate: take.choice('isolate', ['worktree', 'none']) ?? 'none',
      base: take.template('base'),
      branch: take.template('branch'),
      keep: take.flag('keep') ?? false,
    },
    effects: take.choice('effects', ['none', 'git', 'external']),
  };
}

function decodeCount(mapping: Mapping): number | Template {
  const value = mapping.raw['count'];
  if (typeof value === 'string' && value.includes('${{')) return parseTemplate(value.trim());
  return createTaker(mapping).integer('count', 1, COUNT_MAX) ?? 1;
}

function decodeJoin(outer: Mapping): Join {
  const value = outer.raw['join'];
  if (value === undefined || value === 'all' || value === 'first')
    return { kind: value ?? 'all', min: 1 };
  if (!isJsonObject(value)) {
    createTaker(outer).refuse(
      'join',
      'all, first, {model, prompt, schema, min}, {vote: field, min} or {best: field}',
    );
    return { kind: 'all', min: 1 };
  }
  const mapping = mappingAt(outer, 'join');
  const take = createTaker(mapping);
  const min = take.integer('min', 1, 100) ?? 1;
  const [field, kind] = [
    take.text('vote') ?? take.text('best'),
    value['vote'] === undefined ? 'best' : 'vote',
  ] as const;
  if (field !== null) {
    refuseUnknownKeys(
      mapping,
      kind === 'vote' ? KEYS.joinVote : KEYS.joinBest,
      `"join: {${kind}}"`,
    );
    return { kind, field, min };
  }
  refuseUnknownKeys(mapping, KEYS.join, '"join"');
  const models = decodeModels(mapping, 'model');
  if (models.length === 0 && (value['prompt'] !== undefined || value['schema'] !== undefined))
    outer.report(mapping.path, '"join" with a prompt or a schema needs a "model"');
  if (models.length === 0) return { kind: 'all', min };
  return {
    kind: 'model',
    models,
    prompt: take.template('prompt'),
    schema: decodeSchema(mapping),
    min,
  };
}

function decodeRetry(outer: Mapping): Retry {
  const { take } = takeBelow(outer, 'retry', KEYS.retry);
  const given = outer.raw['retry'] !== undefined;
  return {
    max: take.integer('max', 0, 20) ?? (given ? 2 : 0),
    delayMs: take.duration('delay') ?? 5 * SECOND,
    factor: take.amount('factor') ?? 2,
    maxDelayMs: take.duration('max-delay') ?? 10 * MINUTE,
    on: take.texts('on'),
  };
}

function decodeChecks(mapping: Mapping): readonly Check[] {
  const value = mapping.raw['checks'];
  if (value === undefined) return [];
  const path = [...mapping.path, 'checks'];
  if (!Array.isArray(value) || value.length > CHECKS_MAX) {
    mapping.report(
      path,
      `"checks" must be a list of at most ${String(CHECKS_MAX)} expressions or {that, message}`,
    );
    return [];
  }
  return value.flatMap((item: Json): Check[] => {
    const inner: Mapping = {
      raw: isJsonObject(item) ? item : { that: item },
      path,
      report: mapping.report,
    };
    refuseUnknownKeys(inner, KEYS.check, 'a check');
    const take = createTaker(inner);
    const that = take.condition('that');
    const source = typeof inner.raw['that'] === 'string' ? inner.raw['that'] : '';
    if (that === null) mapping.report(path, 'a check needs "that": an expression');
    return that === null
      ? []
      : [{ that, message: take.text('message') ?? `does not hold: ${source}` }];
  });
}
