/** Hints that the remote has changed; wake-up.ts acts on them. */

/**
 * `watch`: the remote's own files changed. `webhook`: a forge, a hook or another host has called.
 */
export type WakeSource = 'watch' | 'webhook';

/** What the sources have said. */
export interface Hints {
  readonly heard: Map<WakeSource, number>;
  /** A look is planned. */
  pending: boolean;
  /** When the last one was asked for, monotonic. */
  lastMs: number;
  /** `trusted`: every change of the remote is announced, so an idle host need not ask. */
  watch: 'none' | 'trusted';
  /** A poll has found a change that was not announced by then. */
  doubt: { readonly sinceMs: number; readonly heard: number } | null;
  /** Somebody has asked for a look since the last one began. */
  lookDue: boolean;
}

/** Nothing heard yet. */
export function createHints(): Hints {
  return {
    heard: new Map(),
    pending: false,
    lastMs: Number.NEGATIVE_INFINITY,
    watch: 'none',
    doubt: null,
    lookDue: true,
  };
}
