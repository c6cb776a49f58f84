import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dueFiring, parseSlot, scheduleProblem } from '../../src/workflow/run/schedule.ts';

const text = (on: string): string =>
  `---\non: { ${on} }\nmodel: opus\nsteps: { a: { prompt: x } }\n---\n`;
const DAILY = text('schedule: "0 9 * * mon-fri"');

function due(iso: string, more: Partial<Parameters<typeof dueFiring>[0]> = {}) {
  return dueFiring({
    name: 'daily',
    text: DAILY,
    sinceMs: Date.parse('2026-11-16T10:00:00Z'),
    nowMs: Date.parse(iso),
    lastSlotMs: null,
    isOpen: false,
    ...more,
  });
}

test('every host derives the same marker, and of what was missed only the last', () => {
  expect(due('2026-11-16T11:00:00Z')).toBeNull();
  const fired = due('2026-11-19T12:34:56Z');
  expect(fired?.path).toBe('data/channels/workflows/2026/11/19/090000000Z-schedule-daily.md');
  expect(due('2026-11-19T23:00:00Z')).toEqual(fired);
  expect(due('2026-11-22T12:00:00Z')?.path).toContain('/2026/11/20/');
});

test('a time that the history says was fired never fires again, nor an earlier one', () => {
  const slot = due('2026-11-19T09:00:00Z')?.slot ?? '';
  const lastSlotMs = parseSlot(slot, 'daily');
  expect(lastSlotMs).toBe(Date.parse('2026-11-19T09:00:00Z'));
  expect(parseSlot(slot, 'dail')).toBeNull();
  expect(due('2026-11-19T23:00:00Z', { lastSlotMs })).toBeNull();
  // A host whose clock is a day behind.
  expect(due('2026-11-18T23:00:00Z', { lastSlotMs })).toBeNull();
  expect(due('2026-11-20T09:00:00Z', { lastSlotMs })?.path).toContain('/2026/11/20/');
});

test('whatever the clocks of hosts say, each time is fired for at most once and in order', () => {
  const every = text('schedule: "*/5 * * * *", overlap: true');
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -600, max: 600 }), { maxLength: 60 }), (skews) => {
      const start = Date.parse('2026-11-20T00:00:00Z');
      const fired: number[] = [];
      skews.forEach((skew, at) => {
        const nowMs = start + at * 60_000 + skew * 1_000;
        const lastSlotMs = fired.at(-1) ?? null;
        const one = dueFiring({
          name: 'x',
          text: every,
          sinceMs: start - 1,
          nowMs,
          lastSlotMs,
          isOpen: false,
        });
        const slot = one === null ? null : parseSlot(one.slot, 'x');
        if (slot !== null) fired.push(slot);
      });
      expect(fired).toEqual([...new Set(fired)].sort((a, b) => a - b));
    }),
  );
});

test('one run at a time, unless the plan says that they may overlap', () => {
  expect(due('2026-11-19T09:00:00Z', { isOpen: true })).toBeNull();
  const overlap = text('schedule: "0 9 * * *", overlap: true');
  expect(due('2026-11-19T09:00:00Z', { isOpen: true, text: overlap })).not.toBeNull();
});

test('a time when no host was up starts once, or is skipped', () => {
  const skip = text('schedule: "0 9 * * *", catch-up: skip');
  expect(due('2026-11-19T09:04:00Z', { text: skip })).not.toBeNull();
  expect(due('2026-11-19T09:06:00Z', { text: skip })).toBeNull();
  const once = text('schedule: "0 9 * * *", catch-up: once');
  expect(due('2026-11-19T23:00:00Z', { text: once })).not.toBeNull();
});

test.each([
  ['schedule: "61 * * * *"', '"61" is no minute'],
  ['schedule: "0 0 30 2 *"', 'never occurs'],
  ['schedule: "0 9 * * * *"', 'has five fields'],
  ['schedule: "CRON_TZ=Europe/Zurich 0 9 * * *"', 'has five fields'],
  ['schedule: 9', '"schedule" must be text'],
  ['sched: "0 9 * * *"', 'unknown key "sched"'],
  ['schedule: "0 9 * * *", catch-up: twice', '"catch-up" must be one of once, skip'],
  ['schedule: "0 9 * * *", channel: "No Good"', 'is not a channel'],
])('a schedule that cannot be kept is reported: %s', (on, says) => {
  expect(scheduleProblem(text(on))).toContain(says);
});

test.each([
  'on: { schedule: "x" }',
  '"on" :\n  schedule: x',
  '{ steps: {}, on: { schedule: x } }',
  '# weekly\n  { name: a,\n on: { schedule: x } }',
  '!!map { name: a, "on": { schedule: x } }',
])('the key is found however it is written: %s', (head) => {
  expect(scheduleProblem(`---\n${head}\n---\n`)).not.toBeNull();
});

test('an input that a schedule cannot give is reported', () => {
  const inputs = DAILY.replace('---\n', '---\ninputs: { goal: { required: true } }\n');
  expect(scheduleProblem(inputs)).toContain('a schedule gives no inputs, but "goal" is required');
});

test('faults elsewhere in a workflow do not affect its schedule', () => {
  expect(scheduleProblem(DAILY)).toBeNull();
  expect(scheduleProblem('---\nsteps: { a: { promt: x } }\n---\n')).toBeNull();
  expect(
    scheduleProblem('---\non: { schedule: "0 9 * * *" }\nsteps:\n  a: { promt: x }\n---\n'),
  ).toBeNull();
  expect(scheduleProblem('---\non: [\n---\n')).not.toBeNull();
});
