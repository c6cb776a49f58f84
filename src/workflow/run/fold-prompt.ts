/**
 * One item of a prompt step: its candidates (count × models), and the synthesis that makes one
 * result of them.
 */
import { slugName } from '../../protocol/names.ts';
import { fieldOf } from './answer.ts';
import { evaluateTemplate } from '../language/template.ts';
import { type ChainSpec, foldChain } from './fold-chain.ts';
import { isEnded, isUsable, outcome, outcomeValue, stopBelow } from './fold-context.ts';
import { readFile } from './fold-memo.ts';
import { canonicalJson, isJsonObject, type Json, parseJson } from '../language/json.ts';
import { COUNT_MAX, type Prompt, type Step } from '../language/plan.ts';
import { renderPrompt, synthesisPrompt } from './prompt-text.ts';
import { describeTurn } from './task-file.ts';
import type { Values } from '../language/expression-evaluate.ts';
import { candidateKey, decisionPath, JOIN_KEY, ONLY_KEY } from '../../protocol/run-paths.ts';
import type { Cap, Fold, Level, Outcome } from './fold.ts';

/** One item of a step in one pass. */
export interface Unit {
  readonly step: Step;
  readonly level: Level;
  readonly values: Values;
  /** The finished steps it may read. */
  readonly visible: ReadonlyMap<string, Outcome>;
  /** `steps/<step>/`. */
  readonly stepFolder: string;
  /** Key of the item, or null for a step without items. */
  readonly key: string | null;
  /** `r2-n3-`: round and pass. */
  readonly prefix: string;
  readonly pass: number;
  readonly turn: string;
  readonly atMs: number;
  readonly notes: readonly string[];
}

interface CandidateSpec {
  readonly key: string;
  readonly models: readonly string[];
}

interface Answered {
  readonly key: string;
  readonly outcome: Outcome;
}

/** The outcome of one item of a prompt step. */
export function foldPrompt(fold: Fold, unit: Unit, prompt: Prompt): Outcome {
  const candidates = candidatesOf(unit, prompt);
  if (candidates === null)
    return outcome('failed', unit.atMs, {
      why: `"count" is not a number from 1 to ${String(COUNT_MAX)}`,
    });
  const [only] = candidates;
  if (candidates.length === 1 && only !== undefined && prompt.join.kind !== 'model')
    return withList([
      {
        key: unit.key ?? ONLY_KEY,
        outcome: foldChain(
          fold,
          candidateChain(fold, unit, { prompt, candidate: only, isOnly: true }),
        ),
      },
    ]);
  const chosen = readWinner(fold, unit);
  const answered = candidates.map((candidate) => ({
    key: candidate.key,
    outcome: foldChain(
      fold,
      candidateChain(fold, unit, { prompt, candidate, isOnly: candidates.length === 1 }),
    ),
  }));
  if (prompt.join.kind === 'first') return takeFirst(fold, unit, { answered, chosen });
  const costs = costsOf(answered, unit.atMs);
  if (!answered.every((each) => isEnded(each.outcome)))
    return { ...costs, status: statusOfOpen(answered) };
  const good = answered.filter((each) => isUsable(each.outcome));
  if (good.length < prompt.join.min) {
    const why = answered.find((each) => each.outcome.why !== null)?.outcome.why ?? 'no answer';
    return {
      ...costs,
      status: 'failed',
      isFailed: true,
      why: `${String(good.length)} of ${String(answered.length)} answers succeeded: ${why}`,
      list: listOf(answered),
    };
  }
  return join(fold, unit, { prompt, answered, costs });
}

/** The folder of a candidate, of the synthesis (`join`), or of the only task. */
export function unitFolder(unit: Unit, candidate: string | null): string {
  const { stepFolder, prefix, key } = unit;
  if (key === null) return `${stepFolder}${prefix}${candidate ?? ONLY_KEY}/`;
  return candidate === null
    ? `${stepFolder}${prefix}${key}/`
    : `${stepFolder}${prefix}${key}/${candidate}/`;
}

function candidatesOf(unit: Unit, prompt: Prompt): readonly CandidateSpec[] | null {
  const count =
    typeof prompt.count === 'number' ? prompt.count : evaluateTemplate(prompt.count, unit.values);
  if (typeof count !== 'number' || !Number.isInteger(count) || count < 1 || count > COUNT_MAX)
    return null;
  const lists = prompt.spread.length > 0 ? prompt.spread.map((model) => [model]) : [prompt.models];
  return lists.flatMap((models, place) => {
    const name =
      prompt.spread.length > 0
        ? slugName((models[0] ?? '').replace('@', '-at-'), `m${String(place + 1)}`)
        : '';
    return Array.from({ length: count }, (_, index) => ({
      key: count === 1 && name !== '' ? name : candidateKey(name, index + 1),
      models,
    }));
  });
}

function candidateChain(
  fold: Fold,
  unit: Unit,
  given: { readonly prompt: Prompt; readonly candidate: CandidateSpec; readonly isOnly: boolean },
): ChainSpec {
  const { prompt, candidate, isOnly } = given;
  const folder = unitFolder(unit, isOnly ? null : candidate.key);
  const key = isOnly
    ? (unit.key ?? ONLY_KEY)
    : `${unit.key === null ? '' : `${unit.key}/`}${candidate.key}`;
  return {
    ...chainBase(fold, unit, prompt),
    folder,
    key,
    phase: 'fanout',
    models: candidate.models,
    turn: [unit.turn, isOnly ? '' : candidate.key].filter((part) => part !== '').join(' '),
    prompt: (nonce) => renderPrompt(prompt.prompt, unit, nonce),
  };
}

function chainBase(
  fold: Fold,
  unit: Unit,
  prompt: Prompt,
): Omit<ChainSpec, 'folder' | 'key' | 'phase' | 'models' | 'prompt'> {
  const { step, level } = unit;
  const priority = level.priority + step.priority;
  const own: readonly Cap[] =
    step.maxParallel === null
      ? []
      : [{ key: unit.stepFolder, max: step.maxParallel, unit: unitFolder(unit, null) }];
  return {
    step: step.id,
    extra: () => ({
      as: prompt.as ?? undefined,
      project: prompt.isolation.project ?? undefined,
      priority: priority === 0 ? undefined : Math.max(-9, Math.min(9, priority)),
      timeout_minutes: prompt.timeoutMinutes ?? undefined,
      idle_minutes: prompt.idleMinutes ?? undefined,
      effects: prompt.effects ?? undefined,
      dispatch_host: fold.plan.dispatchHost ?? undefined,
      ...worktreeOf(fold, unit, prompt),
    }),
    expectation: {
      schema: prompt.schema,
      checks: prompt.checks,
      valuesWith: (self) => withSelf(unit.values, step.id, outcome('succeeded', unit.atMs, self)),
    },
    reask: prompt.reask,
    retry: prompt.retry,
    session: prompt.session,
    cache: step.undo !== null || fold.ofItself.has(step.id) ? 'false' : prompt.cache,
    isRepeatable: prompt.effects === 'git',
    caps: [...level.caps, ...own],
    priority,
    atMs: unit.atMs,
    turn: unit.turn,
    pass: describeTurn(unit.turn),
  };
}

function worktreeOf(
  fold: Fold,
  unit: Unit,
  prompt: Prompt,
): Readonly<Record<string, Json | undefined>> {
  const { isolation } = prompt;
  if (isolation.isolate === 'none') return {};
  const text = (template: Prompt['isolation']['base']): string | null => {
    const value = template === null ? null : evaluateTemplate(template, unit.values);
    return typeof value === 'string' && value !== '' ? value : null;
  };
  const key = unit.level.worktree ?? `${unit.step.id}${unit.key === null ? '' : `-${unit.key}`}`;
  return {
    isolate: 'worktree',
    base: text(isolation.base) ?? 'HEAD',
    branch: text(isolation.branch) ?? `ct/${fold.header.run}/${key}`,
    keep: isolation.keep ? true : undefined,
  };
}

/** The names a step's own checks and conditions see: everything before it, and itself. */
export function withSelf(values: Values, id: string, self: Outcome): Values {
  const steps = values.get('steps');
  return new Map([
    ...values,
    ['steps', { ...(isJsonObject(steps) ? steps : {}), [id]: outcomeValue(self) }],
  ]);
}

function takeFirst(
  fold: Fold,
  unit: Unit,
  given: { readonly answered: readonly Answered[]; readonly chosen: string | null },
): Outcome {
  const { answered, chosen } = given;
  const costs = costsOf(answered, unit.atMs);
  const winner = answered.find((each) =>
    chosen === null ? each.outcome.status === 'succeeded' : each.key === chosen,
  );
  if (winner === undefined) {
    if (!answered.every((each) => isEnded(each.outcome)))
      return { ...costs, status: statusOfOpen(answered) };
    return {
      ...costs,
      status: 'failed',
      isFailed: true,
      why: 'no answer succeeded',
      list: listOf(answered),
    };
  }
  const folder = unit.key === null ? `${unit.stepFolder}${unit.prefix}` : unitFolder(unit, null);
  const file = {
    path: choicePath(unit),
    content: `${JSON.stringify({ winner: winner.key }, null, 2)}\n`,
  };
  const why = `${winner.key} answered first`;
  const done = stopBelow(fold, folder, {
    atMs: winner.outcome.atMs,
    why,
    called: {
      name: `first ${unit.step.id} (${winner.key})`,
      words: `take the first answer, ${winner.key} (${unit.step.id})`,
    },
    files: [file],
  });
  if (!done) return { ...costs, status: 'running' };
  return {
    ...costs,
    status: 'succeeded',
    atMs: winner.outcome.atMs,
    text: winner.outcome.text,
    json: winner.outcome.json,
    list: listOf(answered),
  };
}

function choicePath(unit: Unit): string {
  return decisionPath(unitFolder(unit, JOIN_KEY));
}

function readWinner(fold: Fold, unit: Unit): string | null {
  const json = parseJson(readFile(fold, choicePath(unit)) ?? '');
  return isJsonObject(json) && typeof json['winner'] === 'string' ? json['winner'] : null;
}

interface Joining {
  readonly prompt: Prompt;
  readonly answered: readonly Answered[];
  readonly costs: Outcome;
}

function join(fold: Fold, unit: Unit, { prompt, answered, costs }: Joining): Outcome {
  const good = answered.filter((each) => isUsable(each.outcome));
  const status = good.length < answered.length ? 'degraded' : 'succeeded';
  const list = listOf(answered);
  const lost = answered.length - good.length;
  const why = lost === 0 ? null : `${String(lost)} of ${String(answered.length)} answers failed`;
  switch (prompt.join.kind) {
    case 'all':
    case 'first': {
      const json = prompt.schema === null ? null : good.map((each) => each.outcome.json);
      return {
        ...costs,
        status,
        why,
        list,
        json,
        text: good.map((each) => each.outcome.text).join('\n\n'),
      };
    }
    case 'model': {
      const made = foldChain(fold, synthesisChain(fold, unit, { prompt, answered, costs }));
      const total = { usd: made.usd + costs.usd, tokens: made.tokens + costs.tokens };
      if (made.status !== 'succeeded') return { ...made, ...total, list };
      return { ...made, ...total, status, why, list };
    }
    case 'vote':
    case 'best': {
      const winner =
        prompt.join.kind === 'vote'
          ? mostVoted(good, prompt.join.field)
          : highest(good, prompt.join.field);
      if (winner === null)
        return {
          ...costs,
          status: 'failed',
          isFailed: true,
          why: `no answer has the field "${prompt.join.field}"`,
          list,
        };
      return { ...costs, status, why, list, text: winner.outcome.text, json: winner.outcome.json };
    }
  }
}

function synthesisChain(fold: Fold, unit: Unit, { prompt, answered, costs }: Joining): ChainSpec {
  const own = prompt.join.kind === 'model' ? prompt.join : null;
  const given = answered.map((each) => ({
    key: each.key,
    isFailed: !isUsable(each.outcome),
    text: isUsable(each.outcome) ? each.outcome.text : (each.outcome.why ?? ''),
  }));
  const base = chainBase(fold, unit, prompt);
  return {
    ...base,
    folder: unitFolder(unit, JOIN_KEY),
    key: unit.key === null ? JOIN_KEY : `${unit.key}/${JOIN_KEY}`,
    phase: 'synthesize',
    models: own?.models ?? [],
    caps: unit.level.caps,
    atMs: costs.atMs,
    expectation: { ...base.expectation, schema: own?.schema ?? null, checks: [] },
    isRepeatable: false,
    extra: () => {
      const { priority, dispatch_host: host } = base.extra();
      return { priority, dispatch_host: host };
    },
    prompt: (nonce) => {
      const task =
        own?.prompt === null || own === null
          ? ''
          : renderPrompt(own.prompt, { ...unit, notes: [] }, nonce);
      return synthesisPrompt(task, renderPrompt(prompt.prompt, { ...unit, notes: [] }, nonce), {
        candidates: given,
        nonce,
      });
    },
  };
}

function mostVoted(good: readonly Answered[], field: string): Answered | null {
  const votes = new Map<string, Answered[]>();
  for (const each of good) {
    const value = fieldOf(each.outcome.json, field);
    if (value === null) continue;
    const key = canonicalJson(value);
    votes.set(key, [...(votes.get(key) ?? []), each]);
  }
  // The first of equals wins: candidates have an order, so every host counts alike.
  const [winner] = [...votes.values()].sort((a, b) => b.length - a.length);
  return winner?.[0] ?? null;
}

function highest(good: readonly Answered[], field: string): Answered | null {
  const score = (each: Answered): number => {
    const value = fieldOf(each.outcome.json, field);
    return typeof value === 'number' ? value : -Infinity;
  };
  const [winner] = [...good].sort((a, b) => score(b) - score(a));
  return winner === undefined || score(winner) === -Infinity ? null : winner;
}

function withList(answered: readonly [Answered]): Outcome {
  const [{ outcome: only }] = answered;
  return { ...only, list: listOf(answered) };
}

function listOf(answered: readonly Answered[]): Outcome['list'] {
  return answered.map((each, index) => {
    const { text, json, status, failed } = outcomeValue(each.outcome);
    return {
      key: each.key,
      index,
      text: text ?? '',
      json: json ?? null,
      status: status ?? '',
      failed: failed ?? false,
    };
  });
}

function costsOf(answered: readonly Answered[], atMs: number): Outcome {
  return outcome('running', Math.max(atMs, ...answered.map((each) => each.outcome.atMs)), {
    usd: answered.reduce((sum, each) => sum + each.outcome.usd, 0),
    tokens: answered.reduce((sum, each) => sum + each.outcome.tokens, 0),
  });
}

function statusOfOpen(answered: readonly Answered[]): Outcome['status'] {
  return answered.some((each) => each.outcome.status === 'running')
    ? 'running'
    : (answered.find((each) => !isEnded(each.outcome))?.outcome.status ?? 'running');
}
