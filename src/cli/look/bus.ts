/** How full the bus is: the pushes of all hosts in the last minute, where a pace limits them. */
import { MINUTE, SECOND } from '../../base/clock.ts';
import { formatDuration } from '../../base/duration.ts';
import { decodeHostReport, type HostReport } from '../../dispatcher/host-report.ts';
import { sendControl } from '../../local/control-client.ts';
import { paceOf, type TransportSession } from '../session/transport-session.ts';
import { VERSION } from '../version.ts';
import type { HostSeen, Surroundings } from './look-around.ts';

/** How long a dispatcher may take to say it: nothing waits for that. */
const ASK_MS = SECOND;

export interface BusSeen {
  readonly pushes: number;
  /** Pushes a minute of all hosts together. */
  readonly limit: number;
  /** How long the next push of this host waits; null = nothing waits here, or nobody knows. */
  readonly waitMs: number | null;
}

/** As the dispatcher of this host sees it, else by the beats; null = no pace limits pushes. */
export async function readBus({
  session,
  here,
  hosts,
}: Pick<Surroundings, 'session' | 'here' | 'hosts'>): Promise<BusSeen | null> {
  if (here?.bus !== undefined) return withWait(here.bus);
  const { limits } = await paceOf(session);
  if (limits === null) return null;
  return { pushes: countPushes(hosts), limit: limits.pushesPerMinute, waitMs: null };
}

/** Pushes of the last minute in the beats. By the hosts' own clocks: for people only. */
export function countPushes(hosts: readonly Pick<HostSeen, 'beat' | 'ageMs'>[]): number {
  const ages = hosts.flatMap(({ beat, ageMs }) =>
    (beat?.pushes ?? []).map((ageS) => ageS * SECOND + (ageMs ?? MINUTE)),
  );
  return ages.filter((ms) => ms < MINUTE).length;
}

/** `bus 5 of 6 pushes a minute; the next one waits 12s`. */
export function sayBus({ pushes, limit, waitMs }: BusSeen): string {
  const wait = waitMs === null ? '' : `; the next one waits ${formatDuration(waitMs)}`;
  return `bus ${pushes} of ${limit} pushes a minute${wait}`;
}

/** The load of the bus, for somebody who waits; null = no pace limits pushes. */
export async function tellWaiting(session: TransportSession): Promise<string | null> {
  const { limits } = await paceOf(session);
  if (limits === null) return null;
  const asked = await sendControl(
    session.directory.path,
    { op: 'status' },
    { timeoutMs: ASK_MS },
  ).catch(() => null);
  const here = asked?.kind === 'answered' ? decodeHostReport(asked.state, VERSION) : null;
  return here?.bus === undefined
    ? `all hosts together push ${limits.pushesPerMinute} times a minute: claims and answers wait`
    : `${sayBus(withWait(here.bus))}: claims and answers wait for their turn`;
}

function withWait(bus: NonNullable<HostReport['bus']>): BusSeen {
  return { pushes: bus.pushes, limit: bus.limit, waitMs: bus.waitMs ?? null };
}
