/**
 * A remote that answers a look and no push: a hook that hangs, a disk that is full. Each try costs
 * as long as the remote may be silent, so this host tries ever less often, and says so at once.
 * What it has to publish waits in the outbox.
 */
import type { PushOutcome } from '../transport/repository.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { PaceState } from './state.ts';
import { outageMs } from './refused-work.ts';

/** Why nothing is pushed now, and until when; null = pushes go. */
export function pushesRest({
  state,
  doors,
}: Pick<Dispatcher, 'state' | 'doors'>): PaceState['unanswered'] {
  const { unanswered } = state.pace;
  return unanswered !== null && unanswered.untilMs > doors.clock.monotonicMs() ? unanswered : null;
}

/** Counts what the remote has not answered in time, until it answers again. */
export function noteAnswered({ state, doors, settings }: Dispatcher, outcome: PushOutcome): void {
  const before = state.pace.unanswered;
  if (outcome.kind === 'answered') {
    state.pace.unanswered = null;
    return;
  }
  const { reason, line } = outcome.failure;
  if (reason !== 'silent') return;
  const times = (before?.times ?? 0) + 1;
  const { pollMsMin } = settings;
  const restMs = outageMs({ failures: times, isLimited: true, pollMsMin });
  state.pace.unanswered = { line, times, untilMs: doors.clock.monotonicMs() + restMs };
  if (before === null)
    doors.log.alert('push.unanswered', {
      reason: line,
      waiting: state.post.outgoing.length,
      next: 'tries again after a minute, then less and less often; answers wait in the outbox',
      fix: 'crosstalkd doctor',
    });
}
