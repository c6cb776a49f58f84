/** The data/models.yaml by which this host would serve, as its dispatcher reads it. */
import { MODELS_FILE } from '../../protocol/paths.ts';
import { requires, standingKey, type Trust } from '../../protocol/trust.ts';
import { MODELS_READABLE, readModels } from '../../transport/read-models.ts';
import { blobAt, findSigned, withPeople } from '../../dispatcher/signed-file.ts';
import type { TransportSession } from '../session/transport-session.ts';

/** Whose word counts here; null: nothing needs to be signed. */
export async function readTrust(session: TransportSession): Promise<Trust | null> {
  const { repository, mirror } = session;
  const trust = await session.trust();
  const { tip } = mirror.index();
  if (trust.required.size === 0) return null;
  return tip === null ? trust : withPeople({ repository, tip }, trust);
}

/**
 * The text in force: where models must be signed (`trust`; null: nothing needs to be), the newest
 * version that is. Null = there is none.
 */
export async function readModelsInForce(
  session: TransportSession,
  trust: Trust | null,
): Promise<string | null> {
  const { repository, mirror } = session;
  const { tip } = mirror.index();
  if (tip === null || trust === null || !requires(trust, 'models')) return knownModels(session);
  const signing = { repository, tip, trust, right: 'models', ...MODELS_READABLE } as const;
  const blob = await blobAt(signing, tip, MODELS_FILE);
  return blob !== null && trust.letThrough.has(standingKey({ path: MODELS_FILE, blob }))
    ? knownModels(session)
    : (await findSigned(signing, MODELS_FILE)).text;
}

/** While the remote is away nothing was read at a tip: then what stood at the last one. */
async function knownModels({ mirror, repository }: TransportSession): Promise<string | null> {
  const { tip } = mirror.index();
  const text = mirror.modelsText();
  if (text !== null || tip === null) return text;
  const read = await readModels(repository, tip, null).catch(() => null);
  return read?.text ?? null;
}
