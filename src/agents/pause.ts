/** Time that does not count against the limits of an attempt: while a person is asked. */
import type { Clock } from '../base/clock.ts';

export interface Pause {
  /** Milliseconds of all pauses so far, the one that continues included. */
  readonly pausedMs: () => number;
  readonly isPaused: () => boolean;
  /** Runs `work` as a pause; several may overlap. */
  readonly during: <T>(work: () => Promise<T>) => Promise<T>;
  /** Resolves when no pause continues any more. */
  readonly over: () => Promise<void>;
}

/** No pause yet. */
export function createPause(clock: Clock): Pause {
  let [open, sinceMs, doneMs] = [0, 0, 0];
  let waiting: (() => void)[] = [];
  const begin = (): void => {
    if (open === 0) sinceMs = clock.monotonicMs();
    open += 1;
  };
  const end = (): void => {
    open -= 1;
    if (open > 0) return;
    doneMs += clock.monotonicMs() - sinceMs;
    for (const resolve of waiting.splice(0)) resolve();
  };
  return {
    pausedMs: () => doneMs + (open > 0 ? clock.monotonicMs() - sinceMs : 0),
    isPaused: () => open > 0,
    during: async (work) => {
      begin();
      try {
        return await work();
      } finally {
        end();
      }
    },
    over: () =>
      open === 0
        ? Promise.resolve()
        : new Promise((resolve) => {
            waiting = [...waiting, resolve];
          }),
  };
}
