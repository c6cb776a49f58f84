/** The limits of time that every attempt has, whatever runs it. */
import { untilAborted } from '../base/until-aborted.ts';
import { DAY, type Clock } from '../base/clock.ts';
import type { Pause } from './pause.ts';

export interface Limits {
  readonly timeoutMs: number;
  /** Longest silence; null = no limit. */
  readonly idleTimeoutMs: number | null;
  /** Monotonic time of the last sign of life. */
  readonly lastOutputMs: () => number;
  /** Time that does not count; absent: all of it does. */
  readonly pause?: Pause | undefined;
  /** Aborted when there is nothing to watch any more. */
  readonly done: AbortSignal;
  /** Called once, by the limit that is reached first. */
  readonly end: (cause: 'timeout' | 'idle') => void;
}

/** Waits for a limit or for the end. */
export async function watchLimits(limits: Limits, clock: Clock): Promise<void> {
  const startedMs = clock.monotonicMs();
  const { pause, done } = limits;
  let resumedMs = startedMs;
  for (;;) {
    if (pause?.isPaused() === true) {
      await Promise.race([pause.over(), untilAborted(done)]);
      resumedMs = clock.monotonicMs();
    }
    if (done.aborted) return;
    const nowMs = clock.monotonicMs();
    const deadlineMs = startedMs + limits.timeoutMs + (pause?.pausedMs() ?? 0);
    const idleAtMs =
      limits.idleTimeoutMs === null
        ? Infinity
        : Math.max(limits.lastOutputMs(), resumedMs) + limits.idleTimeoutMs;
    const reached = deadlineMs <= nowMs ? 'timeout' : idleAtMs <= nowMs ? 'idle' : null;
    if (reached !== null) {
      limits.end(reached);
      return;
    }
    // A timer of the platform overflows at 24 days; a day is short enough for all.
    await clock.sleep(Math.min(deadlineMs - nowMs, idleAtMs - nowMs, DAY), done);
  }
}
