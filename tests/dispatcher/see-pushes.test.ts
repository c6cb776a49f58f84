import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Oid } from '../../src/base/ids.ts';
import { seePushes } from '../../src/dispatcher/see-pushes.ts';
import type { RefUpdate, Repository } from '../../src/transport/repository.ts';

const A = 'refs/crosstalk/claims/a';
const REFS = [A, 'refs/crosstalk/claims/b', 'refs/crosstalk/hosts/c'];
const ONE = '1'.repeat(40) as Oid;
const TWO = '2'.repeat(40) as Oid;
const OIDS = [ONE, TWO];

const pushed = fc.record({
  ref: fc.constantFrom(...REFS),
  next: fc.option(fc.constantFrom(...OIDS), { nil: null }),
  /** Nobody knows what became of it. */
  isLost: fc.boolean(),
});

/** A remote of refs whose listing is read at one moment and arrives at another. */
function remoteOf(refs: Map<string, Oid>) {
  let arrive = (): void => undefined;
  let isUnanswered = false;
  const repository = {
    listRefs: () => {
      const value = { tip: null, refs: new Map(refs) };
      return new Promise((done) => {
        arrive = () => done({ kind: 'reached', value });
      });
    },
    push: (updates: readonly RefUpdate[]) => {
      for (const { ref, next } of updates)
        if (next === null) refs.delete(ref);
        else refs.set(ref, next);
      if (isUnanswered) return Promise.resolve({ kind: 'unknown' });
      return Promise.resolve({
        kind: 'answered',
        refs: new Map(updates.map(({ ref }) => [ref, { kind: 'landed' }])),
      });
    },
  } as unknown as Repository;
  return {
    repository,
    arrive: () => arrive(),
    loseNext: (isLost: boolean) => {
      isUnanswered = isLost;
    },
  };
}

describe('a listing that was under way while our own pushes landed', () => {
  it('shows what they have moved, and what nobody knows of as it was listed', () =>
    fc.assert(
      fc.asyncProperty(fc.array(pushed, { maxLength: 6 }), async (pushes) => {
        const refs = new Map<string, Oid>([[A, ONE]]);
        const remote = remoteOf(refs);
        const told: RefUpdate[] = [];
        const repository = seePushes(remote.repository, (landed) => told.push(...landed));
        const listing = repository.listRefs([]);
        const known = new Map(refs);
        const doubtful = new Set<string>();
        for (const { ref, next, isLost } of pushes) {
          const expected = refs.get(ref) ?? null;
          remote.loseNext(isLost);
          await repository.push([{ ref, expected, next }], { atomic: false });
          if (isLost) doubtful.add(ref);
          if (doubtful.has(ref)) continue;
          if (next === null) known.delete(ref);
          else known.set(ref, next);
        }
        remote.arrive();
        const listed = await listing;
        if (listed.kind !== 'reached') throw new Error('it was reached');
        for (const ref of REFS.filter((name) => !doubtful.has(name)))
          expect(listed.value.refs.get(ref)).toBe(known.get(ref));
        expect(told).toHaveLength(pushes.filter(({ isLost }) => !isLost).length);
      }),
    ));

  it('shows what somebody else has moved since, and nothing of pushes that landed before', async () => {
    const [ref, mine, theirs] = [A, ONE, TWO];
    const refs = new Map<string, Oid>();
    const remote = remoteOf(refs);
    const repository = seePushes(remote.repository, () => undefined);
    await repository.push([{ ref, expected: null, next: mine }], { atomic: false });
    refs.set(ref, theirs);
    const listing = repository.listRefs([]);
    await repository.push([{ ref, expected: mine, next: null }], { atomic: false });
    remote.arrive();
    expect(await listing).toMatchObject({ value: { refs: new Map([[ref, theirs]]) } });
  });
});
