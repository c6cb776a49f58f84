/**
 * The arbiter: who wins when two hosts push. A transaction decides on the tip that becomes its
 * parent; when the push is rejected it decides again on the new tip. A decision is never replayed
 * on a tip it was not made for. What waits is published together, one commit for each transaction,
 * and the claims it rests on are deleted in the same atomic push: the server itself refuses a reply
 * whose claim was taken over. PROTOCOL.md "Publishing".
 */
import { CrosstalkError, errorText } from '../base/errors.ts';
import type { Clock } from '../base/clock.ts';
import type { Oid } from '../base/ids.ts';
import type { Random } from '../base/random.ts';
import { isRefusal } from './git-failure.ts';
import type { Mirror } from './mirror.ts';
import type {
  CommitDraft,
  PushOutcome,
  RefListing,
  RefUpdate,
  RemoteFailure,
  Repository,
  Sign,
  TreeEntry,
} from './repository.ts';

/** The tip a transaction decides on, together with what the ones before it in the same push add. */
export interface TipView {
  readonly tip: Oid | null;
  /** Text files that earlier transactions of the push add. */
  readonly added: ReadonlyMap<string, string>;
  /**
   * What stands at each path; a path added by an earlier transaction of the push is an empty file
   * entry.
   */
  readonly lookUp: (paths: readonly string[]) => Promise<readonly (TreeEntry | null)[]>;
}

export interface Transaction {
  /** For the log. */
  readonly name: string;
  /** Refs that move with it, and without which it must not land. */
  readonly fences: readonly RefUpdate[];
  /** What to commit on this tip; empty = only the fences; null = no longer wanted. Must not act. */
  readonly decide: (view: TipView) => Promise<readonly CommitDraft[] | null>;
}

export type TransactionOutcome =
  | { readonly kind: 'landed'; readonly commits: readonly Oid[] }
  /** `decide` did not want it any more. */
  | { readonly kind: 'dropped' }
  /** A fence stood elsewhere: somebody else holds the claim. */
  | { readonly kind: 'fenced' }
  /**
   * The remote forbids it, in its words. `blocked`: something stands in its way on the branch.
   * `unmoved`: nobody said so of this one, but its push had no effect and nobody else moved
   * anything either; a moment of trouble, or, when it repeats, a refusal.
   */
  | {
      readonly kind: 'refused';
      readonly line: string;
      readonly blocked?: true;
      readonly unmoved?: RemoteFailure;
    }
  /** Nobody knows yet and the caller said to stop waiting. */
  | { readonly kind: 'unsettled'; readonly failure: RemoteFailure | null }
  | { readonly kind: 'rewritten' };

export interface Publisher {
  readonly repository: Repository;
  readonly mirror: Mirror;
  readonly clock: Clock;
  readonly random: Random;
  /** The remote's name of the branch, `refs/heads/…`. */
  readonly branchRef: string;
  readonly atomic: boolean;
  /** Signs every commit; absent: none is signed. */
  readonly sign?: Sign | undefined;
}

export interface PublishLimits {
  /** Aborting stops waiting; what is on its way is looked at once more. */
  readonly signal: AbortSignal;
  /** Give up after this long without reaching the remote; null = never. */
  readonly unreachableMsMax: number | null;
}

const BACKOFF_MS_MAX = 10_000;
const BACKOFF_MS_FIRST = 25;
/** Pause after a push that had no effect although nobody else was there; doubles. */
const UNMOVED_MS = 100;
/** Such pushes in a row after which somebody has to know: about three seconds. */
export const UNMOVED_MAX = 6;

/** How long to wait after that many pushes in a row that moved nothing. */
export function unmovedMs(times: number): number {
  return UNMOVED_MS * 2 ** Math.min(times - 1, 20);
}

/**
 * Lands the transactions, in order, or tells of each why not. Rejects only for broken invariants.
 */
export async function publish(
  publisher: Publisher,
  transactions: readonly Transaction[],
  limits: PublishLimits,
): Promise<readonly TransactionOutcome[]> {
  const outcomes = new Map<Transaction, TransactionOutcome>();
  const startedMs = publisher.clock.monotonicMs();
  let unmoved = 0;
  for (let losses = 1; ; losses += 1) {
    const waiting = transactions.filter((transaction) => !outcomes.has(transaction));
    const round = await publishOnce(publisher, waiting);
    const { settled, failure } = splitRound(round);
    for (const [transaction, outcome] of settled) outcomes.set(transaction, outcome);
    if (outcomes.size === transactions.length) break;
    unmoved = failure !== null && round.failure === null ? unmoved + 1 : 0;
    const tooLong =
      limits.unreachableMsMax !== null &&
      failure !== null &&
      publisher.clock.monotonicMs() - startedMs >= limits.unreachableMsMax;
    const isLimited = failure?.reason === 'limited';
    if (limits.signal.aborted || tooLong || isLimited || unmoved >= UNMOVED_MAX)
      return transactions.map((transaction) => outcomes.get(transaction) ?? unsettled(failure));
    const waitMs = backoffMs(losses, round.pushMs, publisher.random);
    await publisher.clock.sleep(
      unmoved > 0 ? Math.max(waitMs, unmovedMs(unmoved)) : waitMs,
      limits.signal,
    );
    await catchUp(publisher);
  }
  return transactions.map((transaction) => outcomes.get(transaction) ?? { kind: 'dropped' });
}

/** What a round has settled, and what kept the rest, if not another host. */
function splitRound(round: PublishRound): {
  readonly settled: ReadonlyMap<Transaction, TransactionOutcome>;
  readonly failure: RemoteFailure | null;
} {
  const unmoved = [...round.outcomes].flatMap(([transaction, outcome]) =>
    outcome.kind === 'refused' && outcome.unmoved !== undefined
      ? [[transaction, outcome.unmoved] as const]
      : [],
  );
  const settled = new Map(round.outcomes);
  for (const [transaction] of unmoved) settled.delete(transaction);
  return { settled, failure: round.failure ?? unmoved[0]?.[1] ?? null };
}

/** How what has not landed is told to a person who stops waiting. */
function unsettled(failure: RemoteFailure | null): TransactionOutcome {
  return failure !== null && isRefusal(failure)
    ? { kind: 'refused', line: failure.line }
    : { kind: 'unsettled', failure };
}

/** One round: what it settled, and why the rest still waits (null: somebody else won this time). */
export interface PublishRound {
  readonly outcomes: ReadonlyMap<Transaction, TransactionOutcome>;
  readonly failure: RemoteFailure | null;
  readonly pushMs: number;
}

/**
 * Decides, builds and pushes once. Transactions without an outcome have to be tried again, together
 * with whatever came up meanwhile.
 */
export async function publishOnce(
  publisher: Publisher,
  waiting: readonly Transaction[],
): Promise<PublishRound> {
  const outcomes = new Map<Transaction, TransactionOutcome>();
  const asOf = publisher.mirror.epoch();
  const built = await buildOnTip(publisher, waiting, outcomes);
  if (built.updates.length === 0) {
    for (const { transaction } of built.parts)
      outcomes.set(transaction, { kind: 'landed', commits: [] });
    return { outcomes, failure: null, pushMs: 0 };
  }
  const startedMs = publisher.clock.monotonicMs();
  const pushed = await pushBuilt(publisher, built);
  const pushMs = publisher.clock.monotonicMs() - startedMs;
  const settled = await settleBatch(publisher, { built, pushed, asOf });
  return {
    outcomes: new Map([...outcomes, ...settled.outcomes]),
    failure: settled.failure,
    pushMs,
  };
}

/**
 * Brings the mirror to the remote's tip before another try. While the loser of a race paused,
 * others were not idle: what it builds on the tip from before its pause loses again. A remote that
 * cannot be reached is left for the push to find out.
 */
export async function catchUp({ repository, mirror }: Publisher): Promise<void> {
  const asOf = mirror.epoch();
  const listed = await repository.listRefs([]);
  if (listed.kind === 'reached') await mirror.pull({ tip: listed.value.tip, asOf });
}

/**
 * Full jitter over a window that doubles: immediate retry makes losers eat the server, a fixed
 * window starves them.
 */
export function backoffMs(losses: number, pushMs: number, random: Random): number {
  return (
    random.next() *
    Math.min(BACKOFF_MS_MAX, Math.max(BACKOFF_MS_FIRST, pushMs) * 2 ** Math.min(losses - 1, 10))
  );
}

/** How crowded the branch is, as one host sees it. */
export interface Crowd {
  /** How long a push of the branch takes that lands. */
  readonly pushMs: number;
  /** How many seem to push at the same time, this host among them. */
  readonly rivals: number;
  /** How many there can be at most. */
  readonly rivalsMax: number;
}

/** Pushes for each rival over which losers spread. */
const SPREAD = 0.75;

/**
 * How long a host that lost against another one waits: full jitter over a window with room for
 * every rival. Who loses more often than rivals explain doubles it all the same.
 */
export function rivalryMs(
  losses: number,
  { pushMs, rivals, rivalsMax }: Crowd,
  random: Random,
): number {
  const pushes = Math.max(SPREAD * rivals, 2 ** Math.min(losses - 2 * rivalsMax, 10));
  return random.next() * Math.min(BACKOFF_MS_MAX, Math.max(BACKOFF_MS_FIRST, pushMs) * pushes);
}

/**
 * How long a host that has landed lets its rivals go first: what finishes meanwhile goes along with
 * its next push.
 */
export function yieldMs({ pushMs, rivals }: Crowd, random: Random): number {
  return rivals <= 1 ? 0 : (Math.min(BACKOFF_MS_MAX, pushMs * rivals) / 2) * (0.5 + random.next());
}

interface Built {
  readonly tip: Oid | null;
  readonly head: Oid | null;
  readonly parts: readonly {
    readonly transaction: Transaction;
    readonly commits: readonly Oid[];
  }[];
  readonly updates: readonly RefUpdate[];
}

async function buildOnTip(
  publisher: Publisher,
  waiting: readonly Transaction[],
  outcomes: Map<Transaction, TransactionOutcome>,
): Promise<Built> {
  const tip = publisher.mirror.index().tip;
  const added = new Map<string, string>();
  const drafts: CommitDraft[] = [];
  const parts: { transaction: Transaction; count: number }[] = [];
  for (const transaction of waiting) {
    const decided = await decideOn(transaction, createView(publisher.repository, tip, added));
    if (decided instanceof Error) {
      outcomes.set(transaction, { kind: 'refused', line: errorText(decided) });
      continue;
    }
    if (decided === null) {
      outcomes.set(transaction, { kind: 'dropped' });
      continue;
    }
    const blocked = await findBlocked(publisher.repository, tip, decided);
    if (blocked !== null) {
      outcomes.set(transaction, { kind: 'refused', line: blocked, blocked: true });
      continue;
    }
    for (const draft of decided)
      for (const { path, content } of draft.writes)
        added.set(path, typeof content === 'string' ? content : '');
    drafts.push(...decided.map((draft) => ({ ...draft, sign: publisher.sign })));
    parts.push({ transaction, count: decided.length });
  }
  const commits = drafts.length === 0 ? [] : await publisher.repository.buildCommits(tip, drafts);
  const head = commits.at(-1) ?? tip;
  let at = 0;
  const placed = parts.map(({ transaction, count }) => ({
    transaction,
    commits: commits.slice(at, (at += count)),
  }));
  const branch: readonly RefUpdate[] =
    head === tip ? [] : [{ ref: publisher.branchRef, expected: tip, next: head }];
  return {
    tip,
    head,
    parts: placed,
    updates: [...branch, ...placed.flatMap(({ transaction }) => transaction.fences)],
  };
}

/** What a transaction wants, or why it cannot tell: that is its own affair, and no other's. */
async function decideOn(
  transaction: Transaction,
  view: Parameters<Transaction['decide']>[0],
): Promise<readonly CommitDraft[] | null | Error> {
  try {
    return await transaction.decide(view);
  } catch (error) {
    // The remote, the disk and the cache are everybody's affair.
    if (error instanceof CrosstalkError && error.code !== 'INTERNAL') throw error;
    return error instanceof Error ? error : new Error(errorText(error));
  }
}

/**
 * Why a file of a transaction cannot be placed, or null: what somebody put in its way must hold up
 * no other transaction.
 */
async function findBlocked(
  repository: Repository,
  tip: Oid | null,
  drafts: readonly CommitDraft[],
): Promise<string | null> {
  if (tip === null) return null;
  const paths = drafts.flatMap(({ writes }) => writes.map(({ path }) => path));
  const folders = [
    ...new Set(
      paths.flatMap((path) =>
        path.split('/').map((_, index, parts) => parts.slice(0, index).join('/')),
      ),
    ),
  ].filter((folder) => folder !== '');
  const entries = await repository.lookUp(tip, [...paths, ...folders]);
  const at = entries.findIndex(
    (entry, index) => entry !== null && (entry.kind === 'tree') === index < paths.length,
  );
  if (at < 0) return null;
  return at < paths.length
    ? `cannot write "${paths[at] ?? ''}": a folder stands there`
    : `cannot write below "${folders[at - paths.length] ?? ''}": a file stands there`;
}

function createView(
  repository: Repository,
  tip: Oid | null,
  added: ReadonlyMap<string, string>,
): TipView {
  return {
    tip,
    added,
    lookUp: async (paths) => {
      const standing = tip === null ? paths.map(() => null) : await repository.lookUp(tip, paths);
      return paths.map((path, index) =>
        added.has(path) && tip !== null ? { kind: 'file', oid: tip } : (standing[index] ?? null),
      );
    },
  };
}

async function pushBuilt(publisher: Publisher, built: Built): Promise<PushOutcome> {
  if (publisher.atomic || built.updates.length === 1)
    return publisher.repository.push(built.updates, {
      atomic: publisher.atomic && built.updates.length > 1,
    });
  return pushInTwoSteps(publisher, built);
}

const CLAIM_MOVED = 'the claim stands elsewhere';

/**
 * Without atomic pushes: look at the claims once more, land the branch, then let the claims go.
 * Still one reply, but no fence at the server.
 */
async function pushInTwoSteps(publisher: Publisher, built: Built): Promise<PushOutcome> {
  const fences = built.updates.filter(({ ref }) => ref !== publisher.branchRef);
  const listed = await publisher.repository.listRefs(fences.map(({ ref }) => ref));
  if (listed.kind === 'unreachable') return { kind: 'unknown', failure: listed.failure };
  const lost = fences.filter(
    ({ ref, expected }) => (listed.value.refs.get(ref) ?? null) !== expected,
  );
  if (lost.length > 0)
    return {
      kind: 'answered',
      refs: new Map(built.updates.map(({ ref }) => [ref, { kind: 'stale', line: CLAIM_MOVED }])),
    };
  const branch = built.updates.filter(({ ref }) => ref === publisher.branchRef);
  const pushed: PushOutcome =
    branch.length === 0
      ? { kind: 'answered', refs: new Map() }
      : await publisher.repository.push(branch, { atomic: false });
  if (pushed.kind === 'unknown' || [...pushed.refs.values()].some(({ kind }) => kind !== 'landed'))
    return pushed;
  const released = await publisher.repository.push(fences, { atomic: false });
  // The branch has landed; a claim that could not be deleted now lapses like any other of an
  // answered message.
  const rest =
    released.kind === 'answered'
      ? released.refs
      : new Map(fences.map(({ ref }) => [ref, { kind: 'landed' } as const]));
  return { kind: 'answered', refs: new Map([...pushed.refs, ...rest]) };
}

interface Settled {
  readonly outcomes: ReadonlyMap<Transaction, TransactionOutcome>;
  readonly failure: RemoteFailure | null;
}

interface Pushed {
  readonly built: Built;
  readonly pushed: PushOutcome;
  /** The mirror's epoch before the push. */
  readonly asOf: number;
}

async function settleBatch(
  publisher: Publisher,
  { built, pushed, asOf }: Pushed,
): Promise<Settled> {
  if (pushed.kind === 'unknown')
    return settleByLooking(publisher, built, { maybeLanded: true, failure: pushed.failure });
  const results = built.updates.flatMap(({ ref }) => pushed.refs.get(ref) ?? []);
  const refused = results.find((result) => result.kind === 'refused');
  if (refused !== undefined)
    return { outcomes: forAll(built, { kind: 'refused', line: refused.line }), failure: null };
  const stale = results.find((result) => result.kind === 'stale');
  if (stale !== undefined || results.length < built.updates.length)
    return settleByLooking(publisher, built, {
      maybeLanded: false,
      failure: {
        reason: 'forbidden',
        line: `nobody else moved it, and the remote does not move it either: ${stale?.line ?? 'no answer'}`,
      },
    });
  await publisher.mirror.pull({ tip: built.head, asOf, builtOn: built.tip });
  return { outcomes: landed(built), failure: null };
}

interface Doubt {
  /** The push had no answer, so it may have landed. */
  readonly maybeLanded: boolean;
  /** What to say when it turns out that nothing has moved. */
  readonly failure: RemoteFailure;
}

/**
 * Rejected, or no answer: the remote's refs say what is true. Our own commit below the tip means
 * landed; a fence elsewhere means lost; a remote on which nothing moved has refused.
 */
async function settleByLooking(publisher: Publisher, built: Built, doubt: Doubt): Promise<Settled> {
  const asOf = publisher.mirror.epoch();
  const listed = await publisher.repository.listRefs(
    built.parts.flatMap(({ transaction }) => transaction.fences.map(({ ref }) => ref)),
  );
  if (listed.kind === 'unreachable') return { outcomes: new Map(), failure: listed.failure };
  const { tip } = listed.value;
  const pulled = await publisher.mirror.pull({ tip, asOf });
  if (pulled.kind === 'unreachable') return { outcomes: new Map(), failure: pulled.failure };
  if (pulled.value.kind === 'rewritten')
    return { outcomes: forAll(built, { kind: 'rewritten' }), failure: null };
  if (
    doubt.maybeLanded &&
    hasCommits(built) &&
    tip !== null &&
    (await publisher.repository.isAncestor(built.head, tip))
  )
    return { outcomes: landed(built), failure: null };
  const { failure } = doubt;
  const isUnmoved =
    tip === built.tip &&
    built.parts.every(({ transaction }) => !isFenced(transaction, listed.value));
  return {
    outcomes: isUnmoved
      ? forAll(built, { kind: 'refused', line: failure.line, unmoved: failure })
      : settleFences(built, listed.value, doubt),
    failure: null,
  };
}

function hasCommits(built: Built): built is Built & { readonly head: Oid } {
  return built.head !== null && built.head !== built.tip;
}

/** Of what did not land as a whole: whose fence stands elsewhere. */
function settleFences(
  built: Built,
  listing: RefListing,
  { maybeLanded }: Doubt,
): ReadonlyMap<Transaction, TransactionOutcome> {
  return new Map(
    built.parts.flatMap(({ transaction, commits }): [Transaction, TransactionOutcome][] => {
      if (!isFenced(transaction, listing)) return [];
      // A push of fences alone leaves no commit to look for: when each ref stands where we wanted
      // it, it was ours.
      const ours =
        maybeLanded &&
        !hasCommits(built) &&
        transaction.fences.every(({ ref, next }) => (listing.refs.get(ref) ?? null) === next);
      return [[transaction, ours ? { kind: 'landed', commits } : { kind: 'fenced' }]];
    }),
  );
}

function landed(built: Built): ReadonlyMap<Transaction, TransactionOutcome> {
  return new Map(
    built.parts.map(({ transaction, commits }) => [transaction, { kind: 'landed', commits }]),
  );
}

function forAll(
  built: Built,
  outcome: TransactionOutcome,
): ReadonlyMap<Transaction, TransactionOutcome> {
  return new Map(built.parts.map(({ transaction }) => [transaction, outcome]));
}

function isFenced(transaction: Transaction, listing: RefListing): boolean {
  return transaction.fences.some(
    ({ ref, expected }) => (listing.refs.get(ref) ?? null) !== expected,
  );
}
