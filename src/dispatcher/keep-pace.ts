/**
 * Limits how often this host calls the remote, from data/transport.yaml and the pushes seen of
 * others. In the pace `own` there is no limit.
 */
import { MINUTE, SECOND } from '../base/clock.ts';
import type { Oid } from '../base/ids.ts';
import { type Beat, beatName, parseBeat, PUSHES_TOLD_MAX } from '../protocol/beat.ts';
import {
  decodeTransport,
  HOSTED_PACE,
  isSlow,
  type LeaseTimes,
  type Limits,
} from '../protocol/pace.ts';
import { findTurn, listPushes, noteTraffic, slotMs, type Turn, UNTOLD } from '../protocol/turn.ts';
import { readPaceAt } from '../transport/read-pace.ts';
import { type Dispatcher, wake } from './dispatcher.ts';
import { pushesRest } from './rest-pushes.ts';
import { namesUnder, refsUnder } from './refs-under.ts';

/** How long all hosts call half as often after the remote limited one of them. */
const LIMITED_MS = 10 * MINUTE;
/** Part of the reads that hosts do not use: connections are not equally long. */
const READ_SLACK = 1.5;
/** Hosts assumed before the first poll, and beside others: some are not in view yet. */
const HOSTS_MIN = 8;
/** Looks of a host that only watches are so many of its reads apart. */
const LOOKS_APART = 2;
/** Anybody who can push can write beats of hosts that are not there. */
const GAP_MS_MAX = 5 * SECOND;
/** What was pushed between two looks that are not further apart counts as in their middle. */
const MIDDLE_MS_MAX = 10 * SECOND;
/** In the shortest pauses of a slow pace, how long another host's share is left to it. */
const SHARE_PUSHES = 3;

/** How often all hosts may call the remote at the moment; null = as often as they like. */
export function limitsNow({ state, doors }: Pick<Dispatcher, 'state' | 'doors'>): Limits | null {
  const { pace, limitedMs } = state.pace;
  if (doors.clock.monotonicMs() - limitedMs >= LIMITED_MS) return pace.limits;
  if (pace.limits === null) return HOSTED_PACE.limits;
  const { pushesPerMinute, readsPerSecond } = pace.limits;
  return {
    pushesPerMinute: Math.max(1, Math.floor(pushesPerMinute / 2)),
    readsPerSecond: readsPerSecond / 2,
  };
}

/** Lease, beat and margin that hold in the pace of the transport. */
export function leaseTimes({
  settings,
  state,
}: Pick<Dispatcher, 'settings' | 'state'>): LeaseTimes {
  return isSlow(state.pace.pace) ? (settings.slowLease ?? settings) : settings;
}

/** How long another host's share is left to it before this one takes it. */
export function stealAfterMs(dispatcher: Pick<Dispatcher, 'settings' | 'state' | 'doors'>): number {
  const limits = limitsNow(dispatcher);
  const sharesMs = limits === null ? 0 : (SHARE_PUSHES * MINUTE) / limits.pushesPerMinute;
  return Math.max(dispatcher.settings.stealAfterMs, sharesMs);
}

/** The name of this host's own beat. */
export function ownName({ settings, doors }: Pick<Dispatcher, 'settings' | 'doors'>): string {
  return beatName({ alias: settings.alias, instance: doors.local.instance });
}

/**
 * Takes up what the tip says of the pace; a file that is broken changes nothing. True when the look
 * before it was made in another pace, and so without the beats that it takes to know the traffic.
 */
export async function readPace(dispatcher: Dispatcher): Promise<boolean> {
  const { state, mirror, doors } = dispatcher;
  const { tip } = mirror.index();
  const before = state.pace.pace;
  if (tip !== null && tip !== state.pace.tip) {
    const { file: known } = state.pace;
    const found = await readPaceAt(doors.repository, tip, known);
    const { pace, unreadable } = found;
    if (unreadable !== null && found.oid !== known?.oid)
      for (const problem of decodeTransport(unreadable).problems)
        doors.log.warning('transport.invalid', {
          ...problem,
          next: 'the previous pace stays in force',
        });
    if (JSON.stringify(pace) !== JSON.stringify(state.pace.pace)) {
      doors.log.status('pace.set', { pace: pace.name, ...pace.limits });
      state.pace.pace = pace;
    }
    Object.assign(state.pace, { file: found, tip });
  }
  spaceLooks(dispatcher);
  return before !== state.pace.pace;
}

/**
 * The pace that held when this host last ran, for its first look; unknown when its cache is gone.
 */
export async function recallPace(dispatcher: Dispatcher): Promise<void> {
  const { tip } = dispatcher.mirror.index();
  if (tip !== null && (await dispatcher.doors.repository.hasHistory(tip)))
    await readPace(dispatcher);
}

/** Each host has its part of the reads. */
function spaceLooks(dispatcher: Dispatcher): void {
  const { state, doors } = dispatcher;
  const limits = limitsNow(dispatcher);
  const isBlind = state.seenMs === Number.NEGATIVE_INFINITY;
  const beats = namesUnder(state.refs, dispatcher.settings.refs.hosts);
  const inView = beats.size + (beats.has(ownName(dispatcher)) ? 0 : 1);
  const isAlone = inView === 1 && !isBlind && !seesOthers(dispatcher);
  const hosts = isAlone ? 1 : Math.max(HOSTS_MIN, inView);
  doors.spacing.gapMs =
    limits === null
      ? 0
      : Math.min(GAP_MS_MAX, (READ_SLACK * SECOND * hosts) / limits.readsPerSecond);
}

/**
 * Hosts that were started together have not shown themselves to each other yet: who has looked for
 * less than a minute may not be the only one, nor who has seen somebody else push in the last.
 */
function seesOthers(dispatcher: Dispatcher): boolean {
  const { sinceMs, traffic } = dispatcher.state.pace;
  const nowMs = dispatcher.doors.clock.monotonicMs();
  const others = new Map([...traffic].filter(([who]) => who !== ownName(dispatcher)));
  return nowMs - sinceMs < MINUTE || listPushes({ traffic: others, nowMs }).length > 0;
}

/** How soon to look again while hosts push; infinite while none does, or pushes are not counted. */
export function watchPauseMs(dispatcher: Dispatcher): number {
  const { state, doors } = dispatcher;
  const nowMs = doors.clock.monotonicMs();
  const isMoving = listPushes({ traffic: state.pace.traffic, nowMs }).length > 0;
  return limitsNow(dispatcher) === null || !isMoving
    ? Number.POSITIVE_INFINITY
    : LOOKS_APART * doors.spacing.gapMs;
}

/** The news of one poll. */
export interface Seen {
  /** Monotonic times at which the look before was begun, and this one was answered. */
  readonly beforeMs: number;
  readonly listedMs: number;
  /** The branch, or any ref, stands elsewhere than this host believed. */
  readonly isChanged: boolean;
}

/**
 * Counts what others have pushed since the last poll: a beat lists its host's pushes; what was
 * moved without one was moved by somebody without a beat. How old a beat is that stands when this
 * host begins, nobody knows: it counts as new.
 */
export function noteSeen(dispatcher: Dispatcher, { beforeMs, listedMs, isChanged }: Seen): void {
  const { state, settings } = dispatcher;
  const isFirst = beforeMs === Number.NEGATIVE_INFINITY;
  if (isFirst) state.pace.sinceMs = listedMs;
  if (limitsNow(dispatcher) === null) return;
  // It was pushed between the two looks: when they are close together, in the middle.
  const apartMs = listedMs - beforeMs;
  const nowMs = listedMs - (apartMs <= MIDDLE_MS_MAX ? apartMs / 2 : 0);
  const own = ownName(dispatcher);
  const { noted } = state.pace;
  const moved = refsUnder(state.refs, settings.refs.hosts).filter(
    ([ref, oid]) => noted.get(ref) !== oid && ref !== settings.refs.hosts + own,
  );
  state.pace.noted = new Map(refsUnder(state.refs, settings.refs.hosts));
  for (const [ref, oid] of moved)
    noteBeat(dispatcher, ref.slice(settings.refs.hosts.length), { oid, nowMs });
  const pushedSince = state.pace.traffic.get(own)?.some((atMs) => atMs >= beforeMs) ?? false;
  if (isChanged && !isFirst && moved.length === 0 && !pushedSince)
    notePush(dispatcher, UNTOLD, nowMs);
}

function noteBeat(
  { state }: Dispatcher,
  name: string,
  seen: { readonly oid: Oid; readonly nowMs: number },
): void {
  const { nowMs } = seen;
  const text = state.records.get(seen.oid)?.text;
  const beat = text === undefined ? null : parseBeat(text);
  const isOwn = beat !== null && beatName(beat) === name;
  if (isOwn && (beat.holds ?? beat.busy) > 0) state.pace.busy.add(name);
  else state.pace.busy.delete(name);
  if (isOwn && beat.limited !== undefined)
    state.pace.limitedMs = Math.max(state.pace.limitedMs, nowMs - beat.limited * SECOND);
  const known = state.pace.traffic.get(name) ?? [];
  const told = isOwn ? (beat.pushes ?? []) : [];
  const times = told.length > 0 ? told.map((ageS) => nowMs - ageS * SECOND) : [nowMs, ...known];
  state.pace.traffic = noteTraffic(state.pace.traffic, name, { times, nowMs });
}

/** Counts a push that has ended. */
export function notePush({ state }: Pick<Dispatcher, 'state'>, who: string, nowMs: number): void {
  const times = [nowMs, ...(state.pace.traffic.get(who) ?? [])];
  state.pace.traffic = noteTraffic(state.pace.traffic, who, { times, nowMs });
}

/** This host's pushes as its beat lists them, one that begins now included. */
export function tellTraffic(dispatcher: Dispatcher): Pick<Beat, 'pushes' | 'limited'> {
  const { state, doors } = dispatcher;
  const nowMs = doors.clock.monotonicMs();
  const ages = (state.pace.traffic.get(ownName(dispatcher)) ?? []).flatMap((atMs) => {
    const ageS = Math.floor((nowMs - atMs) / SECOND);
    return ageS <= MINUTE / SECOND ? [ageS] : [];
  });
  const limitedFor = nowMs - state.pace.limitedMs;
  return {
    pushes: [0, ...ages].slice(0, PUSHES_TOLD_MAX),
    ...(limitedFor < LIMITED_MS ? { limited: Math.floor(limitedFor / SECOND) } : {}),
  };
}

/** `low`: what can wait until the others had their turn. */
export type Weight = 'normal' | 'low';

/**
 * Whether this host may push now. When not, the loop looks again when its turn has come, so that
 * the asker asks again.
 */
export function mayPush(dispatcher: Dispatcher, weight: Weight = 'normal'): boolean {
  const { state, doors } = dispatcher;
  const { pace } = state;
  const rest = pushesRest(dispatcher);
  if (rest !== null) {
    pace.askedMs = Math.min(pace.askedMs ?? Number.POSITIVE_INFINITY, rest.untilMs);
    return false;
  }
  const turn = turnNow(dispatcher);
  if (turn === null) return true;
  const nowMs = doors.clock.monotonicMs();
  if (pace.sight === 'leaving') return turn.free > 0;
  const hasSeen = pace.sight === 'seen';
  if (hasSeen && turn.free > 0 && nowMs < pace.turnEndMs) return true;
  if (hasSeen && turn.isNow && (weight === 'normal' || turn.isQuiet)) {
    Object.assign(pace, { turnEndMs: nowMs + slotMs(turn.limits), waitingSinceMs: null });
    return true;
  }
  if (weight === 'normal') pace.waitingSinceMs ??= nowMs;
  const atMs = turn.isNow && hasSeen ? nowMs + slotMs(turn.limits) : turn.atMs;
  pace.askedMs = Math.min(pace.askedMs ?? Number.POSITIVE_INFINITY, atMs);
  return false;
}

/** Whether a second push of the same turn fits as well. */
export function hasRoomForTwo(dispatcher: Dispatcher): boolean {
  const turn = turnNow(dispatcher);
  return turn === null || turn.free > 1;
}

function turnNow(dispatcher: Dispatcher): (Turn & { readonly limits: Limits }) | null {
  const { state, settings, doors } = dispatcher;
  const limits = limitsNow(dispatcher);
  if (limits === null) return null;
  const beats = namesUnder(state.refs, settings.refs.hosts);
  // What was seen is as old as the look.
  const nowMs = state.pace.sight === 'seen' ? state.seenMs : doors.clock.monotonicMs();
  const turn = findTurn({
    limits,
    traffic: state.pace.traffic,
    hosts: [...beats.keys()],
    busy: state.pace.busy,
    own: ownName(dispatcher),
    sinceMs: state.pace.sinceMs,
    round: [...beats].flat().join(' '),
    waitedMs: nowMs - (state.pace.waitingSinceMs ?? nowMs),
    nowMs,
  });
  return { ...turn, limits };
}

/** Waits until this host may push, or until `signal`. */
export async function awaitTurn(dispatcher: Dispatcher, signal: AbortSignal): Promise<void> {
  if (signal.aborted || mayPush(dispatcher)) return;
  const { waiting } = dispatcher.state.pace;
  wake(dispatcher);
  await new Promise<void>((resolve) => {
    waiting.push(resolve);
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Lets one of those who wait for a turn continue, if it has come: one turn is one push. */
export function grantTurn(dispatcher: Dispatcher): void {
  const { waiting } = dispatcher.state.pace;
  if (waiting.length > 0 && mayPush(dispatcher)) waiting.shift()?.();
}
