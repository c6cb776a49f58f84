/**
 * The door to time. Nothing else in the product reads a clock, so a simulation can turn every hand.
 */
export interface Clock {
  /**
   * Milliseconds since the epoch as this machine believes them; may jump either way. For text that
   * people read, and to notice a sleep of the machine.
   */
  wallMs(): number;
  /**
   * Milliseconds that never go back; the origin means nothing. All waiting and all leases are
   * measured with it.
   */
  monotonicMs(): number;
  /** Resolves after `ms`, or at once when `signal` aborts. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** The machine's own clock. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) {
        resolve();
        return;
      }
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal?.addEventListener('abort', done, { once: true });
    }),
};

/**
 * What the wall clock is ahead of the monotonic one, in milliseconds: it grows while the machine
 * sleeps (and when somebody sets the clock).
 */
export function aheadMs(clock: Clock): number {
  return clock.wallMs() - clock.monotonicMs();
}

/** `2026-11-21T06:40:20.123Z` for milliseconds since the epoch. */
export function formatIso(wallMs: number): string {
  return new Date(wallMs).toISOString();
}

/** `2026-11-21 06:40:20` as the clocks on the wall of this machine show it: for people. */
export function formatLocal(wallMs: number): string {
  const at = new Date(wallMs);
  return new Date(wallMs - at.getTimezoneOffset() * MINUTE)
    .toISOString()
    .slice(0, 19)
    .replace('T', ' ');
}

/** Milliseconds since the epoch of an ISO 8601 text, or null when it is none. */
export function parseIso(text: string): number | null {
  if (!/^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?\s*(Z|[+-]\d{2}:?\d{2})?)?$/.test(text))
    return null;
  const ms = Date.parse(text.replace(' ', 'T'));
  return Number.isNaN(ms) ? null : ms;
}
