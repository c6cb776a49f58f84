/**
 * What our own pushes have moved is known when they land. A listing that was under way then may
 * show what stood before, and a reader that believes it does the same a second time.
 */
import type { Oid } from '../base/ids.ts';
import type { RefUpdate, Repository } from '../transport/repository.ts';

type Refs = ReadonlyMap<string, Oid>;

/**
 * The repository whose listings show what has landed since they began; `noteLanded` hears of each
 * push that has moved something, before its caller does.
 */
export function seePushes(
  repository: Repository,
  noteLanded: (updates: readonly RefUpdate[]) => void,
): Repository {
  const underWay = new Set<RefUpdate[]>();
  return {
    ...repository,
    listRefs: async (prefixes, along) => {
      const landed: RefUpdate[] = [];
      underWay.add(landed);
      try {
        const listed = await repository.listRefs(prefixes, along);
        if (listed.kind === 'unreachable' || landed.length === 0) return listed;
        return {
          ...listed,
          value: { ...listed.value, refs: listedAfter(listed.value.refs, landed) },
        };
      } finally {
        underWay.delete(landed);
      }
    },
    push: async (updates, options) => {
      const pushed = await repository.push(updates, options);
      if (pushed.kind === 'unknown') return pushed;
      const landed = updates.filter(({ ref }) => pushed.refs.get(ref)?.kind === 'landed');
      for (const listing of underWay) listing.push(...landed);
      if (landed.length > 0) noteLanded(landed);
      return pushed;
    },
  };
}

/** The refs where these updates have put them. */
export function refsAfter(refs: Refs, landed: readonly RefUpdate[]): Refs {
  const after = new Map(refs);
  for (const update of landed) moveRef(after, update);
  return after;
}

function moveRef(refs: Map<string, Oid>, { ref, next }: RefUpdate): void {
  if (next === null) refs.delete(ref);
  else refs.set(ref, next);
}

/** One that is listed elsewhere than the push has found it was moved by somebody since. */
function listedAfter(refs: Refs, landed: readonly RefUpdate[]): Refs {
  const now = new Map(refs);
  for (const update of landed)
    if ((now.get(update.ref) ?? null) === update.expected) moveRef(now, update);
  return now;
}
