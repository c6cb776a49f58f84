/**
 * From a finished answer to a reply on the branch. Whatever ends a claim goes through here: an
 * answer or failure (a commit, fenced by the claim) or a release (the claim's deletion alone). What
 * waits is published together; while one push is on its way the rest of the dispatcher goes on.
 */
import { errorText } from '../base/errors.ts';
import type { Oid } from '../base/ids.ts';
import { attachmentFolder, replyPath } from '../protocol/paths.ts';
import { composeReply, type Reply, type ReplyFacts } from '../protocol/reply.ts';
import type { OutboxItem } from '../local/local-state.ts';
import type { Work } from '../protocol/open-work.ts';
import type { Claim } from '../protocol/claim.ts';
import {
  backoffMs,
  catchUp,
  publishOnce,
  type PublishRound,
  rivalryMs,
  type Transaction,
  type TransactionOutcome,
  yieldMs,
} from '../transport/publish.ts';
import { readTextAt } from '../transport/read-changes.ts';
import { type Dispatcher, wake } from './dispatcher.ts';
import type { Held, Outgoing } from './state.ts';
import { currentWork, supersededWork } from './follow-moves.ts';
import { hasLanded, learnCrowd } from './learn-crowd.ts';
import { pokeOthers } from './poke-others.ts';
import { forgetRefusals, listDue, noteRefusal, tellRefusal, untilDueMs } from './refused-work.ts';

/**
 * What the outbox keeps of a reply: enough to publish it after a restart. Written and read only
 * here.
 */
export interface OutboxPayload {
  readonly work: Work;
  readonly claim: Claim;
  /** The commit of that claim: the fence. */
  readonly claimOid: Oid;
  readonly reply: Reply;
  readonly failed: boolean;
}

/** More replies than this in one push gain nothing. */
const BATCH_MAX = 128;
/** How long an answer waits for others, as a part of a push, and at most. */
const GATHER_PART = 5;
const GATHER_MS_MAX = 50;
/** A remote that refuses is asked again at this pace, doubling. */
const REFUSED_MS = 1_000;
/** Something on this machine does not work (a full disk): no faster than this. */
const BROKEN_MS = 2_000;

/** Puts the final answer of a held claim into the outbox and on its way. */
export async function publishReply(
  dispatcher: Dispatcher,
  held: Held,
  facts: ReplyFacts,
): Promise<void> {
  const payload: OutboxPayload = {
    work: held.work,
    claim: held.claim,
    claimOid: held.oid,
    reply: composeReply(facts),
    failed: facts.failure !== null,
  };
  try {
    await dispatcher.doors.local.putOutbox({
      key: held.key,
      nonce: held.claim.nonce,
      claim: held.oid,
      payload,
    });
  } catch (error) {
    // The outbox is for a crash between here and the remote; without it such a crash is one while
    // the agent ran.
    dispatcher.doors.log.alert('outbox.unwritable', {
      message: held.work.message.path,
      reason: errorText(error),
      fix: 'crosstalkd doctor',
    });
  }
  sendReply(dispatcher, held, payload);
}

/** Sends a reply that is already in the outbox. */
export function sendReply(dispatcher: Dispatcher, held: Held, payload: OutboxPayload): void {
  held.phase = 'publishing';
  enqueue(dispatcher, {
    about: held.work.message.path,
    transaction: replyTransaction(dispatcher, { payload, ref: held.ref }),
    done: (outcome) => settleReply(dispatcher, held, { payload, outcome }),
  });
}

/** Gives a claim back so that somebody else (or this host, later) can take the work. */
export function releaseClaim(dispatcher: Dispatcher, held: Held, how: string): void {
  held.phase = 'publishing';
  enqueue(dispatcher, {
    about: held.work.message.path,
    transaction: {
      name: `release ${held.ref}`,
      fences: [{ ref: held.ref, expected: held.oid, next: null }],
      decide: () => Promise.resolve([]),
    },
    done: () => forget(dispatcher, held, how),
  });
}

/**
 * A failure reply for a claim that is not ours to hold: its holder is lost. Landing it ends the
 * claim.
 */
export function replyTransaction(
  dispatcher: Dispatcher,
  parts: { readonly payload: OutboxPayload; readonly ref: string },
): Transaction {
  const { work, reply } = parts.payload;
  return {
    name: `reply ${reply.path}`,
    fences: [{ ref: parts.ref, expected: parts.payload.claimOid, next: null }],
    decide: async (view) => {
      const path = replyPath(currentPath(dispatcher, work), work.recipient);
      const folder = attachmentFolder(path);
      const [standing, inTheWay] = await view.lookUp([
        path,
        ...(reply.alone === undefined ? [] : [folder]),
      ]);
      if (standing != null) return null;
      // Only ever added: where somebody put something before, the answer goes without its files and
      // says so.
      const { content, commitMessage } = inTheWay == null ? reply : (reply.alone ?? reply);
      const files = inTheWay == null ? (reply.files ?? []) : [];
      return [
        {
          writes: [
            { path, content },
            ...files.map(({ name, base64 }) => ({
              path: `${folder}/${name}`,
              content: Buffer.from(base64, 'base64'),
            })),
          ],
          author: reply.author,
          committer: reply.committer,
          atMs: reply.atMs,
          message: commitMessage,
        },
      ];
    },
  };
}

/** Adds to what the publisher will push, and starts it if it rests. */
export function enqueue(dispatcher: Dispatcher, outgoing: Omit<Outgoing, 'refusal'>): void {
  dispatcher.state.post.outgoing.push({ ...outgoing, refusal: null });
  resumePublishing(dispatcher);
}

/** Starts the publisher if something waits and nothing forbids it. */
export function resumePublishing(dispatcher: Dispatcher): void {
  const { state, doors } = dispatcher;
  // Before the first look there is no tip to decide on.
  if (
    state.post.publishing ||
    listDue(dispatcher).length === 0 ||
    state.host.halted !== null ||
    state.seenMs === Number.NEGATIVE_INFINITY
  )
    return;
  state.post.publishing = true;
  publishOutgoing(dispatcher)
    .catch((error: unknown) => {
      doors.log.alert('publish.broken', {
        reason: errorText(error),
        waiting: state.post.outgoing.length,
        next: 'tries again after a moment',
      });
      return doors.clock.sleep(BROKEN_MS, state.loop.ending.signal);
    })
    .finally(() => {
      state.post.publishing = false;
      wake(dispatcher);
    });
}

/** One round after the other until nothing waits but what is refused. */
async function publishOutgoing(dispatcher: Dispatcher): Promise<void> {
  const { state, doors, publisher } = dispatcher;
  let losses = 0;
  let batchMax = BATCH_MAX;
  await gather(dispatcher);
  while (state.host.halted === null && !state.loop.ending.signal.aborted) {
    const batch = (await awaitDue(dispatcher)).slice(0, batchMax);
    if (batch.length === 0) break;
    const round = await publishOnce(
      publisher,
      batch.map(({ transaction }) => transaction),
    );
    if ([...round.outcomes.values()].some(({ kind }) => kind === 'rewritten')) return;
    const settled = await settleRound(dispatcher, batch, round);
    if ([...round.outcomes.values()].some(({ kind }) => kind === 'landed')) pokeOthers(dispatcher);
    const isRefused = noteRefused(dispatcher, batch, round);
    forgetRefusals(dispatcher);
    // One reply that the remote does not take must not hold back the others: alone, and then after
    // a pause of its own.
    batchMax = isRefused ? 1 : BATCH_MAX;
    const before = losses;
    losses = settled > 0 && !isRefused ? 0 : losses + 1;
    const crowd = learnCrowd(dispatcher, { round, isLost: losses > 0, isFirst: before === 0 });
    if (losses > 0 && listDue(dispatcher).length > 0) {
      doors.log.status('publish.retried', {
        losses,
        waiting: state.post.outgoing.length,
        reason:
          round.failure?.line ?? (isRefused ? 'the remote refuses it' : 'another host was first'),
      });
      const isRivalry = !isRefused && round.failure === null;
      const waitMs = isRivalry
        ? rivalryMs(losses, crowd, doors.random)
        : backoffMs(losses, isRefused ? REFUSED_MS : round.pushMs, doors.random);
      await doors.clock.sleep(waitMs, state.loop.ending.signal);
      await catchUp(publisher);
    } else if (hasLanded(round) && crowd.rivals > 1 && state.host.mode === 'running') {
      await doors.clock.sleep(yieldMs(crowd, doors.random), state.loop.ending.signal);
      await catchUp(publisher);
    }
  }
}

/** What is due, or will be in a moment; nothing when all that is left waits for the next look. */
async function awaitDue(dispatcher: Dispatcher): Promise<readonly Outgoing[]> {
  const { state, doors, publisher } = dispatcher;
  const { signal } = state.loop.ending;
  for (;;) {
    const due = listDue(dispatcher);
    const waitMs = due.length > 0 ? null : untilDueMs(dispatcher);
    if (waitMs === null || signal.aborted) return due;
    await doors.clock.sleep(waitMs, signal);
    await catchUp(publisher);
  }
}

/**
 * Notes which of the batch cannot be published. True when the remote refuses: of several at once
 * nobody knows which it means.
 */
function noteRefused(
  dispatcher: Dispatcher,
  batch: readonly Outgoing[],
  round: PublishRound,
): boolean {
  let isRefused = false;
  const pushed = batch.filter(({ transaction }) => !isBlocked(round.outcomes.get(transaction)));
  for (const one of batch) {
    const outcome = round.outcomes.get(one.transaction);
    if (outcome?.kind !== 'refused') one.refusal = outcome === undefined ? one.refusal : null;
    else if (isClear(outcome) || pushed.length === 1) noteRefusal(dispatcher, one, outcome);
    else tellRefusal(dispatcher, outcome, {});
    isRefused ||= outcome?.kind === 'refused' && !isClear(outcome);
  }
  return isRefused;
}

/** Whether it is clear whom a refusal means: the one that is blocked, or all alike. */
function isClear(outcome: TransactionOutcome): boolean {
  return isBlocked(outcome) || (outcome.kind === 'refused' && outcome.unmoved !== undefined);
}

function isBlocked(outcome: TransactionOutcome | undefined): boolean {
  return outcome?.kind === 'refused' && outcome.blocked === true;
}

/**
 * The first answer of several waits a moment for the others: alone it would keep them waiting for a
 * whole push. The moment is a small part of what the last push took, and nobody waits when nothing
 * else runs here.
 */
async function gather({ state, doors }: Dispatcher): Promise<void> {
  const others = [...state.claims.held.values()].filter(({ phase }) => phase === 'attempt').length;
  const ms = Math.min(GATHER_MS_MAX, state.post.pushMs / GATHER_PART);
  if (others > 0 && ms >= 1) await doors.clock.sleep(ms, state.loop.ending.signal);
}

async function settleRound(
  dispatcher: Dispatcher,
  batch: readonly Outgoing[],
  round: PublishRound,
): Promise<number> {
  const { outgoing } = dispatcher.state.post;
  const settled = batch.filter(({ transaction }) => isFinal(round.outcomes.get(transaction)));
  for (const one of settled) outgoing.splice(outgoing.indexOf(one), 1);
  // All at once, so that they share their waits for the disk.
  await Promise.all(
    settled.map((one) => noteOutcome(dispatcher, one, round.outcomes.get(one.transaction))),
  );
  return settled.length;
}

/**
 * It is settled on the remote; what cannot be noted here must not hold back the others, and a
 * restart finds it out again.
 */
async function noteOutcome(
  { doors }: Dispatcher,
  one: Outgoing,
  outcome: TransactionOutcome | undefined,
): Promise<void> {
  try {
    if (outcome !== undefined) await one.done(outcome);
  } catch (error) {
    doors.log.alert('publish.unrecorded', { reason: errorText(error), fix: 'crosstalkd doctor' });
  }
}

function isFinal(outcome: TransactionOutcome | undefined): boolean {
  return outcome?.kind === 'landed' || outcome?.kind === 'dropped' || outcome?.kind === 'fenced';
}

async function settleReply(
  dispatcher: Dispatcher,
  held: Held,
  settled: { readonly payload: OutboxPayload; readonly outcome: TransactionOutcome },
): Promise<void> {
  const { doors } = dispatcher;
  const { payload, outcome } = settled;
  const fields = {
    message: payload.work.message.path,
    model: payload.work.recipient,
    attempt: payload.claim.attempt,
  };
  const landed = outcome.kind === 'landed' || (await isPublished(dispatcher, payload));
  if (landed) {
    const commit = outcome.kind === 'landed' ? (outcome.commits[0] ?? null) : null;
    doors.log.status('reply.published', { ...fields, failed: payload.failed, commit });
  } else
    await keepLate(dispatcher, held, {
      payload,
      reason: outcome.kind === 'dropped' ? 'answered by hand' : 'the claim was taken over',
    });
  if (outcome.kind === 'dropped')
    releaseClaim(dispatcher, held, landed ? 'published' : 'answered by hand');
  else await forget(dispatcher, held, landed ? 'published' : 'lost');
}

/**
 * Our own reply stands there: a push whose answer was lost has landed after all, before a crash or
 * behind our back.
 */
async function isPublished(
  dispatcher: Dispatcher,
  { work, reply }: OutboxPayload,
): Promise<boolean> {
  const { mirror, doors } = dispatcher;
  const { tip } = mirror.index();
  const path = replyPath(currentPath(dispatcher, work), work.recipient);
  const standing = tip === null ? null : await readTextAt(doors.repository, tip, path);
  return standing !== null && (standing === reply.content || standing === reply.alone?.content);
}

async function keepLate(
  { doors }: Dispatcher,
  held: Held,
  { payload, reason }: { readonly payload: OutboxPayload; readonly reason: string },
): Promise<void> {
  const { work, claim, reply } = payload;
  const kept = await doors.local
    .keepLate({ key: held.key, attemptId: held.claim.nonce, reason, text: reply.content })
    .then(
      () => 'the output is kept in the state directory under late/',
      (error: unknown) => `the output is lost: ${errorText(error)}`,
    );
  doors.log.warning('reply.late', {
    message: work.message.path,
    model: work.recipient,
    attempt: claim.attempt,
    reason,
    next: kept,
  });
}

/**
 * Nothing of this claim is left to do here. The outbox goes last: until then a restart would
 * publish again and find it done.
 */
async function forget(dispatcher: Dispatcher, held: Held, how: string): Promise<void> {
  const { doors, state } = dispatcher;
  try {
    await doors.local.journal({ kind: 'settled', key: held.key, nonce: held.claim.nonce, how });
    await doors.local.removeOutbox({ key: held.key, nonce: held.claim.nonce });
  } finally {
    if (state.claims.held.get(held.key) === held) state.claims.held.delete(held.key);
  }
}

/** Where the message stands now: it may have been moved since it was claimed. */
function currentPath(dispatcher: Dispatcher, { key, message }: Work): string {
  const { messages, superseded } = dispatcher.mirror.index();
  if (messages.has(message.path) || superseded.has(message.path)) return message.path;
  const here = [...currentWork(dispatcher), ...supersededWork(dispatcher)].filter(
    (work) => work.key === key,
  );
  return (
    (here.find((work) => work.message.blob === message.blob) ?? here[0])?.message.path ??
    message.path
  );
}

/** The payload of an outbox item, or null when it is from a version that wrote something else. */
export function decodeOutbox(item: OutboxItem): OutboxPayload | null {
  const payload = item.payload as Partial<OutboxPayload> | null;
  if (payload?.work === undefined || payload.claim === undefined || payload.reply === undefined)
    return null;
  return payload as OutboxPayload;
}
