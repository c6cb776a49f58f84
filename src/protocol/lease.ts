/**
 * Decides which claims have lapsed, for one observer. Only its own monotonic clock counts, and only
 * time in which it could reach the remote: a claim lapses when neither it nor its holder's beat has
 * changed for the lease. PROTOCOL.md "Leases".
 */
import { HOUR } from '../base/clock.ts';
import type { Oid } from '../base/ids.ts';

/** A beat that has not changed for so long is forgotten. */
export const FORGET_BEAT_MS = 24 * HOUR;
/** How often a host beats that holds nothing: it is not forgotten even when two get lost. */
export const IDLE_BEAT_MS = FORGET_BEAT_MS / 3;

interface Sighting {
  readonly oid: Oid;
  /** Connected time at which this object id was first seen. */
  readonly sinceMs: number;
  /** How long the answer took that showed it: it may have been written as late as that. */
  readonly tookMs: number;
}

export interface LeaseBook {
  /** Time during which the remote was in view, in all. */
  readonly connectedMs: number;
  /** Monotonic time at which the last poll that succeeded was asked; null = the last one failed. */
  readonly lastSeenMs: number | null;
  readonly refs: ReadonlyMap<string, Sighting>;
}

export const EMPTY_LEASES: LeaseBook = { connectedMs: 0, lastSeenMs: null, refs: new Map() };

/**
 * The book after a poll that saw `refs` (claims and beats, full names). A gap longer than
 * `gapMsMax` counts as that much: an observer that was itself stopped must not conclude that
 * everybody else was.
 */
export function observeRefs(
  book: LeaseBook,
  seen: {
    readonly refs: ReadonlyMap<string, Oid>;
    readonly nowMs: number;
    readonly tookMs?: number;
    readonly gapMsMax: number;
  },
): LeaseBook {
  // What an answer shows was true when it was asked at the earliest: a slow one proves no silence
  // for the time that it took.
  const tookMs = seen.tookMs ?? 0;
  const askedMs = seen.nowMs - tookMs;
  const gapMs =
    book.lastSeenMs === null ? 0 : Math.min(Math.max(0, askedMs - book.lastSeenMs), seen.gapMsMax);
  const connectedMs = book.connectedMs + gapMs;
  const refs = new Map<string, Sighting>();
  for (const [name, oid] of seen.refs) {
    const before = book.refs.get(name);
    refs.set(name, before?.oid === oid ? before : { oid, sinceMs: connectedMs, tookMs });
  }
  return { connectedMs, lastSeenMs: askedMs, refs };
}

/** The book after a poll that failed: the time until the next success will not count. */
export function observeOutage(book: LeaseBook): LeaseBook {
  return { ...book, lastSeenMs: null };
}

/**
 * For how long (connected time) neither the claim nor the holder's beat has changed; null when the
 * claim is not in view.
 */
export function silentMs(
  book: LeaseBook,
  refs: { readonly claim: string; readonly beat: string | null },
): number | null {
  const claim = book.refs.get(refs.claim);
  if (claim === undefined) return null;
  const beat = refs.beat === null ? undefined : book.refs.get(refs.beat);
  const changedMs = Math.max(
    claim.sinceMs + claim.tookMs,
    beat === undefined ? 0 : beat.sinceMs + beat.tookMs,
  );
  return Math.max(0, book.connectedMs - changedMs);
}
