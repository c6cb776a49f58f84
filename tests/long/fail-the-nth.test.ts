/**
 * Real processes, real git, real disk: each kind of call fails once, and is once the last thing
 * that a killed host did. `scripts/fail-nth.mjs` takes every call.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';

const SCRIPT = resolve(import.meta.dirname, '../../scripts/fail-nth.mjs');

it.runIf(existsSync('/proc/self/fd'))(
  'whichever kind of call fails or is the last before a kill, the message is answered once, no agent with side effects twice, and nothing is left',
  async () => {
    const child = spawn(process.execPath, [SCRIPT, '--sample'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (said += text));
    const code = await new Promise((done) => child.once('close', done));
    expect(code === 0 ? '' : said).toBe('');
    expect(Number(/\| hit +\| (\d+)/.exec(said)?.[1])).toBeGreaterThan(60);
  },
  900_000,
);
