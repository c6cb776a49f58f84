/** One item of a prompt step: its candidates answer, and their answers are joined. */
import { COUNT_MAX, type Prompt } from '../language/plan.ts';
import { decisionPath, JOIN_KEY, ONLY_KEY } from '../../protocol/run-paths.ts';
import { isJsonObject, parseJson } from '../language/json.ts';
import type { Fold, Outcome } from './fold.ts';
import { type Unit, unitFolder } from './unit.ts';
import { candidateChain, candidatesOf } from './unit-chains.ts';
import { isEnded, isUsable, outcome, stopBelow } from './fold-context.ts';
import {
  type Answered,
  costsOf,
  joinAnswers,
  listOf,
  statusOfOpen,
  withList,
} from './join-answers.ts';
import { foldChain } from './fold-chain.ts';
import { readFile } from './fold-memo.ts';

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
  return joinAnswers(fold, unit, { prompt, answered, costs });
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
