import { describe, expect, it } from 'vitest';
import type { Oid } from '../../src/base/ids.ts';
import { refNames } from '../../src/protocol/paths.ts';
import { judgeWork, selectWork, type WorkView } from '../../src/dispatcher/select-work.ts';
import { entryOf, viewOf, workOf } from '../support/work.ts';

const served = (change: Parameters<typeof entryOf>[0]): WorkView['serving'] => ({
  models: new Map([['opus', entryOf(change)]]),
  refused: new Map(),
});
const OID = 'a'.repeat(40) as Oid;

describe('what this host says of open work', () => {
  it.each<[string, Parameters<typeof workOf>[1], Partial<WorkView>, string]>([
    ['ready when nothing is against it', {}, {}, 'ready'],
    ['a copy never runs', { twinOf: 'first.md' }, {}, 'twin'],
    ['too old', { timestampMs: 0 }, { wallMs: 10, maxAgeMs: 9 }, 'stale'],
    ['too many hops', { hops: 4 }, { hopsMax: 4 }, 'hops'],
    ['for another host', { hosts: ['mbp'] }, {}, 'pinned'],
    ['for this host', { hosts: ['h0'] }, {}, 'ready'],
    [
      'of somebody whose messages the entry does not take',
      { from: 'eve' },
      { serving: served({ acceptFrom: ['ada'] }) },
      'not-accepted',
    ],
    [
      'in a project that the entry does not work in',
      { project: 'bank' },
      { serving: served({ projects: ['shop'] }), projects: ['bank'] },
      'not-accepted',
    ],
    [
      'of a model that rests, whose fallback does not take it',
      { from: 'eve' },
      {
        serving: {
          models: new Map([
            ['opus', entryOf({ fallback: ['strict'] })],
            ['strict', entryOf({ name: 'strict', acceptFrom: ['ada'] })],
          ]),
          refused: new Map(),
        },
        parked: new Map([['opus', { untilMs: 9, why: { kind: 'setup', detail: 'x' } }]]),
        monotonicMs: 5,
      },
      'rests',
    ],
    ['of a model that is not served', { recipient: 'ghost' }, {}, 'not-served'],
    [
      'of a model that rests',
      {},
      {
        parked: new Map([['opus', { untilMs: 9, why: { kind: 'setup', detail: 'x' } }]]),
        monotonicMs: 5,
      },
      'rests',
    ],
    [
      'of a model whose rest is over',
      {},
      {
        parked: new Map([['opus', { untilMs: 5, why: { kind: 'setup', detail: 'x' } }]]),
        monotonicMs: 5,
      },
      'ready',
    ],
    [
      'of a model that rests, when another is asked next and the other hosts had their chance',
      { hasFallback: true },
      {
        parked: new Map([['opus', { untilMs: 9_999, why: { kind: 'setup', detail: 'x' } }]]),
        monotonicMs: 3_000,
        firstSeen: new Map([['k', 0]]),
      },
      'ready',
    ],
    [
      'the same, before they had it',
      { hasFallback: true },
      {
        parked: new Map([['opus', { untilMs: 9_999, why: { kind: 'setup', detail: 'x' } }]]),
        monotonicMs: 2_999,
        firstSeen: new Map([['k', 0]]),
      },
      'rests',
    ],
    ['in hand here', {}, { held: new Map([['k', 'opus']]) }, 'held'],
    ['on its way out here', {}, { finishing: new Set(['k']) }, 'held'],
    ['claimed by somebody', {}, { refs: new Map([['c/k', OID]]) }, 'claimed'],
    [
      'claimed where claims stood before the version file changed',
      {},
      {
        claimsPrefix: refNames(false).claims,
        refs: new Map([[`${refNames(true).claims}k`, OID]]),
      },
      'claimed',
    ],
    ['while this host is paused', {}, { mode: 'paused' }, 'not-taking'],
    ['while its model is busy', {}, { held: new Map([['other', 'opus']]) }, 'model-busy'],
    [
      'while all slots are',
      {},
      { held: new Map([['other', 'sonnet']]), concurrency: 1 },
      'slots-busy',
    ],
  ])('%s', (...[, work, view, verdict]) => {
    expect(judgeWork(workOf('k', work), viewOf(view)).kind).toBe(verdict);
  });

  it('a model had its runs of this hour', () => {
    const serving = {
      models: new Map([['opus', entryOf({ runsPerHour: 1 })]]),
      refused: new Map(),
    };
    expect(
      judgeWork(workOf('k'), viewOf({ serving, starts: new Map([['opus', [1]]]), monotonicMs: 2 }))
        .kind,
    ).toBe('rate');
  });
});

describe('what this host claims now', () => {
  const works = ['a', 'b', 'c'].map((key) => workOf(key));
  const roomy = {
    models: new Map([['opus', entryOf({ concurrency: 99 })]]),
    refused: new Map(),
  };

  it('is no more than it has slots, and no more than the model takes', () => {
    expect(
      selectWork(works, viewOf({ serving: roomy, concurrency: 2 })).map(({ work }) => work.key),
    ).toEqual(['a', 'b']);
    expect(selectWork(works, viewOf({})).map(({ work }) => work.key)).toEqual(['a']);
  });

  it('is shared with the hosts in view: every piece is the own share of exactly one of them', () => {
    const instances = ['aaaaaaaaaaaa', 'bbbbbbbbbbbb', 'cccccccccccc'];
    const refs = new Map(instances.map((instance) => [`h/host.${instance}`, OID]));
    const many = Array.from({ length: 30 }, (_, index) => workOf(`k${index}`));
    const taken = instances.flatMap((instance) =>
      selectWork(many, viewOf({ serving: roomy, concurrency: 99, instance, refs })).map(
        ({ work }) => work.key,
      ),
    );
    expect([...taken].sort()).toEqual(many.map(({ key }) => key).sort());
  });

  it('leaves to the host that a message prefers what it prefers, as long as that one is up', () => {
    const refs = new Map([['h/mbp.bbbbbbbbbbbb', OID]]);
    const taken = (preferredHost: string, monotonicMs = 0): number => {
      const many = Array.from({ length: 20 }, (_, index) => workOf(`k${index}`, { preferredHost }));
      const firstSeen = new Map(many.map(({ key }) => [key, 0]));
      return selectWork(
        many,
        viewOf({ serving: roomy, concurrency: 99, refs, firstSeen, monotonicMs }),
      ).length;
    };
    expect([taken('h0'), taken('mbp'), taken('mbp', 1_500)]).toEqual([20, 0, 20]);
    // A host that is not in view is nobody's reason to wait: the work is shared as ever.
    expect(taken('gone')).toBeGreaterThan(0);
    expect(taken('gone')).toBeLessThan(20);
  });

  it('includes the share of others once they had their chance', () => {
    const refs = new Map([['h/dead.bbbbbbbbbbbb', OID]]);
    const firstSeen = new Map(works.map(({ key }) => [key, 0]));
    const view = viewOf({ serving: roomy, concurrency: 9, refs, firstSeen });
    expect(selectWork(works, { ...view, monotonicMs: view.stealAfterMs }).length).toBe(3);
  });
});
