/** What the reading commands see of the archive: the same files at the same paths, at the tip of another branch. */
import type { Oid } from '../../base/ids.ts';
import { fetchArchive } from '../../transport/read-archive.ts';
import { type TransportSession, unreachable } from '../transport-session.ts';

const tips = new WeakMap<TransportSession, Promise<Oid | null>>();

/** The commit that holds the archived channels, or null. Asked for once in a session. Throws REMOTE_UNREACHABLE. */
export function archiveOf(session: TransportSession): Promise<Oid | null> {
  const known = tips.get(session) ?? readTip(session);
  tips.set(session, known);
  return known;
}

/** The archive was moved, or may have been: it is asked for again. */
export function forgetArchive(session: TransportSession): void {
  tips.delete(session);
}

async function readTip(session: TransportSession): Promise<Oid | null> {
  const read = await fetchArchive(session.repository, `refs/heads/${session.branch}`);
  if (read.kind === 'unreachable') throw unreachable(session.located.url, read.failure.line);
  return read.value;
}
