/**
 * Marks the start of an agent with outside effects on the branch. Anyone who can push may move
 * claims; the mark decides, by the same compare-and-swap as replies, which host starts the work,
 * once and finally.
 */
import { SECOND } from '../base/clock.ts';
import type { Oid } from '../base/ids.ts';
import { findStart } from '../protocol/find-start.ts';
import { composeStart } from '../protocol/started.ts';
import { parseMessagePath, replyPath, startedPath, ulidOf } from '../protocol/paths.ts';
import { hear, isHost, requires } from '../protocol/trust.ts';
import type { Transaction } from '../transport/transaction.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { HeldClaim, LiveClaim } from './own-claims.ts';
import { currentPath } from './follow-moves.ts';
import { trustNow } from './in-force.ts';
import { enqueue, withdraw } from './post.ts';

/** How long an attempt that is ended waits for the outcome of its mark. */
const STOPPING_MS = 2 * SECOND;

/**
 * `marked`: this claim's own mark stands, the agent may be started. `elsewhere`: it was started
 * under another claim, or answered meanwhile. `removed`: it was started, and somebody has removed
 * the mark. `stopped`: the attempt was ended before.
 */
export type Marked = 'marked' | 'elsewhere' | 'removed' | 'stopped';

/** Whether the branch says that this very claim has started its work. */
export function isMarkedBy({ mirror }: Dispatcher, { work, state }: HeldClaim): boolean {
  return findStart(mirror.index(), work)?.by?.nonce === state.claim.nonce;
}

/** Commits the mark, unless it stands. Resolves when the remote has it, or says that it has not. */
export async function markStart(dispatcher: Dispatcher, held: LiveClaim): Promise<Marked> {
  if (isMarkedBy(dispatcher, held)) return 'marked';
  const { doors } = dispatcher;
  const settled = new AbortController();
  const seen = { isRemoved: false };
  const transaction = markTransaction(dispatcher, held, () => (seen.isRemoved = true));
  const done = (): Promise<void> => {
    settled.abort();
    return Promise.resolve();
  };
  const outgoing = enqueue(dispatcher, { about: held.work.message.path, transaction, done });
  await firstOf(settled.signal, held.abort.signal);
  if (!settled.signal.aborted) await doors.clock.sleep(STOPPING_MS, settled.signal);
  withdraw(dispatcher, outgoing);
  if (isMarkedBy(dispatcher, held)) return 'marked';
  if (held.state.stopped !== null) return 'stopped';
  return seen.isRemoved ? 'removed' : 'elsewhere';
}

function firstOf(one: AbortSignal, other: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of [one, other]) {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    }
  });
}

/**
 * Whether there was a mark of the message: a push can remove it, but not from the history. A name
 * with an id is given once, so all of the history counts; a hand-made one may be used again, and
 * only what was written since the message was added is about it.
 */
async function wasMarked(
  dispatcher: Dispatcher,
  { path, mark, tip }: { readonly path: string; readonly mark: string; readonly tip: Oid },
): Promise<boolean> {
  const { repository } = dispatcher.doors;
  const isNamedOnce = ulidOf(parseMessagePath(path)?.stem ?? '') !== null;
  const from = isNamedOnce ? null : await findBeginning(dispatcher, path, tip);
  const writes = (await repository.findWrites([mark], { from, to: tip })).get(mark) ?? [];
  const trust = await trustNow(dispatcher);
  if (trust === undefined || !requires(trust, 'hosts')) return writes.length > 0;
  for (const commit of [...writes].reverse())
    if (isHost(hear(await repository.readSigned(commit), trust.signers))) return true;
  return false;
}

/** The commit that added the message; null when the cache cannot tell, or it was edited since. */
async function findBeginning(
  { doors: { repository } }: Dispatcher,
  path: string,
  tip: Oid,
): Promise<Oid | null> {
  const written = (await repository.findWriters([path], tip)).get(path)?.commit ?? null;
  const [parent] = written === null ? [] : ((await repository.readCommit(written))?.parents ?? []);
  const [before] = parent === undefined ? [] : await repository.lookUp(parent, [path]);
  // An edit is not where it began.
  return before == null ? written : null;
}

function markTransaction(
  dispatcher: Dispatcher,
  held: LiveClaim,
  onRemoved: () => void,
): Transaction {
  const { work } = held;
  const { mirror, doors } = dispatcher;
  return {
    name: `start ${work.message.path} ${work.recipient}`,
    fences: [],
    decide: async (view) => {
      const path = currentPath(dispatcher, work);
      const known = findStart(mirror.index(), work);
      if (known !== null) return known.by?.nonce === held.state.claim.nonce ? [] : null;
      if (held.state.stopped !== null) return null;
      const mark = startedPath(path, work.recipient);
      const standing = await view.lookUp([mark, replyPath(path, work.recipient)]);
      if (standing.some((entry) => entry != null)) return null;
      if (view.tip !== null && (await wasMarked(dispatcher, { path, mark, tip: view.tip }))) {
        onRemoved();
        return null;
      }
      const { channel, from: asker } = work.message;
      const atMs = doors.clock.wallMs();
      return [composeStart({ claim: held.state.claim, path, channel, asker, atMs })];
    },
  };
}
