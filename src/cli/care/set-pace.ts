/** Writes data/transport.yaml for a remote on a forge. */
import { systemClock } from '../../base/clock.ts';
import { formatTransport, HOSTED_PACE, paceOfUrl } from '../../protocol/pace.ts';
import { TRANSPORT_FILE } from '../../protocol/paths.ts';
import type { Invocation } from '../command.ts';
import { paceOf, type TransportSession } from '../session/transport-session.ts';
import { publishFor } from '../session/publish-for.ts';
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
  await publishFor(session, [
    {
      name: `write ${TRANSPORT_FILE}`,
      fences: [],
      decide: () =>
        Promise.resolve([
          {
            writes: [{ path: TRANSPORT_FILE, content: formatTransport(HOSTED_PACE) }],
            author: identity,
            committer: identity,
            atMs: systemClock.wallMs(),
            message: 'Keep to the pace of a hosted remote\n',
          },
        ]),
    },
  ]);
  return HOSTED_NOTE;
}
