import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Oid } from '../../src/base/ids.ts';
import { learnCrowd } from '../../src/dispatcher/learn-crowd.ts';
import { createState } from '../../src/dispatcher/state.ts';
import { refNames } from '../../src/protocol/paths.ts';
import type { PublishRound } from '../../src/transport/publish.ts';
import { rivalryMs, yieldMs } from '../../src/transport/wait-after-loss.ts';
import type { Transaction } from '../../src/transport/transaction.ts';
import { createSeededRandom } from '../support/seeded-random.ts';

const refs = refNames(true);
const transaction: Transaction = { name: 'reply', fences: [], decide: () => Promise.resolve([]) };
const oid = 'a'.repeat(40) as Oid;

function roundOf(pushMs: number, commits: readonly Oid[] | null): PublishRound {
  return {
    outcomes: new Map(commits === null ? [] : [[transaction, { kind: 'landed', commits }]]),
    failure: null,
    pushMs,
  };
}

/** A dispatcher that sees so many hosts with so many claims. */
function learner(hosts: number, claims: number) {
  const listed = [
    ...Array.from(
      { length: hosts },
      (_, n) => [`${refs.hosts}h${n}.00000000000${n}`, oid] as const,
    ),
    ...Array.from({ length: claims }, (_, n) => [`${refs.claims}${n}`, oid] as const),
  ];
  return { state: { ...createState(), refs: new Map(listed) }, settings: { refs } };
}

describe('what a host learns of the others that push', () => {
  const lost = { round: roundOf(40, null), isLost: true, isFirst: false };

  it('doubles the rivals with each loss, up to the beats and claims in view', () => {
    const eight = learner(8, 30);
    expect([1, 2, 3, 4].map(() => learnCrowd(eight, lost).rivals)).toEqual([2, 4, 8, 8]);
    const three = learner(8, 3);
    expect([1, 2, 3].map(() => learnCrowd(three, lost).rivals)).toEqual([2, 3, 3]);
  });

  it('halves them when a push lands at once, and keeps them when it took several', () => {
    const host = learner(8, 8);
    for (const round of [lost, lost, lost]) learnCrowd(host, round);
    const landed = { round: roundOf(1_000, [oid]), isLost: false };
    expect(learnCrowd(host, { ...landed, isFirst: false }).rivals).toBe(8);
    expect([1, 2, 3, 4].map(() => learnCrowd(host, { ...landed, isFirst: true }).rivals)).toEqual([
      4, 2, 1, 1,
    ]);
  });

  it('knows how long a push takes by the last that moved the branch, and until then by the longest', () => {
    const host = learner(2, 2);
    const times = [
      roundOf(900, null),
      roundOf(40, null),
      roundOf(1_000, [oid]),
      roundOf(30, []),
      roundOf(40, null),
    ];
    expect(
      times.map((round) => learnCrowd(host, { round, isLost: false, isFirst: false }).pushMs),
    ).toEqual([900, 900, 1_000, 1_000, 1_000]);
  });
});

describe('how long a host waits for its rivals', () => {
  const crowd = fc.record({
    pushMs: fc.integer({ min: 1, max: 5_000 }),
    rivals: fc.integer({ min: 1, max: 100 }),
  });

  it('is never longer than ten seconds, and after a loss no longer than its part of the rivals', () => {
    fc.assert(
      fc.property(
        crowd,
        fc.integer({ min: 1, max: 8 }),
        fc.string(),
        ({ pushMs, rivals }, losses, seed) => {
          const random = createSeededRandom(seed);
          const waitMs = rivalryMs(losses, { pushMs, rivals, rivalsMax: 100 }, random);
          expect(waitMs).toBeLessThanOrEqual(
            Math.min(10_000, Math.max(25, pushMs) * Math.max(1, 0.75 * rivals)),
          );
          expect(yieldMs({ pushMs, rivals, rivalsMax: 100 }, random)).toBeLessThanOrEqual(7_500);
        },
      ),
    );
  });

  it('grows all the same when the losses are more than rivals explain, and is nothing for a winner that has none', () => {
    const most = { ...createSeededRandom('most'), next: () => 1 };
    const alone = { pushMs: 100, rivals: 1, rivalsMax: 1 };
    expect([1, 2, 4, 6, 20].map((losses) => rivalryMs(losses, alone, most))).toEqual([
      75, 100, 400, 1_600, 10_000,
    ]);
    expect(yieldMs(alone, most)).toBe(0);
  });
});
