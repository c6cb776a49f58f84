import { describe, expect, it } from 'vitest';
import {
  isDue,
  isPersistentRefusal,
  nextRefusal,
  type Refused,
} from '../../src/dispatcher/refused-work.ts';
import type { Refusal } from '../../src/dispatcher/notes.ts';
import { oidOf } from '../support/git-fixture.ts';

const [HERE, THERE] = [oidOf('1'.repeat(40)), oidOf('2'.repeat(40))];
const FORBIDDEN: Refused = { kind: 'refused', line: 'hook declined' };
const BLOCKED: Refused = { kind: 'refused', line: 'a folder is there', blocked: true };

describe('what is refused', () => {
  it('is tried again after pauses that double up to five minutes, and keeps its beginning', () => {
    let [refusal, ms]: [Refusal | null, number] = [null, 0];
    const pauses: number[] = [];
    for (let times = 0; times < 12; times += 1) {
      refusal = nextRefusal(refusal, FORBIDDEN, { ms, tip: HERE });
      expect(isDue(refusal, { ms: refusal.nextMs - 1, tip: THERE })).toBe(false);
      expect(isDue(refusal, { ms: refusal.nextMs, tip: HERE })).toBe(true);
      pauses.push((refusal.nextMs - ms) / 1_000);
      ms = refusal.nextMs;
    }
    expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
    expect(refusal).toMatchObject({ sinceMs: 0, times: 12 });
  });

  it('because something stands in its way is tried as soon as the branch has moved, and meant at once', () => {
    const refusal = nextRefusal(null, BLOCKED, { ms: 0, tip: HERE });
    expect([
      isDue(refusal, { ms: 1, tip: HERE }),
      isDue(refusal, { ms: 1, tip: THERE }),
      isPersistentRefusal(refusal),
    ]).toEqual([false, true, true]);
  });

  it('by the remote is meant after the third time', () => {
    const first = nextRefusal(null, FORBIDDEN, { ms: 0, tip: HERE });
    const second = nextRefusal(first, FORBIDDEN, { ms: 0, tip: HERE });
    expect(
      [null, first, second, nextRefusal(second, FORBIDDEN, { ms: 0, tip: HERE })].map(
        isPersistentRefusal,
      ),
    ).toEqual([false, false, false, true]);
  });
});
