import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Oid } from '../../src/base/ids.ts';
import {
  advance,
  draftOwn,
  dropOwn,
  heldClaims,
  isLive,
  liveClaims,
  type OwnClaim,
  type OwnClaims,
  type OwnKind,
  resumeOwn,
  uncertainClaims,
} from '../../src/dispatcher/own-claims.ts';
import { claimOf, workOf } from '../support/work.ts';

const OWN = { key: 'k', ref: 'refs/crosstalk/claims/k', work: workOf('k') };
const DRAFT = { claim: claimOf({}), oid: 'o1' as Oid, expected: null };
const PUSH = { kind: 'pushed', startedMs: 10, aheadMs: 1, line: 'no answer', isLimited: false };

/** Every step, as somebody who went around the types could write it. */
const STEPS = [
  PUSH,
  { kind: 'won', seenMs: 20 },
  { kind: 'renewing' },
  { kind: 'restoring' },
  { kind: 'stands', nowMs: 30, renewed: { oid: 'o2' as Oid, renewedMs: 25 } },
  { kind: 'started', nowMs: 40 },
  { kind: 'posting', posting: Promise.resolve() },
  { kind: 'asking', asking: null },
  { kind: 'saved', saved: { branch: 'b', commit: 'c' } },
  { kind: 'stopped', reason: 'shutdown' },
  { kind: 'ended' },
] as const;

/** From the table of src/README.md: what each state may become. */
const NEXT: Readonly<Record<OwnKind, readonly OwnKind[]>> = {
  drafted: ['uncertain'],
  uncertain: ['held'],
  held: ['held', 'attempt', 'publishing'],
  attempt: ['attempt', 'publishing'],
  publishing: ['publishing'],
};

const take = advance as unknown as (claim: OwnClaim, step: (typeof STEPS)[number]) => OwnClaim;

describe('a claim of ours', () => {
  it('goes from draft to publishing, and keeps what was learnt on the way', () => {
    const drafted = draftOwn(OWN, DRAFT);
    const uncertain = advance(drafted, { ...PUSH, kind: 'pushed' });
    expect(uncertain.state).toMatchObject({ renewedMs: 10, renewedAheadMs: 1, line: 'no answer' });
    const held = advance(uncertain, { kind: 'won', seenMs: 20 });
    expect(held.state).toMatchObject({ oid: 'o1', confirmedMs: 20, restores: 0, stopped: null });
    const attempt = advance(held, { kind: 'started', nowMs: 40 });
    advance(attempt, { kind: 'renewing' });
    expect(attempt.state.confirmedMs).toBe(Number.POSITIVE_INFINITY);
    advance(attempt, { kind: 'stands', nowMs: 50, renewed: { oid: 'o2' as Oid, renewedMs: 45 } });
    const publishing = advance(attempt, { kind: 'ended' });
    expect(publishing.state).toEqual({
      kind: 'publishing',
      claim: DRAFT.claim,
      oid: 'o2',
      renewedMs: 45,
      renewedAheadMs: 1,
      confirmedMs: 50,
      restores: 0,
      startedMs: 40,
    });
    expect(publishing).toBe(drafted);
  });

  it('can be written no step that its state does not allow', () => {
    const drafted = draftOwn(OWN, DRAFT);
    // @ts-expect-error a draft was not pushed yet
    expect(() => advance(drafted, { kind: 'won', seenMs: 1 })).toThrow();
    const uncertain = advance(draftOwn(OWN, DRAFT), { ...PUSH, kind: 'pushed' });
    // @ts-expect-error no agent starts before a later look
    expect(() => advance(uncertain, { kind: 'started', nowMs: 1 })).toThrow();
    const publishing = resumeOwn(OWN, { ...DRAFT, renewedMs: 0, renewedAheadMs: 0 });
    // @ts-expect-error no agent starts again after its answer
    expect(() => advance(publishing, { kind: 'started', nowMs: 1 })).toThrow();
  });

  it('never comes into a state that does not follow, whatever happens in whatever order', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...STEPS)), (steps) => {
        const claim: OwnClaim = draftOwn(OWN, DRAFT);
        for (const step of steps) {
          const before = claim.state;
          try {
            take(claim, step);
          } catch {
            expect(claim.state).toBe(before);
            continue;
          }
          expect(NEXT[before.kind]).toContain(claim.state.kind);
        }
      }),
    );
  });

  it('is found by what it is: at work, ours on the remote, or uncertain', () => {
    const one = (key: string): OwnClaim => draftOwn({ ...OWN, key }, DRAFT);
    const path = [PUSH, STEPS[1], STEPS[5]] as const;
    const own: OwnClaims = new Map();
    for (let count = 0; count <= path.length; count += 1) {
      const claim = one(String(count));
      for (const step of path.slice(0, count)) take(claim, step);
      own.set(claim.key, claim);
    }
    const standing = { ...DRAFT, renewedMs: 0, renewedAheadMs: 0 };
    own.set('resumed', resumeOwn({ ...OWN, key: 'resumed' }, standing));
    const keys = (claims: readonly OwnClaim[]): readonly string[] => claims.map(({ key }) => key);
    expect(keys(uncertainClaims(own))).toEqual(['1']);
    expect(keys(liveClaims(own))).toEqual(['2', '3']);
    expect(keys(heldClaims(own))).toEqual(['2', '3', 'resumed']);
    expect([...own.values()].filter(isLive)).toEqual(liveClaims(own));
  });

  it('is dropped without another of the same key', () => {
    const [old, later] = [draftOwn(OWN, DRAFT), draftOwn(OWN, DRAFT)];
    const own: OwnClaims = new Map([[later.key, later]]);
    dropOwn(own, old);
    expect(own.get('k')).toBe(later);
    dropOwn(own, later);
    expect(own.size).toBe(0);
  });
});
