/**
 * Which messages an entry of models.yaml accepts, and whom its agents may ask. PROTOCOL.md
 * "Models". Pure.
 */
import { isChannel, isName, slugName } from './names.ts';

/** Whom the agents of an entry may send to: everybody, or these names (none: nobody). */
export type MaySend = 'all' | readonly string[];

/** What an entry takes. Null = no matter which. */
export interface Admission {
  /** Senders by name, and channels as `channel:<name>`: one of them must fit. */
  readonly acceptFrom: readonly string[] | null;
  /** Projects that a message may name. */
  readonly projects: readonly string[] | null;
}

/** What is asked of it. */
interface Asking {
  readonly from: string;
  readonly channel: string;
  readonly project: string | null;
}

/** What keeps a message out: the key, and what it would have had to be. */
export interface NotAdmitted {
  readonly key: 'accept-from' | 'projects';
  readonly found: string;
  readonly accepts: readonly string[];
}

const CHANNEL = 'channel:';

/** Why an entry does not take a message; null = it does. */
export function judgeAdmission(
  { acceptFrom, projects }: Admission,
  { from, channel, project }: Asking,
): NotAdmitted | null {
  const names = [slugName(from, from), CHANNEL + channel];
  if (acceptFrom !== null && !names.some((name) => acceptFrom.includes(name)))
    return { key: 'accept-from', found: `${from} in ${channel}`, accepts: acceptFrom };
  if (projects !== null && project !== null && !projects.includes(project))
    return { key: 'projects', found: project, accepts: projects };
  return null;
}

/** The first of some names that an agent may not send to; undefined = it may send to all. */
export function findForbidden(maySend: MaySend, names: readonly string[]): string | undefined {
  return maySend === 'all' ? undefined : names.find((name) => !maySend.includes(name));
}

/** An item of `accept-from:`, or not one. */
export function isAcceptable(item: string): boolean {
  return item.startsWith(CHANNEL) ? isChannel(item.slice(CHANNEL.length)) : isName(item);
}

/** For the environment of a program: what `readMaySend` reads. Absent: it may send to nobody. */
export function formatMaySend(maySend: MaySend): string | null {
  return maySend === 'all' ? '*' : maySend.length === 0 ? null : maySend.join(',');
}

/** The same, read. */
export function readMaySend(text: string | undefined): MaySend {
  if (text === undefined || text === '') return [];
  return text === '*' ? 'all' : text.split(',');
}
