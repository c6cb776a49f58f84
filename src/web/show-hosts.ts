/**
 * The board of hosts and models as the page gets it: beats, slots, what rests, and how much of the
 * day's budget is used.
 */
import { DAY, HOUR, systemClock } from '../base/clock.ts';
import {
  type Budget,
  type Budgets,
  BUDGETS_READABLE,
  dayEnd,
  decodeBudgets,
} from '../protocol/budgets.ts';
import { IDLE_BEAT_MS } from '../protocol/lease.ts';
import { messageId } from '../protocol/paths.ts';
import { readFileInForce } from '../transport/find-readable.ts';
import { liveHosts } from '../cli/look/host-opinions.ts';
import type { HostSeen } from '../cli/look/look-around.ts';
import { stateOf } from '../cli/look/status.ts';
import { paceOf } from '../cli/session/transport-session.ts';
import { describeModel, readModelViews } from '../cli/look/models.ts';
import type { Invocation } from '../cli/command.ts';
import { lately } from './book.ts';
import type { Moment } from './desk.ts';
import { countAnswers } from './figures.ts';
import { perMinute } from './traffic.ts';
import { sayReason } from '../protocol/say-reason.ts';

/** Hosts, the models they serve, and the budgets of the day. */
export async function showHosts(moment: Moment, invocation: Invocation) {
  const { around, session, book } = moment;
  const live = new Set(liveHosts(around));
  const nowMs = systemClock.wallMs();
  const budgets = await readBudgets(moment);
  const hosts = around.hosts.map((host) =>
    showHost(host, {
      here: host.instance === around.here?.instance ? around.here : null,
      isLive: live.has(host),
      state: stateOf(host, around),
      nowMs,
      leaseMs: around.leaseMs,
    }),
  );
  const views = await readModelViews(session, invocation.env).catch(() => []);
  const waiting = new Map<string, number>();
  for (const { recipient, key } of around.works)
    if (!around.claims.has(key)) waiting.set(recipient, (waiting.get(recipient) ?? 0) + 1);
  const running = new Map<string, number>();
  for (const { claim } of around.claims.values())
    if (claim !== null) running.set(claim.recipient, (running.get(claim.recipient) ?? 0) + 1);
  const week = countAnswers(book.entries.values(), 'model', lately(book, 7));
  const here = new Map(views.map((view) => [view.offer.name, describeModel(view)]));
  const names = [
    ...new Set([...here.keys(), ...around.hosts.flatMap(({ beat }) => beat?.models ?? [])]),
  ].sort();
  const models = names.map((name) => ({
    name,
    here: here.get(name) ?? null,
    hosts: hosts
      .filter(({ models: served, isUp }) => isUp && served.includes(name))
      .map(({ alias }) => alias),
    parked: hosts.flatMap(({ alias, parked }) =>
      parked.filter(({ model }) => model === name).map((one) => ({ ...one, host: alias })),
    ),
    waiting: waiting.get(name) ?? 0,
    running: running.get(name) ?? 0,
    week: week.series.find((series) => series.name === name)?.total ?? null,
  }));
  return {
    me: session.config.alias,
    hosts,
    models,
    budgets: budgets === null ? null : showBudgets(budgets, moment, nowMs),
    rates: showRates(budgets, moment, nowMs),
    traffic: await showTraffic(moment, nowMs),
    leaseMs: moment.around.leaseMs,
    nowMs,
  };
}

function showHost(
  host: HostSeen,
  seen: {
    readonly here: Moment['around']['here'];
    readonly isLive: boolean;
    readonly state: string;
    readonly nowMs: number;
    readonly leaseMs: number;
  },
) {
  const { here, isLive, state, nowMs, leaseMs } = seen;
  const { beat } = host;
  const isOld = here === null && (host.ageMs ?? 0) > leaseMs;
  const resting = [
    ...(here?.parked.map((one) => ({ ...one, untilMs: nowMs + one.forMs })) ?? beat?.blocked ?? []),
  ];
  return {
    alias: host.alias,
    instance: host.instance,
    isHere: here !== null,
    isUp: isLive && beat?.state !== 'stopped',
    state,
    ...(beat === null
      ? NO_BEAT
      : {
          version: beat.version,
          slots: beat.slots,
          models: beat.models,
          beatMs: beat.atMs,
          beats: beat.count,
        }),
    parked: resting
      .filter(({ untilMs }) => untilMs === null || untilMs > nowMs)
      .map(({ model, why, untilMs }) => {
        const forMs = untilMs === null ? null : untilMs - nowMs;
        return {
          model,
          untilMs,
          says: sayReason({ kind: 'rests', model, host: host.alias, forMs, why }),
        };
      }),
    holds: host.claims.flatMap(({ claim }) =>
      claim === null
        ? []
        : [{ id: messageId(claim.message), model: claim.recipient, attempt: claim.attempt }],
    ),
    // A host that holds nothing is not dead because it beats seldom.
    beatsEveryMs: isLive && host.claims.length === 0 && isOld ? IDLE_BEAT_MS : null,
    unsent: here?.unsent ?? null,
    outage: here?.outage ?? null,
  };
}

const NO_BEAT = {
  version: null,
  slots: 0,
  models: [] as readonly string[],
  beatMs: null,
  beats: 0,
};

/** How often each host that is up has pushed in each minute of the last hour. */
async function showTraffic({ around, session, traffic }: Moment, nowMs: number) {
  const { limits } = await paceOf(session);
  const hosts = liveHosts(around).map(({ alias }) => ({
    alias,
    minutes: perMinute(traffic.get(alias) ?? [], nowMs),
  }));
  return { limit: limits?.pushesPerMinute ?? null, hosts };
}

async function readBudgets({ session, around }: Moment): Promise<Budgets | null> {
  const { tip } = around.index;
  const { repository } = session;
  const text =
    tip === null
      ? null
      : (await readFileInForce(repository, { tip, known: null }, BUDGETS_READABLE)).text;
  return text === null ? null : decodeBudgets(text).budgets;
}

/**
 * The replies of the last hour of models whose runs in an hour are limited: by data/budgets.yaml
 * those of all hosts, by an entry those of this one.
 */
function showRates(budgets: Budgets | null, { around, session, book }: Moment, nowMs: number) {
  const { alias } = session.config;
  const ofAll = [...(budgets?.models ?? [])].map(
    ([name, { runsPerHour }]) => [name, runsPerHour, null] as const,
  );
  const here = around.offers.map(
    ({ name, entry }) => [name, entry?.runsPerHour ?? null, alias] as const,
  );
  const replies = [...book.entries.values()].filter(({ atMs }) => atMs > nowMs - HOUR);
  return [...ofAll, ...here].flatMap(([model, limit, on]) => {
    if (limit === null) return [];
    const used = replies.filter(
      ({ recipient, host }) => recipient === model && (on === null ? host !== null : host === on),
    ).length;
    return [{ name: on === null ? model : `${model} on ${on}`, unit: 'runs', used, limit }];
  });
}

/** What models have used today (UTC) of what data/budgets.yaml allows. */
function showBudgets(budgets: Budgets, { book }: Moment, nowMs: number) {
  const today = countAnswers(book.entries.values(), 'model', lately(book, 1));
  const line = (name: string, budget: Budget, used: (typeof today)['total'] | undefined) => [
    ...(budget.usdPerDay === null
      ? []
      : [{ name, unit: 'USD', used: used?.usd ?? 0, limit: budget.usdPerDay }]),
    ...(budget.tokensPerDay === null
      ? []
      : [
          {
            name,
            unit: 'tokens',
            used: (used?.tokensIn ?? 0) + (used?.tokensOut ?? 0),
            limit: budget.tokensPerDay,
          },
        ]),
  ];
  return {
    untilMs: Math.min(dayEnd(nowMs), nowMs + DAY),
    lines: [
      ...line('all models', budgets.all, today.total),
      ...[...budgets.models].flatMap(([name, budget]) =>
        line(name, budget, today.series.find((series) => series.name === name)?.total),
      ),
    ],
  };
}
