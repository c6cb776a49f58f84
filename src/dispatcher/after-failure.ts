/** What follows a failed attempt: protocol/failure-policy.ts decides, this file performs it. */
import type { Failed, FailureClass } from '../agents/agent.ts';
import { decideAfterFailure, parkTime } from '../protocol/failure-policy.ts';
import { effectsOf } from '../protocol/list-work.ts';
import type { ModelEntry } from '../protocol/models.ts';
import type { Dispatcher } from './dispatcher.ts';
import { failureBody } from './failure-body.ts';
import { renewClaim, replyBasics, stopClaim } from './hold-claim.ts';
import { leaveCapsule } from './keep-capsules.ts';
import type { LiveClaim } from './own-claims.ts';
import { noteFailure, park, parkFailed, parksInARow } from './park-model.ts';
import { publishReply, releaseClaim } from './publish-reply.ts';

/** One model being tried for a claim: the recipient itself, then its fallbacks. */
export interface Try {
  readonly entry: ModelEntry;
  readonly fallbacks: readonly ModelEntry[];
  /** Invocations of this entry, from 1. */
  readonly invocation: number;
  readonly threadBytesMax: number;
}

/** What is wrong with a message says nothing of the model. */
const OF_THE_MESSAGE: readonly FailureClass[] = ['persona', 'attachment'];

/** Gives what is tried next; null: the claim is over, or is no longer ours. */
export async function afterFailure(
  dispatcher: Dispatcher,
  held: LiveClaim,
  failed: { readonly outcome: Failed; readonly tried: Try },
): Promise<Try | null> {
  const { outcome, tried } = failed;
  const { entry } = tried;
  const [next, ...rest] = tried.fallbacks;
  const { decision, parkMs } = decide(dispatcher, held, failed);
  if (parkMs === null && !OF_THE_MESSAGE.includes(outcome.class))
    noteFailure(dispatcher, entry.name, outcome);
  const again = { ...tried, invocation: tried.invocation + 1 };
  switch (decision.kind) {
    case 'wait':
      await dispatcher.doors.clock.sleep(decision.delayMs, held.abort.signal);
      if (held.state.stopped === null) return again;
      await stopClaim(dispatcher, held, '');
      return null;
    case 'retry':
      await dispatcher.doors.clock.sleep(decision.delayMs, held.abort.signal);
      if (!(await renewClaim(dispatcher, held, entry))) return null;
      return outcome.class === 'context'
        ? { ...again, threadBytesMax: Math.floor(tried.threadBytesMax / 4) }
        : again;
    case 'fallback': {
      if (parkMs !== null) parkFailed(dispatcher, entry.name, { ms: parkMs, outcome });
      if (next === undefined || !(await renewClaim(dispatcher, held, next))) return null;
      const { threadBytesMax } = dispatcher.settings;
      return { entry: next, fallbacks: rest, invocation: 1, threadBytesMax };
    }
    case 'park':
      await parkBoth(dispatcher, held, { outcome, entry, ms: parkMs ?? decision.parkMs });
      return null;
    case 'reply-failed':
      // Answered with the failure, and the next message need not find out the same.
      if (parkMs !== null) parkFailed(dispatcher, entry.name, { ms: parkMs, outcome });
      await replyFailed(dispatcher, held, { outcome, entry });
      return null;
  }
}

/** What the policy says, and for how long the model rests; null: it need not. */
function decide(
  dispatcher: Dispatcher,
  { work: { message }, state: { claim } }: LiveClaim,
  { outcome, tried }: { readonly outcome: Failed; readonly tried: Try },
) {
  const { entry, invocation, fallbacks } = tried;
  const { resetAtMs, class: failure } = outcome;
  const resetInMs =
    resetAtMs === null ? null : Math.max(0, resetAtMs - dispatcher.doors.clock.wallMs());
  const decision = decideAfterFailure({
    ...{ failure, invocation, resetInMs },
    effects: effectsOf(entry, message),
    attempt: claim.attempt,
    attemptsMax: entry.attempts,
    hasFallback: fallbacks.length > 0,
    isToldAtOnce: message.hasFallback,
  });
  const inARow = parksInARow(dispatcher, entry.name);
  return { decision, parkMs: parkTime(failure, { resetInMs, inARow }) };
}

interface FailedEntry {
  readonly outcome: Failed;
  readonly entry: ModelEntry;
}

/** Lets the model rest that failed, with it the one that was asked, and the work go to others. */
async function parkBoth(
  dispatcher: Dispatcher,
  held: LiveClaim,
  { outcome, entry, ms }: FailedEntry & { readonly ms: number },
): Promise<void> {
  const { recipient } = held.work;
  parkFailed(dispatcher, entry.name, { ms, outcome });
  const why = { kind: 'fallback-failed', model: entry.name, detail: outcome.detail } as const;
  if (entry.name !== recipient) park(dispatcher, recipient, { ms, why });
  await leaveCapsule(dispatcher, held);
  releaseClaim(dispatcher, held, 'parked');
}

async function replyFailed(
  dispatcher: Dispatcher,
  held: LiveClaim,
  { outcome, entry }: FailedEntry,
): Promise<void> {
  await leaveCapsule(dispatcher, held, 'failed');
  await publishReply(dispatcher, held, {
    ...replyBasics(dispatcher, held),
    ...failureBody(outcome, held.work.message.path),
    durationMs: outcome.durationMs,
    ...outcome.usage,
    session: null,
    agent: entry.name,
  });
}
