/**
 * Counts what the models have used today, from the replies of all hosts and from starts of this
 * host that no reply covers. Without data/budgets.yaml nothing is read. The first poll reads the
 * day's commits, later ones only what is new.
 */
import { DAY, HOUR } from '../base/clock.ts';
import type { Oid } from '../base/ids.ts';
import {
  BUDGETS_READABLE,
  decodeBudgets,
  NO_BUDGETS,
  reachedBudgets,
} from '../protocol/budgets.ts';
import { MESSAGE_BYTES_MAX } from '../protocol/front-matter.ts';
import { checkedUsage } from '../protocol/usage.ts';
import { decodeMessage } from '../protocol/message.ts';
import { fixBy, formatFix } from '../base/fix.ts';
import { fixOf } from '../protocol/remedy.ts';
import { CHANNELS, parseMessagePath } from '../protocol/paths.ts';
import { sayReason } from '../protocol/say-reason.ts';
import { readFileInForce } from '../transport/find-readable.ts';
import type { Dispatcher } from './dispatcher.ts';
import { readInForce, trustNow } from './in-force.ts';
import { hear, requires } from '../protocol/trust.ts';
import { saveRests } from './keep-rests.ts';
import { untold } from './start-ledger.ts';

/** Clocks of hosts differ, and a commit may be dated by any of them. */
const SKEW_MS = HOUR;
/** Commits that are looked at in one go while the beginning of the day is searched, growing. */
const WINDOW = 256;
const WINDOW_MAX = 65_536;
const CHUNK = 512;

/** Brings the book to the tip and says which models are at the end of their budget. */
export async function watchBudgets(dispatcher: Dispatcher): Promise<void> {
  const { state, mirror, doors } = dispatcher;
  const { tip } = mirror.index();
  const wallMs = doors.clock.wallMs();
  // The clock was set back: of that day nothing was read.
  if (dayStartMs(wallMs) < state.models.day.sinceMs) state.models.day.tip = null;
  if (tip !== null && tip !== state.models.day.tip) {
    await readBudgets(dispatcher, tip);
    if (state.models.day.budgets === NO_BUDGETS) state.models.day.tip = null;
    else await countReplies(dispatcher, tip);
  }
  for (const [path, { atMs }] of state.models.day.spent)
    if (atMs < wallMs - 2 * DAY) state.models.day.spent.delete(path);
  const reached = reachedBudgets(state.models.day.budgets, {
    spent: [
      ...state.models.day.spent.values(),
      ...untold(state.claims.ledger, { told: state.models.day.spent.values(), wallMs }),
    ],
    models: [...state.models.serving.models.keys()],
    wallMs,
  });
  for (const [model, reason] of reached)
    if (!state.models.spentOut.has(model))
      doors.log.alert('model.budget-reached', {
        model,
        reason: sayReason(reason),
        fix: formatFix(fixOf(reason) ?? fixBy`crosstalkd models`),
      });
  const isChanged = [...reached.keys()].join() !== [...state.models.spentOut.keys()].join();
  state.models.spentOut = reached;
  if (isChanged) await saveRests(dispatcher);
}

/** A version that is broken leaves the one before it in force. */
async function readBudgets(dispatcher: Dispatcher, tip: Oid): Promise<void> {
  const { state } = dispatcher;
  const file = { ...BUDGETS_READABLE, kind: 'budgets', tip } as const;
  const text = await readInForce(dispatcher, file, () => readAtTip(dispatcher, tip));
  state.models.day.budgets = (text === null ? null : decodeBudgets(text).budgets) ?? NO_BUDGETS;
}

async function readAtTip({ state, doors }: Dispatcher, tip: Oid): Promise<string | null> {
  const { file: known } = state.models.day;
  const found = await readFileInForce(doors.repository, { tip, known }, BUDGETS_READABLE);
  state.models.day.file = found;
  const problems =
    found.oid === known?.oid || found.unreadable === null
      ? []
      : decodeBudgets(found.unreadable).problems;
  for (const problem of problems)
    doors.log.warning('budgets.invalid', {
      ...problem,
      next: 'the previous budgets stay in force',
    });
  return found.text;
}

async function countReplies(dispatcher: Dispatcher, tip: Oid): Promise<void> {
  const { state, doors } = dispatcher;
  const known = state.models.day.tip;
  const isAhead = known !== null && (await doors.repository.isAncestor(known, tip));
  const sinceMs = dayStartMs(doors.clock.wallMs());
  const from = isAhead ? known : await commitBefore(dispatcher, { tip, sinceMs });
  const changes = await doors.repository.diff({ from, to: tip, under: CHANNELS });
  const replies = changes.flatMap((change) => {
    const parsed = change.kind === 'written' ? parseMessagePath(change.path) : null;
    return change.kind === 'written' && change.entry !== 'other' && parsed?.replyTo != null
      ? [change]
      : [];
  });
  const counted = await leaveOutForged(dispatcher, { from, to: tip }, replies);
  for (let at = 0; at < counted.length; at += CHUNK) {
    const chunk = counted.slice(at, at + CHUNK);
    const blobs = await doors.repository.readBlobs(
      chunk.map(({ blob }) => blob),
      MESSAGE_BYTES_MAX,
    );
    chunk.forEach(({ path }, index) => {
      const blob = blobs[index];
      const read = blob?.kind === 'bytes' ? decodeMessage(blob.bytes) : null;
      const fields = read?.kind === 'message' ? read.message.fields : null;
      if (fields?.model == null || fields.timestampMs === null) return;
      const { model, timestampMs: atMs } = fields;
      const { tokensIn, tokensOut, costUsd } = checkedUsage(fields);
      state.models.day.spent.set(path, {
        model,
        atMs,
        usd: costUsd ?? 0,
        tokens: (tokensIn ?? 0) + (tokensOut ?? 0),
      });
    });
  }
  if (!isAhead) state.models.day.sinceMs = sinceMs;
  state.models.day.tip = tip;
}

function dayStartMs(wallMs: number): number {
  return wallMs - (wallMs % DAY) - SKEW_MS;
}

/** Where hosts must sign, a reply without such a signature uses up no budget. */
async function leaveOutForged<T extends { readonly path: string; readonly blob: Oid }>(
  dispatcher: Dispatcher,
  range: { readonly from: Oid | null; readonly to: Oid },
  replies: readonly T[],
): Promise<readonly T[]> {
  const { repository } = dispatcher.doors;
  const trust = await trustNow(dispatcher);
  if (trust === undefined || !requires(trust, 'hosts') || replies.length === 0) return replies;
  const paths = replies.map(({ path }) => path);
  const commits = await repository.findAddingCommits(paths, range);
  const genuine = await Promise.all(
    replies.map(async (reply) => {
      const commit = commits.get(reply.path);
      if (commit === undefined) return [];
      const [then] = await repository.lookUp(commit.oid, [reply.path]);
      const signed = then?.oid === reply.blob ? await repository.readSigned(commit.oid) : null;
      return hear(signed, trust.signers).kind === 'known' ? [reply] : [];
    }),
  );
  return genuine.flat();
}

/**
 * A commit from before that time; null when the whole history is of that time, or longer than a
 * day can be. One commit with a date of long ago says nothing: the clock of its host stood there.
 */
async function commitBefore(
  { doors }: Dispatcher,
  { tip, sinceMs }: { readonly tip: Oid; readonly sinceMs: number },
): Promise<Oid | null> {
  for (let max = WINDOW; ; max *= 4) {
    const commits = await doors.repository.history({ from: null, to: tip, max });
    const oldest = commits.slice(-2);
    const [before] = oldest;
    if (before !== undefined && oldest.every(({ authoredMs }) => authoredMs < sinceMs))
      return before.oid;
    if (commits.length < max || max >= WINDOW_MAX) return null;
  }
}
