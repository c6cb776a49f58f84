/**
 * Answers work whose agent was started and whose claim is gone: no host may start it again, so the
 * answer says that the outcome is unknown. The mark on the branch or this host's journal tells who
 * started it, never a claim.
 */
import { shellWord } from '../base/shell-word.ts';
import { beatName } from '../protocol/beat.ts';
import { findStart } from '../protocol/find-start.ts';
import { silentMs } from '../protocol/lease.ts';
import { elsewhere, replyPath } from '../protocol/paths.ts';
import type { Work } from '../protocol/list-work.ts';
import { composeReply, NO_RUN } from '../protocol/reply.ts';
import type { StartedBy } from '../protocol/started.ts';
import type { Transaction } from '../transport/transaction.ts';
import type { Dispatcher } from './dispatcher.ts';
import { leaseTimes } from './keep-pace.ts';
import { currentPath, supersededWork } from './follow-moves.ts';
import { enqueue } from './post.ts';
import { isOurs, readLapsed } from './lapsed-claims.ts';
import { attemptsHere, ranExternal } from './start-ledger.ts';
import { beginSettling, isSettling } from './other-claims.ts';

/** Work that no host may start, and why. */
interface Begun {
  readonly work: Work;
  /** The host that started it; null = this one, or unreadable. */
  readonly by: StartedBy | null;
  readonly isOwn: boolean;
  readonly detail: string;
  readonly attempt: number;
}

/** Answers, once it is certain that its holder is gone, what was begun and may not begin again. */
export function settleStarted(dispatcher: Dispatcher, works: readonly Work[]): void {
  const { state } = dispatcher;
  const { unclaimed } = state.claims;
  const seen = new Set<string>();
  for (const work of [...works, ...supersededWork(dispatcher)]) {
    const begun = judgeBegun(dispatcher, work);
    if (begun === null) continue;
    seen.add(work.key);
    if (isGone(dispatcher, begun)) replyForStarted(dispatcher, begun);
  }
  for (const key of unclaimed.keys()) if (!seen.has(key)) unclaimed.delete(key);
}

function judgeBegun(dispatcher: Dispatcher, work: Work): Begun | null {
  const { settings, state, mirror, doors } = dispatcher;
  const { ledger, blocked } = state.claims;
  if (work.twinOf !== null || work.recipient === 'workflow' || blocked.has(work.key)) return null;
  if (isOurs(dispatcher, settings.refs.claims + work.key)) return null;
  const ranHere = ranExternal(ledger, work.key);
  // A mark without a known signature says neither that it was started nor that it was not.
  if (!ranHere && state.trust.held.has(work.key)) return null;
  const mark = findStart(mirror.index(), work);
  const attempts = attemptsHere(ledger, work.key);
  if (mark !== null || ranHere) {
    const by = mark?.by ?? null;
    const isOwn = ranHere || by?.instance === doors.local.instance;
    const host = by?.alias ?? settings.alias;
    return {
      work,
      by,
      isOwn,
      attempt: Math.max(1, attempts),
      detail:
        mark?.isAnswered === true
          ? `it was started on ${host} and answered as ${mark.message}; a copy is not started again`
          : `outcome unknown: it was started on ${host} and has no answer`,
    };
  }
  const entry = state.models.serving.models.get(work.recipient);
  if (entry === undefined || attempts < entry.attempts) return null;
  const detail = `gave up after ${attempts} attempts on ${settings.alias}`;
  return { work, by: null, isOwn: false, attempt: attempts, detail };
}

/**
 * Whether the host that holds it is gone: its claim lapsed, or was not seen for a lease, and
 * the host that started it was silent for one. This host knows of itself at once.
 */
function isGone(dispatcher: Dispatcher, { work, by, isOwn }: Begun): boolean {
  const { settings, state } = dispatcher;
  const ref = settings.refs.claims + work.key;
  if (isSettling(state.claims.others, ref)) return false;
  const standing = [ref, elsewhere(ref)].flatMap((name) => {
    const claim = state.refs.get(name);
    return claim === undefined ? [] : [readLapsed(dispatcher, name, claim)];
  });
  if (standing.length > 0) {
    state.claims.unclaimed.delete(work.key);
    if (standing.includes(null)) return false;
  } else if (isOwn) return true;
  else if (!hasWaited(dispatcher, work.key)) return false;
  if (isOwn || by === null) return true;
  const beat = settings.refs.hosts + beatName(by);
  return [beat, elsewhere(beat)].every((claim) => {
    const silent = silentMs(state.book, { claim, beat: null });
    return silent === null || silent >= leaseTimes(dispatcher).leaseMs;
  });
}

function hasWaited(dispatcher: Dispatcher, key: string): boolean {
  const { state } = dispatcher;
  const { unclaimed } = state.claims;
  const sinceMs = unclaimed.get(key) ?? state.book.connectedMs;
  unclaimed.set(key, sinceMs);
  return state.book.connectedMs - sinceMs >= leaseTimes(dispatcher).leaseMs;
}

function replyForStarted(dispatcher: Dispatcher, begun: Begun): void {
  const { state, settings, doors } = dispatcher;
  const { work, detail } = begun;
  const ref = settings.refs.claims + work.key;
  const fix = `crosstalkd retry ${shellWord(work.message.path)}`;
  beginSettling(state.claims.others, ref);
  doors.log.alert('host.lost', {
    message: work.message.path,
    model: work.recipient,
    host: begun.by?.alias ?? settings.alias,
    reason: detail,
    fix,
  });
  enqueue(dispatcher, {
    about: work.message.path,
    transaction: lostTransaction(dispatcher, begun, `No answer: ${detail}. To ask again: ${fix}\n`),
    done: () => {
      state.claims.others.delete(ref);
      return Promise.resolve();
    },
  });
}

function lostTransaction(dispatcher: Dispatcher, begun: Begun, body: string): Transaction {
  const { state, settings, doors } = dispatcher;
  const { work } = begun;
  const ref = settings.refs.claims + work.key;
  const claim = state.refs.get(ref) ?? null;
  const atMs = doors.clock.wallMs();
  return {
    name: `lost ${work.message.path} ${work.recipient}`,
    fences: claim === null ? [] : [{ ref, expected: claim, next: null }],
    decide: async (view) => {
      const message = currentPath(dispatcher, work);
      const [standing] = await view.lookUp([replyPath(message, work.recipient)]);
      if (standing != null) return null;
      const reply = composeReply({
        message,
        channel: work.message.channel,
        asker: work.message.from,
        recipient: work.recipient,
        // The host that started it, or else one that the message allows: only such a host answers.
        host: begun.by?.alias ?? work.hosts?.[0] ?? settings.alias,
        attempt: begun.attempt,
        atMs,
        hops: work.message.hops,
        body,
        failure: { class: 'host-lost', detail: begun.detail, isUnknown: true },
        ...NO_RUN,
      });
      const { path, content, author, committer, commitMessage } = reply;
      return [{ writes: [{ path, content }], author, committer, atMs, message: commitMessage }];
    },
  };
}
