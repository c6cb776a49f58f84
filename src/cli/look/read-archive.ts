/**
 * What the reading commands see of the archive: the same files at the same paths, at the tip of
 * another branch.
 */
import type { Oid } from '../../base/ids.ts';
import { fetchArchive } from '../../transport/read-archive.ts';
import type { RefListing } from '../../transport/repository.ts';
import type { TransportSession } from '../session/transport-session.ts';
import { unreachable } from '../session/remote-errors.ts';

/** By session; null = to be asked for again. */
const tips = new WeakMap<TransportSession, Promise<Oid | null> | null>();

/**
 * The commit that holds the archived channels, or null. The look that opened the session has shown
 * it, or it is asked for once. Throws REMOTE_UNREACHABLE.
 */
export function archiveOf(session: TransportSession): Promise<Oid | null> {
  const known =
    tips.get(session) ??
    readTip(session, session.listed && !tips.has(session) ? session.listing : undefined);
  tips.set(session, known);
  return known;
}

/** The archive was moved, or may have been: it is asked for again. */
export function forgetArchive(session: TransportSession): void {
  tips.set(session, null);
}

/** Sessions whose archive counts as none because the remote could not be asked. */
const away = new WeakSet<TransportSession>();

/**
 * While the remote is away, people's commands that say what is known do without the archive; when
 * it is back it is asked for again.
 */
export function noteOutage(session: TransportSession, isAway: boolean): void {
  if (isAway && tips.get(session) == null) {
    away.add(session);
    tips.set(session, Promise.resolve(null));
  } else if (!isAway && away.delete(session)) tips.set(session, null);
}

async function readTip(
  session: TransportSession,
  seen: RefListing | undefined,
): Promise<Oid | null> {
  const read = await fetchArchive(session.repository, `refs/heads/${session.branch}`, seen);
  if (read.kind === 'unreachable') throw unreachable(session.located.url, read.failure.line);
  return read.value;
}
