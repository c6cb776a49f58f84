/** What this host knows of other hosts' claims and of work that was started before. */
import type { Oid } from '../base/ids.ts';
import { beatName } from '../protocol/beat.ts';
import type { Claim } from '../protocol/claim.ts';
import { findStart } from '../protocol/find-start.ts';
import { silentMs } from '../protocol/lease.ts';
import { MODEL_DEFAULTS } from '../protocol/models.ts';
import { elsewhere } from '../protocol/paths.ts';
import type { Work } from '../protocol/list-work.ts';
import type { Dispatcher } from './dispatcher.ts';
import { leaseTimes } from './keep-pace.ts';
import { ranExternal } from './start-ledger.ts';
import { orphanAt } from './other-claims.ts';

/** What is known of a claim that lapsed. `work`: null also for what was asked again elsewhere. */
export interface Lapsed {
  /** Null when its record cannot be read. */
  readonly claim: Claim | null;
  /** Its open work; null when there is none (answered, removed, or never was). */
  readonly work: Work | null;
  /** Whether the agent may have been started. Only its own host can know that it was not. */
  readonly started: boolean;
  /**
   * Its holder was seen to serve the model: anyone who can push can write a claim in the name of a
   * host that nobody knows.
   */
  readonly isKnown: boolean;
  /** Nobody has taken it for long enough that it is not worth keeping its number of attempts. */
  readonly isStale: boolean;
  readonly attemptsMax: number;
}

/** A lapsed claim that nobody takes over is removed after this many leases. */
const STALE_LEASES = 4;

/** Who has started this work, as `judgeWork` wants to know; null = nobody may have. */
export function startedBy(dispatcher: Dispatcher, work: Work): string | null {
  const { settings, state, mirror } = dispatcher;
  const mark = findStart(mirror.index(), work);
  if (mark !== null) return mark.by?.alias ?? 'a host that cannot be read';
  return ranExternal(state.claims.ledger, work.key) ? settings.alias : null;
}

/** Whether this host holds the claim at `ref`. */
export function isOurs(dispatcher: Dispatcher, ref: string): boolean {
  const key = ref.slice(ref.lastIndexOf('/') + 1);
  const own = dispatcher.state.claims.own.get(key);
  return own !== undefined && (own.state.kind !== 'uncertain' || own.ref === ref);
}

/** The claim at `ref` if it has lapsed in our eyes, else null. */
export function readLapsed(
  dispatcher: Dispatcher,
  ref: string,
  oid: Oid,
): Omit<Lapsed, 'work'> | null {
  const { state, settings } = dispatcher;
  const record = state.records.get(oid);
  if (record === undefined) return null;
  const claim = record?.claim ?? null;
  if (record?.isForged === true)
    return { claim: null, started: false, isKnown: false, isStale: true, attemptsMax: 0 };
  const attemptsMax =
    state.models.serving.models.get(claim?.recipient ?? '')?.attempts ?? MODEL_DEFAULTS.attempts;
  const orphan = orphanAt(state.claims.others, ref);
  if (orphan?.oid === oid)
    return { claim, started: orphan.started, isKnown: true, isStale: false, attemptsMax };
  // A claim of this very process that it does not hold was pushed without an answer and landed
  // late: nothing was started for it.
  if (claim?.run === dispatcher.run)
    return { claim, started: false, isKnown: true, isStale: false, attemptsMax };
  const silence = (beat: string | null): number => silentMs(state.book, { claim: ref, beat }) ?? 0;
  const beats = [settings.refs.hosts, elsewhere(settings.refs.hosts)];
  const forMs = Math.min(
    ...beats.map((prefix) => silence(claim === null ? null : prefix + beatName(claim))),
  );
  const { leaseMs } = leaseTimes(dispatcher);
  if (forMs < leaseMs) return null;
  return {
    claim,
    started: true,
    isKnown: claim !== null && wasServing(dispatcher, claim),
    isStale: silence(null) >= STALE_LEASES * leaseMs,
    attemptsMax,
  };
}

/** Whether this host has seen a beat of the holder that says that it serves the model. */
function wasServing({ state }: Dispatcher, claim: Claim): boolean {
  return state.host.serving.get(beatName(claim))?.has(claim.recipient) ?? false;
}
