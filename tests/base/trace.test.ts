import { expect, it } from 'vitest';
import type { Clock } from '../../src/base/clock.ts';
import { createTracer, traceDoor } from '../../src/base/trace.ts';

interface TraceEvent {
  readonly ph: string;
  readonly name: string;
  readonly tid: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly args?: Readonly<Record<string, unknown>>;
}

function startTrace() {
  let [nowMs, text] = [0, ''];
  const clock: Clock = {
    wallMs: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: () => Promise.resolve(),
  };
  const tracer = createTracer(clock, (piece) => (text += piece));
  const read = (): readonly TraceEvent[] =>
    JSON.parse(`${text.trimEnd().replace(/,$/, '')}]`) as TraceEvent[];
  return { tracer, read, at: (ms: number) => (nowMs = ms) };
}

it('draws a bar for each call, calls that overlap on their own rows', async () => {
  const { tracer, read, at } = startTrace();
  const ends: (() => void)[] = [];
  const door = traceDoor(tracer, 'git', {
    url: 'here',
    push: (updates: readonly string[]) =>
      new Promise<number>((resolve) => ends.push(() => resolve(updates.length))),
  });
  const first = door.push(['a', 'b']);
  at(5);
  const second = door.push(['c']);
  at(8);
  for (const end of ends) end();
  expect([await first, await second, door.url]).toEqual([2, 1, 'here']);
  const third = door.push([]);
  ends.at(-1)?.();
  await third;
  const bars = read().filter(({ ph }) => ph === 'X');
  expect(bars.map(({ name, ts, dur }) => [name, ts, dur])).toEqual([
    ['push 2', 0, 8_000],
    ['push 1', 5_000, 3_000],
    ['push 0', 8_000, 0],
  ]);
  expect(new Set(bars.slice(0, 2).map(({ tid }) => tid)).size).toBe(2);
  expect(bars[2]?.tid).toBe(bars[0]?.tid);
});

it('keeps a failure a failure, and says nothing of what went through', async () => {
  const { tracer, read } = startTrace();
  const door = traceDoor(tracer, 'agents', {
    run: (request: { kind: string; prompt: string }) =>
      Promise.reject(new Error(request.kind === 'ask' ? 'no' : '')),
  });
  await expect(door.run({ kind: 'ask', prompt: 'a secret' })).rejects.toThrow('no');
  tracer.mark({
    level: 'status',
    event: 'reply.published',
    fields: { message: 'm.md', model: 'opus', reason: 'a secret' },
  });
  expect(JSON.stringify(read())).not.toContain('secret');
  expect(read().map(({ name }) => name)).toEqual([
    'thread_name',
    'run ask',
    'thread_name',
    'reply.published',
  ]);
});
