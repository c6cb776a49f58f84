import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeTransport,
  formatTransport,
  HOSTED_PACE,
  isSlow,
  OWN_PACE,
  paceOfUrl,
} from '../../src/protocol/pace.ts';
import { allowed, findTurn, noteTraffic, type Road, UNTOLD } from '../../src/protocol/turn.ts';

describe('data/transport.yaml', () => {
  it.each([
    ['', 'own'],
    ['pace: own\n', 'own'],
    ['pace: hosted\n', 'hosted'],
    ['pace: { pushes-per-minute: 30, reads-per-second: 2.5 }\n', 'numbers'],
    [formatTransport(HOSTED_PACE), 'hosted'],
  ])('%j is the pace "%s"', (text, name) => {
    expect(decodeTransport(text)).toMatchObject({ pace: { name }, problems: [] });
  });

  it.each([
    ['pace: fast\n', '"fast"', 1],
    ['pace: [6, 8]\n', 'a list', 1],
    ['speed: 3\n', 'unknown key "speed"', 1],
    ['pace:\n  pushes-per-minute: 0\n  reads-per-second: 8\n', '0', 2],
    ['pace:\n  pushes-per-minute: 601\n  reads-per-second: 8\n', '601', 2],
    ['pace: { pushes-per-minute: 6 }\n', 'no "reads-per-second"', 1],
    ['pace: { pushes-per-minute: .nan, reads-per-second: 1 }\n', 'null', 1],
    ['pace: {pushes-per-minute: 6, reads-per-second: 8, __proto__: {}}\n', '__proto__', 1],
  ])('%j is refused as a whole, with the reason', (text, found, line) => {
    const { pace, problems } = decodeTransport(text);
    expect(pace).toBeNull();
    expect(problems[0]?.found).toContain(found);
    expect(problems[0]?.line).toBe(line);
  });

  it('gives a pace or problems, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), (text) => {
        const { pace, problems } = decodeTransport(text);
        expect(pace === null).toBe(problems.length > 0);
      }),
    );
  });

  it('has slow leases only below one push per second', () => {
    const numbers = (pushesPerMinute: number) =>
      isSlow({ name: 'numbers', limits: { pushesPerMinute, readsPerSecond: 8 } });
    expect([isSlow(OWN_PACE), isSlow(HOSTED_PACE), numbers(59), numbers(60)]).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });
});

describe('the pace that fits an address', () => {
  it.each([
    ['https://github.com/a/b.git', 'hosted'],
    ['git@github.com:a/b.git', 'hosted'],
    ['ssh://git@ssh.dev.azure.com:22/v3/a/b', 'hosted'],
    ['https://ada:secret@gitlab.com/a/b', 'hosted'],
    ['https://codeberg.org/a/b', 'hosted'],
    ['git@bitbucket.org:a/b.git', 'hosted'],
    ['https://gitlab.example.org/a/b', 'own'],
    ['https://notgithub.com/a/b', 'own'],
    ['https://github.com.example.org/a/b', 'own'],
    ['/srv/github.com/b.git', 'own'],
    ['./github.com/b.git', 'own'],
    ['file:///srv/b.git', 'own'],
    ['', 'own'],
  ])('%s: %s', (url, name) => {
    expect(paceOfUrl(url).name).toBe(name);
  });
});

const limits = { pushesPerMinute: 6, readsPerSecond: 8 };
const hostsUpTo = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, n) => `h${n}.${String(n).padStart(12, '0')}`);

function roadOf(parts: Partial<Road>): Road {
  const hosts = parts.hosts ?? hostsUpTo(8);
  return {
    limits,
    traffic: new Map(),
    hosts,
    busy: new Set(),
    own: hosts[0] ?? '',
    sinceMs: 0,
    round: 'r',
    waitedMs: 0,
    nowMs: 1_000_000,
    ...parts,
  };
}

describe('the turn of a host', () => {
  const pushed = (ago: readonly number[], nowMs = 1_000_000) =>
    new Map([['other', ago.map((ms) => nowMs - ms)]]);

  it('does not count as alone before it could see others that started at the same moment', () => {
    const first = hostsUpTo(8).map((own) => {
      const road = { hosts: [], own, sinceMs: 999_999 };
      const turn = findTurn(roadOf(road));
      expect(turn.free).toBe(4);
      expect(findTurn(roadOf({ ...road, nowMs: turn.atMs })).isNow).toBe(true);
      return turn.atMs;
    });
    expect(new Set(first).size).toBeGreaterThan(3);
    expect(Math.max(...first)).toBeLessThan(1_000_000 + 20_000);
  });

  it('comes at once on an idle remote, and for a host alone until few pushes are left', () => {
    expect(findTurn(roadOf({})).isNow).toBe(true);
    const alone = (ago: readonly number[]) =>
      findTurn(roadOf({ hosts: ['h0'], own: 'h0', traffic: pushed(ago) }));
    expect(alone([1_000]).isNow).toBe(true);
    expect(alone([1_000, 2_000, 3_000])).toMatchObject({ isNow: false, free: 2 });
    expect(alone([1, 2, 3, 4, 5].map((s) => s * 10_000)).isNow).toBe(false);
  });

  it('never belongs to two hosts at once, and comes to each host that holds claims', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 11 }),
        fc.integer({ min: 0, max: 2_047 }),
        fc.string({ maxLength: 5 }),
        (count, mask, round) => {
          const hosts = hostsUpTo(count);
          const busy = new Set(hosts.filter((_, n) => ((mask >> n) & 1) === 1));
          const startMs = 1_000_000;
          const came = new Set<string>();
          for (let ms = 0; ms < 36 * 5_000; ms += 1_250) {
            // One push is remembered, so the round continues for as long as is looked at here.
            const traffic = new Map([['other', [startMs]]]);
            const nowMs = startMs + (ms % 60_000);
            const now = hosts.filter(
              (own) =>
                findTurn(
                  roadOf({
                    hosts,
                    own,
                    busy,
                    round: `${round}${Math.floor(ms / 60_000)}`,
                    traffic,
                    nowMs,
                  }),
                ).isNow,
            );
            expect(now.length).toBeLessThanOrEqual(1);
            for (const name of now) came.add(name);
          }
          for (const name of busy) expect(came).toContain(name);
        },
      ),
      { numRuns: 25 },
    );
  });

  it('waits while the pushes of the last minute are used up, but not for those of people', () => {
    const five = [5, 15, 25, 35, 45].map((s) => s * 1_000);
    const turn = (traffic: Road['traffic']) =>
      findTurn(roadOf({ hosts: ['h0'], own: 'h0', traffic }));
    expect(turn(pushed(five))).toMatchObject({ isNow: false, free: 0 });
    expect(turn(new Map([[UNTOLD, five.map((ms) => 1_000_000 - ms)]])).isNow).toBe(true);
  });

  it('comes eventually, whatever pushes beats report', () => {
    const lies = new Map([['liar', Array.from({ length: 600 }, () => 1_000_000)]]);
    const asked = (waitedMs: number) =>
      findTurn(roadOf({ hosts: ['h0'], own: 'h0', traffic: lies, waitedMs })).free;
    expect(asked(0)).toBe(0);
    expect(asked(10 * 60_000)).toBeGreaterThan(0);
  });

  it('reserves pushes for those that nobody reported', () => {
    const of = (pushesPerMinute: number, isAlone: boolean) =>
      allowed({ ...limits, pushesPerMinute }, isAlone);
    expect([1, 2, 3, 6, 60].map((limit) => of(limit, true))).toEqual([1, 1, 2, 5, 59]);
    expect([1, 2, 3, 6, 60].map((limit) => of(limit, false))).toEqual([1, 1, 2, 4, 42]);
  });
});

describe('what is known of pushes', () => {
  it('covers the last minute and is bounded, whoever reports what', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(fc.constantFrom('a', 'b', ''), fc.array(fc.integer(), { maxLength: 900 })),
        ),
        (notes) => {
          let traffic: Road['traffic'] = new Map();
          for (const [who, times] of notes)
            traffic = noteTraffic(traffic, who, { times, nowMs: 0 });
          for (const list of traffic.values()) {
            expect(list.length).toBeLessThanOrEqual(600);
            expect(list.every((atMs) => -atMs < 62_000)).toBe(true);
            expect([...list].sort((a, b) => b - a)).toEqual(list);
          }
        },
      ),
    );
  });
});
