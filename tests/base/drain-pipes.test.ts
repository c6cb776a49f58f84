import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { untilDrained } from '../../src/base/drain-pipes.ts';

/**
 * Hears a program to its end, as those who start one do: exit first, then what the pipes still
 * bring.
 */
async function hear(
  script: string,
  { quietMs, onExit }: { readonly quietMs: number; readonly onExit: () => void },
): Promise<string> {
  const child = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  const closed = new AbortController();
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.on('close', () => closed.abort());
  await new Promise((resolve) => child.once('exit', resolve));
  const drained = untilDrained([child.stdout], {
    clock: systemClock,
    closed: closed.signal,
    quietMs,
  });
  onExit();
  await drained;
  child.stdout.destroy();
  return text;
}

test('what came while nobody could listen is heard, although the time to wait for it was over', async () => {
  const holdUp = (): void =>
    void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);
  // The second process outlives the first and prints while this one is held up.
  expect(await hear('(sleep 0.3; echo late) & echo first', { quietMs: 100, onExit: holdUp })).toBe(
    'first\nlate\n',
  );
});

test('pipes that a silent process holds open are not waited for', async () => {
  const pid = Number(await hear('sleep 600 & echo $!', { quietMs: 50, onExit: () => undefined }));
  expect(pid).toBeGreaterThan(0);
  process.kill(pid);
});

test('a process that never stops writing is left after some pauses', async () => {
  const text = await hear('(while :; do echo more; sleep 0.01; done) & echo $!', {
    quietMs: 50,
    onExit: () => undefined,
  });
  // Either of the two may print first.
  process.kill(Number(text.split('\n').find((line) => /^\d+$/.test(line))));
  expect(text).toContain('more');
});
