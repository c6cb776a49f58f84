/**
 * The models that can be asked in a transport: those of its data/models.yaml, and those that only
 * hosts have, known from their beats or from this host's own file. Every command and the engine ask
 * here.
 */
import type { Beat } from './beat.ts';
import type { ModelEntry, ModelsFile } from './models.ts';

export interface Askable {
  /** The transport's models in the order of its file, then those that only hosts have. */
  readonly names: readonly string[];
  /** Model → aliases of the hosts that are up and serve it, in code-unit order. */
  readonly served: ReadonlyMap<string, readonly string[]>;
  readonly compilers: Compilers;
}

/** Who makes plans out of prose. */
export interface Compilers {
  /** What the transport says itself (`compile-model:`), fallbacks in order. */
  readonly preset: readonly string[];
  /** Agents without effects that are served now, in the order of the file. */
  readonly ready: readonly string[];
  /** Those that would be, were a host up that serves them. */
  readonly idle: readonly string[];
  /** Why each of the others is not asked. */
  readonly others: readonly { readonly name: string; readonly why: string }[];
}

/** How it is recognized. */
export interface AskableSources {
  readonly transport: Pick<ModelsFile, 'models' | 'older' | 'compileModels'>;
  /** Beats of hosts that are up; `models` of one that has stopped do not count. */
  readonly beats: readonly Pick<Beat, 'alias' | 'state' | 'models'>[];
  /** This host and what it serves. */
  readonly here: {
    readonly alias: string;
    /** What runs here; a host's own entry takes the place of the transport's. */
    readonly models: ReadonlyMap<string, ModelEntry>;
  } | null;
  /** Names in this host's own models.yaml, served or not. */
  readonly hostModels?: readonly string[];
}

/** The facts when nobody is asked. */
export const NOBODY: Askable = {
  names: [],
  served: new Map(),
  compilers: { preset: [], ready: [], idle: [], others: [] },
};

/** As a workflow is checked by it: a model of one host counts, whether or not that host is up. */
export function knownOf({
  names,
  served,
  compilers,
}: Pick<Askable, 'names' | 'served' | 'compilers'>) {
  return { models: names, served, compilers };
}

/** Folds what is known into one answer. */
export function whoCanBeAsked(sources: AskableSources): Askable {
  const { transport, beats, here, hostModels = [] } = sources;
  const served = new Map<string, Set<string>>();
  const add = (model: string, alias: string): void =>
    void served.set(model, (served.get(model) ?? new Set<string>()).add(alias));
  for (const model of here?.models.keys() ?? []) add(model, here?.alias ?? '');
  for (const { alias, state, models } of beats)
    for (const model of state === 'stopped' ? [] : models) add(model, alias);
  const elsewhere = beats.flatMap((beat) => beat.models);
  const models = [...transport.models.keys(), ...transport.older.keys()];
  return {
    names: [...new Set([...models, ...served.keys(), ...hostModels, ...elsewhere])],
    served: new Map([...served].map(([model, aliases]) => [model, [...aliases].sort()])),
    compilers: judgeCompilers(sources, served),
  };
}

function judgeCompilers(
  { transport, here }: AskableSources,
  served: ReadonlyMap<string, unknown>,
): Compilers {
  const entries = new Map([...transport.models, ...(here?.models ?? [])]);
  const judged = [...entries].map(([name, entry]) => ({ name, why: whyNoCompiler(entry, served) }));
  return {
    preset: transport.compileModels,
    ready: judged.flatMap(({ name, why }) => (why === null ? [name] : [])),
    idle: [...entries].flatMap(([name, entry]) =>
      entry.compile && entry.effects === 'none' ? [name] : [],
    ),
    others: [
      ...judged.flatMap(({ name, why }) => (why === null ? [] : [{ name, why }])),
      ...[...transport.older.keys()].map((name) => ({ name, why: OLDER_FORM })),
      ...[...served.keys()]
        .filter((name) => !entries.has(name))
        .map((name) => ({ name, why: 'is known only to its host, so it must be named' })),
    ],
  };
}

const OLDER_FORM = 'has the format of versions before 8';

function whyNoCompiler(entry: ModelEntry, served: ReadonlyMap<string, unknown>): string | null {
  if (!entry.compile) return 'is not an agent that could make a plan';
  if (entry.effects !== 'none') return 'has external effects';
  return served.has(entry.name) ? null : 'is not served by any host that is up';
}
