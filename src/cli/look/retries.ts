/** Who was asked again, and by which message: read from the trailers of commits. */
import { expandAddresses } from '../../protocol/address.ts';
import { messageId } from '../../protocol/paths.ts';
import { readTrailer, readTrailers } from '../../protocol/trailers.ts';
import type { TransportSession } from '../session/transport-session.ts';
import { readSaid } from './read-conversation.ts';
import { tipOf } from './reading.ts';
import { resolveId } from './resolve-id.ts';

const COMMITS_MAX = 5_000;

/** Recipient → the id of the newest message that asks it again what the one at `path` asks. */
export async function readRetries(
  session: TransportSession,
  path: string,
): Promise<ReadonlyMap<string, string>> {
  const commits = await session.repository.history({
    from: null,
    to: tipOf(session),
    max: COMMITS_MAX,
  });
  const id = messageId(path);
  const asked = new Map<string, string>();
  for (const { message } of commits) {
    const newer = readTrailers(message, 'Retries').includes(id)
      ? readTrailer(message, 'Message')
      : null;
    if (newer === null) continue;
    const file = await resolveId(session, newer).catch(() => null);
    const { said } = await readSaid(session, file === null ? [] : [file]);
    const to = said.flatMap(({ message: { fields } }) => fields.to);
    for (const { name } of expandAddresses(to, session.mirror.index().models))
      asked.set(name, newer);
  }
  return asked;
}
