/**
 * Claims on the remote that this process does not hold: those of an earlier process of this state
 * directory, which is dead whatever their lease says, and those that this host is settling. For all
 * others see lapsed-claims.ts.
 */
import type { Oid } from '../base/ids.ts';

/** A claim of an earlier run. */
export interface Orphan {
  readonly oid: Oid;
  /** Whether its agent was started. */
  readonly started: boolean;
}

export type OtherClaim =
  | { readonly kind: 'orphan'; readonly orphan: Orphan }
  /** Its removal, or the reply that ends it, is on its way. */
  | { readonly kind: 'settling'; readonly orphan: Orphan | null };

/** By their refs. */
export type OtherClaims = Map<string, OtherClaim>;

/** Its process is dead: it need not be waited for. */
export function noteOrphan(others: OtherClaims, ref: string, orphan: Orphan): void {
  const isSettling = others.get(ref)?.kind === 'settling';
  others.set(ref, { kind: isSettling ? 'settling' : 'orphan', orphan });
}

/** What was known of a dead process's claim; null = not one. */
export function orphanAt(others: OtherClaims, ref: string): Orphan | null {
  return others.get(ref)?.orphan ?? null;
}

/** The refs of the claims of dead processes. */
export function orphanRefs(others: OtherClaims): readonly string[] {
  return [...others].flatMap(([ref, { orphan }]) => (orphan === null ? [] : [ref]));
}

/** True while what ends it is on its way. */
export function isSettling(others: OtherClaims, ref: string): boolean {
  return others.get(ref)?.kind === 'settling';
}

/** What ends it continues its way. */
export function beginSettling(others: OtherClaims, ref: string): void {
  others.set(ref, { kind: 'settling', orphan: orphanAt(others, ref) });
}
