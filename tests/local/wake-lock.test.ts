import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keepAwake } from '../../src/cli/begin/keep-awake.ts';
import { createWakeLock, probeWakeLock, wakeCommand } from '../../src/local/wake-lock.ts';
import { eventually } from '../support/eventually.ts';

let place: string;
beforeEach(() => (place = mkdtempSync(join(tmpdir(), 'crosstalk-wake-'))));
afterEach(() => rmSync(place, { recursive: true, force: true }));

const env = () => ({ PATH: `${place}:/usr/bin:/bin` });

/** A program of that name that writes down what it is asked, and runs what it is given. */
function plantInhibitor(lines: string): void {
  const file = join(place, 'systemd-inhibit');
  writeFileSync(file, `#!/bin/sh\n${lines}\n`);
  chmodSync(file, 0o755);
}

const log = (): string => readFileSync(join(place, 'log'), 'utf8');

describe('a wake lock', () => {
  it('is held from the first agent to the last, and then its program ends', async () => {
    plantInhibitor(`echo held >> ${place}/log; trap 'echo free >> ${place}/log; exit' TERM
while read -r line; do :; done; echo free >> ${place}/log`);
    const lock = createWakeLock(env(), ['systemd-inhibit']);
    const ends: (() => void)[] = [];
    const agents = keepAwake(
      {
        run: () =>
          new Promise((resolve) =>
            ends.push(() => resolve({ kind: 'stopped', textSoFar: '', durationMs: 0 })),
          ),
      },
      lock,
    );
    const runs = [agents.run({} as never), agents.run({} as never)];
    await eventually(() => existsSync(join(place, 'log')), Boolean);
    ends[0]?.();
    await runs[0];
    expect(log()).toBe('held\n');
    ends[1]?.();
    await runs[1];
    await eventually(log, (said) => said.startsWith('held\nfree\n'));
  });

  it('that cannot be had, or is refused, is done without and not tried again', async () => {
    const absent = createWakeLock({ PATH: place }, ['systemd-inhibit']);
    for (let time = 0; time < 2; time += 1) {
      absent.hold();
      absent.release();
    }
    plantInhibitor(`echo tried >> ${place}/log; exit 1`);
    const refused = createWakeLock(env(), ['systemd-inhibit']);
    refused.hold();
    await eventually(() => existsSync(join(place, 'log')), Boolean);
    expect(await probeWakeLock(env(), 'linux')).toMatch(/^systemd-inhibit/);
    refused.release();
    expect(await probeWakeLock({ PATH: place }, 'darwin')).toContain('caffeinate');
    expect(await probeWakeLock(env(), 'win32')).toContain('win32');
  });

  it('is asked of the program of the platform, and ends with this process', () => {
    expect(wakeCommand('linux', 7)?.[0]).toBe('systemd-inhibit');
    expect(wakeCommand('linux', 7)?.at(-1)).toBe('cat');
    expect(wakeCommand('darwin', 7)).toEqual(['caffeinate', '-i', '-w', '7']);
    expect(wakeCommand('win32', 7)).toBeNull();
  });
});
