/**
 * Real processes, real git, real disk: each kind of call fails once, and is once the last thing
 * that a killed host did. `scripts/fail-nth.mjs` takes every call.
 */
import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { runScript } from '../support/run-script.ts';

it.runIf(existsSync('/proc/self/fd'))(
  'whichever kind of call fails or is the last before a kill, the message is answered once, no agent with side effects twice, and nothing is left',
  async () => {
    const { code, said } = await runScript('fail-nth.mjs', ['--sample']);
    expect(code === 0 ? '' : said).toBe('');
    expect(Number(/\| hit +\| (\d+)/.exec(said)?.[1])).toBeGreaterThan(60);
  },
  900_000,
);
