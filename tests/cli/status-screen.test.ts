import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Io } from '../../src/cli/io.ts';
import { displayWidth, wrapWidth } from '../../src/base/display-width.ts';
import { fitGroups, type Group, rowsOf } from '../../src/cli/look/fit-screen.ts';
import { printScreen, type Section } from '../../src/cli/look/print-status.ts';
import type { Need } from '../../src/cli/look/status-needs.ts';

const need = (reason: Need['reason'], of: string | null = null, about: string[] = []): Need => ({
  reason,
  of,
  about,
  count: about.length,
});
const failure = (id: number): Need =>
  need(
    { kind: 'failure', id: `m${id}`, model: 'opus', agoMs: 1_000, detail: 'crash: no', run: null },
    `m${id} to opus`,
    [`m${id}`],
  );
const gate = (run: string): Need =>
  need(
    {
      ...{ kind: 'gate', run, gate: 'ok', title: `Ship ${run}, with all that it changes?` },
      ...{ form: 'approve', choices: [], approvers: ['ada'], received: 0, quorum: 1 },
      ...{ isVoid: false, ignored: [] },
    },
    run,
  );
const NEEDS: readonly Need[] = [
  ...['ship-1', 'ship-2', 'ship-3'].map(gate),
  need({ kind: 'run-budget', run: 'big', limit: 'usd', value: 5, raised: 10 }, 'big'),
  need({ kind: 'stale', id: 'old', ageMs: 9e8, maxAgeMs: 6e8 }, '3 messages to echo', ['old', 'b']),
  need(
    { kind: 'unknown-name', id: 'typo', path: 'p/typo.md', name: 'opsu', near: 'opus' },
    'typo to opsu',
  ),
  ...Array.from({ length: 9 }, (_, at) => failure(at)),
  need({ kind: 'files-rejected', count: 14 }, null, ['a', 'b', 'c']),
  need({ kind: 'unpushed', clone: '/home/ada/team', count: 2, isBehind: false }),
];
const SECTIONS: readonly Section[] = ['Running', 'Waiting', 'Hosts', 'Remote'].map((title) => ({
  title,
  things: Array.from({ length: 4 }, (_, at) => ({
    line: `${title} ${at} ${'✅ with much to tell '.repeat(6)}`,
  })),
}));

function draw(
  [columns, rows]: readonly [number, number],
  needs: readonly Need[] = NEEDS,
  isAll = false,
): readonly string[] {
  const lines: string[] = [];
  const io: Io = {
    ...{ print: (line) => void lines.push(line), warn: () => undefined, write: () => undefined },
    ...{ isTerminal: true, columns, rows, redraws: false, colors: false },
    readStdin: () => Promise.resolve(''),
  };
  const verdict = `${needs.length} things need you; 1 running.`;
  printScreen(io, { verdict, needs, sections: SECTIONS }, isAll);
  return lines;
}

const NO_WINDOW = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY] as const;

describe('the screen of status', () => {
  it('has the first of every kind with its command on 80 columns and 24 rows', () => {
    const lines = draw([80, 24]);
    expect(rowsOf(lines, 80)).toBeLessThan(24);
    expect(lines[0]).toBe('17 things need you; 1 running.');
    for (const command of [
      'crosstalkd workflow approve ship-1 ok',
      'crosstalkd workflow budget big --usd 10',
      'crosstalkd retry old',
      'crosstalkd cancel typo',
      'crosstalkd retry m0',
      'crosstalkd lint',
      'git -C /home/ada/team push',
    ])
      expect(lines).toContain(`  ${command}`);
    expect(lines.join('\n')).toContain('… and 8 more: crosstalkd status --all');
  });

  it('has five failures and says how many more there are, where there is no window', () => {
    const lines = draw(NO_WINDOW);
    expect(lines.filter((line) => /^m\d to opus/.test(line))).toHaveLength(5);
    expect(lines).toContain('… and 4 more: crosstalkd status --all');
    expect(draw([80, 24], NEEDS, true).filter((line) => /^m\d to opus/.test(line))).toHaveLength(9);
  });

  it('fits every window that is large enough for a verdict and a line, and cuts no command', () => {
    fc.assert(
      fc.property(
        fc.subarray([...NEEDS]),
        fc.integer({ min: 40, max: 200 }),
        fc.integer({ min: 12, max: 60 }),
        (needs, columns, rows) => {
          const lines = draw([columns, rows], needs);
          expect(rowsOf(lines, columns)).toBeLessThan(rows);
          for (const line of lines)
            if (/^ {2}(crosstalkd|git) /.test(line)) expect(line).not.toContain('…');
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('groups in a window', () => {
  it('take no more rows than there are, and tell of everything that is left out', () => {
    const thing = fc.array(fc.string({ maxLength: 30 }), { minLength: 1, maxLength: 3 });
    const group = fc.array(thing, { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(
        fc.array(group, { maxLength: 6 }),
        fc.integer({ min: 1, max: 40 }),
        (all, rows) => {
          const groups = all.map((things, at): Group => ({
            things: things.map((lines) =>
              lines.map((line) => `${at} ${line.replace(/[^a-z]/g, '')}`),
            ),
            more: (count) => `more ${count}`,
          }));
          const lines = fitGroups(groups, {
            ...{ rows, columns: 20, things: 5, rest: (count) => `more ${count}` },
          });
          expect(rowsOf(lines, 20)).toBeLessThanOrEqual(rows);
          const told = lines.reduce(
            (sum, line) => sum + Number(/^more (\d+)$/.exec(line)?.[1] ?? 0),
            0,
          );
          const total = groups.reduce((sum, { things }) => sum + things.length, 0);
          if (lines.every((line) => /^more/.test(line))) expect(told).toBe(total);
          expect(told).toBeLessThanOrEqual(total);
        },
      ),
    );
  });

  it('text is broken at blanks, and no line is wider than the window', () => {
    expect(wrapWidth('one two three', 7, 3)).toEqual(['one two', 'three']);
    expect(wrapWidth('a-very-long-word', 6, 3)).toEqual(['a-very', '-long-', 'word']);
    expect(wrapWidth('one two three four', 7, 2)).toEqual(['one two', 'three …']);
    expect(wrapWidth('⺀A\u0300', 2, 2)).toEqual(['⺀', 'A\u0300']);
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        fc.integer({ min: 2, max: 40 }),
        fc.integer({ min: 1, max: 4 }),
        (text, columns, count) => {
          const lines = wrapWidth(text.replace(/\s/g, ' '), columns, count);
          expect(lines.length).toBeLessThanOrEqual(count);
          for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(columns);
        },
      ),
    );
  });
});
