/**
 * Turns a finished answer into a reply on the branch. Every end of a claim goes through here: an
 * answer or failure (a commit fenced by the claim), or a release (only the claim's deletion).
 */
import { errorText } from '../base/errors.ts';
import type { Oid } from '../base/ids.ts';
import { attachmentFolder, replyPath } from '../protocol/paths.ts';
import { composeReply, type Reply, type ReplyFacts } from '../protocol/reply.ts';
import {
  type LateAnswer,
  type LateOutput,
  type OutboxItem,
  PUBLISHED,
  type SettledHow,
} from '../local/local-state.ts';
import type { Work } from '../protocol/list-work.ts';
import type { Claim } from '../protocol/claim.ts';
import type { Transaction, TransactionOutcome } from '../transport/transaction.ts';
import { readTextAt } from '../transport/read-text.ts';
import { TIP_ALONE } from '../transport/repository.ts';
import type { Dispatcher } from './dispatcher.ts';
import { advance, dropOwn, type HeldClaim } from './own-claims.ts';
import { currentPath, isOpen } from './follow-moves.ts';
import { enqueue } from './post.ts';
import { restoreClaim } from './restore-claim.ts';
import { journal } from './write-journal.ts';

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

/** Puts the final answer of a held claim into the outbox and on its way. */
export async function publishReply(
  dispatcher: Dispatcher,
  held: HeldClaim,
  facts: ReplyFacts,
): Promise<void> {
  const payload: OutboxPayload = {
    work: held.work,
    claim: held.state.claim,
    claimOid: held.state.oid,
    reply: composeReply(facts),
    failed: facts.failure !== null,
  };
  try {
    await dispatcher.doors.local.putOutbox({
      key: held.key,
      nonce: held.state.claim.nonce,
      claim: held.state.oid,
      payload,
    });
  } catch (error) {
    // The outbox is for a crash between here and the remote; without it such a crash counts as one
    // while the agent ran.
    dispatcher.doors.log.alert('outbox.unwritable', {
      message: held.work.message.path,
      reason: errorText(error),
      fix: 'crosstalkd doctor',
    });
  }
  sendReply(dispatcher, held, payload);
}

/** Sends a reply that is already in the outbox. */
export function sendReply(dispatcher: Dispatcher, held: HeldClaim, payload: OutboxPayload): void {
  advance(held, { kind: 'ended' });
  enqueue(dispatcher, {
    about: held.work.message.path,
    transaction: replyTransaction(dispatcher, { payload, ref: held.ref }),
    done: (outcome) => settleReply(dispatcher, held, { payload, outcome }),
  });
}

/** Gives a claim back so that somebody else (or this host, later) can take the work. */
export function releaseClaim(dispatcher: Dispatcher, held: HeldClaim, how: SettledHow): void {
  advance(held, { kind: 'ended' });
  enqueue(dispatcher, {
    about: held.work.message.path,
    transaction: {
      name: `release ${held.ref}`,
      fences: [{ ref: held.ref, expected: held.state.oid, next: null }],
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
      // Only ever added: where something stands already, the answer goes without its files and
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

async function settleReply(
  dispatcher: Dispatcher,
  held: HeldClaim,
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
  if (!landed && outcome.kind === 'fenced' && (await isPutBack(dispatcher, held, payload))) {
    sendReply(dispatcher, held, payload);
    return;
  }
  if (landed) {
    const commit = outcome.kind === 'landed' ? (outcome.commits[0] ?? null) : null;
    doors.log.status('reply.published', { ...fields, failed: payload.failed, commit });
  } else
    await keepLate(dispatcher, held, {
      payload,
      reason: outcome.kind === 'dropped' ? 'answered by hand' : 'the claim was taken over',
    });
  if (outcome.kind === 'dropped')
    releaseClaim(dispatcher, held, landed ? PUBLISHED : 'answered by hand');
  else await forget(dispatcher, held, landed ? PUBLISHED : 'lost');
}

/**
 * Nobody has answered, and the claim that the reply rests on stands again or still. It is put back
 * only for work that is open: an answer that was moved away with its message stands elsewhere.
 */
async function isPutBack(
  dispatcher: Dispatcher,
  held: HeldClaim,
  { work }: OutboxPayload,
): Promise<boolean> {
  const { doors, mirror } = dispatcher;
  const asOf = mirror.epoch();
  const listed = await doors.repository.listRefs([held.ref], TIP_ALONE);
  if (listed.kind === 'unreachable') return true;
  const pulled = await mirror.pull({ tip: listed.value.tip, asOf });
  if (pulled.kind === 'unreachable') return true;
  const { tip } = mirror.index();
  const path = replyPath(currentPath(dispatcher, work), work.recipient);
  const [reply] = tip === null ? [] : await doors.repository.lookUp(tip, [path]);
  if (reply != null) return false;
  const standing = listed.value.refs.get(held.ref) ?? null;
  if (standing === held.state.oid) return true;
  return isOpen(dispatcher, work) && (await restoreClaim(dispatcher, held, standing));
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

/** What is kept of a claim of ours whose answer may not be published. */
export function lateOf(
  { doors }: Dispatcher,
  { key, state, work }: HeldClaim,
  late: Pick<LateOutput, 'reason' | 'text' | 'files'> & Pick<LateAnswer, 'form'>,
): LateOutput {
  const { form, ...said } = late;
  const { message, recipient } = work;
  const { alias: host, attempt } = state.claim;
  const of = { message: message.path, recipient, host, attempt, form };
  return { key, attemptId: state.claim.nonce, ...said, of: { ...of, atMs: doors.clock.wallMs() } };
}

async function keepLate(
  dispatcher: Dispatcher,
  held: HeldClaim,
  { payload, reason }: { readonly payload: OutboxPayload; readonly reason: string },
): Promise<void> {
  const { doors } = dispatcher;
  const { work, claim, reply } = payload;
  const form = payload.failed ? 'failure' : 'answer';
  const { content: text, files = [] } = reply;
  const kept = await doors.local
    .keepLate(lateOf(dispatcher, held, { reason, text, files, form }))
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
async function forget(dispatcher: Dispatcher, held: HeldClaim, how: SettledHow): Promise<void> {
  const { doors, state } = dispatcher;
  if (state.loop.ending.signal.aborted) return;
  try {
    await journal(dispatcher, {
      kind: 'settled',
      key: held.key,
      nonce: held.state.claim.nonce,
      how,
    });
    await doors.local.removeOutbox({ key: held.key, nonce: held.state.claim.nonce });
  } finally {
    dropOwn(state.claims.own, held);
  }
}

/** The payload of an outbox item, or null when it is from a version that wrote something else. */
export function decodeOutbox(item: OutboxItem): OutboxPayload | null {
  const payload = item.payload as Partial<OutboxPayload> | null;
  if (payload?.work === undefined || payload.claim === undefined || payload.reply === undefined)
    return null;
  return payload as OutboxPayload;
}
