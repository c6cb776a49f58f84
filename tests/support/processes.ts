/** Looks for processes that a test left behind. */
import { expect } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { findMarked } from '../../src/agents/process-group.ts';

const WAIT_MS = 5_000;
const STEP_MS = 5;

/** Resolves when the condition holds; fails after 5 s. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = systemClock.monotonicMs() + WAIT_MS;
  while (!condition()) {
    if (systemClock.monotonicMs() > deadline) throw new Error(`did not happen within 5 s: ${what}`);
    await systemClock.sleep(STEP_MS);
  }
}

/** True while the process exists and is not merely waiting to be reaped. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/**
 * Fails when a process with one of the markers is alive. Nothing is waited for: a run that has
 * ended has ended everything.
 */
export function assertNoSurvivors(markers: Iterable<string>): void {
  const alive = [...markers].flatMap((marker) =>
    findMarked(marker).map(({ pid }) => `${marker}: ${String(pid)}`),
  );
  expect(alive).toEqual([]);
}
