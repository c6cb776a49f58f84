/**
 * Decides which claims and beats count where this host requires hosts to sign: the key that signed
 * a record decides. A forged claim is removed at once; a forged or replayed beat keeps no dead host
 * alive. PROTOCOL.md "Signatures".
 */
import { HOUR } from '../base/clock.ts';
import { formatDuration } from '../base/duration.ts';
import type { Oid } from '../base/ids.ts';
import { type Beat, beatName, parseBeat } from '../protocol/beat.ts';
import { elsewhere } from '../protocol/paths.ts';
import { hear, isHostOf, requires, type Trust } from '../protocol/trust.ts';
import type { BelievedBeat } from './trust-state.ts';
import { beatRef } from './carry-beat.ts';
import type { Dispatcher } from './dispatcher.ts';
import { trustNow } from './in-force.ts';
import { createRecord } from './records.ts';
import type { SeenRecord } from './notes.ts';

/** Clocks of hosts are less apart. */
const CLOCKS_APART_MS = HOUR;

const FORGED: SeenRecord = { text: '', claim: null, isForged: true };

/** The keys that records must be signed with; null: none. With other keys all are read again. */
export async function trustInHosts(dispatcher: Dispatcher): Promise<Trust | null> {
  const { state } = dispatcher;
  const now = await trustNow(dispatcher);
  const trust = now !== undefined && requires(now, 'hosts') ? now : null;
  if (state.trust.recordsBy !== trust) {
    state.records.clear();
    state.host.serving.clear();
    state.trust.beats.clear();
  }
  state.trust.recordsBy = trust;
  return trust;
}

/** The record at a ref, of which `text` is said. */
export async function judgeRecord(
  { doors, state }: Dispatcher,
  { oid, text }: { readonly oid: Oid; readonly text: string },
): Promise<SeenRecord> {
  const record = createRecord(text);
  const trust = state.trust.recordsBy;
  if (trust === null) return record;
  const alias = record.claim?.alias ?? parseBeat(text)?.alias;
  if (alias === undefined) return FORGED;
  const voice = hear(await doors.repository.readSigned(oid), trust.signers);
  return isHostOf(voice, alias) ? record : FORGED;
}

/**
 * The refs as this host believes them: at the ref of a beat what its host was last known to have
 * put there, or nothing. Claims stand as they are: a forged one is in the way until it is removed.
 */
export function believeBeats(
  dispatcher: Dispatcher,
  refs: ReadonlyMap<string, Oid>,
): ReadonlyMap<string, Oid> {
  const { state, settings } = dispatcher;
  if (state.trust.recordsBy === null) return refs;
  const own = beatRef(dispatcher);
  const prefixes = [settings.refs.hosts, elsewhere(settings.refs.hosts)];
  return new Map(
    [...refs].flatMap(([ref, oid]) => {
      const prefix = prefixes.find((one) => ref.startsWith(one));
      if (prefix === undefined || ref === own) return [[ref, oid] as const];
      noteBeat(dispatcher, { ref, oid, name: ref.slice(prefix.length) });
      const believed = state.trust.beats.get(ref)?.oid;
      return believed === undefined ? [] : [[ref, believed] as const];
    }),
  );
}

interface StandingBeat {
  readonly ref: string;
  readonly oid: Oid;
  readonly name: string;
}

/** Takes up a beat that is newer than what is known of its host. */
function noteBeat(dispatcher: Dispatcher, { ref, oid, name }: StandingBeat): void {
  const { state } = dispatcher;
  const record = state.records.get(oid);
  const beat = record == null || record.isForged === true ? null : parseBeat(record.text);
  if (beat === null || beatName(beat) !== name) return;
  const { beats } = state.trust;
  const before = beats.get(ref);
  if (before?.oid === oid || (before !== undefined && !isNewer(beat, before))) return;
  if (isOld(dispatcher, { beat, ref })) return;
  const runs = before === undefined ? [] : [...before.runs, before.run];
  beats.set(ref, { oid, run: beat.run, count: beat.count, runs: new Set(runs) });
}

/**
 * Whether a beat is older, by this host's clock, than a host that lives ever leaves one. Only so is
 * a host that has just begun not fooled by beats that are put back in their order.
 */
function isOld(
  { state, doors, settings }: Dispatcher,
  { beat, ref }: { readonly beat: Beat; readonly ref: string },
): boolean {
  const ageMs = doors.clock.wallMs() - beat.atMs;
  const pauseMs = (beat.holds ?? 0) > 0 ? 0 : settings.forgetBeatMs / 3;
  if (ageMs <= pauseMs + CLOCKS_APART_MS) return false;
  if (!state.trust.oldTold.has(ref)) {
    state.trust.oldTold.add(ref);
    doors.log.warning('beat.old', {
      host: beat.alias,
      age: formatDuration(ageMs),
      next: 'the host counts as down; if it is up, one of the two clocks is wrong',
    });
  }
  return true;
}

function isNewer(beat: Beat, before: BelievedBeat): boolean {
  return beat.run === before.run ? beat.count > before.count : !before.runs.has(beat.run);
}
