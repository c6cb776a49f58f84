/**
 * Which models this host serves and why not the others: the transport's entries, the host's own,
 * and what its operator approved. Pure.
 */
import { byCodeUnit } from '../base/order.ts';
import type { ModelEntry, ModelProblem, ModelsFile } from '../protocol/models.ts';
import { MODELS_FILE } from '../protocol/paths.ts';
import type { OfferReason } from '../protocol/reason.ts';
import type { Approvals } from './approvals.ts';

/** `transport`: data/models.yaml. `host`: the operator's own file, which wins. */
export type ModelSource = 'transport' | 'host';

/** One name of models.yaml on this host. */
export interface ModelOffer {
  readonly name: string;
  readonly source: ModelSource;
  /** Null when it is invalid. */
  readonly entry: ModelEntry | null;
  /** Whether it is served, and if not, why. */
  readonly state: OfferReason;
}

/** Everything that decides what is served. */
export interface ServedModelsInput {
  readonly transport: ModelsFile;
  readonly host: ModelsFile;
  /** Where the host's own stands, for the person who must fix it. */
  readonly hostFile: string;
  readonly approvals: Approvals;
  /** Names of `--only`; null = all. */
  readonly only: readonly string[] | null;
  /** Adapters that this version has. */
  readonly adapters: readonly string[];
}

/**
 * Every name with its state, in code-unit order. A broken entry of the host is not replaced by the
 * transport's: the operator meant to overrule it.
 */
export function selectServedModels(input: ServedModelsInput): readonly ModelOffer[] {
  const offers = new Map<string, ModelOffer>();
  for (const source of ['transport', 'host'] as const) {
    const file = input[source];
    const broken = file.problems.flatMap(({ name, ...rest }) =>
      name === null ? [] : [{ name, ...rest }],
    );
    // Backwards, so that of several problems of one entry the first stays.
    for (const problem of broken.reverse())
      offers.set(problem.name, {
        name: problem.name,
        source,
        entry: null,
        state: invalid(problem.name, problem, fileOf(source, input)),
      });
    for (const [name, command] of file.older)
      offers.set(name, {
        name,
        source,
        entry: null,
        state: { kind: 'older', model: name, command },
      });
    for (const entry of file.models.values())
      offers.set(entry.name, { name: entry.name, source, ...checkServable(entry, source, input) });
  }
  return [...offers.values()].sort((a, b) => byCodeUnit(a.name, b.name));
}

/** Names of `only` that no models.yaml has: a slip that would serve nothing. */
export function unknownOnly(
  only: readonly string[] | null,
  offers: readonly ModelOffer[],
): readonly string[] {
  return (only ?? []).filter((name) => !offers.some((offer) => offer.name === name));
}

/** Entries whose adapter this version does not have. */
export function unknownAdapters(
  { models, placeOf }: Pick<ModelsFile, 'models' | 'placeOf'>,
  adapters: readonly string[],
): readonly (ModelProblem & { readonly name: string })[] {
  const expected = `one of ${[...adapters].sort(byCodeUnit).join(', ')}`;
  return [...models.values()]
    .filter(({ adapter }) => !adapters.includes(adapter))
    .map(({ name, adapter }) => ({
      name,
      ...placeOf(name, 'adapter'),
      found: `adapter "${adapter}"`,
      expected,
    }));
}

function checkServable(
  entry: ModelEntry,
  source: ModelSource,
  input: ServedModelsInput,
): Pick<ModelOffer, 'entry' | 'state'> {
  const [problem] = unknownAdapters(
    { models: new Map([[entry.name, entry]]), placeOf: input[source].placeOf },
    input.adapters,
  );
  const { name: model } = entry;
  if (problem !== undefined)
    return { entry: null, state: invalid(model, problem, fileOf(source, input)) };
  if (input.only !== null && !input.only.includes(model))
    return { entry, state: { kind: 'excluded', model } };
  const approvedHash = input.approvals.get(model);
  if (source === 'host') return { entry, state: { kind: 'served' } };
  // Anyone who may push does not decide what of a project this host runs, approved or not.
  const offered = { ...entry, trustCheckout: false };
  if (approvedHash === entry.hash) return { entry: offered, state: { kind: 'served' } };
  const kind = approvedHash === undefined ? 'unapproved' : 'changed-since-approval';
  return { entry: offered, state: { kind, model } };
}

function fileOf(source: ModelSource, { hostFile }: ServedModelsInput): string {
  return source === 'host' ? hostFile : MODELS_FILE;
}

function invalid(
  model: string,
  { line, found, expected }: ModelProblem,
  file: string,
): OfferReason {
  return { kind: 'invalid', model, file, line, found, expected };
}
