import { expect, it } from 'vitest';
import { tellWaits } from '../../src/cli/session/tell-waits.ts';

it('a remote that says nothing is named once, without its password, and one that answers never', async () => {
  const told: string[] = [];
  const ends: (() => void)[] = [];
  const clock = { sleep: () => new Promise<void>((done) => ends.push(done)) };
  const io = { warn: (line: string) => told.push(line) };
  const tell = tellWaits(io, 'https://ada:secret@git.example/x.git', clock);
  expect(await tell(() => Promise.resolve('at once'))).toBe('at once');
  ends.forEach((end) => end());
  for (const answer of ['late', 'later']) {
    const waits = tell(async () => {
      await Promise.resolve();
      ends.at(-1)?.();
      await Promise.resolve();
      await Promise.resolve();
      return answer;
    });
    expect(await waits).toBe(answer);
  }
  expect(told).toEqual([expect.stringMatching(/^waiting for https:.*git\.example\/x\.git, /)]);
  expect(told.join()).not.toContain('secret');
});
