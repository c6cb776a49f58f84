/**
 * Failure replies and failed runs of the last day that nobody has asked again for, read from the
 * subjects and trailers of the newest commits.
 */
import { readTrailer, readTrailers } from '../../protocol/trailers.ts';
import { DAY, systemClock } from '../../base/clock.ts';
import { shellWord } from '../../base/shell-word.ts';
import type { CommitInfo } from '../../transport/repository.ts';
import type { TransportSession } from '../session/transport-session.ts';

/** A message that got no answer, or a run that failed. */
export interface FailedLately {
  /** As in the trailer: what `retry` takes. */
  readonly id: string;
  readonly model: string;
  /** What asks again. */
  readonly command: string;
  readonly reason: string;
  readonly ageMs: number;
  /** Nobody knows what the agent did before its host was lost: a person has to decide. */
  readonly isUnknown: boolean;
}

const COMMITS_MAX = 200;

/** Failures of the last day, newest first. */
export async function readFailedLately(
  session: TransportSession,
): Promise<readonly FailedLately[]> {
  const { tip } = session.mirror.index();
  if (tip === null) return [];
  return listFailed(
    await session.repository.history({ from: null, to: tip, max: COMMITS_MAX }),
    systemClock.wallMs(),
  );
}

/** The failures among commits that are given oldest first. */
export function listFailed(
  commits: readonly CommitInfo[],
  wallMs: number,
): readonly FailedLately[] {
  const retried = new Set(commits.flatMap(({ message }) => readTrailers(message, 'Retries')));
  return [...commits]
    .reverse()
    .flatMap(({ message, authoredMs, author }): readonly FailedLately[] => {
      const [line = ''] = message.split('\n', 1);
      const id = readTrailer(message, 'Re');
      const ageMs = wallMs - authoredMs;
      if (id === null || ageMs > DAY || retried.has(id)) return [];
      const seen = { id, ageMs: Math.max(0, ageMs) };
      const [, run, of] =
        /^workflow (\S+): (?:route \(failed\)|fail \(not started\))(?:: (.*))?$/.exec(line) ?? [];
      if (run !== undefined && author.email === 'workflow@crosstalk')
        return [
          {
            ...seen,
            model: run,
            reason: of ?? 'failed',
            command: retryCommand('workflow', id),
            isUnknown: false,
          },
        ];
      const [, model, asker, reason] = /^(\S+) ✗ (\S+): (.*)$/.exec(line) ?? [];
      // A person who cancelled knows it already.
      if (model === undefined || reason === undefined || !author.email.endsWith('.crosstalk'))
        return [];
      const isUnknown = reason.startsWith('host-lost: outcome unknown');
      // What became of a task is told by its run; only a person knows what to do about an unknown
      // outcome.
      if (asker === 'workflow' && !isUnknown) return [];
      const command =
        asker === 'workflow'
          ? retryCommand('workflow', readTrailer(message, 'Channel') ?? id)
          : retryCommand(model, id);
      return [{ ...seen, model, reason, command, isUnknown }];
    });
}

/** What asks again for the answer of a model, or of a workflow's run. */
export function retryCommand(recipient: string, id: string): string {
  return `crosstalkd ${recipient === 'workflow' ? 'workflow retry' : 'retry'} ${shellWord(id)}`;
}
