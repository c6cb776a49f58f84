/** Checks whom a plan asks: models that exist and are served, and approvers who are people. */
import { parseAddress } from '../../protocol/address.ts';
import { MODELS_FILE } from '../../protocol/paths.ts';
import { allSteps, type Plan, type Step } from './plan.ts';
import { didYouMean, type Report } from './read-keys.ts';

/** What a transport has to answer with. */
export interface KnownModels {
  /** Null = not known, so not checked. */
  readonly models: readonly string[] | null;
  /** Model → live hosts; empty when no host is known. */
  readonly served: ReadonlyMap<string, readonly string[]>;
}

const MODELS_SHOWN = 12;

/** Reports models that do not exist or that no host serves, and approvers who are not people. */
export function checkModels(plan: Plan, options: KnownModels, report: Report): void {
  for (const step of allSteps([...plan.steps, ...plan.final])) {
    const { body } = step;
    if (body.kind === 'ask') checkApprovers(step, body.approvers, { options, report });
    if (body.kind !== 'prompt') continue;
    const place = [...step.place, body.models.length > 0 ? 'model' : 'models'];
    if (body.models.length === 0 && body.spread.length === 0) {
      report(
        step.place,
        `step "${step.id}" has no model`,
        'give it "model:", or the run one for all steps',
      );
      continue;
    }
    const lists = body.spread.length > 0 ? body.spread.map((each) => [each]) : [body.models];
    for (const list of lists)
      checkServed(list, options, (message, suggestion) => report(place, message, suggestion));
    if (body.join.kind === 'model')
      checkServed(body.join.models, options, (message, suggestion) =>
        report([...step.place, 'join'], message, suggestion),
      );
  }
}

function checkServed(
  list: readonly string[],
  options: KnownModels,
  say: (message: string, suggestion: string | null) => void,
): void {
  const { models, served } = options;
  const names = list.flatMap((text) => parseAddress(text) ?? []);
  const unknown =
    models === null ? [] : names.filter(({ name }) => !models.includes(name) && !served.has(name));
  for (const { name } of unknown)
    say(`there is no model "${name}" in this transport`, nearModel(name, models ?? []));
  if (unknown.length > 0 || served.size === 0 || names.length === 0) return;
  const answered = names.some(({ name, host }) => {
    const hosts = served.get(name) ?? [];
    return host === null ? hosts.length > 0 : hosts.includes(host);
  });
  if (!answered)
    say(`no live host serves ${list.join(' or ')}`, `served now: ${[...served.keys()].join(', ')}`);
}

function nearModel(name: string, models: readonly string[]): string {
  const shown = models.length > MODELS_SHOWN ? [...models.slice(0, MODELS_SHOWN), '…'] : models;
  return (
    didYouMean(name, models) ??
    (models.length === 0 ? `${MODELS_FILE} names none` : `there are ${shown.join(', ')}`)
  );
}

function checkApprovers(
  step: Step,
  approvers: readonly string[],
  { options, report }: { readonly options: KnownModels; readonly report: Report },
): void {
  for (const name of approvers)
    if (options.models?.includes(name) === true || ['all', 'workflow'].includes(name))
      report([...step.place, 'ask', 'approvers'], `"${name}" is not a person: only people approve`);
}
