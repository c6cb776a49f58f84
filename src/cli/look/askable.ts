/** Who can be asked, as a command sees it: by the transport, the beats in view and this host. */
import { readHostModels } from '../../local/host-models.ts';
import { type Beat, parseBeat } from '../../protocol/beat.ts';
import { decodeModels } from '../../protocol/decode-models.ts';
import { type Askable, whoCanBeAsked } from '../../protocol/who-can-be-asked.ts';
import type { TransportSession } from '../session/transport-session.ts';
import { liveHosts } from './host-opinions.ts';
import type { Surroundings } from './look-around.ts';

/** Of a look at everything. */
export function askableNow(around: Surroundings): Askable {
  const { here, offers, session } = around;
  const served = offers.flatMap(({ name, state, entry }) =>
    state.kind === 'served' && entry !== null ? [[name, entry] as const] : [],
  );
  return whoCanBeAsked({
    transport: decodeModels(session.mirror.modelsText() ?? ''),
    beats: liveHosts(around).flatMap(({ beat }) => beat ?? []),
    here: here === null ? null : { alias: here.alias, models: new Map(served) },
    hostModels: offers.map(({ name }) => name),
  });
}

/** Of a session that has not looked at hosts yet. A remote that does not answer adds none. */
export async function readAskable(session: TransportSession): Promise<Askable> {
  const own = await readHostModels(session.configDirectory);
  return whoCanBeAsked({
    transport: decodeModels(session.mirror.modelsText() ?? ''),
    beats: await readBeats(session),
    here: null,
    hostModels: [...own.models.keys()],
  });
}

async function readBeats(session: TransportSession): Promise<readonly Beat[]> {
  const { repository, refs, listing } = session;
  const oids = [...listing.refs].filter(([ref]) => ref.startsWith(refs.hosts));
  const known = await Promise.all(oids.map(([, oid]) => repository.hasObject(oid)));
  const records = new Map(oids.filter((_, index) => known[index] === false));
  if (records.size > 0) await repository.fetch({ tip: null, records });
  const commits = await Promise.all(oids.map(([, oid]) => repository.readCommit(oid)));
  return commits.flatMap((commit) => parseBeat(commit?.message ?? '') ?? []);
}
