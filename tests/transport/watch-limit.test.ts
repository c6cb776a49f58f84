/** How long a silent remote is waited for, and how long when its caller is about to end. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { type GitProcess, watchLimit } from '../../src/transport/git-runner.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A git that is silent but for signs of life at these seconds. */
function silent(alive: readonly number[]): Pick<GitProcess, 'ended' | 'onActivity'> {
  return {
    ended: new Promise(() => undefined),
    onActivity: (listen) => alive.forEach((s) => setTimeout(listen, s * 1_000)),
  };
}

/** Seconds from the start. */
interface Times {
  readonly alive: readonly number[];
  readonly hurriedS: number | null;
  readonly overS: number;
}

it.each<readonly [string, Times]>([
  ['nothing is heard', { alive: [], hurriedS: null, overS: 60 }],
  ['it is heard now and then', { alive: [50, 100], hurriedS: null, overS: 160 }],
  ['its caller wants to end at once', { alive: [], hurriedS: 0, overS: 5 }],
  ['its caller wants to end after a while', { alive: [], hurriedS: 30, overS: 35 }],
  [
    'its caller wants to end when it was about to be given up',
    { alive: [], hurriedS: 58, overS: 63 },
  ],
  ['it is heard after that', { alive: [33, 37], hurriedS: 30, overS: 42 }],
])('when %s', async (_, { alive, hurriedS, overS }) => {
  const hurry = new AbortController();
  if (hurriedS === 0) hurry.abort();
  else if (hurriedS !== null) setTimeout(() => hurry.abort(), hurriedS * 1_000);
  const begun = performance.now();
  let over: number | null = null;
  const limits = { clock: systemClock, limitMs: 60_000, idle: true, hurried: hurry.signal };
  watchLimit(silent(alive), limits, () => (over = (performance.now() - begun) / 1_000));
  await vi.advanceTimersByTimeAsync(300_000);
  expect(over).toBeCloseTo(overS, 1);
});
