/** The refs of one kind in a listing: claims, beats, orders. */
import type { Oid } from '../base/ids.ts';

type Refs = ReadonlyMap<string, Oid>;

interface Kind {
  readonly listed: readonly (readonly [ref: string, oid: Oid])[];
  readonly byName: ReadonlyMap<string, Oid>;
}

/**
 * A listing never changes, and every verb of a tick asks for one kind: with thousands of claims it
 * is gone through once for each.
 */
const known = new WeakMap<Refs, Map<string, Kind>>();

/** The refs of a listing that begin with `prefix`, in the order of the listing. */
export function refsUnder(refs: Refs, prefix: string): Kind['listed'] {
  return kindOf(refs, prefix).listed;
}

/** The same by what follows the prefix: claims by their key. */
export function namesUnder(refs: Refs, prefix: string): Kind['byName'] {
  return kindOf(refs, prefix).byName;
}

function kindOf(refs: Refs, prefix: string): Kind {
  const kinds = known.get(refs) ?? new Map<string, Kind>();
  known.set(refs, kinds);
  const before = kinds.get(prefix);
  if (before !== undefined) return before;
  const kind = { listed: [] as [string, Oid][], byName: new Map<string, Oid>() };
  for (const [ref, oid] of refs) {
    if (!ref.startsWith(prefix)) continue;
    kind.listed.push([ref, oid]);
    kind.byName.set(ref.slice(prefix.length), oid);
  }
  kinds.set(prefix, kind);
  return kind;
}
