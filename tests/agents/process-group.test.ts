import { spawn } from 'node:child_process';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import {
  findMarked,
  isGroupAlive,
  killOrphan,
  readStartTicks,
  signalGroup,
} from '../../src/agents/process-group.ts';
import { running, useAttempts } from '../support/agents/attempts.ts';
import { isAlive, until } from '../support/processes.ts';

const { makeMarker } = useAttempts();
const started: number[] = [];
afterEach(async () => {
  for (const pid of started.splice(0)) {
    signalGroup(pid, 'SIGKILL');
    await until(() => !isGroupAlive(pid), 'what the test left is gone');
  }
});

function leave(command: readonly string[], marker: string): number {
  const [program = '', ...args] = command;
  const env = { PATH: process.env['PATH'] ?? '', CROSSTALK_RUN: marker };
  const child = spawn(program, args, { detached: true, stdio: 'ignore', env });
  started.push(child.pid!);
  return child.pid!;
}

describe.runIf(process.platform === 'linux')('after a restart', () => {
  test('the group of a leader that started at the recorded time is ended', async () => {
    const pgid = leave(running('ignores-term'), makeMarker());
    const startTicks = readStartTicks(pgid);
    expect(await killOrphan({ pgid, startTicks, marker: null }, systemClock)).toBe(1);
    await until(() => !isAlive(pgid), 'the orphan is gone');
  });

  test('a group with the same number but another start time is somebody else and stays', async () => {
    const pgid = leave(['sleep', '60'], makeMarker());
    expect(await killOrphan({ pgid, startTicks: '1', marker: 'another-run' }, systemClock)).toBe(0);
    expect(isAlive(pgid)).toBe(true);
  });

  test('a group whose leader is gone is known by the marker of its members', async () => {
    const marker = makeMarker();
    const pgid = leave(['sh', '-c', 'sleep 60 & sleep 60 & exit 0'], marker);
    await until(
      () => readStartTicks(pgid) === null && findMarked(marker).length === 2,
      'only the children are left',
    );
    expect(await killOrphan({ pgid, startTicks: '1', marker }, systemClock)).toBe(1);
    expect(findMarked(marker)).toEqual([]);
  });

  test('what moved to its own session is found by the marker alone', async () => {
    const marker = makeMarker();
    const pgid = leave(running('daemonizes'), marker);
    await until(
      () => readStartTicks(pgid) === null && findMarked(marker).length === 1,
      'only the daemon is left',
    );
    expect(await killOrphan({ pgid, startTicks: null, marker }, systemClock)).toBe(1);
    expect(findMarked(marker)).toEqual([]);
  });

  test('nothing is done when all is gone', async () => {
    const pgid = leave(['true'], makeMarker());
    await until(() => !isAlive(pgid), 'it has ended');
    expect(await killOrphan({ pgid, startTicks: '1', marker: makeMarker() }, systemClock)).toBe(0);
  });
});

test.each([0, 1, -1, Number.NaN, 1.5])('the group %s is never signalled', (pgid) => {
  expect(signalGroup(pgid, 0)).toBe(false);
});

test('a process that does not exist has no start time', () => {
  expect(readStartTicks(2 ** 22 + 1)).toBeNull();
});
