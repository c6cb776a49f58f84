import { describe, expect, it } from 'vitest';
import {
  decodeBudgets,
  NO_BUDGETS,
  reachedBudgets,
  type Spent,
} from '../../src/protocol/budgets.ts';
import { findLoop } from '../../src/protocol/loop.ts';
import type { ThreadEntry } from '../../src/protocol/prompt.ts';

const NOON = Date.UTC(2026, 10, 21, 12);
const spend = (model: string, usd: number, more: Partial<Spent> = {}): Spent => ({
  model,
  usd,
  tokens: usd * 1_000,
  atMs: NOON,
  ...more,
});
const budgetsOf = (text: string) => decodeBudgets(text).budgets ?? NO_BUDGETS;

describe('data/budgets.yaml', () => {
  it('has limits of all models together and of each', () => {
    const { budgets, problems } = decodeBudgets(
      'usd-per-day: 20\nmodels:\n  opus: { usd-per-day: 5, tokens-per-day: 1000, runs-per-hour: 2 }\n',
    );
    expect(problems).toEqual([]);
    expect(budgets?.all).toEqual({ usdPerDay: 20, tokensPerDay: null, runsPerHour: null });
    expect(budgets?.models.get('opus')).toEqual({
      usdPerDay: 5,
      tokensPerDay: 1_000,
      runsPerHour: 2,
    });
  });

  it.each([
    ['usd-per-day: much', 1],
    ['usd-per-day: -1', 1],
    ['usd-per-day: 1\neuro-per-day: 3', 2],
    ['runs-per-hour: 3', 1],
    ['models: [opus]', 1],
    ['models:\n  opus: 5', 2],
    ['models:\n  opus:\n    usd-per-day: x', 3],
    ['models: {', 1],
  ])('that is wrong has a problem with its line: %j', (text, line) => {
    const { budgets, problems } = decodeBudgets(text);
    expect(budgets).toBeNull();
    expect(problems[0]?.line).toBe(line);
  });
});

describe('a budget', () => {
  const budgets = budgetsOf(
    'usd-per-day: 10\nmodels: { opus: { usd-per-day: 5 }, gpt: { tokens-per-day: 2000 } }',
  );
  const reached = (spent: readonly Spent[], wallMs = NOON) =>
    reachedBudgets(budgets, { spent, models: ['opus', 'gpt', 'free'], wallMs });

  it('is reached by what this model used today, and ends at midnight', () => {
    const found = reached([spend('opus', 3), spend('opus', 2), spend('gpt', 1)]);
    expect([...found.keys()]).toEqual(['opus']);
    expect(found.get('opus')).toMatchObject({
      who: 'opus',
      used: 5,
      limit: 5,
      unit: 'USD',
      untilMs: Date.UTC(2026, 10, 22),
    });
  });

  it('counts tokens where it says tokens', () => {
    expect([...reached([spend('gpt', 2)]).keys()]).toEqual(['gpt']);
  });

  it('of all models stops all models', () => {
    expect([...reached([spend('opus', 4), spend('other', 6)]).keys()]).toEqual([
      'opus',
      'gpt',
      'free',
    ]);
  });

  it('is reached by the cent, whatever fractions add up to', () => {
    const limit = budgetsOf('usd-per-day: 0.8');
    const spent = Array.from({ length: 8 }, () => spend('opus', 0.1));
    const day = { models: ['opus'], wallMs: NOON };
    expect(reachedBudgets(limit, { ...day, spent }).get('opus')?.used).toBe(0.8);
    expect(reachedBudgets(limit, { ...day, spent: spent.slice(1) }).size).toBe(0);
  });

  it('of an hour leaves out what a clock far ahead has dated', () => {
    const limit = budgetsOf('models: { opus: { runs-per-hour: 1 } }');
    const dated = (ms: number) =>
      reachedBudgets(limit, {
        spent: [spend('opus', 0, { atMs: NOON + ms })],
        models: ['opus'],
        wallMs: NOON,
      }).size;
    expect([-3_600_000, -1, 0, 3_599_999, 3_600_000, 2e12].map(dated)).toEqual([0, 1, 1, 1, 0, 0]);
  });

  it('starts over with the day', () => {
    const yesterday = spend('opus', 9, { atMs: NOON - 86_400_000 });
    expect(reached([yesterday]).size).toBe(0);
    expect(reached([spend('opus', 9)], NOON + 86_400_000).size).toBe(0);
  });
});

describe('models that talk in circles', () => {
  const models = new Set(['a', 'b']);
  const thread = (...said: readonly (readonly [string, string])[]): readonly ThreadEntry[] =>
    said.map(([from, body], index) => ({ path: `m${index}`, from, body, timestampMs: index }));
  const loopOf = (entries: readonly ThreadEntry[], body: string, from = 'a') =>
    findLoop({ thread: entries, from, recipient: 'b', body, models });

  it('are found when one says the same again', () => {
    expect(loopOf(thread(['a', 'What  is it?\n'], ['b', 'This.']), 'What is it?')).toContain(
      'a says the same',
    );
    expect(
      loopOf(thread(['a', 'x'], ['b', 'Sorry, no.'], ['a', 'y'], ['b', 'Sorry,  no.']), 'z'),
    ).toContain('b has given the same answer twice');
  });

  it('are found when two answer each other for long', () => {
    const long = thread(['a', '1'], ['b', '2'], ['a', '3'], ['b', '4'], ['a', '5'], ['b', '6']);
    expect(loopOf(long, '7')).toContain('6 times in turn');
    expect(loopOf(long.slice(2), '7')).toBeNull();
    expect(loopOf([...long.slice(0, 4), ...thread(['ada', 'stop'])], '7')).toBeNull();
  });

  it('are no people: those may repeat themselves', () => {
    expect(
      loopOf(thread(['ada', 'again'], ['b', 'no'], ['ada', 'again'], ['b', 'no']), 'again', 'ada'),
    ).toBeNull();
  });
});
