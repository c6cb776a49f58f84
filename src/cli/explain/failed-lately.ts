/** Failure replies of the last day that nobody has asked again for, read from the subjects and trailers of the newest commits. */
import { DAY, systemClock } from '../../base/clock.ts';
import type { CommitInfo } from '../../transport/repository.ts';
import type { TransportSession } from '../transport-session.ts';

/** A message that got no answer. */
export interface FailedLately {
  /** As in the trailer: what `retry` takes. */
  readonly id: string;
  readonly model: string;
  readonly reason: string;
  readonly ageMs: number;
  /** Nobody knows what the agent did before its host was lost: a person has to decide. */
  readonly isUnknown: boolean;
}

/** Trailer of the commit that asks again. */
export const RETRIES_TRAILER = 'Crosstalk-Retries';

const COMMITS_MAX = 200;

/** Failures of the last day, newest first. */
export async function readFailedLately(session: TransportSession): Promise<readonly FailedLately[]> {
  const { tip } = session.mirror.index();
  if (tip === null) return [];
  return listFailed(await session.repository.history({ from: null, to: tip, max: COMMITS_MAX }), systemClock.wallMs());
}

/** The failures among commits that are given oldest first. */
export function listFailed(commits: readonly CommitInfo[], wallMs: number): readonly FailedLately[] {
  const retried = new Set(commits.flatMap(({ message }) => trailer(message, RETRIES_TRAILER) ?? []));
  return [...commits].reverse().flatMap(({ message, authoredMs, author }): readonly FailedLately[] => {
    const subject = /^(\S+) ✗ \S+: (.*)$/m.exec(message.split('\n', 1)[0] ?? '');
    const id = trailer(message, 'Crosstalk-Re');
    const ageMs = wallMs - authoredMs;
    if (subject?.[1] === undefined || subject[2] === undefined || id === null || ageMs > DAY || retried.has(id)) return [];
    // A person who cancelled knows it already.
    if (!author.email.endsWith('.crosstalk')) return [];
    const reason = subject[2];
    return [{ id, model: subject[1], reason, ageMs: Math.max(0, ageMs), isUnknown: reason.startsWith('host-lost: outcome unknown') }];
  });
}

function trailer(message: string, key: string): string | null {
  return new RegExp(`^${key}: (.+)$`, 'm').exec(message)?.[1] ?? null;
}
