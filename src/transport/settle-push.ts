/** The outcome of each transaction of a push: by the server's answer, otherwise by a poll. */
import type { Oid } from '../base/ids.ts';
import type { Built } from './build-on-tip.ts';
import { type PushOutcome, type RefListing, type RemoteFailure, TIP_ALONE } from './repository.ts';
import type { Publisher, Transaction, TransactionOutcome } from './transaction.ts';

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

export async function settleBatch(
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
        line: `nobody else moved it, and the remote refuses to move it: ${stale?.line ?? 'no answer'}`,
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
    TIP_ALONE,
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
