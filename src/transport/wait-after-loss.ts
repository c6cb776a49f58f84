/** How long a host waits after it lost or won a push: pure functions of what it saw. */
import type { Random } from '../base/random.ts';

export const BACKOFF_MS_MAX = 10_000;
export const BACKOFF_MS_FIRST = 25;
/** Pause after a push that had no effect although nobody else was there; doubles. */
const UNMOVED_MS = 100;
/** Such pushes in a row after which somebody must know: about three seconds. */
export const UNMOVED_MAX = 6;

/** How long to wait after that many pushes in a row that moved nothing. */
export function unmovedMs(times: number): number {
  return UNMOVED_MS * 2 ** Math.min(times - 1, 20);
}

/**
 * Full jitter over a window that doubles: immediate retry makes losers eat the server, a fixed
 * window starves them.
 */
export function backoffMs(losses: number, pushMs: number, random: Random): number {
  return (
    random.next() *
    Math.min(BACKOFF_MS_MAX, Math.max(BACKOFF_MS_FIRST, pushMs) * 2 ** Math.min(losses - 1, 10))
  );
}

/** How crowded the branch is, as one host sees it. */
export interface Crowd {
  /** How long a push of the branch takes that lands. */
  readonly pushMs: number;
  /** How many seem to push at the same time, this host among them. */
  readonly rivals: number;
  /** How many there can be at most. */
  readonly rivalsMax: number;
}

/** Pushes for each rival over which losers spread. */
const SPREAD = 0.75;

/**
 * How long a host that lost against another one waits: full jitter over a window with room for
 * every rival. A host that loses more often than rivals explain doubles it as well.
 */
export function rivalryMs(
  losses: number,
  { pushMs, rivals, rivalsMax }: Crowd,
  random: Random,
): number {
  const pushes = Math.max(SPREAD * rivals, 2 ** Math.min(losses - 2 * rivalsMax, 10));
  return random.next() * Math.min(BACKOFF_MS_MAX, Math.max(BACKOFF_MS_FIRST, pushMs) * pushes);
}

/**
 * How long a host that has landed lets its rivals go first: what finishes meanwhile goes along with
 * its next push.
 */
export function yieldMs({ pushMs, rivals }: Crowd, random: Random): number {
  return rivals <= 1 ? 0 : (Math.min(BACKOFF_MS_MAX, pushMs * rivals) / 2) * (0.5 + random.next());
}
