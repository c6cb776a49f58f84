/**
 * Open work under the claims that stand for it. A message without an id of its own is known by its path; when it is moved while somebody works on
 * it, the claim keeps the key of the old path and is found again by the bytes that it names. So nobody takes it a second time.
 */
import type { Oid } from '../base/ids.ts';
import { type Claim, parseClaim } from '../protocol/claim.ts';
import { listWork, type Work } from '../protocol/open-work.ts';
import type { Dispatcher } from './dispatcher.ts';

/** The open work as it stands now, most urgent first. */
export function currentWork(dispatcher: Dispatcher): readonly Work[] {
  const works = listWork(dispatcher.mirror.index());
  const strays = strayClaims(dispatcher, dispatcher.state.refs);
  const claims = new Map<string, Claim>();
  for (const [key, oid] of strays) {
    const record = dispatcher.state.records.get(oid);
    const claim = record == null ? null : parseClaim(record.text);
    if (claim !== null) claims.set(key, claim);
  }
  for (const { key, claim } of dispatcher.state.held.values()) claims.set(key, claim);
  const prefix = dispatcher.settings.refs.claims;
  return followMoves(works, claims, (key) => dispatcher.state.refs.has(prefix + key));
}

/** Key and object of each claim that stands for no open work by its key: of a moved message, or left over. */
export function strayClaims(dispatcher: Dispatcher, refs: ReadonlyMap<string, Oid>): ReadonlyMap<string, Oid> {
  const prefix = dispatcher.settings.refs.claims;
  const claims = [...refs].flatMap(([ref, oid]) => (ref.startsWith(prefix) ? [[ref.slice(prefix.length), oid] as const] : []));
  if (claims.length === 0) return new Map();
  const open = new Set(listWork(dispatcher.mirror.index()).map(({ key }) => key));
  return new Map(claims.filter(([key]) => !open.has(key)));
}

/** Gives work the key of the claim that was made for its bytes at another path, unless it has a claim of its own. Pure. */
export function followMoves(
  works: readonly Work[],
  claims: ReadonlyMap<string, Claim>,
  isClaimed: (key: string) => boolean,
): readonly Work[] {
  const keys = new Set(works.map(({ key }) => key));
  const moved = new Map<Work, string>();
  for (const [key, claim] of claims) {
    if (keys.has(key)) continue;
    const work = works.find(
      (candidate) =>
        candidate.message.blob === claim.blob &&
        candidate.recipient === claim.recipient &&
        candidate.twinOf === null &&
        !moved.has(candidate) &&
        !isClaimed(candidate.key),
    );
    if (work !== undefined) moved.set(work, key);
  }
  return moved.size === 0 ? works : works.map((work) => ({ ...work, key: moved.get(work) ?? work.key }));
}
