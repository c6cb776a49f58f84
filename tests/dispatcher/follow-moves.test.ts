import { describe, expect, it } from 'vitest';
import { followMoves } from '../../src/dispatcher/follow-moves.ts';
import { claimOf, workOf } from '../support/work.ts';

describe('open work under the claims that stand for it', () => {
  it('keeps its own key when no claim is stray', () => {
    const works = [workOf('a'), workOf('b')];
    expect(followMoves(works, new Map())).toBe(works);
  });

  it('takes the key of a claim for the same bytes at a path that is gone', () => {
    const moved = workOf('new', { blob: 'b1' });
    expect(followMoves([moved], new Map([['old', claimOf({ blob: 'b1' })]]))).toEqual([
      { ...moved, key: 'old' },
    ]);
  });

  it.each([
    ['other bytes', claimOf({ blob: 'b2' })],
    ['another recipient', claimOf({ blob: 'b1', recipient: 'sonnet' })],
  ])('does not follow a claim for %s', (_, claim) => {
    expect(followMoves([workOf('new', { blob: 'b1' })], new Map([['old', claim]]))[0]?.key).toBe(
      'new',
    );
  });

  it('leaves copies alone that never run', () => {
    const claims = new Map([['old', claimOf({ blob: 'b1' })]]);
    expect(followMoves([workOf('new', { blob: 'b1', twinOf: 'first.md' })], claims)[0]?.key).toBe(
      'new',
    );
  });

  it('gives one claim to one message only', () => {
    const works = followMoves(
      [workOf('x', { blob: 'b1' }), workOf('y', { blob: 'b1' })],
      new Map([['old', claimOf({ blob: 'b1' })]]),
    );
    expect(works.map(({ key }) => key)).toEqual(['old', 'y']);
  });
});
