/**
 * What each host says of a piece of open work: the one here by its own state, the others by their
 * beats.
 */
import { findStart } from '../../protocol/find-start.ts';
import { NO_BUDGETS } from '../../protocol/budgets.ts';
import { HOUR, systemClock } from '../../base/clock.ts';
import { formatDuration } from '../../base/duration.ts';
import type { Serving } from '../../dispatcher/state.ts';
import type { Verdict, WorkView } from '../../dispatcher/select-work.ts';
import type { Work } from '../../protocol/open-work.ts';
import type { HostSeen, Surroundings } from './look-around.ts';
import { describeOffer } from './serving.ts';

export interface HostOpinion {
  readonly host: string;
  readonly says: string;
  readonly wouldTake: boolean;
}

/**
 * Hosts that count as up: not silent with claims in hand. The one that runs here is up whatever its
 * beat says.
 */
export function liveHosts(around: Surroundings): readonly HostSeen[] {
  return around.hosts.filter((host) => !host.silent || host.instance === around.here?.instance);
}

/** What every host says of the work: the one here with `verdict`, the others by their beats. */
export function opinionsOn(
  around: Surroundings,
  work: Work,
  verdict: Verdict,
): readonly HostOpinion[] {
  const own: readonly HostOpinion[] =
    around.here === null
      ? []
      : [
          {
            host: `${around.here.alias} (this host)`,
            says: verdict.detail,
            wouldTake: verdict.kind === 'ready',
          },
        ];
  const offer = around.offers.find(({ name }) => name === work.recipient);
  // The entry that all hosts share; one of this host's own says nothing of the others.
  const atATime = offer?.source === 'transport' ? (offer.entry?.concurrency ?? null) : null;
  const others = around.hosts
    .filter(({ instance }) => instance !== around.here?.instance)
    .map((host) => opinionOf(host, { work, atATime }));
  return [...own, ...others];
}

interface Asked {
  readonly work: Work;
  /** How many of the model a host runs at a time; null = not known here. */
  readonly atATime: number | null;
}

function opinionOf(host: HostSeen, { work, atATime }: Asked): HostOpinion {
  const told = (says: string, wouldTake = false): HostOpinion => ({
    host: host.alias,
    says,
    wouldTake,
  });
  const { beat } = host;
  if (beat === null) return told('its beat cannot be read');
  if (host.silent)
    return told(
      `is silent: its last beat is ${formatDuration(host.ageMs ?? 0)} old by its own clock`,
    );
  if (work.hosts !== null && !work.hosts.includes(host.alias))
    return told(`the message is for ${work.hosts.join(' or ')} only`);
  if (!beat.models.includes(work.recipient)) return told(`does not serve ${work.recipient}`);
  const blocked = beat.blocked.find(({ model }) => model === work.recipient);
  if (blocked !== undefined && (blocked.untilMs === null || blocked.untilMs > systemClock.wallMs()))
    return told(
      `${work.recipient} rests there${blocked.untilMs === null ? '' : ` for ${formatDuration(blocked.untilMs - systemClock.wallMs())}`}: ${blocked.why}`,
    );
  if (beat.state !== 'running') return told(`is ${beat.state}`);
  // What it holds is on the remote; its last beat may be from before.
  const same = host.claims.filter(({ claim }) => claim?.recipient === work.recipient).length;
  if (atATime !== null && same >= atATime)
    return told(`${work.recipient} runs there ${same} of ${atATime} at a time`);
  const free = beat.slots - host.claims.length;
  if (free <= 0) return told(`all ${beat.slots} slots are busy`);
  return told(`serves it and has ${free} of ${beat.slots} slots free`, true);
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
        offer.state.kind === 'served' ? [] : [[offer.name, describeOffer(offer)] as const],
      ),
    ),
  };
  const running = here?.running ?? [];
  return {
    alias: here?.alias ?? config.alias,
    instance: here?.instance ?? '',
    mode: here === null || here.state === 'stopped' ? 'running' : here.state,
    serving,
    refs: around.refs,
    claimsPrefix: session.refs.claims,
    hostsPrefix: session.refs.hosts,
    held: new Map(
      running.filter(({ publishing }) => !publishing).map(({ key, model }) => [key, model]),
    ),
    finishing: new Set(running.filter(({ publishing }) => publishing).map(({ key }) => key)),
    parked: new Map(
      (here?.parked ?? []).map(({ model, why, forMs }) => [model, { why, untilMs: nowMs + forMs }]),
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
    projects: Object.keys(session.config.projects),
    wallMs: systemClock.wallMs(),
    monotonicMs: nowMs,
  };
}
