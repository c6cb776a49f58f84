/**
 * Who decides which messages are ours. `judgeWork` says of one piece of work whether this host
 * would take it now and, if not, why not: the same words that `why` prints. `selectWork` takes what
 * is ready, in order, while slots are free. Pure.
 */
import { createHash } from 'node:crypto';
import type { Oid } from '../base/ids.ts';
import { HOUR } from '../base/clock.ts';
import { by } from '../base/order.ts';
import { formatDuration } from '../base/duration.ts';
import { parseBeatName } from '../protocol/beat.ts';
import type { Budgets, Reached } from '../protocol/budgets.ts';
import type { ModelEntry } from '../protocol/models.ts';
import { isTask, type Work } from '../protocol/open-work.ts';
import type { ReasonOf } from '../protocol/reason.ts';
import { sayReason } from '../protocol/say-reason.ts';
import { namesUnder, refsUnder } from './refs-under.ts';
import type { Parked, Serving } from './state.ts';

export interface WorkView {
  readonly alias: string;
  readonly instance: string;
  readonly mode: 'running' | 'paused' | 'draining';
  readonly serving: Serving;
  /** Claim refs on the remote. */
  readonly refs: ReadonlyMap<string, Oid>;
  readonly claimsPrefix: string;
  readonly hostsPrefix: string;
  /** Key → model, of every attempt on this host: each takes a slot. */
  readonly held: ReadonlyMap<string, string>;
  /** Who has started what may not be started again; null = nobody. */
  readonly startedBy: (work: Work) => string | null;
  /** Attempts of this host at a piece of work that came to nothing. */
  readonly attemptsHere: (work: Work) => number;
  /** Keys that this host ran before the branch was rewritten. */
  readonly blocked: ReadonlySet<string>;
  /** Keys whose answer is on its way out. */
  readonly finishing: ReadonlySet<string>;
  readonly parked: ReadonlyMap<string, Parked>;
  readonly budgets: Budgets;
  /** Models at the end of a budget. */
  readonly spentOut: ReadonlyMap<string, Reached>;
  readonly starts: ReadonlyMap<string, readonly number[]>;
  /** Work key → why nobody known has signed it, where this host requires that. */
  readonly unsigned: ReadonlyMap<string, ReasonOf<'unsigned'>>;
  readonly firstSeen: ReadonlyMap<string, number>;
  readonly concurrency: number;
  readonly maxAgeMs: number;
  readonly hopsMax: number;
  readonly stealAfterMs: number;
  /** Names of the projects of this host. */
  readonly projects: readonly string[];
  readonly wallMs: number;
  readonly monotonicMs: number;
}

/** Why a piece of work waits, or that it need not. `detail` is for people. */
export interface Verdict {
  readonly kind:
    | 'ready'
    | 'twin'
    | 'unsigned'
    | 'workflow'
    | 'stale'
    | 'hops'
    | 'pinned'
    | 'not-served'
    | 'no-project'
    | 'ran-before'
    | 'started'
    | 'attempts'
    | 'parked'
    | 'budget'
    | 'held'
    | 'claimed'
    | 'paused'
    | 'model-busy'
    | 'rate'
    | 'slots-busy';
  readonly detail: string;
}

/**
 * Whether this host takes the work now. Reasons that lie in the message come first, then in the
 * host, then in the moment.
 */
export function judgeWork(work: Work, view: WorkView): Verdict {
  return (
    judgeMessage(work, view) ??
    judgeHost(work, view) ??
    judgeMoment(work, view) ?? { kind: 'ready', detail: 'ready to be claimed' }
  );
}

function judgeMessage(work: Work, view: WorkView): Verdict | null {
  const { message } = work;
  if (work.twinOf !== null)
    return { kind: 'twin', detail: `has the same id as ${work.twinOf}, which counts` };
  const unsigned = view.unsigned.get(work.key);
  if (unsigned !== undefined) return { kind: 'unsigned', detail: sayReason(unsigned) };
  if (work.recipient === 'workflow') return { kind: 'workflow', detail: 'is a workflow marker' };
  // A task has the time of what it was made of, and its run asks now.
  const ageMs = view.wallMs - message.timestampMs;
  if (ageMs > view.maxAgeMs && !isTask(message))
    return {
      kind: 'stale',
      detail: `is ${formatDuration(ageMs)} old (max-age ${formatDuration(view.maxAgeMs)})`,
    };
  if (message.hops >= view.hopsMax)
    return { kind: 'hops', detail: `has come ${message.hops} hops (limit ${view.hopsMax})` };
  return null;
}

function judgeHost(work: Work, view: WorkView): Verdict | null {
  if (view.held.has(work.key) || view.finishing.has(work.key))
    return { kind: 'held', detail: `is in hand on ${view.alias}` };
  if (work.hosts !== null && !work.hosts.includes(view.alias))
    return {
      kind: 'pinned',
      detail: `is for ${work.recipient} on ${work.hosts.join(' or ')} only`,
    };
  if (!view.serving.models.has(work.recipient))
    return {
      kind: 'not-served',
      detail:
        view.serving.refused.get(work.recipient) ??
        `no entry for "${work.recipient}" in models.yaml`,
    };
  if (view.blocked.has(work.key))
    return {
      kind: 'ran-before',
      detail: `was run on ${view.alias} before the branch was rewritten; to have it done again, send it anew`,
    };
  const by = view.startedBy(work);
  if (by !== null)
    return {
      kind: 'started',
      detail: `was started on ${by}, and what it does cannot be taken back: no host starts it again`,
    };
  const attempts = view.attemptsHere(work);
  if (attempts >= (view.serving.models.get(work.recipient)?.attempts ?? Infinity))
    return { kind: 'attempts', detail: `had ${attempts} attempts on ${view.alias} already` };
  const { project } = work.message;
  if (project !== null && !view.projects.includes(project))
    return {
      kind: 'no-project',
      detail: `${view.alias} has no project "${project}" in its config.yaml`,
    };
  const spent = view.spentOut.get(work.recipient);
  if (spent !== undefined)
    return { kind: 'budget', detail: `${work.recipient} rests: ${spent.why}` };
  const parked = parkedOf(work.recipient, view);
  // Who is asked next has to learn that it is its turn: when no other host has answered by now,
  // this one tells, without a start.
  if (
    parked !== null &&
    !(work.message.hasFallback && hasWaited(work, view, 2 * view.stealAfterMs))
  )
    return {
      kind: 'parked',
      detail: `${work.recipient} rests for ${formatDuration(parked.untilMs - view.monotonicMs)}: ${parked.why}`,
    };
  return null;
}

/**
 * Why a model rests here; null when it does not, or when one of its fallbacks can answer for it.
 */
function parkedOf(model: string, view: WorkView): Parked | null {
  const resting = (name: string): Parked | null => {
    const parked = view.parked.get(name);
    return parked !== undefined && parked.untilMs > view.monotonicMs ? parked : null;
  };
  const fallbacks = (view.serving.models.get(model)?.fallback ?? []).filter((name) =>
    view.serving.models.has(name),
  );
  return fallbacks.some((name) => resting(name) === null) ? null : resting(model);
}

function judgeMoment(work: Work, view: WorkView): Verdict | null {
  if (namesUnder(view.refs, view.claimsPrefix).has(work.key))
    return { kind: 'claimed', detail: 'is claimed by another dispatcher' };
  if (view.mode !== 'running') return { kind: 'paused', detail: `${view.alias} is ${view.mode}` };
  const entry = view.serving.models.get(work.recipient);
  if (entry === undefined) return null;
  const busy = countHeld(view.held, work.recipient);
  if (busy >= entry.concurrency)
    return {
      kind: 'model-busy',
      detail: `${work.recipient} runs ${busy} of ${entry.concurrency} at a time`,
    };
  const rate = rateReached(work.recipient, entry, view);
  if (rate !== null) return rate;
  if (view.held.size >= view.concurrency)
    return {
      kind: 'slots-busy',
      detail: `all ${view.concurrency} slots of ${view.alias} are busy`,
    };
  return null;
}

/**
 * The work to claim now: no more than there are free slots, our own share first, another host's
 * only after it had its chance.
 */
export function selectWork(
  works: readonly Work[],
  view: WorkView,
): readonly { readonly work: Work; readonly entry: ModelEntry }[] {
  // With many hosts and much work ranking is dear: no more of it than there are free slots for.
  if (view.mode !== 'running' || view.held.size >= view.concurrency) return [];
  const held = new Map(view.held);
  const now = { ...view, held };
  const isOurShare = judgeShare(view);
  const claimed = namesUnder(view.refs, view.claimsPrefix);
  const chosen: { work: Work; entry: ModelEntry }[] = [];
  const take = (work: Work): void => {
    const entry = view.serving.models.get(work.recipient);
    if (
      entry === undefined ||
      held.size >= view.concurrency ||
      judgeWork(work, now).kind !== 'ready'
    )
      return;
    held.set(work.key, work.recipient);
    chosen.push({ work, entry });
  };
  const others: Work[] = [];
  for (const work of works) {
    if (held.size >= view.concurrency) return chosen;
    if (claimed.has(work.key)) continue;
    if (isOurShare(work)) take(work);
    else if (hasWaited(work, view, view.stealAfterMs)) others.push(work);
  }
  others.forEach(take);
  return chosen;
}

/** Says which work this host may take at once, before the grace period is over. */
function judgeShare(view: WorkView): (work: Work) => boolean {
  const hosts = peersOf(view);
  if (hosts.length === 0) return () => true;
  const all = [{ alias: view.alias, instance: view.instance }, ...hosts];
  const everybody = all.map(({ instance }) => instance).sort();
  const winners = winnersAmong(everybody);
  const preferred = ({ key, message }: Work): string => {
    if (message.preferredHost !== null) return preferredInstance(key, candidatesFor(message, all));
    const winner = winners.get(key) ?? preferredInstance(key, everybody);
    winners.set(key, winner);
    return winner;
  };
  return (work) => work.hosts !== null || preferred(work) === view.instance;
}

/**
 * Key → preferred instance, by who is in view. The same work is ranked with every look while it
 * waits, and who is in view changes seldom.
 */
const winnersBy = new Map<string, Map<string, string>>();
const VIEWS_KEPT = 8;
const WINNERS_MAX = 20_000;

function winnersAmong(instances: readonly string[]): Map<string, string> {
  const view = instances.join(' ');
  const known = winnersBy.get(view);
  const winners =
    known === undefined || known.size >= WINNERS_MAX ? new Map<string, string>() : known;
  winnersBy.delete(view);
  winnersBy.set(view, winners);
  for (const oldest of winnersBy.keys()) {
    if (winnersBy.size <= VIEWS_KEPT) break;
    winnersBy.delete(oldest);
  }
  return winners;
}

function hasWaited({ key }: Work, { firstSeen, monotonicMs }: WorkView, ms: number): boolean {
  return monotonicMs - (firstSeen.get(key) ?? monotonicMs) >= ms;
}

/** A host in view. */
export interface Peer {
  readonly alias: string;
  readonly instance: string;
}

/** Who may go first: the host that the message prefers while it is in view, else everybody. */
export function candidatesFor(
  { preferredHost }: { readonly preferredHost: string | null },
  all: readonly Peer[],
): readonly string[] {
  const preferred = all.filter(({ alias }) => alias === preferredHost);
  return (preferred.length > 0 ? preferred : all).map(({ instance }) => instance);
}

/** The other hosts in view. A dead one among them costs its share only the grace period. */
function peersOf(view: WorkView): readonly Peer[] {
  return refsUnder(view.refs, view.hostsPrefix)
    .flatMap(([ref]) => parseBeatName(ref.slice(view.hostsPrefix.length)) ?? [])
    .filter(({ instance }) => instance !== view.instance)
    .sort(by(({ instance }) => instance));
}

/** Rendezvous hashing: every host names the same one for a key without asking anybody. */
export function preferredInstance(key: string, instances: readonly string[]): string {
  let best = '';
  let bestScore = '';
  for (const instance of instances) {
    const score = createHash('sha256').update(`${key}\0${instance}`).digest('hex');
    if (score > bestScore) [best, bestScore] = [instance, score];
  }
  return best;
}

function countHeld(held: ReadonlyMap<string, string>, model: string): number {
  let count = 0;
  for (const name of held.values()) if (name === model) count += 1;
  return count;
}

function rateReached(model: string, entry: ModelEntry, view: WorkView): Verdict | null {
  const limit = Math.min(
    entry.runsPerHour ?? Infinity,
    view.budgets.models.get(model)?.runsPerHour ?? Infinity,
  );
  if (limit === Infinity) return null;
  const runs = (view.starts.get(model) ?? []).filter((atMs) => view.monotonicMs - atMs < HOUR);
  if (runs.length < limit) return null;
  const resumesInMs = Math.max(
    0,
    HOUR - (view.monotonicMs - (runs.at(-Math.max(1, limit)) ?? view.monotonicMs)),
  );
  return {
    kind: 'rate',
    detail: `${model} had its ${limit} runs of this hour; goes on in ${formatDuration(resumesInMs)}`,
  };
}
