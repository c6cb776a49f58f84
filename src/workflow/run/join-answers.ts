/**
 * One result out of the answers of several candidates: all of them, a vote, the best, or a
 * synthesis.
 */
import type { Prompt } from '../language/plan.ts';
import { JOIN_KEY } from '../../protocol/run-paths.ts';
import { canonicalJson } from '../language/json.ts';
import type { Fold, Outcome } from './fold.ts';
import { type Unit, unitFolder } from './unit.ts';
import { isEnded, isUsable, outcome, outcomeValue } from './fold-context.ts';
import { foldChain } from './fold-chain.ts';
import type { ChainSpec } from './chain.ts';
import { chainBase } from './unit-chains.ts';
import { renderPrompt, synthesisPrompt } from './prompt-text.ts';
import { fieldOf } from './answer.ts';
import { sumUse } from '../../protocol/usage.ts';

/** A candidate and what became of it. */
export interface Answered {
  readonly key: string;
  readonly outcome: Outcome;
}

interface Joining {
  readonly prompt: Prompt;
  readonly answered: readonly Answered[];
  readonly costs: Outcome;
}

/** The result once every candidate has ended. */
export function joinAnswers(fold: Fold, unit: Unit, { prompt, answered, costs }: Joining): Outcome {
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
      const total = sumUse([made, costs]);
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

/** The outcome of a candidate that was asked alone. */
export function withList(answered: readonly [Answered]): Outcome {
  const [{ outcome: only }] = answered;
  return { ...only, list: listOf(answered) };
}

/** What later steps see of each answer. */
export function listOf(answered: readonly Answered[]): Outcome['list'] {
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

/** What all candidates have cost, and when the last one answered. */
export function costsOf(answered: readonly Answered[], atMs: number): Outcome {
  const outcomes = answered.map((each) => each.outcome);
  return outcome('running', Math.max(atMs, ...outcomes.map((of) => of.atMs)), sumUse(outcomes));
}

/** The status while not every candidate has ended. */
export function statusOfOpen(answered: readonly Answered[]): Outcome['status'] {
  return answered.some((each) => each.outcome.status === 'running')
    ? 'running'
    : (answered.find((each) => !isEnded(each.outcome))?.outcome.status ?? 'running');
}
