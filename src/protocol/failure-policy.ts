/**
 * Decides what follows a failed attempt: one table from failure class to retry, fallback, parking
 * or failure reply. PROTOCOL.md "When an agent fails".
 */
import { ownValue } from '../base/own-value.ts';
import { MINUTE, SECOND } from '../base/clock.ts';
import type { Effects } from './models.ts';
import { mayStartAgain } from './start-again.ts';

interface Policy {
  /** Delays before the second, third … invocation; empty = not retried. */
  readonly retryDelaysMs: readonly number[];
  /** A fallback model is tried at once, without using up the retries. */
  readonly fallbackFirst: boolean;
  /**
   * The model is taken off this host for that long (unless the program named a time) and the work
   * is left to others; null = never.
   */
  readonly parkMs: number | null;
  /**
   * It says nothing of the work or the program: the retries use up none of the message's attempts.
   */
  readonly isOutside?: boolean;
}

const POLICIES: Readonly<Record<string, Policy>> = {
  // A person must sign in; it is looked at again in case one did.
  auth: { retryDelaysMs: [], fallbackFirst: true, parkMs: 10 * MINUTE },
  'rate-limit': {
    retryDelaysMs: [5 * SECOND, 30 * SECOND],
    fallbackFirst: false,
    parkMs: 1 * MINUTE,
    isOutside: true,
  },
  'usage-limit': { retryDelaysMs: [], fallbackFirst: true, parkMs: 15 * MINUTE },
  // The second try gets a shorter thread.
  context: { retryDelaysMs: [0], fallbackFirst: false, parkMs: null },
  model: { retryDelaysMs: [], fallbackFirst: true, parkMs: null },
  unavailable: {
    retryDelaysMs: [5 * SECOND, 30 * SECOND],
    fallbackFirst: false,
    parkMs: 1 * MINUTE,
    isOutside: true,
  },
  // As long again for the same work is money burnt.
  timeout: { retryDelaysMs: [], fallbackFirst: true, parkMs: null },
  idle: { retryDelaysMs: [2 * SECOND], fallbackFirst: false, parkMs: null },
  crash: {
    retryDelaysMs: [1 * SECOND, 5 * SECOND, 30 * SECOND],
    fallbackFirst: false,
    parkMs: null,
  },
  empty: { retryDelaysMs: [1 * SECOND], fallbackFirst: false, parkMs: null },
  'too-large': { retryDelaysMs: [], fallbackFirst: false, parkMs: null },
  invalid: { retryDelaysMs: [], fallbackFirst: false, parkMs: null },
  refused: { retryDelaysMs: [], fallbackFirst: true, parkMs: null },
  missing: { retryDelaysMs: [], fallbackFirst: true, parkMs: null },
  setup: { retryDelaysMs: [], fallbackFirst: true, parkMs: null },
};

/** Every class that a failure can have. */
export const FAILURE_CLASSES: readonly string[] = [
  ...Object.keys(POLICIES),
  ...['loop', 'persona', 'attachment', 'host-lost', 'cancelled', 'workflow', 'failed'],
];
const FINAL: Policy = { retryDelaysMs: [], fallbackFirst: false, parkMs: null };

/** Where an attempt stands when it fails. */
export interface FailedAttempt {
  readonly failure: string;
  /** What the program that ran declares; an external one is never started twice for one message. */
  readonly effects: Effects;
  /** The claim's number of this invocation, from 1. */
  readonly attempt: number;
  readonly attemptsMax: number;
  /**
   * How many invocations of the model that failed, this one included (a fallback starts again at
   * 1).
   */
  readonly invocation: number;
  readonly hasFallback: boolean;
  /** The sender asks another model next: the failure is reported at once, without retries. */
  readonly isToldAtOnce: boolean;
  /** Time until the limit ends, if the program said so. */
  readonly resetInMs: number | null;
}

export type AfterFailure =
  | { readonly kind: 'retry'; readonly delayMs: number }
  /**
   * Once more under the same number: the provider was away, which is not an attempt at the work.
   */
  | { readonly kind: 'wait'; readonly delayMs: number }
  | { readonly kind: 'fallback' }
  /** Give the claim back; this host does not take the model again for `parkMs`. */
  | { readonly kind: 'park'; readonly parkMs: number }
  | { readonly kind: 'reply-failed' };

/**
 * How often the time of parking is doubled while nothing but the same comes of it, and where that
 * ends.
 */
const PARK_DOUBLINGS_MAX = 10;
const PARK_MS_MAX = 60 * MINUTE;

/**
 * How long the model is left alone after a failure of that class; null = it is not. `inARow`: how
 * often that has happened before without an answer.
 */
export function parkTime(
  failure: string,
  since: { readonly resetInMs: number | null; readonly inARow: number },
): number | null {
  const parkMs = policyOf(failure).parkMs;
  if (parkMs === null) return null;
  const grownMs = Math.min(
    Math.max(PARK_MS_MAX, parkMs),
    parkMs * 2 ** Math.min(since.inARow, PARK_DOUBLINGS_MAX),
  );
  if (since.resetInMs === null) return grownMs;
  // A time that was named and proved wrong is not relied on alone.
  return since.inARow === 0 ? since.resetInMs : Math.max(since.resetInMs, grownMs);
}

/**
 * Waiting longer than this while holding a claim keeps others from helping: the model is parked
 * instead.
 */
const HELD_WAIT_MAX_MS = 30 * SECOND;

function policyOf(failure: string): Policy {
  return ownValue(POLICIES, failure) ?? FINAL;
}

/** What to do now. Total: an unknown class is final. */
export function decideAfterFailure(failed: FailedAttempt): AfterFailure {
  const policy = policyOf(failed.failure);
  const isOutside = failed.effects === 'external';
  if (!mayStartAgain({ isOutside, failure: failed.failure })) return { kind: 'reply-failed' };
  if (isOutside) return failed.hasFallback ? { kind: 'fallback' } : { kind: 'reply-failed' };
  if (policy.fallbackFirst && failed.hasFallback) return { kind: 'fallback' };
  const delayMs =
    failed.resetInMs !== null && policy.parkMs !== null
      ? failed.resetInMs
      : policy.retryDelaysMs[failed.invocation - 1];
  if (
    delayMs !== undefined &&
    delayMs <= HELD_WAIT_MAX_MS &&
    failed.invocation <= policy.retryDelaysMs.length &&
    (policy.isOutside === true || failed.attempt < failed.attemptsMax)
  )
    return { kind: policy.isOutside === true ? 'wait' : 'retry', delayMs };
  if (failed.hasFallback) return { kind: 'fallback' };
  return policy.parkMs === null || failed.isToldAtOnce
    ? { kind: 'reply-failed' }
    : { kind: 'park', parkMs: failed.resetInMs ?? policy.parkMs };
}
