/**
 * Decides whose turn it is to push where all hosts share a limit. Every host computes it from the
 * pushes it has seen; there is no coordinator. PROTOCOL.md "Pace". Pure.
 */
import { createHash } from 'node:crypto';
import { MINUTE, SECOND } from '../base/clock.ts';
import type { Limits } from './pace.ts';

/**
 * The pushes that a host knows of, by the name of the host that made them: monotonic times at which
 * each was over at the latest, newest first.
 */
export type Traffic = ReadonlyMap<string, readonly number[]>;

/** Pushes of a person or a program without a beat: seen by what they moved. */
export const UNTOLD = '';

/** A minute, and what two observers may see apart. */
export const WINDOW_MS = MINUTE + 2 * SECOND;
/** More than this of one pusher is not kept: a beat may say anything. */
const KEPT_MAX = 600;
/** More places than this a round has not: then several hosts share one. */
const PLACES_MAX = 12;
/** Hosts without claims that share a place. */
const IDLE_A_PLACE = 3;
/** Hosts without a beat yet: so many can begin at a time. */
const STRANGERS_A_PLACE = 4;
const STRANGERS = 'strangers';
/** Halves of a slot over which the first pushes of hosts that begin together are spread. */
const FIRST_PLACES = 8;
/** In one of so many rounds they come first. */
const IDLE_FIRST = 4;
/** Part of the pushes that several hosts keep back. */
const UNTOLD_PART = 0.3;
/** A host waits at most as long as if all hosts had pushed in turn so often. */
const STARVED_ROUNDS = 3;
const SLOT_MS_MAX = 5 * SECOND;

/** What is known at one moment. */
export interface Road {
  readonly limits: Limits;
  readonly traffic: Traffic;
  /** Names of the hosts in view. This one may not be among them yet. */
  readonly hosts: readonly string[];
  readonly busy: ReadonlySet<string>;
  readonly own: string;
  /** Since when this host looks at this transport, in a pace that limits pushes. */
  readonly sinceMs: number;
  /** What every host sees alike, and what changes with every push of a host. */
  readonly round: string;
  /** For how long this host has waited for a turn. */
  readonly waitedMs: number;
  readonly nowMs: number;
}

/** The traffic with these pushes of `who` in place of those known; what is old is forgotten. */
export function noteTraffic(
  traffic: Traffic,
  who: string,
  { times, nowMs }: { readonly times: readonly number[]; readonly nowMs: number },
): Traffic {
  const young = (list: readonly number[]): readonly number[] =>
    list.filter((atMs) => nowMs - atMs < WINDOW_MS).slice(0, KEPT_MAX);
  const kept = [...traffic].flatMap(([name, list]) => {
    const left = name === who ? [] : young(list);
    return left.length === 0 ? [] : [[name, left] as const];
  });
  const fresh = young([...times].sort((a, b) => b - a));
  return new Map(fresh.length === 0 ? kept : [...kept, [who, fresh]]);
}

/** Pushes of the last minute, newest first. */
export function listPushes({ traffic, nowMs }: Pick<Road, 'traffic' | 'nowMs'>): readonly number[] {
  return [...traffic.values()]
    .flat()
    .filter((atMs) => nowMs - atMs < WINDOW_MS)
    .sort((a, b) => b - a);
}

/**
 * Pushes a minute that hosts use. The rest is for what nobody has told of: one that lost takes no
 * beat along, and two hosts may begin at the same moment.
 */
export function allowed({ pushesPerMinute }: Limits, isAlone: boolean): number {
  const kept = isAlone ? 1 : Math.ceil(pushesPerMinute * UNTOLD_PART);
  return Math.max(1, pushesPerMinute - kept);
}

/** How long one host leaves the road to the one before it: until that one's push can be seen. */
export function slotMs({ pushesPerMinute }: Limits): number {
  return Math.min(SLOT_MS_MAX, MINUTE / pushesPerMinute / 2);
}

export interface Turn {
  /** A look that began at `nowMs` lies in this host's slot, and a push fits into the minute. */
  readonly isNow: boolean;
  /** The beginning of this host's next slot with room for a push, or of the one that is now. */
  readonly atMs: number;
  /** Every place of this round has come once: what can wait may go, too. */
  readonly isQuiet: boolean;
  /** Pushes that fit into this minute still. */
  readonly free: number;
}

/**
 * When this host's turn is. With each push of a host that anybody sees a round begins: the hosts
 * are put in another order, the same on all of them, and each has its own slot, again and
 * again, until somebody pushes.
 */
export function findTurn(road: Road): Turn {
  const { limits, hosts, own, nowMs } = road;
  // Who has begun a moment ago cannot be seen yet, nor what it has pushed.
  const isNew = nowMs - road.sinceMs < WINDOW_MS;
  const isAlone = !isNew && hosts.every((name) => name === own);
  const most = allowed(limits, isAlone);
  // Anyone who can push can write beats about pushes that never were: nobody waits for ever.
  // Some hosts are not in view yet, and each of those has its share as well.
  const inView = Math.max(STRANGERS_A_PLACE, hosts.length);
  const isStarved = road.waitedMs >= (STARVED_ROUNDS * WINDOW_MS * inView) / most;
  const told = toldPushes(road);
  const pushes = isStarved ? told.slice(Math.max(0, told.length - most + 1)) : told;
  const oldest = pushes[most - 1];
  const freeMs = oldest === undefined ? Number.NEGATIVE_INFINITY : oldest + WINDOW_MS;
  const startMs = roundStart(road, pushes);
  const free = Math.max(0, most - pushes.length);
  const earliestMs = Math.max(nowMs, startMs, freeMs);
  if (isAlone || startMs === Number.NEGATIVE_INFINITY)
    return findOwnTurn(road, pushes, { most, isNew });
  const slot = slotMs(limits);
  const { place, places, sharing } = placeOf(road);
  const roundMs = places * sharing.hosts * slot;
  const firstMs = startMs + (1 + place + sharing.nth * places) * slot;
  const round = Math.max(0, Math.ceil((earliestMs - slot / 2 - firstMs) / roundMs));
  const atMs = firstMs + round * roundMs;
  const isNow = free > 0 && earliestMs <= nowMs && nowMs >= atMs;
  return { isNow, atMs: Math.max(atMs, earliestMs), isQuiet: round > 0, free };
}

/**
 * Alone, it waits only for what comes up meanwhile, and only when few pushes are left. One that has
 * just begun lets others that began with it be seen first: their first pushes are spread.
 */
function findOwnTurn(
  { limits, nowMs, sinceMs, own }: Road,
  pushes: readonly number[],
  { most, isNew }: { readonly most: number; readonly isNew: boolean },
): Turn {
  const free = Math.max(0, most - pushes.length);
  const isLow = pushes.length * 2 >= most;
  const [lastMs = Number.NEGATIVE_INFINITY] = pushes;
  const freeMs = free > 0 ? nowMs : (pushes[most - 1] ?? nowMs) + WINDOW_MS;
  const spreadMs = isNew ? (draw(own) % FIRST_PLACES) * (slotMs(limits) / 2) : 0;
  const atMs = Math.max(
    nowMs,
    freeMs,
    sinceMs + spreadMs,
    isLow ? lastMs + MINUTE / limits.pushesPerMinute : nowMs,
  );
  return { isNow: atMs <= nowMs, atMs, isQuiet: true, free };
}

function draw(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE(0);
}

/** What people push waits for nobody, and takes nothing from the hosts. */
function toldPushes({ traffic, nowMs }: Road): readonly number[] {
  return listPushes({
    traffic: new Map([...traffic].filter(([who]) => who !== UNTOLD)),
    nowMs,
  });
}

/**
 * From when places are counted: the last push of a host; where there was none, what somebody else
 * has pushed and all hosts see at once.
 */
function roundStart({ traffic }: Road, [lastMs]: readonly number[]): number {
  return lastMs ?? traffic.get(UNTOLD)?.[0] ?? Number.NEGATIVE_INFINITY;
}

interface Place {
  /** From 0. */
  readonly place: number;
  readonly places: number;
  /** Hosts that have this place in turn, round by round, and which of them this one is. */
  readonly sharing: { readonly hosts: number; readonly nth: number };
}

/**
 * This host's place in the order of the round: a lottery that all hosts draw alike, again in each
 * round, so that nobody is last for ever. Those that hold claims have a place each, and mostly come
 * first; of those that hold none several have one in turn; one place, somewhere between them, is
 * for hosts that nobody has seen yet.
 */
function placeOf({ hosts, busy, own, round }: Road): Place {
  const lot = (name: string): number => draw(`${round}\0${name}`);
  const mine = lot(own);
  const isBusy = busy.has(own);
  const busyCount = hosts.filter((name) => busy.has(name)).length;
  const before = hosts.filter((name) => busy.has(name) === isBusy && lot(name) < mine).length;
  const idlePlaces = Math.ceil((hosts.length - busyCount) / IDLE_A_PLACE);
  const places = busyCount + idlePlaces + 1;
  const strange = lot(STRANGERS) % places;
  if (!hosts.includes(own)) {
    const sharing = { hosts: STRANGERS_A_PLACE, nth: mine % STRANGERS_A_PLACE };
    return { ...bounded(strange, places), sharing };
  }
  const isIdleFirst = lot('') % IDLE_FIRST === 0;
  const known = isBusy
    ? before + (isIdleFirst ? idlePlaces : 0)
    : Math.floor(before / IDLE_A_PLACE) + (isIdleFirst ? 0 : busyCount);
  const first = before - (before % IDLE_A_PLACE);
  const sharing = isBusy
    ? { hosts: 1, nth: 0 }
    : { hosts: Math.min(IDLE_A_PLACE, hosts.length - busyCount - first), nth: before - first };
  return { ...bounded(known >= strange ? known + 1 : known, places), sharing };
}

function bounded(place: number, places: number): Pick<Place, 'place' | 'places'> {
  const most = Math.min(places, PLACES_MAX);
  return { place: Math.floor((place * most) / places), places: most };
}
