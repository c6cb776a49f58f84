/**
 * One poll of the remote: refs, tip, and the records that matter now. A tick decides everything on
 * this.
 */
import type { Oid } from '../base/ids.ts';
import { beatName, parseBeat } from '../protocol/beat.ts';
import { parseControl } from '../protocol/control.ts';
import { type LeaseBook, observeOutage, observeRefs, silentMs } from '../protocol/lease.ts';
import { CONTROL_NAME } from '../protocol/control.ts';
import { elsewhere } from '../protocol/paths.ts';
import type { Rewrite } from '../transport/mirror.ts';
import { isRefusal } from '../transport/git-failure.ts';
import type { RefListing } from '../transport/repository.ts';
import type { Dispatcher } from './dispatcher.ts';
import { confirmBeat } from './carry-beat.ts';
import { strayClaims } from './follow-moves.ts';
import { isOurs } from './lapsed-claims.ts';
import { leaseTimes, limitsNow, noteSeen } from './keep-pace.ts';
import { createRecord } from './records.ts';
import type { SeenRecord } from './notes.ts';
import { requires } from '../protocol/trust.ts';
import { believeBeats, judgeRecord, trustInHosts } from './believe-records.ts';
import { trustNow } from './in-force.ts';
import { isHeard } from './signed-file.ts';
import { beginLook, canSkipPoll } from './wake-up.ts';
import { heldClaims } from './own-claims.ts';
import { orphanAt } from './other-claims.ts';

/** Rejected files that one poll reports by name. */
const REJECTED_TOLD_MAX = 100;

export type Observed = 'seen' | 'unreachable' | 'halted';

/** What a listing means, worked out once, while its connection may still stand. */
interface Judged {
  readonly at: { readonly nowMs: number; readonly tookMs: number; readonly gapMsMax: number };
  readonly book: LeaseBook;
  readonly wanted: ReadonlyMap<string, Oid>;
}

/**
 * Polls once and brings the mirror to the tip. An unchanged remote costs this one listing and
 * nothing else; a watched one not even that.
 */
export async function observe(dispatcher: Dispatcher): Promise<Observed> {
  const { settings, doors, mirror, state } = dispatcher;
  if (canSkipPoll(dispatcher)) return 'seen';
  await trustInHosts(dispatcher);
  const looked = beginLook(dispatcher);
  const asOf = mirror.epoch();
  const startedMs = doors.clock.monotonicMs();
  const judged: Judged[] = [];
  const judge = ({ refs }: RefListing): Judged => {
    const nowMs = doors.clock.monotonicMs();
    const at = { nowMs, tookMs: nowMs - startedMs, gapMsMax: settings.pollMsMax * 2 };
    const book = observeRefs(state.book, { refs, ...at });
    const now = { at, book, wanted: wantedRecords(dispatcher, refs, book) };
    judged.push(now);
    return now;
  };
  const listed = await doors.repository.listRefs(
    [
      settings.refs.claims,
      settings.refs.hosts,
      settings.refs.control,
      settings.refs.capsules,
      elsewhere(settings.refs.claims),
      elsewhere(settings.refs.hosts),
    ],
    (listing) => judge(listing).wanted,
  );
  if (listed.kind === 'unreachable') return sawOutage(dispatcher, listed.failure);
  const { tip, refs, brought } = listed.value;
  const wasTip = mirror.index().tip;
  const { at, book, wanted } = judged[0] ?? judge(listed.value);
  const records = new Map([...wanted].filter(([ref]) => brought?.has(ref) !== true));
  const pulled = await mirror.pull({ tip, asOf, records });
  if (pulled.kind === 'unreachable') return sawOutage(dispatcher, pulled.failure);
  if (pulled.value.kind === 'rewritten') return sawRewrite(dispatcher, pulled.value);
  const strays = strayRecords(dispatcher, refs);
  const fetched =
    strays.size === 0 ? null : await doors.repository.fetch({ tip: null, records: strays });
  if (fetched?.kind === 'unreachable') return sawOutage(dispatcher, fetched.failure);
  const { seenMs: beforeMs } = state;
  const isChanged = tip !== wasTip || !isSame(refs, state.listed);
  looked(isChanged);
  if (state.host.outage !== null) doors.log.status('remote.reached', {});
  state.host.outage = null;
  state.host.halted = null;
  state.listed = refs;
  state.seenMs = startedMs;
  if (pulled.value.kind === 'advanced') state.loop.active = true;
  reportRejected(dispatcher);
  await readRecords(dispatcher, new Map([...wanted, ...strays]));
  const believed = believeBeats(dispatcher, refs);
  if (believed === refs) state.book = book;
  else state.book = observeRefs(state.book, { refs: believed, ...at });
  state.refs = believed;
  confirmBeat(dispatcher);
  forgetRecords(state);
  await readControl(dispatcher);
  noteSeen(dispatcher, { beforeMs, listedMs: at.nowMs, isChanged });
  return 'seen';
}

function isSame(now: ReadonlyMap<string, Oid>, before: ReadonlyMap<string, Oid>): boolean {
  if (now.size !== before.size) return false;
  for (const [ref, oid] of now) if (before.get(ref) !== oid) return false;
  return true;
}

/** The record at a ref as we have it; undefined = not fetched (it was not needed yet). */
export function recordAt(dispatcher: Dispatcher, ref: string): SeenRecord | null | undefined {
  const oid = dispatcher.state.refs.get(ref);
  return oid === undefined ? undefined : dispatcher.state.records.get(oid);
}

/**
 * Drops records that no ref points to any more. They do no harm: it is enough that there are never
 * more of them than refs.
 */
function forgetRecords({ refs, listed, records }: Dispatcher['state']): void {
  if (records.size <= listed.size + refs.size) return;
  const standing = new Set([...listed.values(), ...refs.values()]);
  for (const oid of records.keys()) if (!standing.has(oid)) records.delete(oid);
}

/**
 * A file that is not a message is reported when it appears and when it changes, not at every poll.
 */
function reportRejected({ state, mirror, doors }: Dispatcher): void {
  const { rejected } = mirror.index();
  if (rejected === state.rejected) return;
  const fresh = [...rejected.values()].filter((file) => state.rejected.get(file.path) !== file);
  state.rejected = rejected;
  for (const { path, line, found, expected } of fresh.slice(0, REJECTED_TOLD_MAX))
    doors.log.warning('message.rejected', {
      path,
      line,
      found,
      expected,
      next: 'no host runs it; crosstalkd lint explains it',
    });
  if (fresh.length > REJECTED_TOLD_MAX)
    doors.log.warning('message.rejected', {
      more: fresh.length - REJECTED_TOLD_MAX,
      next: 'crosstalkd status lists them all',
    });
}

/** Notes that the remote cannot be reached; reported once for each reason. */
export function sawOutage(
  dispatcher: Dispatcher,
  failure: NonNullable<Dispatcher['state']['host']['outage']>,
): Observed {
  const { state, doors } = dispatcher;
  const isNews = state.host.outage?.reason !== failure.reason;
  if (isNews && isRefusal(failure))
    doors.log.alert('remote.refuses', { reason: failure.line, fix: 'crosstalkd doctor' });
  else if (isNews)
    doors.log.warning('remote.unreachable', {
      reason: failure.line,
      next: 'retries, less and less often; finished answers wait in the outbox',
    });
  if (failure.reason === 'limited') state.pace.limitedMs = doors.clock.monotonicMs();
  state.host.outage = failure;
  state.book = observeOutage(state.book);
  return 'unreachable';
}

function sawRewrite(dispatcher: Dispatcher, rewrite: Rewrite): Observed {
  const { state, doors } = dispatcher;
  const { halted } = state.host;
  const isNews = rewrite.descends
    ? halted?.version?.now !== rewrite.version?.now
    : halted?.now !== rewrite.now || halted.was !== rewrite.was;
  if (isNews && rewrite.descends)
    doors.log.alert('transport.version-changed', {
      was: rewrite.version?.was ?? null,
      now: rewrite.version?.now ?? null,
      fix: 'ask who changed CROSSTALK-VERSION, then: crosstalkd accept-rewrite',
    });
  else if (isNews)
    doors.log.alert('transport.rewritten', {
      was: rewrite.was,
      now: rewrite.now,
      fix:
        rewrite.now === null
          ? 'push the branch again, or follow its new name: crosstalkd status'
          : 'inspect the branch, then: crosstalkd accept-rewrite',
    });
  state.host.halted = rewrite;
  return 'halted';
}

/**
 * Claims are fetched only after a while: most are gone before anybody needs to know whose they are.
 */
function wantedRecords(
  dispatcher: Dispatcher,
  refs: ReadonlyMap<string, Oid>,
  book: LeaseBook,
): ReadonlyMap<string, Oid> {
  const { settings, state } = dispatcher;
  const isSigned = state.trust.recordsBy !== null;
  const ours = new Set(heldClaims(state.claims.own).map((held) => held.state.oid));
  const strangers = holdersUnseen(dispatcher);
  const { leaseMs } = leaseTimes(dispatcher);
  const wanted = new Map<string, Oid>();
  const claims = [settings.refs.claims, elsewhere(settings.refs.claims)];
  const hosts = [settings.refs.hosts, elsewhere(settings.refs.hosts)];
  for (const [ref, oid] of refs) {
    if (state.records.has(oid) || ours.has(oid)) continue;
    const isClaim = claims.some((prefix) => ref.startsWith(prefix));
    const old = isClaim && (silentMs(book, { claim: ref, beat: null }) ?? 0) >= leaseMs / 4;
    const orphan = isClaim && orphanAt(state.claims.others, ref) !== null;
    // Whether it is another host's that stands in the place of ours.
    const stolen = isSigned && isClaim && isOurs(dispatcher, ref);
    // Who serves what decides whether a workflow step can run at all; who can be called stands
    // there too, and who has pushed how often.
    const beat =
      (isSigned && hosts.some((prefix) => ref.startsWith(prefix))) ||
      (ref.startsWith(settings.refs.hosts) &&
        (state.workflows.runs.size > 0 ||
          settings.pokes ||
          limitsNow(dispatcher) !== null ||
          strangers.has(ref.slice(settings.refs.hosts.length))));
    if (old || orphan || stolen || beat || ref === settings.refs.control + CONTROL_NAME)
      wanted.set(ref, oid);
  }
  return wanted;
}

/** Holders of claims, by the names of their beats, that were not seen to serve what they hold. */
function holdersUnseen({ state }: Dispatcher): ReadonlySet<string> {
  const unseen = new Set<string>();
  for (const record of state.records.values())
    if (record?.claim != null) {
      const name = beatName(record.claim);
      if (state.host.serving.get(name)?.has(record.claim.recipient) !== true) unseen.add(name);
    }
  return unseen;
}

/**
 * Claims of no open work are looked at once: a message that was moved is known to be claimed only
 * by what the claim says.
 */
function strayRecords(
  dispatcher: Dispatcher,
  refs: ReadonlyMap<string, Oid>,
): ReadonlyMap<string, Oid> {
  const { settings, state } = dispatcher;
  const ours = new Set([...state.claims.own.values()].map((own) => own.state.oid));
  const strays = [...strayClaims(dispatcher, refs)].filter(
    ([, oid]) => !state.records.has(oid) && !ours.has(oid),
  );
  return new Map(strays.map(([key, oid]) => [settings.refs.claims + key, oid]));
}

/** A beat counts for the host that its ref names, and for no other. */
function noteServing({ state }: Dispatcher, name: string, text: string): void {
  const beat = parseBeat(text);
  if (beat === null || beatName(beat) !== name) return;
  const known = state.host.serving.get(name) ?? new Set();
  state.host.serving.set(name, new Set([...known, ...beat.models]));
}

async function readRecords(
  dispatcher: Dispatcher,
  wanted: ReadonlyMap<string, Oid>,
): Promise<void> {
  const { doors, state, settings } = dispatcher;
  for (const [ref, oid] of wanted) {
    const commit = await doors.repository.readCommit(oid);
    const isOrder = ref.startsWith(settings.refs.control);
    const record =
      commit === null || isOrder
        ? commit && createRecord(commit.message)
        : await judgeRecord(dispatcher, { oid, text: commit.message });
    state.records.set(oid, record);
    if (record !== null && ref.startsWith(settings.refs.hosts))
      noteServing(dispatcher, ref.slice(settings.refs.hosts.length), record.text);
  }
}

/** The order to all hosts, if it is of somebody whose orders count here. */
async function readControl(dispatcher: Dispatcher): Promise<void> {
  const { state, settings } = dispatcher;
  const control = recordAt(dispatcher, settings.refs.control + CONTROL_NAME);
  const order = control == null || !settings.obeysControl ? null : parseControl(control.text);
  state.host.control = order !== null && (await mayOrder(dispatcher)) ? order : null;
}

/** Whether the order to all hosts that stands there is somebody's whose orders count here. */
async function mayOrder(dispatcher: Dispatcher): Promise<boolean> {
  const { doors, state, settings } = dispatcher;
  const trust = await trustNow(dispatcher);
  if (trust === undefined || !requires(trust, 'control')) return true;
  const oid = state.refs.get(settings.refs.control + CONTROL_NAME);
  return oid !== undefined && isHeard(await doors.repository.readSigned(oid), trust, 'operate');
}
