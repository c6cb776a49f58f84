import { describe, expect, it } from 'vitest';
import { judgeLapsed, type Lapsed } from '../../src/dispatcher/settle-claims.ts';
import { claimOf, workOf } from '../support/work.ts';

const lapsed = (change: Partial<Lapsed>): Lapsed => ({
  claim: claimOf({}),
  work: workOf('k'),
  closed: null,
  started: true,
  attemptsMax: 3,
  ...change,
});

describe('a claim whose holder is gone', () => {
  it.each<[string, Partial<Lapsed>, string]>([
    ['cannot be read', { claim: null }, 'remove'],
    ['stands for no open work', { work: null }, 'remove'],
    [
      'stands for work that was asked again elsewhere',
      { work: null, closed: workOf('k') },
      'remove',
    ],
    [
      'may have acted for work that was asked again elsewhere',
      { work: null, closed: workOf('k'), claim: claimOf({ effects: 'external' }) },
      'outcome-unknown',
    ],
    ['was never started', { started: false }, 'remove'],
    [
      'was never started although it could act',
      { started: false, claim: claimOf({ effects: 'external' }) },
      'remove',
    ],
    ['may have acted', { claim: claimOf({ effects: 'external' }) }, 'outcome-unknown'],
    [
      'may have acted, at its last attempt',
      { claim: claimOf({ effects: 'external', attempt: 3 }) },
      'outcome-unknown',
    ],
    ['has attempts left', { claim: claimOf({ attempt: 2 }) }, 'take-over'],
    ['was at its last attempt', { claim: claimOf({ attempt: 3 }) }, 'gave-up'],
  ])('that %s', (_, change, verdict) => {
    expect(judgeLapsed(lapsed(change))).toBe(verdict);
  });
});
