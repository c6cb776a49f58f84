/**
 * The Clock door on virtual time: every host has its own wall clock (wrong, jumping) and a
 * monotonic one (drifting, asleep while suspended).
 */
import type { Clock } from '../../src/base/clock.ts';
import type { Owner, Scheduler } from './simulation-scheduler.ts';

/** The hands of one machine. */
export interface Hands {
  /** What the wall clock is ahead of the truth. */
  wallOffsetMs: number;
  /** Seconds of its monotonic clock in one true second. */
  readonly rate: number;
  /** Time it has been suspended, in all. */
  suspendedMs: number;
}

/** True time at which every simulation begins: 2026-11-21T06:00:00Z. */
export const BEGINNING_MS = Date.UTC(2026, 10, 21, 6);

/** The clock that a process on this machine reads. */
export function createManualClock(scheduler: Scheduler, owner: Owner, hands: Hands): Clock {
  let lastMs = 0;
  return {
    wallMs: () => Math.round(BEGINNING_MS + scheduler.nowMs() + hands.wallOffsetMs),
    // Reading takes a moment too: two readings are never the same.
    monotonicMs: () =>
      (lastMs = Math.max(
        lastMs + 1e-5,
        1_000_000 + (scheduler.nowMs() - hands.suspendedMs) * hands.rate,
      )),
    sleep: (ms, signal) => {
      if (signal?.aborted === true) return Promise.resolve();
      const { done, cancel } = scheduler.wait(owner, ms / hands.rate + 1e-3, 'timer');
      signal?.addEventListener('abort', cancel, { once: true });
      return done.finally(() => signal?.removeEventListener('abort', cancel));
    },
  };
}
