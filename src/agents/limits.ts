/** The limits of time that every attempt has, whatever runs it. */
import { DAY, type Clock } from '../base/clock.ts';

export interface Limits {
  readonly timeoutMs: number;
  /** Longest silence; null = no limit. */
  readonly idleTimeoutMs: number | null;
  /** Monotonic time of the last sign of life. */
  readonly lastOutputMs: () => number;
  /** Aborted when there is nothing to watch any more. */
  readonly done: AbortSignal;
  /** Called once, by the limit that is reached first. */
  readonly end: (cause: 'timeout' | 'idle') => void;
}

/** Waits for a limit or for the end. */
export async function watchLimits(limits: Limits, clock: Clock): Promise<void> {
  const deadlineMs = clock.monotonicMs() + limits.timeoutMs;
  for (;;) {
    const nowMs = clock.monotonicMs();
    const idleAtMs =
      limits.idleTimeoutMs === null ? Infinity : limits.lastOutputMs() + limits.idleTimeoutMs;
    const reached = deadlineMs <= nowMs ? 'timeout' : idleAtMs <= nowMs ? 'idle' : null;
    if (reached !== null) {
      limits.end(reached);
      return;
    }
    // A timer of the platform overflows at 24 days; a day is short enough for all.
    await clock.sleep(Math.min(deadlineMs - nowMs, idleAtMs - nowMs, DAY), limits.done);
    if (limits.done.aborted) return;
  }
}
