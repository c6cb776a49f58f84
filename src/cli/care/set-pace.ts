/** Writes data/transport.yaml for a remote on a forge. */
import { formatTransport, HOSTED_PACE, paceOfUrl } from '../../protocol/pace.ts';
import { TRANSPORT_FILE } from '../../protocol/paths.ts';
import type { Invocation } from '../command.ts';
import { paceOf, type TransportSession } from '../session/transport-session.ts';
import { commitBy, publishFor } from '../session/publish-for.ts';
import { identifySender } from '../talk/person.ts';

/** What people read about the pace `hosted`. */
export const HOSTED_NOTE = `pace hosted: all hosts together push at most 6 times a minute (${TRANSPORT_FILE})`;

/** Whether the address is that of a forge, and the transport says nothing of a pace. */
export async function lacksPace(session: TransportSession, url: string): Promise<boolean> {
  return paceOfUrl(url).limits !== null && (await paceOf(session)).limits === null;
}

/** Sets the pace `hosted` for all hosts. */
export async function setHostedPace(
  invocation: Invocation,
  session: TransportSession,
): Promise<string> {
  const { identity } = await identifySender(invocation, session);
  const written = commitBy({ identity, name: `write ${TRANSPORT_FILE}` }, () => ({
    writes: [{ path: TRANSPORT_FILE, content: formatTransport(HOSTED_PACE) }],
    message: 'Keep to the pace of a hosted remote\n',
  }));
  await publishFor(session, [written]);
  return HOSTED_NOTE;
}
