/**
 * Cleans up after an earlier process of this state directory: ends its agents, publishes finished
 * answers, and settles its claims at once instead of after a lease, because the holder of the
 * directory's lock knows that the process is dead.
 */
import { aheadMs } from '../base/clock.ts';
import { type JournalEntry, memorable, RAN_BEFORE } from '../local/local-state.ts';
import { listWork, type Work } from '../protocol/list-work.ts';
import { elsewhere } from '../protocol/paths.ts';
import type { Dispatcher } from './dispatcher.ts';
import { heldClaims, resumeOwn } from './own-claims.ts';
import { noteOrphan, orphanRefs } from './other-claims.ts';
import { loadRests } from './keep-rests.ts';
import { createRecord } from './records.ts';
import { decodeOutbox, sendReply } from './publish-reply.ts';
import { refsUnder } from './refs-under.ts';
import { noteEntry } from './start-ledger.ts';
import { journal } from './write-journal.ts';

/** Settled claims whose start is remembered over a restart. */
const RAN_KEPT = 500;

/** How far the journal says a claim came. */
interface Trace {
  readonly starting: boolean;
  readonly settled: boolean;
}

/** Ends orphaned processes and sends the outbox. Needs no remote. */
export async function recoverLocal(dispatcher: Dispatcher): Promise<void> {
  const { doors, state } = dispatcher;
  await loadRests(dispatcher);
  const entries = await doors.local.readJournal();
  for (const entry of entries) {
    noteEntry(state.claims.ledger, entry);
    if (entry.kind === 'settled' && entry.how === RAN_BEFORE) state.claims.blocked.add(entry.key);
  }
  const traces = traceClaims(entries);
  const settledAttempts = new Set(
    entries.flatMap((entry) =>
      entry.kind === 'starting' && traces.get(entry.nonce)?.settled === true
        ? [entry.attemptId]
        : [],
    ),
  );
  const orphans = entries.flatMap((entry) =>
    entry.kind === 'started' && !settledAttempts.has(entry.attemptId) ? [entry] : [],
  );
  if (orphans.length > 0) await doors.reap(orphans);
  for (const item of await doors.local.listOutbox()) resumeItem(dispatcher, item);
}

/**
 * Finds the claims of earlier runs on the remote. True when that is done; false when the remote
 * could not be asked.
 */
export async function recoverClaims(dispatcher: Dispatcher): Promise<boolean> {
  const { doors, state, settings } = dispatcher;
  const prefixes = [settings.refs.claims, elsewhere(settings.refs.claims)];
  const claims = new Map(prefixes.flatMap((prefix) => refsUnder(state.refs, prefix)));
  const fetched =
    claims.size === 0 ? null : await doors.repository.fetch({ tip: null, records: claims });
  if (fetched?.kind === 'unreachable') return false;
  const entries = await doors.local.readJournal();
  const traces = traceClaims(entries);
  for (const [ref, oid] of claims) {
    const commit = await doors.repository.readCommit(oid);
    const record = commit === null ? null : createRecord(commit.message);
    state.records.set(oid, record);
    const claim = record?.claim ?? null;
    if (claim === null || claim.instance !== doors.local.instance || claim.run === dispatcher.run)
      continue;
    if (state.claims.own.has(ref.slice(ref.lastIndexOf('/') + 1))) continue;
    const trace = traces.get(claim.nonce);
    // A claim of ours that the journal does not know is from a time that this state directory has
    // forgotten: it counts as started.
    const started = trace === undefined || trace.starting;
    noteOrphan(state.claims.others, ref, { oid, started });
  }
  const live = new Set(heldClaims(state.claims.own).map((held) => held.state.claim.nonce));
  const late = new Set(
    [...traces]
      .flatMap(([nonce, { settled, starting }]) => (settled && starting ? [nonce] : []))
      .slice(-RAN_KEPT),
  );
  const kept = memorable(entries);
  await doors.local.compactJournal(
    entries.filter(
      (entry) =>
        kept.has(entry) ||
        ('nonce' in entry &&
          (live.has(entry.nonce) ||
            late.has(entry.nonce) ||
            isOrphan(dispatcher, traces, entry.nonce) ||
            (entry.kind === 'settled' && entry.how === RAN_BEFORE))),
    ),
  );
  return true;
}

/**
 * What a rewritten branch shows as open although it was run here is not run again: a person decides
 * about that.
 */
export async function blockWhatRan(dispatcher: Dispatcher): Promise<void> {
  const { state, mirror } = dispatcher;
  const orphaned = orphanRefs(state.claims.others).map((ref) =>
    ref.slice(ref.lastIndexOf('/') + 1),
  );
  const spared = new Set([
    ...heldClaims(state.claims.own).map(({ key }) => key),
    ...orphaned,
    ...state.claims.blocked,
  ]);
  for (const entry of blocksOf(listWork(mirror.index()), {
    ran: new Set(state.claims.ledger.byKey.keys()),
    spared,
  })) {
    state.claims.blocked.add(entry.key);
    await journal(dispatcher, entry);
  }
}

/**
 * The journal's lines that keep open work from a second run on this host. `ran`: keys for which an
 * agent was started here; `spared`: those whose claim of ours stands and is settled like any other.
 * Pure.
 */
export function blocksOf(
  works: readonly Work[],
  { ran, spared }: { readonly ran: ReadonlySet<string>; readonly spared: ReadonlySet<string> },
): readonly Extract<JournalEntry, { kind: 'settled' }>[] {
  const keys = new Set(works.flatMap(({ key }) => (ran.has(key) && !spared.has(key) ? [key] : [])));
  return [...keys].map((key) => ({
    kind: 'settled',
    key,
    nonce: `rewrite ${key}`,
    how: RAN_BEFORE,
  }));
}

function isOrphan(
  dispatcher: Dispatcher,
  traces: ReadonlyMap<string, Trace>,
  nonce: string,
): boolean {
  return (
    orphanRefs(dispatcher.state.claims.others).length > 0 && traces.get(nonce)?.settled === false
  );
}

function traceClaims(entries: readonly JournalEntry[]): ReadonlyMap<string, Trace> {
  const traces = new Map<string, Trace>();
  for (const entry of entries) {
    if (!('nonce' in entry)) continue;
    const before = traces.get(entry.nonce) ?? { starting: false, settled: false };
    traces.set(entry.nonce, {
      starting: before.starting || entry.kind === 'starting',
      settled: entry.kind === 'settled',
    });
  }
  return traces;
}

function resumeItem(dispatcher: Dispatcher, item: Parameters<typeof decodeOutbox>[0]): void {
  const { state, doors, settings } = dispatcher;
  const payload = decodeOutbox(item);
  if (payload === null) {
    doors.log.alert('outbox.unreadable', {
      key: item.key,
      fix: 'inspect the outbox folder of the state directory; crosstalkd doctor prints its path',
    });
    return;
  }
  const held = resumeOwn(
    { key: item.key, ref: settings.refs.claims + item.key, work: payload.work },
    {
      claim: payload.claim,
      oid: payload.claimOid,
      renewedMs: doors.clock.monotonicMs(),
      renewedAheadMs: aheadMs(doors.clock),
    },
  );
  state.claims.own.set(held.key, held);
  doors.log.status('outbox.resumed', {
    message: payload.work.message.path,
    model: payload.work.recipient,
  });
  sendReply(dispatcher, held, payload);
}
