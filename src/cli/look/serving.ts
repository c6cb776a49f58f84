/**
 * Which models this host serves at this moment: the transport's entries, the host's own, and what
 * was approved. Re-read when one of them changes.
 */
import { stat } from 'node:fs/promises';
import { errorText } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { ADAPTER_NAMES } from '../../agents/adapters.ts';
import { readApprovals } from '../../local/approvals.ts';
import type { ConfigDirectory } from '../../local/config-directory.ts';
import { readHostModels } from '../../local/host-models.ts';
import { type ModelOffer, selectServedModels, unknownOnly } from '../../local/served-models.ts';
import type { ModelProblem } from '../../protocol/models.ts';
import { decodeModels } from '../../protocol/decode-models.ts';
import { suggestName } from '../../protocol/address.ts';
import { sayReason } from '../../protocol/say-reason.ts';
import type { Serving } from '../../dispatcher/notes.ts';

export interface ServingSources {
  readonly configDirectory: ConfigDirectory;
  /** The transport's id in approvals. */
  readonly id: string;
  readonly only: readonly string[] | null;
}

/**
 * Every name with its state on this host. Throws CONFIG_INVALID when the host's own files cannot be
 * read.
 */
export async function readOffers(
  sources: ServingSources,
  modelsText: string | null,
): Promise<readonly ModelOffer[]> {
  return selectServedModels({
    transport: decodeModels(modelsText ?? ''),
    host: await readHostModels(sources.configDirectory),
    hostFile: sources.configDirectory.modelsFile,
    approvals: await readApprovals(sources.configDirectory, sources.id),
    only: sources.only,
    adapters: ADAPTER_NAMES,
  });
}

/**
 * The dispatcher's door to models. An edit that cannot be read leaves the last good set in force
 * and is reported once.
 */
export function createServing(
  sources: ServingSources,
  log: Log,
): (modelsText: string | null, unreadable?: ModelProblem | null) => Promise<Serving> {
  let stamp = '';
  let current: Serving = { models: new Map(), refused: new Map() };
  let problem = '';
  return async (modelsText, unreadable = null) => {
    const now = `${await stampOf(sources.configDirectory.modelsFile)} ${await stampOf(sources.configDirectory.approvalsFile)} ${unreadable?.line ?? ''} ${modelsText ?? ''}`;
    if (now === stamp) return current;
    stamp = now;
    try {
      const offers = await readOffers(sources, modelsText);
      current = toServing(offers, current);
      const { problems } = decodeModels(modelsText ?? '');
      const broken = [...(unreadable === null ? [] : [unreadable]), ...problems];
      logServing(log, { current, offers, broken, unknown: unknownOnly(sources.only, offers) });
      problem = '';
    } catch (error) {
      if (errorText(error) !== problem)
        log.warning('models.invalid', {
          reason: errorText(error),
          next: 'the previous models stay in force',
        });
      problem = errorText(error);
    }
    return current;
  };
}

interface Read {
  readonly current: Serving;
  readonly offers: readonly ModelOffer[];
  readonly broken: readonly ModelProblem[];
  /** Names of --only that nothing has. */
  readonly unknown: readonly string[];
}

function logServing(log: Log, { current, offers, broken, unknown }: Read): void {
  for (const { name, state } of offers)
    if (state.kind === 'invalid')
      log.warning('models.invalid', {
        model: name,
        ...{ line: state.line, found: state.found, expected: state.expected },
        next: current.models.has(name)
          ? 'the previous entry stays in force'
          : 'the model is not served; the others are',
      });
  for (const { name, line, found, expected } of broken)
    if (name === null)
      log.warning('models.invalid', {
        ...{ line, found, expected },
        next: 'the previous models stay in force',
      });
  const names = offers.map(({ name }) => name);
  for (const model of unknown) {
    const near = suggestName(model, names);
    log.warning('models.unknown', {
      model,
      next: `--only names a model that no models.yaml has${near === null ? '' : `; did you mean "${near}"?`}`,
    });
  }
  const not = [...current.refused].map(([name, why]) => `${name}: ${sayReason(why)}`);
  const serves = [...current.models.keys()];
  log.status('models.loaded', { serves, ...(not.length === 0 ? {} : { not }) });
}

function toServing(offers: readonly ModelOffer[], before: Serving): Serving {
  const models = new Map(
    offers.flatMap(({ name, entry, state }) =>
      state.kind === 'served' && entry !== null ? [[name, entry] as const] : [],
    ),
  );
  // A broken edit of a model that was served keeps the entry that was approved.
  for (const { name, state } of offers) {
    const kept = before.models.get(name);
    if (state.kind === 'invalid' && kept !== undefined) models.set(name, kept);
  }
  return {
    models,
    refused: new Map(
      offers.flatMap((offer) =>
        models.has(offer.name) ? [] : [[offer.name, offer.state] as const],
      ),
    ),
  };
}

async function stampOf(path: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(path);
    return `${mtimeMs}:${size}:${ino}`;
  } catch {
    return '-';
  }
}
