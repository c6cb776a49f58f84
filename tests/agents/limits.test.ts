import { describe, expect, it } from 'vitest';
import { createPause } from '../../src/agents/pause.ts';
import { watchLimits } from '../../src/agents/limits.ts';
import type { Clock } from '../../src/base/clock.ts';

/** A clock that a test moves: sleepers wake in order. */
function createClock(): Clock & { readonly advance: (ms: number) => Promise<void> } {
  let nowMs = 0;
  let sleepers: { readonly untilMs: number; readonly wake: () => void }[] = [];
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return {
    wallMs: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: (ms) =>
      new Promise((wake) => {
        sleepers.push({ untilMs: nowMs + ms, wake });
      }),
    advance: async (ms) => {
      await settle();
      const endMs = nowMs + ms;
      for (;;) {
        const [next] = sleepers
          .filter(({ untilMs }) => untilMs <= endMs)
          .sort((a, b) => a.untilMs - b.untilMs);
        if (next === undefined) break;
        nowMs = next.untilMs;
        sleepers = sleepers.filter((one) => one !== next);
        next.wake();
        await settle();
      }
      nowMs = endMs;
      await settle();
    },
  };
}

describe('limits of time', () => {
  it('stand still while a person is asked, also when several questions overlap', async () => {
    const clock = createClock();
    const pause = createPause(clock);
    const done = new AbortController();
    const ended: string[] = [];
    const watching = watchLimits(
      {
        ...{ timeoutMs: 1_000, idleTimeoutMs: 500, lastOutputMs: () => 0, pause },
        ...{ done: done.signal, end: (cause) => ended.push(cause) },
      },
      clock,
    );
    await clock.advance(400);
    let answer: () => void = () => undefined;
    const first = pause.during(() => new Promise<void>((resolve) => (answer = resolve)));
    const second = pause.during(() => Promise.resolve());
    await second;
    await clock.advance(60_000);
    expect(ended).toEqual([]);
    expect(pause.pausedMs()).toBe(60_000);
    answer();
    await first;
    await clock.advance(499);
    expect(ended).toEqual([]);
    await clock.advance(1);
    expect(ended).toEqual(['idle']);
    await watching;
  });
});
