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
      for (const offer of offers)
        if (offer.state.kind === 'invalid')
          log.warning('models.invalid', {
            model: offer.name,
            line: offer.state.line,
            found: offer.state.found,
            expected: offer.state.expected,
            next: current.models.has(offer.name)
              ? 'the entry as it was before stays in force'
              : 'the model is not served; the others are',
          });
      const problems = decodeModels(modelsText ?? '').problems;
      for (const broken of [...(unreadable === null ? [] : [unreadable]), ...problems])
        if (broken.name === null)
          log.warning('models.invalid', {
            line: broken.line,
            found: broken.found,
            expected: broken.expected,
            next: 'the models as they were stay in force',
          });
      for (const name of unknownOnly(sources.only, offers)) {
        const near = suggestName(
          name,
          offers.map((offer) => offer.name),
        );
        log.warning('models.unknown', {
          model: name,
          next: `--only names what no models.yaml has${near === null ? '' : `; did you mean "${near}"?`}`,
        });
      }
      log.status('models.loaded', {
        serves: [...current.models.keys()],
        ...(current.refused.size === 0
          ? {}
          : { not: [...current.refused].map(([name, why]) => `${name}: ${sayReason(why)}`) }),
      });
      problem = '';
    } catch (error) {
      if (errorText(error) !== problem)
        log.warning('models.invalid', {
          reason: errorText(error),
          next: 'the models as they were stay in force',
        });
      problem = errorText(error);
    }
    return current;
  };
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
