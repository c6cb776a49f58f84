/**
 * Runs a held claim from the first start of an agent to its end: an answer, a failure reply, or a
 * release. protocol/failure-policy.ts decides what follows a failure; this file performs it. Before
 * each start the journal records it durably, so that after a crash the next process knows whether
 * an agent may have acted.
 */
import { ownValue } from '../base/own-value.ts';
import type {
  Answered,
  AttemptOutcome,
  AttemptRequest,
  Failed,
  FailureClass,
  PermissionAsked,
} from '../agents/agent.ts';
import { MINUTE } from '../base/clock.ts';
import { errorText } from '../base/errors.ts';
import { NO_RUN } from '../protocol/reply.ts';
import { decideAfterFailure, parkTime } from '../protocol/failure-policy.ts';
import type { ModelEntry } from '../protocol/models.ts';
import { judgeAdmission } from '../protocol/admission.ts';
import type { OpenMessage } from '../protocol/open-work.ts';
import { effectsOf } from '../protocol/list-work.ts';
import { type Dispatcher, wake } from './dispatcher.ts';
import { advance, dropOwn, type LiveClaim } from './own-claims.ts';
import { noteOrphan } from './other-claims.ts';
import { composeAttemptPrompt, narrowEntry } from './compose-attempt.ts';
import { hasSlept, renewClaim, replyBasics, stopClaim, watchLease } from './hold-claim.ts';
import { askPerson, settleQuestion } from './ask-person.ts';
import { failedHere, failureBody } from './failure-body.ts';
import { noteFailure, park, parkFailed, parksInARow, recent } from './park-model.ts';
import { saveRests } from './keep-rests.ts';
import { leaveCapsule, noteSaid } from './keep-capsules.ts';
import { isMarkedBy, markStart } from './mark-start.ts';
import { publishReply, releaseClaim } from './publish-reply.ts';
import { runIsolated } from './run-isolated.ts';
import { journal } from './write-journal.ts';
import { sayReason } from '../protocol/say-reason.ts';

/** One model being tried for a claim: the recipient itself, then its fallbacks. */
interface Try {
  readonly entry: ModelEntry;
  readonly fallbacks: readonly ModelEntry[];
  /** Invocations of this entry, from 1. */
  readonly invocation: number;
  readonly threadBytesMax: number;
}

const STOPPED: AttemptOutcome = { kind: 'stopped', textSoFar: '', durationMs: 0 };

/** Works a claim to its end. Never rejects. */
export async function runClaim(dispatcher: Dispatcher, held: LiveClaim): Promise<void> {
  try {
    const watch = new AbortController();
    void watchLease(dispatcher, held, watch.signal);
    await workClaim(dispatcher, held).finally(() => watch.abort());
  } catch (error) {
    dispatcher.doors.log.alert('attempt.broken', {
      message: held.work.message.path,
      model: held.work.recipient,
      reason: errorText(error),
      fix: 'crosstalkd doctor',
    });
    park(dispatcher, held.work.recipient, {
      ms: MINUTE,
      why: { kind: 'setup', detail: errorText(error) },
    });
    if (!isMarkedBy(dispatcher, held)) releaseClaim(dispatcher, held, 'broken');
    else abandonClaim(dispatcher, held);
  }
  wake(dispatcher);
}

/** It may have acted and nothing came of it: settled like the claim of a process that died. */
function abandonClaim({ state }: Dispatcher, held: LiveClaim): void {
  dropOwn(state.claims.own, held);
  noteOrphan(state.claims.others, held.ref, { oid: held.state.oid, started: true });
}

async function workClaim(dispatcher: Dispatcher, held: LiveClaim): Promise<void> {
  const { serving } = dispatcher.state.models;
  const entry = serving.models.get(held.work.recipient);
  if (entry === undefined) {
    releaseClaim(dispatcher, held, 'no longer served');
    return;
  }
  const first = firstTry(dispatcher, entry, held.work.message);
  if (first === null) return tellRest(dispatcher, held);
  // A fallback that begins, because the recipient rests, may do more than the claim says: the claim
  // says so first.
  if (
    effectsOf(first.entry, held.work.message) !== held.state.claim.effects &&
    !(await renewClaim(dispatcher, held, first.entry))
  )
    return;
  let current: Try | null = first;
  while (current !== null) {
    const outcome: AttemptOutcome | null = await invoke(dispatcher, held, current);
    if (outcome === null) return;
    // An answer that came although we had stopped it is offered anyway: whether the claim still
    // stands is decided by the remote.
    if (
      outcome.kind !== 'answered' &&
      (held.state.stopped !== null || outcome.kind === 'stopped')
    ) {
      await stopClaim(
        dispatcher,
        held,
        outcome.kind === 'stopped' ? outcome.textSoFar : outcome.detail,
      );
      return;
    }
    current =
      outcome.kind === 'answered'
        ? await answer(dispatcher, held, { outcome, entry: current.entry })
        : await afterFailure(dispatcher, held, { outcome, tried: current });
  }
}

/** The recipient, or the first of its fallbacks when those before it rest; null: all rest here. */
function firstTry(
  { state, settings, doors }: Dispatcher,
  entry: ModelEntry,
  message: OpenMessage,
): Try | null {
  const others = entry.fallback.flatMap((name) => state.models.serving.models.get(name) ?? []);
  const chain = [entry, ...others.filter((other) => judgeAdmission(other, message) === null)];
  const nowMs = doors.clock.monotonicMs();
  const at = chain.findIndex(
    ({ name }) => (state.models.parked.get(name)?.untilMs ?? nowMs) <= nowMs,
  );
  const first = chain[at];
  if (first === undefined) return null;
  return {
    entry: first,
    fallbacks: chain.slice(at + 1),
    invocation: 1,
    threadBytesMax: settings.threadBytesMax,
  };
}

/** What is wrong with a message says nothing of the model. */
const OF_THE_MESSAGE: readonly FailureClass[] = ['persona', 'attachment'];

/**
 * A resting model is not started. A sender who asks another model next learns it at once; other
 * work goes back to anyone who can do it.
 */
async function tellRest(dispatcher: Dispatcher, held: LiveClaim): Promise<void> {
  const { recipient, message } = held.work;
  const rest = dispatcher.state.models.parked.get(recipient);
  if (!message.hasFallback || rest === undefined) {
    releaseClaim(dispatcher, held, 'parked');
    return;
  }
  const failure = {
    class: rest.class ?? 'unavailable',
    detail: `${recipient} rests on this host: ${sayReason(rest.why)}`,
  };
  await publishReply(dispatcher, held, {
    ...replyBasics(dispatcher, held),
    body: `No answer: ${failure.class}. ${failure.detail}\n`,
    failure,
    ...NO_RUN,
  });
}

/** Null when the claim was lost before anything was started. */
async function invoke(
  dispatcher: Dispatcher,
  held: LiveClaim,
  current: Try,
): Promise<AttemptOutcome | null> {
  const { doors, state } = dispatcher;
  const attemptId = `${held.state.claim.nonce}-${held.state.claim.attempt}.${current.invocation}-${current.entry.name}`;
  const directory = await doors.workspace.open(attemptId);
  const over = new AbortController();
  const { permissions } = current.entry;
  try {
    const input = await composeAttemptPrompt(dispatcher, held, {
      threadBytesMax: current.threadBytesMax,
      model: current.entry.name,
      directory,
    });
    if (input.loop !== null) return failedHere('loop', input.loop);
    if (input.stranger !== null) return failedHere('persona', input.stranger);
    if (input.attachments.kind === 'refused')
      return failedHere('attachment', input.attachments.why);
    const effects = effectsOf(current.entry, held.work.message);
    const marked = effects === 'external' ? await markStart(dispatcher, held) : 'marked';
    if (marked === 'stopped') return STOPPED;
    if (marked === 'removed')
      return failedHere(
        'host-lost',
        'it was started before, and somebody has removed the mark of that',
      );
    if (marked === 'elsewhere') {
      releaseClaim(dispatcher, held, 'started elsewhere');
      return null;
    }
    await journal(dispatcher, {
      kind: 'starting',
      key: held.key,
      nonce: held.state.claim.nonce,
      attemptId,
      model: current.entry.name,
      effects,
      attempt: held.state.claim.attempt,
      atMs: doors.clock.wallMs(),
    });
    while (hasSlept(dispatcher, held))
      if (!(await renewClaim(dispatcher, held, current.entry))) return null;
    if (held.state.stopped !== null) return STOPPED;
    const nowMs = doors.clock.monotonicMs();
    advance(held, { kind: 'started', nowMs });
    state.models.starts.set(
      current.entry.name,
      recent(state.models.starts.get(current.entry.name), {
        nowMs,
        windowMs: 60 * MINUTE,
      }),
    );
    doors.log.status('attempt.started', {
      message: held.work.message.path,
      model: current.entry.name,
      attempt: held.state.claim.attempt,
    });
    const request: AttemptRequest = {
      attemptId,
      ...input,
      attachments: input.attachments.files,
      entry: narrowEntry(projectEntry(dispatcher, held, current.entry), input),
      directory,
      extraEnv: {
        CROSSTALK_MESSAGE: held.work.message.path,
        CROSSTALK_MODEL: held.work.recipient,
        CROSSTALK_HOPS: String(held.work.message.hops + 1),
        CROSSTALK_CHANNEL: held.work.message.channel,
        CROSSTALK_ATTEMPT: String(held.state.claim.attempt),
      },
      onStarted: ({ pgid, startTicks }) =>
        journal(dispatcher, { kind: 'started', attemptId, pgid, startTicks }),
      onOutput: (text) => doors.onOutput(held.key, text),
      onSaid: (said) => noteSaid(dispatcher, held, { ...said, model: current.entry.name }),
      ...(permissions === null
        ? {}
        : {
            onAsk: (asked: PermissionAsked, place: string) =>
              askPerson(dispatcher, held, {
                ...{ asked, directory: place, permissions, over: over.signal },
              }),
          }),
      signal: held.abort.signal,
    };
    const keepsWork = effects === 'none' && current.entry.capsules;
    const outcome = await runIsolated(dispatcher, held, { request, input, keepsWork });
    if (outcome.kind !== 'stopped') await noteUsage(dispatcher, attemptId, outcome);
    doors.log.status('attempt.ended', {
      message: held.work.message.path,
      model: current.entry.name,
      attempt: held.state.claim.attempt,
      how: outcome.kind === 'failed' ? outcome.class : outcome.kind,
      duration_ms: Math.round(outcome.durationMs),
      ...(outcome.kind !== 'stopped' && outcome.usage.costUsd !== null
        ? { cost_usd: outcome.usage.costUsd }
        : {}),
      ...(outcome.kind === 'failed' ? { reason: outcome.detail } : {}),
    });
    return outcome;
  } finally {
    over.abort();
    await settleQuestion(dispatcher, held);
    // What the agent said is worth more than an empty folder, which the next start removes.
    await doors.workspace.remove(directory).catch((error: unknown) => {
      doors.log.warning('scratch.kept', {
        directory,
        reason: errorText(error),
        next: 'continues; the next start removes it',
      });
    });
  }
}

/** Its reported use counts, whatever happens to its claim. */
async function noteUsage(
  dispatcher: Dispatcher,
  attemptId: string,
  { usage }: Answered | Failed,
): Promise<void> {
  const { costUsd, tokensIn, tokensOut } = usage;
  if (costUsd === null && tokensIn === null && tokensOut === null) return;
  await journal(dispatcher, {
    kind: 'used',
    attemptId,
    usd: costUsd ?? 0,
    tokens: (tokensIn ?? 0) + (tokensOut ?? 0),
  });
}

/** A message that names a project runs in that directory of this host. */
function projectEntry(dispatcher: Dispatcher, held: LiveClaim, entry: ModelEntry): ModelEntry {
  const { project } = held.work.message;
  return project === null
    ? entry
    : { ...entry, cwd: ownValue(dispatcher.settings.projects, project) ?? entry.cwd };
}

async function answer(
  dispatcher: Dispatcher,
  held: LiveClaim,
  said: { readonly outcome: Answered; readonly entry: ModelEntry },
): Promise<null> {
  const { outcome, entry } = said;
  if (dispatcher.state.models.parks.delete(entry.name)) void saveRests(dispatcher);
  const program = outcome.agent ?? entry.adapter;
  await publishReply(dispatcher, held, {
    ...replyBasics(dispatcher, held),
    body: outcome.text,
    failure: null,
    durationMs: outcome.durationMs,
    ...outcome.usage,
    ...(outcome.files === undefined ? {} : { files: outcome.files }),
    session: outcome.session,
    agent: entry.name === held.work.recipient ? program : `${entry.name} (${program})`,
  });
  return null;
}

async function afterFailure(
  dispatcher: Dispatcher,
  held: LiveClaim,
  failed: { readonly outcome: Failed; readonly tried: Try },
): Promise<Try | null> {
  const { outcome, tried } = failed;
  const [next, ...rest] = tried.fallbacks;
  const resetInMs =
    outcome.resetAtMs === null
      ? null
      : Math.max(0, outcome.resetAtMs - dispatcher.doors.clock.wallMs());
  const decision = decideAfterFailure({
    failure: outcome.class,
    effects: effectsOf(tried.entry, held.work.message),
    attempt: held.state.claim.attempt,
    attemptsMax: tried.entry.attempts,
    invocation: tried.invocation,
    hasFallback: next !== undefined,
    isToldAtOnce: held.work.message.hasFallback,
    resetInMs,
  });
  const parkMs = parkTime(outcome.class, {
    resetInMs,
    inARow: parksInARow(dispatcher, tried.entry.name),
  });
  if (parkMs === null && !OF_THE_MESSAGE.includes(outcome.class))
    noteFailure(dispatcher, tried.entry.name, outcome);
  switch (decision.kind) {
    case 'wait':
      await dispatcher.doors.clock.sleep(decision.delayMs, held.abort.signal);
      if (held.state.stopped === null) return { ...tried, invocation: tried.invocation + 1 };
      await stopClaim(dispatcher, held, '');
      return null;
    case 'retry':
      await dispatcher.doors.clock.sleep(decision.delayMs, held.abort.signal);
      if (!(await renewClaim(dispatcher, held, tried.entry))) return null;
      return {
        ...tried,
        invocation: tried.invocation + 1,
        threadBytesMax:
          outcome.class === 'context' ? Math.floor(tried.threadBytesMax / 4) : tried.threadBytesMax,
      };
    case 'fallback':
      if (parkMs !== null) parkFailed(dispatcher, tried.entry.name, { ms: parkMs, outcome });
      if (next === undefined || !(await renewClaim(dispatcher, held, next))) return null;
      return {
        entry: next,
        fallbacks: rest,
        invocation: 1,
        threadBytesMax: dispatcher.settings.threadBytesMax,
      };
    case 'park':
      parkFailed(dispatcher, tried.entry.name, { ms: parkMs ?? decision.parkMs, outcome });
      if (tried.entry.name !== held.work.recipient)
        park(dispatcher, held.work.recipient, {
          ms: parkMs ?? decision.parkMs,
          why: { kind: 'fallback-failed', model: tried.entry.name, detail: outcome.detail },
        });
      await leaveCapsule(dispatcher, held);
      releaseClaim(dispatcher, held, 'parked');
      return null;
    case 'reply-failed':
      // Answered with the failure, and the next message need not find out the same.
      if (parkMs !== null) parkFailed(dispatcher, tried.entry.name, { ms: parkMs, outcome });
      await leaveCapsule(dispatcher, held, 'failed');
      await publishReply(dispatcher, held, {
        ...replyBasics(dispatcher, held),
        ...failureBody(outcome, held.work.message.path),
        durationMs: outcome.durationMs,
        ...outcome.usage,
        session: null,
        agent: tried.entry.name,
      });
      return null;
  }
}
