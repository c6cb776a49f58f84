/** The refs of one kind in a listing: claims, beats, orders. */
import type { Oid } from '../base/ids.ts';

type Refs = ReadonlyMap<string, Oid>;
type Listed = readonly (readonly [ref: string, oid: Oid])[];

/** A listing never changes, and every verb of a tick asks for one kind: with thousands of claims it is gone through once for each. */
const known = new WeakMap<Refs, Map<string, Listed>>();

/** The refs of a listing that begin with `prefix`, in the order of the listing. */
export function refsUnder(refs: Refs, prefix: string): Listed {
  const kinds = known.get(refs) ?? new Map<string, Listed>();
  known.set(refs, kinds);
  const before = kinds.get(prefix);
  if (before !== undefined) return before;
  const listed: [string, Oid][] = [];
  for (const [ref, oid] of refs) if (ref.startsWith(prefix)) listed.push([ref, oid]);
  kinds.set(prefix, listed);
  return listed;
}
