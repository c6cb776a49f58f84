import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countAnswers } from '../../src/web/figures.ts';
import { formatShown } from '../../src/web/format-shown.ts';
import {
  formatAgo,
  formatCount,
  formatSpan,
  formatUsd,
  shortenMark,
} from '../../src/web/page/format.ts';
import { groupsOf, labelOf, shapeOf } from '../../src/web/page/place-in-run.ts';
import { curve, type GraphNode, layoutGraph } from '../../src/web/page/layout-graph.ts';
import { barOf, spanOf, spanTicks, timeTicks, valueTicks } from '../../src/web/page/layout-time.ts';
import { checkNames, toggleName } from '../../src/web/page/check-names.ts';
import { findFitting } from '../../src/web/page/find-fitting.ts';
import { appendPiece } from '../../src/web/page/printed.ts';
import { addressOf, type Place, placeOf, RUN_TABS } from '../../src/web/page/route.ts';
import { foldThreads, type Linked, parentOf } from '../../src/web/threads.ts';
import type { Step } from '../../src/web/told.ts';
import { noteTraffic, perMinute } from '../../src/web/traffic.ts';

const SIZE = { width: 180, height: 60, gapAlong: 50, gapAcross: 18, direction: 'right' } as const;

const FRAMES = ['f', 'f/g', 'h'].map((id) => ({ id, group: id === 'f/g' ? 'f' : null }));
const graphs = fc
  .array(
    fc.record({
      needs: fc.array(fc.nat(24), { maxLength: 4 }),
      group: fc.constantFrom(null, null, null, ...FRAMES.map(({ id }) => id)),
    }),
    { minLength: 1, maxLength: 25 },
  )
  .map((all): readonly GraphNode[] =>
    all.map(({ needs, group }, at) => ({
      id: `s${at}`,
      needs: needs.map((need) => `s${need}`),
      group,
    })),
  );
const alone = (nodes: readonly Omit<GraphNode, 'group'>[]): readonly GraphNode[] =>
  nodes.map((node) => ({ ...node, group: null }));

describe('steps in groups', () => {
  const root = 'data/channels/ship-0a/steps/';
  const step = (
    path: string,
    needs: readonly string[] = [],
    status: Step['status'] = 'succeeded',
  ): Step => ({
    id: path.split('/').at(-1) ?? '',
    kind: 'prompt',
    folder: `${root}${path}/`,
    needs,
    status,
    why: null,
    tally: null,
  });
  const pass = (key: string, status: Step['status'] = 'succeeded') => [
    step(`build/${key}/steps/write`, [], status),
    step(`build/${key}/steps/test`, ['write'], status),
  ];

  it('are drawn once, however many items and passes there are, in a frame that counts them', () => {
    const { steps, groups } = shapeOf([
      step('plan'),
      step('build', ['plan']),
      ...pass('login', 'failed'),
      ...pass('n2-login'),
      ...pass('logout', 'running'),
      step('panel', ['build']),
      step('alone'),
    ]);
    expect(steps.map(({ id, group, needs }) => [id, group, needs])).toEqual([
      ['plan', null, []],
      ['build/write', 'build', ['plan']],
      ['build/test', 'build', ['build/write']],
      ['panel', null, ['build/test']],
      ['alone', null, []],
    ]);
    expect(groups).toMatchObject([{ id: 'build', items: 2, passes: 2, rounds: 1 }]);
    // What was repeated counts no more.
    const [, write] = steps;
    expect(write?.steps.map(({ status }) => status).sort()).toEqual(['running', 'succeeded']);
    expect(write?.turns).toBe(3);
  });

  it('and their tasks are told apart by item, pass, candidate and try', () => {
    expect(groupsOf(`${root}build/n2-login/steps/test/`)).toBe('login, pass 2');
    expect(groupsOf(`${root}build/one/steps/test/`)).toBe('');
    expect(groupsOf(`${root}test/`)).toBe('');
    const label = (path: string, key: string): string => labelOf({ path: `${root}${path}`, key });
    expect(label('build/login/steps/test/one/task.md', 'one')).toBe('login');
    expect(label('build/r2-n3-login/steps/panel/opus-c1/task.2.md', 'opus-c1')).toBe(
      'login, pass 3, round 2 · opus-c1 · try 2',
    );
    expect(label('poll/n2-one/task.md', 'one')).toBe('pass 2');
    expect(label('plan/one/task.md', 'one')).toBe('');
  });
});

describe('what is said on the page', () => {
  it('has round marks at the axes, also for money', () => {
    expect([0.5, 1, 1.5, 10, 0.005].map((usd) => shortenMark(formatUsd(usd)))).toEqual([
      '$0.50',
      '$1',
      '$1.50',
      '$10',
      '$0.0050',
    ]);
    expect(shortenMark(formatSpan(2_000))).toBe('2s');
  });
});

describe('the layout of a graph', () => {
  it('overlaps no boxes, and draws every line forward', () => {
    fc.assert(
      fc.property(
        graphs,
        fc.constantFrom('right' as const, 'down' as const),
        (nodes, direction) => {
          const layout = layoutGraph(nodes, FRAMES, { ...SIZE, gapAlong: 50, direction });
          expect(layout.nodes.map(({ id }) => id)).toEqual(nodes.map(({ id }) => id));
          const at = new Map(layout.nodes.map((node) => [node.id, node]));
          layout.nodes.forEach((a, index) => {
            expect(a.x).toBeGreaterThan(-0.01);
            expect(a.y).toBeGreaterThan(-0.01);
            expect(a.x + SIZE.width).toBeLessThan(layout.width + 0.01);
            expect(a.y + SIZE.height).toBeLessThan(layout.height + 0.01);
            for (const b of layout.nodes.slice(index + 1))
              expect(
                Math.abs(a.x - b.x) >= SIZE.width - 0.01 ||
                  Math.abs(a.y - b.y) >= SIZE.height - 0.01,
              ).toBe(true);
          });
          for (const frame of layout.frames)
            for (const [index, { x, y }] of layout.nodes.entries()) {
              const isIn = `${nodes[index]?.group ?? ''}/`.startsWith(`${frame.id}/`);
              const apart =
                x + SIZE.width <= frame.x + 0.01 ||
                y + SIZE.height <= frame.y + 0.01 ||
                x >= frame.x + frame.width - 0.01 ||
                y >= frame.y + frame.height - 0.01;
              expect([frame.id, index, apart]).toEqual([frame.id, index, !isIn]);
            }
          for (const { from, to, points } of layout.edges) {
            const [start, end] = [at.get(from), at.get(to)];
            expect(
              direction === 'right'
                ? (start?.x ?? 0) < (end?.x ?? 0)
                : (start?.y ?? 0) < (end?.y ?? 0),
            ).toBe(true);
            const along = points.map(([x, y]) => (direction === 'right' ? x : y));
            expect(along).toEqual([...along].sort((a, b) => a - b));
            expect(curve(points, direction)).toMatch(/^M[-\d. ]+([CL][-\d. ]+)+$/);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('draws every need of a graph without circles, and the same graph always the same', () => {
    fc.assert(
      fc.property(graphs, (nodes) => {
        const forward = nodes.map(({ id, group, needs }, at) => ({
          id,
          group,
          needs: needs.filter((need) => Number(need.slice(1)) < at),
        }));
        const layout = layoutGraph(forward, FRAMES, SIZE);
        expect(layout.edges).toHaveLength(
          forward.reduce((sum, { needs }) => sum + new Set(needs).size, 0),
        );
        expect(layoutGraph(forward, FRAMES, SIZE)).toEqual(layout);
      }),
      { numRuns: 30 },
    );
  });

  it('draws a chain as one straight line, and a fan around its middle', () => {
    const chain = layoutGraph(
      alone([
        { id: 'a', needs: [] },
        { id: 'b', needs: ['a'] },
        { id: 'c', needs: ['b'] },
      ]),
      [],
      SIZE,
    );
    expect(chain.nodes).toEqual([
      { id: 'a', x: 0, y: 0 },
      { id: 'b', x: 230, y: 0 },
      { id: 'c', x: 460, y: 0 },
    ]);
    expect(chain.edges.map(({ points }) => curve(points, 'right'))).toEqual([
      'M180 30L230 30',
      'M410 30L460 30',
    ]);
    const fan = layoutGraph(
      alone([
        { id: 'a', needs: [] },
        ...['x', 'y', 'z'].map((id) => ({ id, needs: ['a'] })),
        { id: 'end', needs: ['x', 'y', 'z'] },
      ]),
      [],
      SIZE,
    );
    expect(fan.nodes.map(({ y }) => y)).toEqual([78, 0, 78, 156, 78]);
    expect(layoutGraph(alone([{ id: 'a', needs: ['gone', 'a'] }]), [], SIZE).edges).toEqual([]);
  });
});

describe('scales', () => {
  it('marks begin at 0, lie a round step apart, and reach the top', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-4, max: 1e9, noNaN: true }), (max) => {
        for (const ticks of [valueTicks(max, 4), spanTicks(max, 4)]) {
          expect(ticks[0]).toBe(0);
          expect(ticks.at(-1) ?? 0).toBeGreaterThanOrEqual(max * 0.999);
          expect(ticks.length).toBeLessThanOrEqual(6);
        }
      }),
    );
    expect(valueTicks(14, 4)).toEqual([0, 5, 10, 15]);
    expect(timeTicks(70_000, 5)).toEqual([0, 15_000, 30_000, 45_000, 60_000]);
    expect(spanTicks(300_000, 4)).toEqual([0, 120_000, 240_000, 360_000]);
  });

  it('a bar waits until its work begins, and continues until now while it is open', () => {
    const done = { askedMs: 1_000, startMs: 3_000, endMs: 5_000 };
    const open = { askedMs: 5_000, startMs: null, endMs: null };
    const span = spanOf([done, open], 9_000);
    expect(span).toEqual({ fromMs: 1_000, toMs: 9_000 });
    expect(barOf(done, { ...span, isHeld: false })).toEqual({
      waitFrom: 0,
      workFrom: 0.25,
      to: 0.5,
      isOpen: false,
    });
    expect(barOf(open, { ...span, isHeld: false })).toEqual({
      waitFrom: 0.5,
      workFrom: 1,
      to: 1,
      isOpen: true,
    });
    expect(barOf(open, { ...span, isHeld: true })).toEqual({
      waitFrom: 0.5,
      workFrom: 0.5,
      to: 1,
      isOpen: true,
    });
    expect(
      barOf({ askedMs: null, startMs: null, endMs: null }, { ...span, isHeld: false }),
    ).toBeNull();
  });

  it('numbers and times are short', () => {
    expect([850, 4_200, 61_000, 3_600_000, 90_000_000].map(formatSpan)).toEqual([
      '850ms',
      '4.2s',
      '1m 1s',
      '1h',
      '1d 1h',
    ]);
    expect([7, 999, 1_234, 34_000, 999_600, 2_500_000].map(formatCount)).toEqual([
      '7',
      '999',
      '1.2k',
      '34k',
      '1M',
      '2.5M',
    ]);
    expect([0, 61_000, 7_200_000].map((ms) => formatAgo(0, ms))).toEqual(['now', '1m', '2h']);
  });
});

describe('what agents print', () => {
  it('is put together from pieces that overlap, come twice, or begin late', () => {
    fc.assert(
      fc.property(
        fc.string({ maxLength: 60 }),
        fc.array(fc.tuple(fc.nat(60), fc.nat(60)), { maxLength: 12 }),
        (whole, spans) => {
          const piece = (from: number, end: number) => ({
            attempt: 'a',
            model: 'opus',
            text: whole.slice(from, end),
            end,
          });
          let printed = appendPiece([], piece(0, 0));
          let reached = 0;
          for (const [a, b] of spans) {
            // As a stream has it: what comes follows what came, or repeats it.
            const [from, end] = [Math.min(a, b, reached), Math.min(whole.length, Math.max(a, b))];
            printed = appendPiece(printed, piece(from, Math.max(from, end)));
            reached = Math.max(reached, end);
          }
          expect(printed).toEqual([piece(0, reached)]);
        },
      ),
    );
  });
});

describe('names that are typed', () => {
  const names = {
    models: [
      { name: 'opus', effects: 'none' as const, hosts: ['mbp'] },
      { name: 'deploy', effects: 'external' as const, hosts: [] },
    ],
    hosts: ['mbp', 'pi'],
    people: ['grace'],
  };

  it.each([
    ['opus', { kind: 'model' }],
    ['opus@mbp', { kind: 'model' }],
    ['opus@pi', { kind: 'model', note: 'pi does not serve it now' }],
    ['opus@mars', { kind: 'model', note: 'no host "mars" has been seen' }],
    [
      'deploy',
      { kind: 'model', isExternal: true, note: 'no running host serves it: the message waits' },
    ],
    ['all', { kind: 'everybody', isExternal: true, note: '2 models' }],
    ['workflow', { kind: 'workflow' }],
    ['grace', { kind: 'person' }],
    ['opsu', { kind: 'unknown', note: 'no such name', near: 'opus' }],
    ['grcae', { kind: 'unknown', note: 'no such name', near: 'grace' }],
    ['nobody-at-all', { kind: 'unknown', note: 'no such name' }],
  ])('say who %s is', (text, found) => {
    expect(checkNames(`, ${text} ,`, names)).toEqual([
      { text, isExternal: false, note: '', near: null, ...found },
    ]);
  });

  it('are added and taken out without touching the others', () => {
    expect(toggleName('', 'opus')).toBe('opus');
    expect(toggleName('opus, grace', 'opus')).toBe('grace');
    expect(toggleName('opus,,', 'grace')).toBe('opus, grace');
  });

  it('are found by their letters, the beginnings of words first', () => {
    const all = ['Retry opus', 'Now', 'Show the keys', 'Runs'];
    const find = (typed: string): readonly string[] => findFitting(all, typed, (text) => text);
    expect(find('')).toEqual(all);
    expect(find('op')).toEqual(['Retry opus']);
    expect(find('ow')).toEqual(['Now', 'Show the keys']);
    expect(find('rs')).toEqual(['Retry opus', 'Runs']);
    expect(find('zz')).toEqual([]);
  });
});

describe('addresses', () => {
  it('of every place lead back to it', () => {
    const name = fc
      .string({ minLength: 1, unit: 'grapheme' })
      .filter((text) => text !== '.' && text !== '..');
    const places: fc.Arbitrary<Place> = fc.oneof(
      fc.constantFrom<Place>(
        { at: 'now' },
        { at: 'runs' },
        { at: 'charts' },
        { at: 'hosts', name: null },
      ),
      name.map((text): Place => ({ at: 'channel', name: text })),
      name.map((text): Place => ({ at: 'message', id: text })),
      name.map((text): Place => ({ at: 'hosts', name: text })),
      fc.string({ unit: 'grapheme' }).map((query): Place => ({ at: 'search', query })),
      fc
        .tuple(name, fc.constantFrom(...RUN_TABS))
        .map(([id, tab]): Place => ({ at: 'run', id, tab })),
    );
    fc.assert(
      fc.property(places, (place) => {
        const url = new URL(addressOf(place), 'http://127.0.0.1');
        expect(placeOf(url.pathname, url.search)).toEqual(place);
      }),
    );
    expect(placeOf('/nothing/here', '')).toEqual({ at: 'nowhere' });
    expect(placeOf('/m/%E0%A4%A', '')).toEqual({ at: 'message', id: '%E0%A4%A' });
  });
});

describe('threads', () => {
  const entries = fc
    .array(fc.tuple(fc.nat(100), fc.array(fc.nat(20), { maxLength: 2 }), fc.option(fc.nat(20))), {
      maxLength: 20,
    })
    .map(
      (all) =>
        new Map(
          all.map(([atMs, re, replyTo], at): [string, Linked] => [
            `p${at}`,
            {
              path: `p${at}`,
              channel: at % 3 === 0 ? 'a' : 'b',
              atMs,
              re: re.map((path) => `p${path}`),
              replyTo: replyTo === null ? null : `p${replyTo}`,
            },
          ]),
        ),
    );

  it('hold every message once, after its parent, even with circular references', () => {
    fc.assert(
      fc.property(entries, (all) => {
        const { of, byChannel } = foldThreads(all);
        const threads = [...new Set(of.values())];
        expect(threads.flatMap(({ members }) => members.map(({ path }) => path)).sort()).toEqual(
          [...all.keys()].sort(),
        );
        expect([...byChannel.values()].flat()).toHaveLength(threads.length);
        for (const { root, members } of threads) {
          expect(members[0]).toBe(root);
          for (const member of members) {
            const parent = parentOf(all, member);
            if (parent !== null) expect(of.get(parent.path)?.root).toBe(root);
          }
        }
      }),
    );
  });
});

describe('figures', () => {
  it('count the answers of dispatchers by day, and leave out people and what is older', () => {
    const day = 86_400_000;
    const nowMs = 20_000 * day + 1_000;
    const answer = {
      recipient: 'opus',
      host: 'mbp',
      failed: false,
      durationMs: 2_000,
      tokensIn: 10,
      tokensOut: 5,
      costUsd: 0.5,
      replyTo: 'asked.md',
    };
    const answers = [
      { ...answer, atMs: nowMs },
      { ...answer, atMs: nowMs - day, durationMs: 6_000 },
      { ...answer, atMs: nowMs - day, failed: true, durationMs: 90_000 },
      { ...answer, atMs: nowMs - day, host: null },
      { ...answer, atMs: nowMs - 5 * day },
    ];
    const askedMs = (): number => nowMs - 3_000;
    const charts = countAnswers(answers, 'model', { days: 2, nowMs, askedMs });
    expect(charts.days).toHaveLength(2);
    expect(charts.series).toHaveLength(1);
    expect(charts.total).toEqual({
      answers: 3,
      failed: 1,
      medianMs: 2_000,
      slowMs: 6_000,
      waitMs: 0,
      tokensIn: 30,
      tokensOut: 15,
      usd: 1.5,
    });
    expect(charts.series[0]?.daily.map(({ answers: count }) => count)).toEqual([2, 1]);
    expect(
      countAnswers(answers, 'host', { days: 9, nowMs, askedMs }).series.map(({ name, total }) => [
        name,
        total.answers,
      ]),
    ).toEqual([['mbp', 4]]);
  });
});

it('shows what is hidden in a text as a terminal does, wherever it stands', () => {
  const told = {
    body: 'yes\u202e\u200b\n\tno\u001b[2J',
    steps: [{ title: 'a\u{e0041}b' }],
    count: 3,
  };
  expect(JSON.parse(formatShown(told))).toEqual({
    body: 'yes⟨U+202E⟩⟨U+200B⟩\n\tno[2J',
    steps: [{ title: 'a⟨U+E0041⟩b' }],
    count: 3,
  });
});

describe('pushes of hosts, as their beats tell them', () => {
  const MINUTE = 60_000;
  const beat = (atMs: number, ...pushes: readonly number[]) =>
    ({ hosts: [{ alias: 'a', instance: 'i', beat: { atMs, pushes } }], here: null }) as never;

  it('counts each once, by the minute, for an hour', () => {
    const t0 = 100 * MINUTE;
    const first = noteTraffic(new Map(), beat(t0, 0, 30), t0);
    const second = noteTraffic(first, beat(t0 + 20_000, 0, 20, 50), t0 + 20_000);
    expect(second.get('a')).toEqual([t0 + 20_000, t0, t0 - 30_000]);
    const later = noteTraffic(second, beat(t0 + 10 * MINUTE, 5), t0 + 10 * MINUTE);
    const minutes = perMinute(later.get('a') ?? [], t0 + 10 * MINUTE);
    expect([minutes.at(-1), minutes.at(-10), minutes.at(-11)]).toEqual([1, 1, 2]);
    const much = noteTraffic(later, beat(t0 + 120 * MINUTE), t0 + 120 * MINUTE);
    expect(much.get('a')).toEqual([]);
  });
});
