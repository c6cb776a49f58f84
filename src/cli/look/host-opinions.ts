/**
 * What each host says of a piece of open work: the one here by its own state, the others by their
 * beats. And which hosts count as up.
 */
import { findStart } from '../../protocol/find-start.ts';
import { NO_BUDGETS } from '../../protocol/budgets.ts';
import { HOUR, systemClock } from '../../base/clock.ts';
import type { Serving } from '../../dispatcher/notes.ts';
import type { WorkView } from '../../dispatcher/select-work.ts';
import type { Work } from '../../protocol/list-work.ts';
import type { HostSays, Reason, ReasonOf } from '../../protocol/reason.ts';
import type { HostSeen, Surroundings } from './look-around.ts';

/** After so many of its longest pauses a host that could take work and has not is suspect. */
const PAUSES_SUSPECT = 3;

/**
 * Hosts that count as up: neither silent while holding claims, nor suspect, nor this host's own
 * beat while no dispatcher runs here. The one that runs here is up whatever its beat says.
 */
export function liveHosts(around: Surroundings): readonly HostSeen[] {
  return around.hosts.filter((host) => doubtOf(around, host) === null);
}

/** Whether a dispatcher runs anywhere that takes what is sent now. */
export function isAnybodyUp(around: Surroundings): boolean {
  return (
    around.here !== null ||
    liveHosts(around).some(({ beat }) => beat !== null && beat.state !== 'stopped')
  );
}

/** That other hosts have shown themselves under the name of this one; null: none has. */
export function namesakesOf(
  { hosts }: Surroundings,
  { alias: host }: HostSeen,
): ReasonOf<'alias-twice'> | null {
  const count = hosts.filter(({ alias }) => alias === host).length;
  return count < 2 ? null : { kind: 'alias-twice', host, count };
}

/** Why a host with a beat does not count as up; null when it does. */
export function doubtOf(
  around: Surroundings,
  host: HostSeen,
): ReasonOf<'host-silent' | 'host-suspect' | 'host-down'> | null {
  if (host.instance === around.here?.instance) return null;
  const isOwn = host.instance === around.ownInstance;
  if (isOwn && around.here === null && !around.hereSilent)
    return { kind: 'host-down', host: host.alias, isHere: true };
  if (host.silent) return { kind: 'host-silent', ageMs: host.ageMs ?? 0 };
  return suspicionOf(around, host);
}

/**
 * An idle host need not beat, so that its silence alone says nothing. That it leaves work lying
 * which it could take does. Two clocks are compared, so this is for people only.
 */
function suspicionOf(around: Surroundings, host: HostSeen): ReasonOf<'host-suspect'> | null {
  const { beat, ageMs } = host;
  if (beat?.state !== 'running' || ageMs === null) return null;
  const pollMs = beat.pollMs ?? around.session.config.intervalMaxMs;
  const nowMs = systemClock.wallMs();
  const longest = around.works.reduce((most, work) => {
    const { message, recipient } = work;
    const waitedMs = nowMs - message.timestampMs;
    const isItsOwn = message.preferredHost === null || message.preferredHost === host.alias;
    // Whether a host has the project of a message, or takes one so old, its beat does not say.
    return waitedMs > most &&
      waitedMs <= around.session.config.maxAgeMs &&
      message.project === null &&
      recipient !== 'workflow' &&
      work.twinOf === null &&
      message.hops < around.session.config.hopsMax &&
      isItsOwn &&
      !around.claims.has(work.key) &&
      opinionByBeat(host, { ...askedOf(around, work), atATime: null }).kind === 'free'
      ? waitedMs
      : most;
  }, 0);
  const waitedMs = Math.min(longest, ageMs);
  return waitedMs < PAUSES_SUSPECT * pollMs
    ? null
    : { kind: 'host-suspect', host: host.alias, waitedMs, pollMs };
}

/** What every host says of the work: the one here with `verdict`, the others by their beats. */
export function opinionsOn(around: Surroundings, work: Work, verdict: Reason): readonly HostSays[] {
  const own: readonly HostSays[] =
    around.here === null ? [] : [{ host: around.here.alias, isHere: true, reason: verdict }];
  const asked = askedOf(around, work);
  const others = around.hosts
    .filter(({ instance }) => instance !== around.here?.instance)
    .map((host) => ({
      host: host.alias,
      isHere: false,
      reason: opinionOf(around, host, asked),
    }));
  return [...own, ...others];
}

/** True when this opinion is that the host takes the work at its next poll. */
export function wouldTake({ reason }: HostSays): boolean {
  return reason.kind === 'ready' || reason.kind === 'free';
}

interface Asked {
  readonly work: Work;
  /** How many of the model a host runs at a time; null = not known here. */
  readonly atATime: number | null;
  /** Its message has no signature. */
  readonly isBare: boolean;
  /** It may act outside, to this host's knowledge. */
  readonly isExternal: boolean;
}

function askedOf(around: Surroundings, work: Work): Asked {
  const offer = around.offers.find(({ name }) => name === work.recipient);
  // The entry that all hosts share; one of this host's own says nothing of the others.
  const entry = offer?.source === 'transport' ? offer.entry : null;
  return {
    work,
    atATime: entry?.concurrency ?? null,
    isBare: around.bare.has(work.message.path),
    isExternal: work.message.isExternal || entry?.effects === 'external',
  };
}

function opinionOf(around: Surroundings, host: HostSeen, asked: Asked): Reason {
  const doubt = doubtOf(around, host);
  if (doubt !== null && doubt.kind !== 'host-suspect') return doubt;
  const opinion = opinionByBeat(host, asked);
  return opinion.kind === 'free' ? (doubt ?? opinion) : opinion;
}

function opinionByBeat(host: HostSeen, asked: Asked): Reason {
  const { work, atATime } = asked;
  const { beat, alias } = host;
  const { recipient: model, message } = work;
  if (beat === null) return { kind: 'beat-unreadable' };
  if (work.hosts !== null && !work.hosts.includes(alias))
    return { kind: 'pinned', model, on: work.hosts };
  if (!beat.models.includes(model)) return { kind: 'does-not-serve', model };
  const requires = new Set(beat.requires);
  if (asked.isBare && (requires.has('all') || (requires.has('external') && asked.isExternal)))
    return {
      kind: 'unsigned',
      path: message.path,
      host: alias,
      from: message.from,
      found: { kind: 'nobody' },
    };
  const nowMs = systemClock.wallMs();
  const blocked = beat.blocked.find((one) => one.model === model);
  if (blocked !== undefined && (blocked.untilMs === null || blocked.untilMs > nowMs)) {
    const forMs = blocked.untilMs === null ? null : blocked.untilMs - nowMs;
    return { kind: 'rests', model, host: alias, forMs, why: blocked.why };
  }
  if (beat.state !== 'running') return { kind: 'not-taking', host: alias, state: beat.state };
  // What it holds is on the remote; its last beat may be from before.
  const same = host.claims.filter(({ claim }) => claim?.recipient === model).length;
  if (atATime !== null && same >= atATime)
    return { kind: 'model-busy', model, running: same, limit: atATime };
  const free = beat.slots - host.claims.length;
  return free <= 0
    ? { kind: 'slots-busy', host: alias, slots: beat.slots }
    : { kind: 'free', free, slots: beat.slots };
}

/**
 * The moment as select-work.ts sees it on this host: of the dispatcher that runs here, or of one
 * that would.
 */
export function viewOf(around: Surroundings): WorkView {
  const { session, here } = around;
  const { config } = session;
  const nowMs = systemClock.monotonicMs();
  const entries = around.offers.flatMap(({ name, entry, state }) =>
    state.kind === 'served' && entry !== null ? [[name, entry] as const] : [],
  );
  const serving: Serving = {
    models: new Map(entries),
    refused: new Map(
      around.offers.flatMap((offer) =>
        offer.state.kind === 'served' ? [] : [[offer.name, offer.state] as const],
      ),
    ),
  };
  const running = here?.running ?? [];
  return {
    alias: here?.alias ?? config.alias,
    instance: here?.instance ?? '',
    pushesRest: null,
    mode: here === null || here.state === 'stopped' ? 'running' : here.state,
    serving,
    refs: around.refs,
    claimsPrefix: session.refs.claims,
    hostsPrefix: session.refs.hosts,
    held: new Map(
      running.filter(({ publishing }) => !publishing).map(({ key, model }) => [key, model]),
    ),
    finishing: new Set(running.filter(({ publishing }) => publishing).map(({ key }) => key)),
    refusedClaims: new Map(),
    parked: new Map(
      around.resting.map(({ model, why, forMs }) => [model, { why, untilMs: nowMs + forMs }]),
    ),
    // What a running dispatcher has found used up is among its parked models.
    budgets: NO_BUDGETS,
    spentOut: new Map(),
    starts: new Map(),
    startedBy: (work) => findStart(session.mirror.index(), work)?.by?.alias ?? null,
    attemptsHere: () => 0,
    blocked: around.ranBefore,
    unsigned: around.unsigned,
    firstSeen: new Map(),
    concurrency: config.concurrency,
    maxAgeMs: config.maxAgeMs,
    hopsMax: config.hopsMax,
    stealAfterMs: HOUR,
    sharesByTurn: false,
    projects: Object.keys(session.projects),
    wallMs: systemClock.wallMs(),
    monotonicMs: nowMs,
  };
}

/** Names of hosts that have shown themselves, and of this one. */
export function hostsKnown({ hosts, here, session }: Surroundings): ReadonlySet<string> {
  const own = here === null ? [] : [here.alias];
  return new Set([...hosts.map(({ alias }) => alias), ...own, session.config.alias]);
}
