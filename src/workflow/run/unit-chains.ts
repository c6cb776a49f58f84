/** The chains of a unit of a prompt step: one for each candidate (count × models). */
import { COUNT_MAX, type Prompt } from '../language/plan.ts';
import { evaluateTemplate } from '../language/template.ts';
import { slugName } from '../../protocol/names.ts';
import { candidateKey, ONLY_KEY } from '../../protocol/run-paths.ts';
import type { Json } from '../language/json.ts';
import { type Unit, unitFolder, withSelf } from './unit.ts';
import type { Cap, Fold } from './fold.ts';
import type { ChainSpec } from './chain.ts';
import { renderPrompt } from './prompt-text.ts';
import { outcome } from './fold-context.ts';
import { describeTurn } from './task-file.ts';

/** Null for a `count` that is not a number in its range. */
export function candidatesOf(unit: Unit, prompt: Prompt): readonly CandidateSpec[] | null {
  const count =
    typeof prompt.count === 'number' ? prompt.count : evaluateTemplate(prompt.count, unit.values);
  if (typeof count !== 'number' || !Number.isInteger(count) || count < 1 || count > COUNT_MAX)
    return null;
  const lists =
    prompt.spread.length > 0
      ? [...new Set(prompt.spread)].map((model) => [model])
      : [prompt.models];
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

interface CandidateSpec {
  readonly key: string;
  readonly models: readonly string[];
}

/** `isOnly`: it is the only candidate and needs no name. */
export function candidateChain(
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

/** What the chains of all candidates and of their synthesis share. */
export function chainBase(
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
