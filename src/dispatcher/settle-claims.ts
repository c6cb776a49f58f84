/**
 * Settles claims whose holder is gone: takes them over, answers with a failure, or removes them.
 * `judgeLapsed` decides what is due; the remote decides which host does it.
 */
import type { Oid } from '../base/ids.ts';
import { fixBy, formatFix } from '../base/fix.ts';
import { elsewhere } from '../protocol/paths.ts';
import type { Work } from '../protocol/list-work.ts';
import { composeReply, NO_RUN } from '../protocol/reply.ts';
import { claimMessages, type ClaimRequest } from './claim-message.ts';
import type { Dispatcher } from './dispatcher.ts';
import { isOurs, type Lapsed, readLapsed, startedBy } from './lapsed-claims.ts';
import { enqueue } from './post.ts';
import { replyTransaction } from './publish-reply.ts';
import { refsUnder } from './refs-under.ts';
import { judgeWork, type WorkView } from './select-work.ts';
import { beginSettling, isSettling } from './other-claims.ts';

export type LapsedVerdict = 'remove' | 'take-over' | 'gave-up';

/**
 * Decides on a lapsed claim. One with effects outside says nothing: an agent was started under
 * it if, and only if, the branch has its mark (settle-started.ts).
 */
export function judgeLapsed({ claim, work, started, isKnown, attemptsMax }: Lapsed): LapsedVerdict {
  if (claim === null || work === null || !started || !isKnown || claim.effects === 'external')
    return 'remove';
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
  let open: ReadonlyMap<string, Work> | null = null;
  const before = elsewhere(settings.refs.claims);
  const standing = [settings.refs.claims, before].flatMap((prefix) =>
    refsUnder(state.refs, prefix),
  );
  for (const [ref, oid] of standing) {
    const found = readLapsed(dispatcher, ref, oid);
    if (found === null || isOurs(dispatcher, ref) || isSettling(state.claims.others, ref)) continue;
    open ??= openWork(works);
    const work = open.get(ref.slice(ref.lastIndexOf('/') + 1)) ?? null;
    if (work !== null && startedBy(dispatcher, work) !== null) continue;
    const lapsed: Lapsed = { ...found, work };
    // A lapsed claim below a prefix of an older setup is claimed again.
    const verdict = ref.startsWith(before) ? 'remove' : judgeLapsed(lapsed);
    if (verdict === 'take-over') {
      const request = planTakeover(
        { ...view, held: new Map([...view.held, ...taken]) },
        { ref, oid, lapsed },
      );
      if (request === null) {
        if (lapsed.isStale) removeClaim(dispatcher, ref, oid);
        continue;
      }
      announceTakeover(dispatcher, request, lapsed.claim?.alias ?? '');
      taken.set(request.work.key, request.work.recipient);
      takeovers.push(request);
    } else if (verdict === 'remove') removeClaim(dispatcher, ref, oid);
    else replyForLost(dispatcher, { ref, oid, lapsed });
  }
  await claimMessages(dispatcher, takeovers);
}

/** The work of claims. Made only when a claim has lapsed: most polls see none. */
function openWork(works: readonly Work[]): ReadonlyMap<string, Work> {
  return new Map(
    works.flatMap((work) => (work.twinOf === null ? [[work.key, work] as const] : [])),
  );
}

/**
 * The request for a takeover, if this host would take the work were it free: the same rules and
 * slots as for any other.
 */
function planTakeover(view: WorkView, { ref, oid, lapsed }: Lost): ClaimRequest | null {
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
  beginSettling(dispatcher.state.claims.others, ref);
  dispatcher.doors.log.status('claim.removed', {
    ref,
    why: 'its message is answered or gone, it was never started, or nobody knows its holder',
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
  readonly lapsed: Lapsed;
}

function replyForLost(dispatcher: Dispatcher, { ref, oid, lapsed }: Lost): void {
  const { claim, work } = lapsed;
  if (claim === null || work === null) return;
  const again = formatFix(fixBy`crosstalkd retry ${work.message.path}`);
  const detail = `gave up after ${claim.attempt} attempts: host ${claim.alias} died while running it`;
  const reply = composeReply({
    message: work.message.path,
    channel: work.message.channel,
    asker: work.message.from,
    recipient: work.recipient,
    host: claim.alias,
    attempt: claim.attempt,
    atMs: dispatcher.doors.clock.wallMs(),
    hops: work.message.hops,
    body: `No answer: ${detail}. To run it again: ${again}\n`,
    failure: { class: 'host-lost', detail },
    ...NO_RUN,
  });
  beginSettling(dispatcher.state.claims.others, ref);
  dispatcher.doors.log.alert('host.lost', {
    message: claim.message,
    model: claim.recipient,
    host: claim.alias,
    reason: detail,
    fix: again,
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
  dispatcher.state.claims.others.delete(ref);
  return Promise.resolve();
}
