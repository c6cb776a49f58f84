/**
 * A remote's limit of calls: so many pushes in any minute, so many reads in any second. Who calls
 * more often is locked out for a while, and told so.
 */

export interface RateLimit {
  readonly pushesPerMinute: number;
  readonly readsPerSecond: number;
  /** How long nobody is served after a call too many. */
  readonly lockMs: number;
}

export interface Limiter {
  /** False: refused. */
  readonly take: (what: 'push' | 'read', nowMs: number) => boolean;
  readonly refused: () => number;
  /** The most calls that any minute (of pushes) and any second (of reads) has seen. */
  readonly most: () => { readonly push: number; readonly read: number };
}

/** A limiter that nobody has called yet. */
export function createLimiter(limit: RateLimit): Limiter {
  const windows = {
    push: { ms: 60_000, max: limit.pushesPerMinute, calls: [] as number[], most: 0 },
    read: { ms: 1_000, max: limit.readsPerSecond, calls: [] as number[], most: 0 },
  };
  let lockedUntilMs = Number.NEGATIVE_INFINITY;
  let refused = 0;
  return {
    take: (what, nowMs) => {
      const window = windows[what];
      window.calls = [...window.calls.filter((atMs) => nowMs - atMs < window.ms), nowMs];
      window.most = Math.max(window.most, window.calls.length);
      if (window.calls.length > window.max) lockedUntilMs = nowMs + limit.lockMs;
      if (nowMs >= lockedUntilMs) return true;
      refused += 1;
      return false;
    },
    refused: () => refused,
    most: () => ({ push: windows.push.most, read: windows.read.most }),
  };
}
