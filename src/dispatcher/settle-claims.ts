/**
 * Claims whose holder is gone: taken over, answered with a failure, or removed. What is due is
 * decided by `judgeLapsed`; the remote decides who does it.
 */
import type { Oid } from '../base/ids.ts';
import { shellWord } from '../base/shell-word.ts';
import { beatName } from '../protocol/beat.ts';
import type { Claim } from '../protocol/claim.ts';
import { silentMs } from '../protocol/lease.ts';
import { MODEL_DEFAULTS } from '../protocol/models.ts';
import type { Work } from '../protocol/open-work.ts';
import { composeReply, NO_RUN } from '../protocol/reply.ts';
import { claimMessages, type ClaimRequest } from './claim-message.ts';
import type { Dispatcher } from './dispatcher.ts';
import { supersededWork } from './follow-moves.ts';
import { enqueue, replyTransaction } from './publish-reply.ts';
import { refsUnder } from './refs-under.ts';
import { judgeWork, type WorkView } from './select-work.ts';

/** What is known of a claim that lapsed. */
export interface Lapsed {
  /** Null when its record cannot be read. */
  readonly claim: Claim | null;
  /** The open work it stands for; null when there is none (answered, removed, or never was). */
  readonly work: Work | null;
  /**
   * The same for a message that was asked again by another: nobody takes it, but what may have been
   * done for it must be told.
   */
  readonly closed: Work | null;
  /** Whether the agent may have been started. Only its own host can know that it was not. */
  readonly started: boolean;
  readonly attemptsMax: number;
}

export type LapsedVerdict = 'remove' | 'take-over' | 'outcome-unknown' | 'gave-up';

/** What becomes of a lapsed claim. */
export function judgeLapsed({ claim, work, closed, started, attemptsMax }: Lapsed): LapsedVerdict {
  if (claim === null || (work ?? closed) === null || !started) return 'remove';
  // When the message that asks again is taken away, this one is open again: its reply is what keeps
  // it from a second run.
  if (claim.effects === 'external') return 'outcome-unknown';
  if (work === null) return 'remove';
  return claim.attempt >= attemptsMax ? 'gave-up' : 'take-over';
}

/** Looks through the claims on the remote that are not ours and settles what has lapsed. */
export async function settleLapsedClaims(
  dispatcher: Dispatcher,
  works: readonly Work[],
  view: WorkView,
): Promise<void> {
  const { state, settings } = dispatcher;
  const takeovers: ClaimRequest[] = [];
  const taken = new Map<string, string>();
  let byKey: ReturnType<typeof workByKey> | null = null;
  for (const [ref, oid] of refsUnder(state.refs, settings.refs.claims)) {
    const found = readLapsed(dispatcher, ref, oid);
    if (found === null || isOurs(dispatcher, ref) || state.claims.settling.has(ref)) continue;
    byKey ??= workByKey(dispatcher, works);
    const lapsed: Lapsed = { ...found, ...byKey(ref.slice(settings.refs.claims.length)) };
    const verdict = judgeLapsed(lapsed);
    if (verdict === 'take-over') {
      const request = planTakeover(
        { ...view, held: new Map([...view.held, ...taken]) },
        { ref, oid, lapsed },
      );
      if (request === null) continue;
      announceTakeover(dispatcher, request, lapsed.claim?.alias ?? '');
      taken.set(request.work.key, request.work.recipient);
      takeovers.push(request);
    } else if (verdict === 'remove') removeClaim(dispatcher, ref, oid);
    else replyForLost(dispatcher, { ref, oid, verdict, lapsed });
  }
  await claimMessages(dispatcher, takeovers);
}

/** Finds what a claim stands for. Made only when a claim has lapsed: most looks see none. */
function workByKey(
  dispatcher: Dispatcher,
  works: readonly Work[],
): (key: string) => Pick<Lapsed, 'work' | 'closed'> {
  const open = new Map(
    works.flatMap((work) => (work.twinOf === null ? [[work.key, work] as const] : [])),
  );
  const closed = new Map(supersededWork(dispatcher).map((work) => [work.key, work]));
  return (key) => ({ work: open.get(key) ?? null, closed: closed.get(key) ?? null });
}

function isOurs(dispatcher: Dispatcher, ref: string): boolean {
  const key = ref.slice(dispatcher.settings.refs.claims.length);
  return dispatcher.state.claims.held.has(key) || dispatcher.state.claims.uncertain.has(ref);
}

/** The claim at `ref` if it has lapsed in our eyes, else null. */
function readLapsed(
  dispatcher: Dispatcher,
  ref: string,
  oid: Oid,
): Omit<Lapsed, 'work' | 'closed'> | null {
  const { state, settings } = dispatcher;
  const record = state.records.get(oid);
  if (record === undefined) return null;
  const claim = record?.claim ?? null;
  const attemptsMax =
    state.models.serving.models.get(claim?.recipient ?? '')?.attempts ?? MODEL_DEFAULTS.attempts;
  const orphan = state.claims.orphans.get(ref);
  if (orphan?.oid === oid) return { claim, started: orphan.started, attemptsMax };
  // A claim of this very process that it does not hold was pushed without an answer and landed
  // late: nothing was started for it.
  if (claim?.run === dispatcher.run) return { claim, started: false, attemptsMax };
  const hasLapsed = (beat: string | null): boolean =>
    (silentMs(state.book, { claim: ref, beat }) ?? 0) >= settings.leaseMs;
  if (!hasLapsed(null)) return null;
  return claim === null || hasLapsed(settings.refs.hosts + beatName(claim))
    ? { claim, started: true, attemptsMax }
    : null;
}

/**
 * The request for a takeover, if this host would take the work were it free: the same rules and
 * slots as for any other.
 */
function planTakeover(
  view: WorkView,
  { ref, oid, lapsed }: Omit<Lost, 'verdict'>,
): ClaimRequest | null {
  const { claim, work } = lapsed;
  const entry = work === null ? undefined : view.serving.models.get(work.recipient);
  const others = new Map([...view.refs].filter(([name]) => name !== ref));
  if (
    work === null ||
    claim === null ||
    entry === undefined ||
    judgeWork(work, { ...view, refs: others }).kind !== 'ready'
  )
    return null;
  return { work, entry, attempt: claim.attempt + 1, expected: oid };
}

function announceTakeover(
  { doors }: Dispatcher,
  { work, attempt }: ClaimRequest,
  from: string,
): void {
  doors.log.warning('claim.taken-over', {
    message: work.message.path,
    model: work.recipient,
    from,
    attempt,
    next: 'runs it again here',
  });
}

function removeClaim(dispatcher: Dispatcher, ref: string, oid: Oid): void {
  dispatcher.state.claims.settling.add(ref);
  dispatcher.doors.log.status('claim.removed', {
    ref,
    why: 'its message is answered or gone, or it was never started',
  });
  enqueue(dispatcher, {
    about: ref,
    transaction: {
      name: `remove ${ref}`,
      fences: [{ ref, expected: oid, next: null }],
      decide: () => Promise.resolve([]),
    },
    done: () => settled(dispatcher, ref),
  });
}

interface Lost {
  readonly ref: string;
  readonly oid: Oid;
  readonly verdict: LapsedVerdict;
  readonly lapsed: Lapsed;
}

function replyForLost(dispatcher: Dispatcher, { ref, oid, verdict, lapsed }: Lost): void {
  const { claim } = lapsed;
  const work = lapsed.work ?? lapsed.closed;
  if (claim === null || work === null) return;
  const detail =
    verdict === 'gave-up'
      ? `gave up after ${claim.attempt} attempts: host ${claim.alias} died while running it`
      : `outcome unknown: host ${claim.alias} died while running it`;
  const reply = composeReply({
    message: work.message.path,
    channel: work.message.channel,
    asker: work.message.from,
    recipient: work.recipient,
    host: claim.alias,
    attempt: claim.attempt,
    atMs: dispatcher.doors.clock.wallMs(),
    hops: work.message.hops,
    body: `No answer: ${detail}. To run it again: crosstalkd retry ${shellWord(work.message.path)}\n`,
    failure: { class: 'host-lost', detail },
    ...NO_RUN,
  });
  dispatcher.state.claims.settling.add(ref);
  dispatcher.doors.log.alert('host.lost', {
    message: claim.message,
    model: claim.recipient,
    host: claim.alias,
    reason: detail,
    fix: `crosstalkd retry ${shellWord(work.message.path)}`,
  });
  enqueue(dispatcher, {
    about: work.message.path,
    transaction: replyTransaction(dispatcher, {
      payload: { work, claim, claimOid: oid, reply, failed: true },
      ref,
    }),
    done: () => settled(dispatcher, ref),
  });
}

function settled(dispatcher: Dispatcher, ref: string): Promise<void> {
  dispatcher.state.claims.settling.delete(ref);
  dispatcher.state.claims.orphans.delete(ref);
  return Promise.resolve();
}
