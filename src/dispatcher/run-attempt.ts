/**
 * Runs a held claim from the first start of an agent to its end: an answer, a failure reply, or a
 * release; after-failure.ts says what follows a failure. Before each start the journal records it
 * durably, so that after a crash the next process knows whether an agent may have acted.
 */
import { ownValue } from '../base/own-value.ts';
import type {
  Answered,
  AttemptOutcome,
  AttemptRequest,
  Failed,
  PermissionAsked,
} from '../agents/agent.ts';
import { MINUTE } from '../base/clock.ts';
import { errorText } from '../base/errors.ts';
import { NO_RUN } from '../protocol/reply.ts';
import type { ModelEntry } from '../protocol/models.ts';
import { judgeAdmission } from '../protocol/admission.ts';
import type { OpenMessage } from '../protocol/open-work.ts';
import { effectsOf } from '../protocol/list-work.ts';
import { type Dispatcher, wake } from './dispatcher.ts';
import { advance, dropOwn, type LiveClaim } from './own-claims.ts';
import { noteOrphan } from './other-claims.ts';
import { composeAttemptPrompt, narrowEntry } from './compose-attempt.ts';
import { hasSlept, renewClaim, replyBasics, stopClaim, watchLease } from './hold-claim.ts';
import { afterFailure, type Try } from './after-failure.ts';
import { askPerson, settleQuestion } from './ask-person.ts';
import { failedHere } from './failure-body.ts';
import { park, recent } from './park-model.ts';
import { saveRests } from './keep-rests.ts';
import { noteSaid } from './keep-capsules.ts';
import { isMarkedBy, markStart } from './mark-start.ts';
import { publishReply, releaseClaim } from './publish-reply.ts';
import { runIsolated } from './run-isolated.ts';
import { journal } from './write-journal.ts';
import { sayReason } from '../protocol/say-reason.ts';

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
  { entry, invocation, threadBytesMax }: Try,
): Promise<AttemptOutcome | null> {
  const { workspace } = dispatcher.doors;
  const { nonce, attempt } = held.state.claim;
  const attemptId = `${nonce}-${attempt}.${invocation}-${entry.name}`;
  const directory = await workspace.open(attemptId);
  const over = new AbortController();
  try {
    const place = { threadBytesMax, directory, model: entry.name };
    const input = await composeAttemptPrompt(dispatcher, held, place);
    const { loop, stranger, attachments } = input;
    if (loop !== null) return failedHere('loop', loop);
    if (stranger !== null) return failedHere('persona', stranger);
    if (attachments.kind === 'refused') return failedHere('attachment', attachments.why);
    const started = await startAttempt(dispatcher, held, { entry, attemptId });
    if (started !== 'started') return started;
    const request: AttemptRequest = {
      ...{ attemptId, directory, ...input, attachments: attachments.files },
      entry: narrowEntry(projectEntry(dispatcher, held, entry), input),
      ...doorsOf(dispatcher, held, { entry, attemptId, over: over.signal }),
    };
    const keepsWork = effectsOf(entry, held.work.message) === 'none' && entry.capsules;
    const outcome = await runIsolated(dispatcher, held, { request, input, keepsWork });
    if (outcome.kind !== 'stopped') await noteUsage(dispatcher, attemptId, outcome);
    logEnd(dispatcher, held, { entry, outcome });
    return outcome;
  } finally {
    over.abort();
    await settleQuestion(dispatcher, held);
    // What the agent said is worth more than an empty folder, which the next start removes.
    await workspace.remove(directory).catch((error: unknown) => {
      dispatcher.doors.log.warning('scratch.kept', {
        directory,
        reason: errorText(error),
        next: 'continues; the next start removes it',
      });
    });
  }
}

interface Attempt {
  readonly entry: ModelEntry;
  readonly attemptId: string;
}

/**
 * Everything that must be known before an agent may act: the mark on the branch, the line of the
 * journal, a lease that still holds. Else how the attempt ended; null: the claim is lost.
 */
async function startAttempt(
  dispatcher: Dispatcher,
  held: LiveClaim,
  { entry, attemptId }: Attempt,
): Promise<'started' | AttemptOutcome | null> {
  const { doors, state } = dispatcher;
  const { key, work } = held;
  const { nonce, attempt } = held.state.claim;
  const effects = effectsOf(entry, work.message);
  const marked = effects === 'external' ? await markStart(dispatcher, held) : 'marked';
  if (marked === 'stopped') return STOPPED;
  if (marked === 'removed')
    return failedHere('host-lost', 'it was started before, and somebody removed its start mark');
  if (marked === 'elsewhere') {
    releaseClaim(dispatcher, held, 'started elsewhere');
    return null;
  }
  const named = { key, nonce, attemptId, model: entry.name, effects, attempt };
  await journal(dispatcher, { kind: 'starting', ...named, atMs: doors.clock.wallMs() });
  while (hasSlept(dispatcher, held)) if (!(await renewClaim(dispatcher, held, entry))) return null;
  if (held.state.stopped !== null) return STOPPED;
  const nowMs = doors.clock.monotonicMs();
  advance(held, { kind: 'started', nowMs });
  const { starts } = state.models;
  starts.set(entry.name, recent(starts.get(entry.name), { nowMs, windowMs: 60 * MINUTE }));
  doors.log.status('attempt.started', {
    message: work.message.path,
    model: entry.name,
    attempt: held.state.claim.attempt,
  });
  return 'started';
}

/** What the agent is told by its environment, and whom its output and questions reach. */
function doorsOf(
  dispatcher: Dispatcher,
  held: LiveClaim,
  { entry: { permissions, name }, attemptId, over }: Attempt & { readonly over: AbortSignal },
): Pick<AttemptRequest, 'extraEnv' | 'onStarted' | 'onOutput' | 'onSaid' | 'onAsk' | 'signal'> {
  const { message, recipient } = held.work;
  const asking =
    permissions === null
      ? {}
      : {
          onAsk: (asked: PermissionAsked, directory: string) =>
            askPerson(dispatcher, held, { asked, directory, permissions, over }),
        };
  return {
    extraEnv: {
      CROSSTALK_MESSAGE: message.path,
      CROSSTALK_MODEL: recipient,
      CROSSTALK_HOPS: String(message.hops + 1),
      CROSSTALK_CHANNEL: message.channel,
      CROSSTALK_ATTEMPT: String(held.state.claim.attempt),
    },
    onStarted: ({ pgid, startTicks }) =>
      journal(dispatcher, { kind: 'started', attemptId, pgid, startTicks }),
    onOutput: (text) => dispatcher.doors.onOutput(held.key, text),
    onSaid: (said) => noteSaid(dispatcher, held, { ...said, model: name }),
    ...asking,
    signal: held.abort.signal,
  };
}

function logEnd(
  { doors }: Dispatcher,
  { work, state: { claim } }: LiveClaim,
  { entry, outcome }: { readonly entry: ModelEntry; readonly outcome: AttemptOutcome },
): void {
  const costUsd = outcome.kind === 'stopped' ? null : outcome.usage.costUsd;
  doors.log.status('attempt.ended', {
    message: work.message.path,
    model: entry.name,
    attempt: claim.attempt,
    how: outcome.kind === 'failed' ? outcome.class : outcome.kind,
    duration_ms: Math.round(outcome.durationMs),
    ...(costUsd === null ? {} : { cost_usd: costUsd }),
    ...(outcome.kind === 'failed' ? { reason: outcome.detail } : {}),
  });
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
