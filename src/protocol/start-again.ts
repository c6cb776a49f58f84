/**
 * The one place that knows whether an agent may be started again without a person. Everything that
 * would start one a second time for the same piece of work, or for a task that takes the place of
 * the first, must ask it:
 *
 * - the dispatcher, after a failed attempt: retry by class, fallback model, once more with a
 *   shorter thread or without a session (failure-policy.ts);
 * - the dispatcher, for work that was begun before: takeover, crash, vanished claim
 *   (dispatcher/settle-claims.ts and settle-started.ts, which know it by the mark or the journal);
 * - the workflow engine: retry, fallback and re-ask of a task, a plan that is asked for again, the
 *   next pass of a loop (workflow/run/fold-chain.ts, fold-steps.ts, which know it by the mark).
 *
 * A person's `retry` is a new decision and asks nobody.
 */

/** What is known of the start before. */
export interface Begun {
  /** It was started with effects outside. */
  readonly isOutside: boolean;
  /** Class of its failure; null = it answered, and the answer does not fit. */
  readonly failure: string | null;
  /** Its effects are commits of its own branch (`effects: git`). */
  readonly isRepeatable?: boolean;
}

/** After these nothing ran. */
const NOT_STARTED: readonly string[] = ['missing'];

/** False: what follows is a person's decision. */
export function mayStartAgain({ isOutside, failure, isRepeatable = false }: Begun): boolean {
  return !isOutside || isRepeatable || NOT_STARTED.includes(failure ?? '');
}
