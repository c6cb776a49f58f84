/** Whether anything is in progress: asked before a dispatcher sleeps, ends, or drops its cache. */
import type { State } from './state.ts';
import { heldClaims, liveClaims, type LiveClaim, uncertainClaims } from './own-claims.ts';

/** What this host has begun and not ended. Counts, but for the attempts themselves. */
export interface WorkInHand {
  /** Claims whose work is being done now. */
  readonly attempts: readonly LiveClaim[];
  /** Claims that are ours: attempts, and what of them is being published. */
  readonly held: number;
  /** Claims that may or may not have landed. */
  readonly uncertain: number;
  /** Claims of dead hosts that are not settled yet. */
  readonly others: number;
  /** Transactions that wait for the publisher. */
  readonly unsent: number;
  /** Some are with it now. */
  readonly isPublishing: boolean;
  /** Workflow runs whose next files are on their way. */
  readonly runs: number;
  /** Saved workflows whose marker is on its way. */
  readonly schedules: number;
}

/** What this host is working on. */
export function workInHand({ claims, post, workflows }: State): WorkInHand {
  return {
    attempts: liveClaims(claims.own),
    held: heldClaims(claims.own).length,
    uncertain: uncertainClaims(claims.own).length,
    others: claims.others.size,
    unsent: post.outgoing.length,
    isPublishing: post.publishing,
    runs: workflows.advancing.size,
    schedules: workflows.firing.size,
  };
}

/** True when nothing at all is on its way. */
export function isAtRest(hand: WorkInHand): boolean {
  const { held, uncertain, others, unsent, runs, schedules } = hand;
  return !hand.isPublishing && held + uncertain + others + unsent + runs + schedules === 0;
}
