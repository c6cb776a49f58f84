/**
 * Selects the work that this host takes. `judgeWork` says whether it would take one piece of work
 * now, and if not, the reason that `why` prints. `selectWork` takes ready work in order while slots
 * are free. Pure.
 */
import { createHash } from 'node:crypto';
import type { Oid } from '../base/ids.ts';
import { HOUR } from '../base/clock.ts';
import { by } from '../base/order.ts';
import { parseBeatName } from '../protocol/beat.ts';
import type { BudgetReached, Budgets } from '../protocol/budgets.ts';
import { judgeAdmission } from '../protocol/admission.ts';
import type { ModelEntry } from '../protocol/models.ts';
import { isTask, type Work } from '../protocol/list-work.ts';
import { elsewhere, messageId } from '../protocol/paths.ts';
import type { Reason, ReasonOf } from '../protocol/reason.ts';
import { namesUnder, refsUnder } from './refs-under.ts';
import type { LostClaim, Parked, Serving } from './notes.ts';

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
  /** Keys held without a slot: their answer is being published, or their agent asks a person. */
  readonly finishing: ReadonlySet<string>;
  /** The remote answers no push, and until when none is tried; null = it does. */
  readonly pushesRest: { readonly line: string; readonly untilMs: number } | null;
  /** Claims that the remote does not take, by the key of their work. */
  readonly refusedClaims: ReadonlyMap<string, LostClaim>;
  readonly parked: ReadonlyMap<string, Parked>;
  readonly budgets: Budgets;
  /** Models at the end of a budget. */
  readonly spentOut: ReadonlyMap<string, BudgetReached>;
  readonly starts: ReadonlyMap<string, readonly number[]>;
  /** Work key → why nobody known has signed it, where this host requires that. */
  readonly unsigned: ReadonlyMap<string, ReasonOf<'unsigned'>>;
  readonly firstSeen: ReadonlyMap<string, number>;
  readonly concurrency: number;
  readonly maxAgeMs: number;
  readonly hopsMax: number;
  readonly stealAfterMs: number;
  /** Pushes are few: anyone who may push takes what waits, so that one push carries many claims. */
  readonly sharesByTurn: boolean;
  /** Names of the projects of this host. */
  readonly projects: readonly string[];
  readonly wallMs: number;
  readonly monotonicMs: number;
}

/**
 * Whether this host takes the work now. Reasons that lie in the message come first, then in the
 * host, then in the moment.
 */
export function judgeWork(work: Work, view: WorkView): Reason {
  return (
    judgeMessage(work, view) ??
    judgeHost(work, view) ??
    judgeMoment(work, view) ?? { kind: 'ready', takers: [], project: null }
  );
}

function judgeMessage(work: Work, view: WorkView): Reason | null {
  const { message, twinOf, recipient } = work;
  const { path, hops } = message;
  const id = messageId(path);
  if (twinOf !== null) return { kind: 'twin', path, of: twinOf };
  const unsigned = view.unsigned.get(work.key);
  if (unsigned !== undefined) return unsigned;
  if (recipient === 'workflow') return { kind: 'workflow', id };
  // A task has the time of what it was made of, and its run asks now.
  const ageMs = view.wallMs - message.timestampMs;
  if (ageMs > view.maxAgeMs && !isTask(message))
    return { kind: 'stale', id, ageMs, maxAgeMs: view.maxAgeMs };
  if (hops >= view.hopsMax) return { kind: 'hops', id, hops, limit: view.hopsMax };
  return null;
}

function judgeHost(work: Work, view: WorkView): Reason | null {
  const { alias: host, serving } = view;
  const { recipient: model } = work;
  if (view.held.has(work.key) || view.finishing.has(work.key)) return { kind: 'held', host };
  if (work.hosts !== null && !work.hosts.includes(host))
    return { kind: 'pinned', model, on: work.hosts };
  const entry = serving.models.get(model);
  if (entry === undefined)
    return {
      kind: 'not-served',
      model,
      offer: serving.refused.get(model) ?? { kind: 'no-entry', model },
    };
  if (view.blocked.has(work.key))
    return { kind: 'ran-before', id: messageId(work.message.path), host };
  const by = view.startedBy(work);
  if (by !== null) return { kind: 'started', by };
  const attempts = view.attemptsHere(work);
  if (attempts >= entry.attempts) return { kind: 'attempts', host, attempts };
  const refused = judgeAdmission(entry, work.message);
  if (refused !== null) return { kind: 'not-accepted', host, model, ...refused };
  const { project } = work.message;
  if (project !== null && !view.projects.includes(project))
    return { kind: 'no-project', host, project };
  const spent = view.spentOut.get(model);
  if (spent !== undefined)
    return { kind: 'rests', model, host: null, forMs: spent.untilMs - view.wallMs, why: spent };
  const unclaimed = judgeClaims(work, view);
  if (unclaimed !== null) return unclaimed;
  const parked = parkedOf(work, view);
  // Who is asked next has to learn that it is its turn: when no other host has answered by now,
  // this one tells, without a start.
  if (parked === null || (work.message.hasFallback && hasWaited(work, view, 2 * view.stealAfterMs)))
    return null;
  const forMs = parked.untilMs - view.monotonicMs;
  return { kind: 'rests', model, host: null, forMs, why: parked.why };
}

/** Whether the remote takes claims, as far as this host has tried. */
function judgeClaims({ key, recipient: model }: Work, view: WorkView): Reason | null {
  const refusal = view.refusedClaims.get(key)?.refusal;
  const rest = view.pushesRest ?? (refusal && { line: refusal.line, untilMs: refusal.nextMs });
  const forMs = (rest?.untilMs ?? 0) - view.monotonicMs;
  return rest === undefined || forMs <= 0
    ? null
    : { kind: 'rests', model, host: null, forMs, why: { kind: 'claims-refused', line: rest.line } };
}

/**
 * Why a model rests here; null when it does not, or when one of its fallbacks can answer for it.
 */
function parkedOf({ recipient: model, message }: Work, view: WorkView): Parked | null {
  const resting = (name: string): Parked | null => {
    const parked = view.parked.get(name);
    return parked !== undefined && parked.untilMs > view.monotonicMs ? parked : null;
  };
  const fallbacks = (view.serving.models.get(model)?.fallback ?? []).filter((name) => {
    const entry = view.serving.models.get(name);
    return entry !== undefined && judgeAdmission(entry, message) === null;
  });
  return fallbacks.some((name) => resting(name) === null) ? null : resting(model);
}

function judgeMoment(work: Work, view: WorkView): Reason | null {
  const { recipient: model } = work;
  const { alias: host, mode, concurrency: slots } = view;
  if (isClaimed(work, view)) return { kind: 'claimed' };
  if (mode !== 'running') return { kind: 'not-taking', host, state: mode };
  const entry = view.serving.models.get(model);
  if (entry === undefined) return null;
  const running = countHeld(view.held, model);
  if (running >= entry.concurrency)
    return { kind: 'model-busy', model, running, limit: entry.concurrency };
  const rate = rateReached(model, entry, view);
  if (rate !== null) return rate;
  return view.held.size >= slots ? { kind: 'slots-busy', host, slots } : null;
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
    if (isClaimed(work, view)) continue;
    if (isOurShare(work)) take(work);
    else if (hasWaited(work, view, view.stealAfterMs)) others.push(work);
  }
  others.forEach(take);
  return chosen;
}

/** Decides which work this host may take before the grace period is over. */
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
  return (work) =>
    work.hosts !== null ||
    (view.sharesByTurn && work.message.preferredHost === null) ||
    preferred(work) === view.instance;
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

/** Also where claims stood before the version file changed: anyone who made them may be at work. */
function isClaimed({ key }: Work, { refs, claimsPrefix }: WorkView): boolean {
  return (
    namesUnder(refs, claimsPrefix).has(key) || namesUnder(refs, elsewhere(claimsPrefix)).has(key)
  );
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

function rateReached(model: string, entry: ModelEntry, view: WorkView): Reason | null {
  const limit = Math.min(
    entry.runsPerHour ?? Infinity,
    view.budgets.models.get(model)?.runsPerHour ?? Infinity,
  );
  if (limit === Infinity) return null;
  const runs = (view.starts.get(model) ?? []).filter((atMs) => view.monotonicMs - atMs < HOUR);
  if (runs.length < limit) return null;
  const first = runs.at(-Math.max(1, limit)) ?? view.monotonicMs;
  return { kind: 'rate', model, limit, forMs: Math.max(0, HOUR - (view.monotonicMs - first)) };
}
