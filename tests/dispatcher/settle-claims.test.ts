import { describe, expect, it } from 'vitest';
import type { Lapsed } from '../../src/dispatcher/lapsed-claims.ts';
import { judgeLapsed } from '../../src/dispatcher/settle-claims.ts';
import { claimOf, workOf } from '../support/work.ts';

const lapsed = (change: Partial<Lapsed>): Lapsed => ({
  claim: claimOf({}),
  work: workOf('k'),
  started: true,
  isKnown: true,
  isStale: false,
  attemptsMax: 3,
  ...change,
});

describe('a claim whose holder is gone', () => {
  it.each<[string, Partial<Lapsed>, string]>([
    ['cannot be read', { claim: null }, 'remove'],
    ['stands for no open work', { work: null }, 'remove'],
    ['was never started', { started: false }, 'remove'],
    [
      'was never started although it could act',
      { started: false, claim: claimOf({ effects: 'external' }) },
      'remove',
    ],
    [
      'says that it acts outside: only the branch can say so',
      { claim: claimOf({ effects: 'external' }) },
      'remove',
    ],
    ['is of a host that nobody knows', { isKnown: false }, 'remove'],
    [
      'is of nobody, at its millionth attempt',
      { isKnown: false, claim: claimOf({ attempt: 1_000_000 }) },
      'remove',
    ],
    ['has attempts left', { claim: claimOf({ attempt: 2 }) }, 'take-over'],
    ['was at its last attempt', { claim: claimOf({ attempt: 3 }) }, 'gave-up'],
  ])('that %s', (_, change, verdict) => {
    expect(judgeLapsed(lapsed(change))).toBe(verdict);
  });
});
