/** Child runs. */
import { writeYaml } from '../../protocol/yaml.ts';
import { foldChain } from './fold-chain.ts';
import { type Unit, unitFolder } from './unit.ts';
import { type JsonObject, parseJson } from '../language/json.ts';
import { describeTurn } from './task-file.ts';
import { evaluateDeep } from '../language/template.ts';
import { ONLY_KEY } from '../../protocol/run-paths.ts';
import type { Cap, Fold, Outcome } from './fold.ts';

/** A child run: its marker is a task for `workflow`, its routed reply is the answer. */
export function foldUses(
  fold: Fold,
  unit: Unit,
  body: { readonly name: string; readonly with: JsonObject },
): Outcome {
  const given = evaluateDeep(body.with, unit.values);
  const own: readonly Cap[] =
    unit.step.maxParallel === null
      ? []
      : [{ key: unit.stepFolder, max: unit.step.maxParallel, unit: unitFolder(unit, null) }];
  const made = foldChain(fold, {
    folder: unitFolder(unit, null),
    step: unit.step.id,
    key: unit.key ?? ONLY_KEY,
    phase: 'fanout',
    models: ['workflow'],
    prompt: () =>
      `Runs the saved workflow "${body.name}".\n\n\`\`\`yaml\n${writeYaml(given)}\`\`\``,
    extra: () => ({
      type: 'workflow',
      uses: body.name,
      with: given,
      'dry-run': fold.plan.dryRun ? true : undefined,
    }),
    expectation: { schema: null, checks: [], valuesWith: () => unit.values },
    reask: 0,
    retry: { max: 0, delayMs: 0, factor: 1, maxDelayMs: 0, on: [] },
    session: 'fresh',
    cache: 'false',
    isRepeatable: false,
    caps: [...unit.level.caps, ...own],
    priority: unit.level.priority + unit.step.priority,
    atMs: unit.atMs,
    turn: unit.turn,
    pass: describeTurn(unit.turn),
  });
  return made.status === 'succeeded' ? { ...made, json: parseJson(made.text) ?? null } : made;
}
