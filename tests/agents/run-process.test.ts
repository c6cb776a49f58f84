import { Buffer } from 'node:buffer';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import type { StartedProcess } from '../../src/agents/agent.ts';
import { isGroupAlive, readStartTicks } from '../../src/agents/process-group.ts';
import { runProcess, type ProcessEnd, type ProcessRun } from '../../src/agents/run-process.ts';
import { running, useAttempts } from '../support/agents/attempts.ts';
import { isAlive } from '../support/processes.ts';

const { makeDirectory, makeMarker } = useAttempts();

function runOf(command: readonly string[], more: Partial<ProcessRun> = {}): ProcessRun {
  const [program = '', ...args] = command;
  return {
    program,
    args,
    cwd: makeDirectory(),
    env: { PATH: process.env['PATH'] ?? '', CROSSTALK_RUN: makeMarker() },
    input: 'hello',
    timeoutMs: 20_000,
    idleTimeoutMs: null,
    stdoutBytesMax: 1_048_576,
    graceMs: 300,
    ...more,
  };
}

async function runFixture(command: readonly string[], more: Partial<ProcessRun> = {}) {
  const end = await runProcess(runOf(command, more), systemClock);
  if (end.kind !== 'ended') throw new Error(`not started: ${end.detail}`);
  return {
    ...end,
    out: Buffer.from(end.stdout).toString(),
    err: Buffer.from(end.stderr).toString(),
  };
}

describe('a program that behaves', () => {
  test('gets its input on stdin and its output comes back', async () => {
    const end = await runFixture(running('echo'), { input: 'grüße\n' });
    expect(end).toMatchObject({
      cause: 'exited',
      exitCode: 0,
      signal: null,
      out: 'grüße\n',
      survivors: 0,
    });
  });

  test('gets exactly the environment given and no more', async () => {
    const run = runOf(running('prints-env', '--flag', 'a b'), {
      env: { ONLY: 'this', CROSSTALK_RUN: makeMarker() },
    });
    const end = await runProcess(run, systemClock);
    expect(end.kind === 'ended' && JSON.parse(Buffer.from(end.stdout).toString())).toEqual({
      env: run.env,
      cwd: run.cwd,
      args: ['--flag', 'a b'],
    });
  });

  test('takes 300 kB of input whole', async () => {
    const input = `${'x'.repeat(90)}[[marker]]`.repeat(3_000);
    expect((await runFixture(running('huge-stdin-reader'), { input })).out).toBe(
      '300000 bytes, 3000 markers\n',
    );
  });

  test('that ends with a status is told apart from one that a signal ended', async () => {
    expect(await runFixture(running('fails', '42'))).toMatchObject({
      cause: 'exited',
      exitCode: 42,
      signal: null,
    });
    expect(await runFixture(['sh', '-c', 'kill -9 $$'])).toMatchObject({
      cause: 'exited',
      exitCode: null,
      signal: 'SIGKILL',
    });
  });

  test('shows its lines while it runs, with characters whole although they came in pieces', async () => {
    const lines: string[] = [];
    const onLine = (line: string) => lines.push(line) > 0;
    const end = await runFixture(running('split-utf8'), { onLine });
    expect([end.out, lines]).toEqual(['grüße 🦊\n', ['grüße 🦊']]);
  });

  test('that writes more lines than are needed is only kept in part, and the rest does not count', async () => {
    const script =
      'for i in $(seq 1 5000); do echo "noise $i xxxxxxxxxxxxxxxxxxxxxxx"; done; echo keep me; printf "keep the end"';
    const onLine = (line: string) => line.startsWith('keep');
    const end = await runFixture(['sh', '-c', script], {
      onLine,
      dropLines: true,
      stdoutBytesMax: 1_000,
    });
    expect([end.cause, end.out]).toEqual(['exited', 'keep me\nkeep the end']);
  });

  test('has only the last 64 KiB of stderr kept', async () => {
    const end = await runFixture([
      'sh',
      '-c',
      'yes error | head -c 200000 >&2; echo last words >&2',
    ]);
    expect([end.err.length, end.err.slice(-11)]).toEqual([65_536, 'last words\n']);
  });
});

describe('before the input is written', () => {
  test('the process group and the start time of its leader are told', async () => {
    let started: StartedProcess | null = null;
    let ticksWhileAlive: string | null = null;
    const onStarted = (process: StartedProcess): Promise<void> => {
      started = process;
      ticksWhileAlive = readStartTicks(process.pgid);
      return Promise.resolve();
    };
    await runFixture(running('echo'), { onStarted });
    expect(started).toEqual({ pgid: expect.any(Number) as number, startTicks: ticksWhileAlive });
    expect(ticksWhileAlive).toMatch(process.platform === 'linux' ? /^\d+$/ : /./);
  });

  test('the teller is waited for', async () => {
    const order: string[] = [];
    const onLine = () => order.push('answered') > 0;
    const onStarted = async (): Promise<void> => {
      await systemClock.sleep(50);
      order.push('journalled');
    };
    await runFixture(running('echo'), { onStarted, onLine });
    expect(order).toEqual(['journalled', 'answered']);
  });

  test('a teller that fails ends the program, which never sees its input', async () => {
    const started: number[] = [];
    const onStarted = ({ pgid }: StartedProcess): Promise<void> => {
      started.push(pgid);
      return Promise.reject(new Error('disk full'));
    };
    await expect(runFixture(running('ignores-term'), { onStarted })).rejects.toThrow('disk full');
    expect(started.map(isAlive)).toEqual([false]);
  });
});

describe('a program that does not read its input', () => {
  test('has its answer taken all the same', async () => {
    const end = await runFixture(running('closes-stdin'), { input: 'x'.repeat(1_000_000) });
    expect(end).toMatchObject({ cause: 'exited', exitCode: 0, out: 'I never listen\n' });
  });
});

describe('a program that cannot be started', () => {
  const why = async (
    command: readonly string[],
    more: Partial<ProcessRun> = {},
  ): Promise<ProcessEnd> => runProcess(runOf(command, more), systemClock);

  test('is missing when nothing of its name is on the PATH', async () => {
    expect(await why(['no-such-agent'])).toMatchObject({ kind: 'not-started', why: 'missing' });
  });

  test('is missing when it is not executable', async () => {
    const file = join(makeDirectory(), 'agent');
    writeFileSync(file, '#!/bin/sh\necho hi\n');
    chmodSync(file, 0o644);
    expect(await why([file])).toMatchObject({ kind: 'not-started', why: 'missing' });
  });

  test('is a setup failure when the directory is gone', async () => {
    expect(await why(running('echo'), { cwd: '/no/such/place' })).toEqual({
      kind: 'not-started',
      why: 'setup',
      detail: 'the directory /no/such/place does not exist',
    });
  });

  test('is a setup failure when the arguments are too long or hold a NUL', async () => {
    expect(await why([...running('echo'), 'x'.repeat(3_000_000)])).toMatchObject({
      why: 'setup',
      detail: expect.stringContaining('E2BIG') as string,
    });
    expect(await why([...running('echo'), 'a\0b'])).toMatchObject({ why: 'setup' });
  });

  test('is not started at all when it was stopped before', async () => {
    expect(await why(running('echo'), { signal: AbortSignal.abort() })).toMatchObject({
      kind: 'not-started',
      why: 'aborted',
    });
  });
});

describe('limits', () => {
  test('a program that would run for ever is ended when its time is up', async () => {
    expect(await runFixture(running('forever'), { timeoutMs: 300 })).toMatchObject({
      cause: 'timeout',
      signal: 'SIGTERM',
    });
  });

  test('a silent program is ended, one that drips is not', async () => {
    expect(await runFixture(['sleep', '60'], { idleTimeoutMs: 250 })).toMatchObject({
      cause: 'idle',
    });
    expect(await runFixture(running('slow-drip'), { idleTimeoutMs: 3_000 })).toMatchObject({
      cause: 'exited',
      exitCode: 0,
    });
  });

  test.each(['lines', 'one-line'])('a flood of %s is cut off at the limit', async (form) => {
    const end = await runFixture(running('floods', form), { stdoutBytesMax: 100_000 });
    expect([end.cause, end.stdout.length]).toEqual(['too-large', 100_000]);
  });

  test('a flood without line ends is cut off also when lines are picked', async () => {
    const end = await runFixture(running('floods', 'one-line'), {
      stdoutBytesMax: 100_000,
      dropLines: true,
    });
    expect([end.cause, end.stdout.length]).toEqual(['too-large', 0]);
  });

  test('a line that is too long for the limit is dropped, and what follows is kept', async () => {
    const end = await runFixture(running('long-line'), {
      stdoutBytesMax: 100_000,
      dropLines: true,
    });
    expect(end).toMatchObject({ cause: 'exited', droppedLines: 1 });
    expect(Buffer.from(end.stdout).toString()).toBe('after\n');
  });

  test('what ignores TERM is killed after the grace', async () => {
    const end = await runFixture(running('ignores-term'), { timeoutMs: 300, graceMs: 200 });
    expect(end).toMatchObject({ cause: 'timeout', exitCode: null, signal: 'SIGKILL' });
  });

  test('stopping it keeps what it had said', async () => {
    const stop = new AbortController();
    const onLine = (): boolean => {
      stop.abort();
      return true;
    };
    const end = await runFixture(running('forever'), { signal: stop.signal, onLine });
    expect([end.cause, end.out.startsWith('working\n')]).toEqual(['aborted', true]);
  });
});

describe('what a program leaves behind', () => {
  test('a child in its group is ended with it and does not hold the answer back', async () => {
    const groups: number[] = [];
    const onStarted = ({ pgid }: StartedProcess): Promise<void> =>
      Promise.resolve(void groups.push(pgid));
    const end = await runFixture(running('forks-child'), { onStarted });
    expect(end).toMatchObject({ cause: 'exited', exitCode: 0, survivors: 0 });
    expect(end.out).toContain('left a child behind\n');
    expect(groups.map(isGroupAlive)).toEqual([false]);
  });

  test.runIf(process.platform === 'linux')(
    'a daemon in its own session is found by its marker, killed and counted',
    async () => {
      const end = await runFixture(running('daemonizes'));
      expect(end).toMatchObject({
        cause: 'exited',
        exitCode: 0,
        out: 'left a daemon behind\n',
        survivors: 1,
      });
    },
  );

  test('children of a program that ignores TERM go with it', async () => {
    const script = `trap '' TERM; sleep 60 & sleep 60 & wait; wait`;
    expect(await runFixture(['sh', '-c', script], { timeoutMs: 250, graceMs: 100 })).toMatchObject({
      cause: 'timeout',
      signal: 'SIGKILL',
    });
  });
});

test('twenty programs at once do not mix', async () => {
  const ends = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      runFixture(['cat'], { input: `answer ${String(index)}` }),
    ),
  );
  expect(ends.map((end) => end.out)).toEqual(
    Array.from({ length: 20 }, (_, index) => `answer ${String(index)}`),
  );
});
