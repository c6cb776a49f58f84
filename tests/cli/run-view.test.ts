import { describe, expect, it } from 'vitest';
import { type Failure, noteCommit } from '../../src/cli/look/failures.ts';
import { REASONS } from '../support/reasons.ts';
import {
  drawList,
  keysOf,
  LIST_AT_START,
  listRows,
  pressInList,
  type RunList,
} from '../../src/cli/begin/run-list.ts';
import { composeFooter, createOverhearing, formatEvent } from '../../src/cli/begin/run-view.ts';
import { sumCostOfDay } from '../../src/cli/look/reply-totals.ts';
import { displayWidth } from '../../src/base/display-width.ts';
import { shortId } from '../../src/cli/look/short-id.ts';
import type { HostReport } from '../../src/dispatcher/host-report.ts';
import { parseOid } from '../../src/base/ids.ts';

const REPORT: HostReport = {
  alias: 'mbp',
  instance: 'abcdef012345',
  run: '0123456789abcdef',
  version: '8.0.0',
  state: 'running',
  pausedHere: false,
  orderedBy: null,
  slots: 4,
  running: [
    {
      key: 'k',
      message: 'data/channels/general/hello.md',
      model: 'opus',
      attempt: 1,
      forMs: 65_000,
      publishing: false,
    },
  ],
  waiting: [],
  waitingCount: 3,
  serves: ['opus'],
  parked: [],
  unsent: 0,
  outage: null,
  halted: false,
  silent: [],
  leaseMs: 120_000,
  nextLookMs: 1_500,
};
const WIDE = { columns: 120, colors: false };
const ULID = '01JD0000000000000000000000';

describe('the footer of run', () => {
  it('says how things stand in one line', () => {
    expect(composeFooter(WIDE, REPORT, 0.5)).toBe(
      'mbp running · 1 of 4 agents · 3 waiting · $0.50 today · next poll 2s · remote ok',
    );
  });

  it('leaves out words, not facts, in a narrow window, and tells of trouble first', () => {
    const footer = (columns: number, more: Partial<HostReport> = {}): string =>
      composeFooter({ columns, colors: false }, { ...REPORT, ...more }, 0.5);
    expect(footer(81)).toBe(
      'mbp running · 1 of 4 agents · 3 waiting · $0.50 today · next poll 2s · remote ok',
    );
    expect(footer(80)).toBe('mbp running · 1/4 · 3 waiting · $0.50 · 2s · remote ok');
    expect(footer(40)).toBe('2s · 1/4 · 3 waiting · $0.50 · ok');
    expect(footer(40, { state: 'paused', waitingCount: 12 })).toBe(
      '2s · paused · 1/4 · 12 waiting · $0.50',
    );
    expect(footer(40, { outage: 'no route' })).toBe('2s · remote: no route · 1/4 · 3 waiting');
  });

  it('counts what the answers of this host have cost today, also before it was started', () => {
    const commit = (email: string, authoredMs: number, usd: string) => ({
      oid: parseOid('a'.repeat(40))!,
      parents: [],
      author: { name: 'opus', email },
      committer: { name: 'opus', email },
      authoredMs,
      message: `opus → ada: x\n\nCrosstalk-Host: mbp\nCrosstalk-Cost: ${usd} USD\n`,
    });
    const [today, yesterday] = [Date.UTC(2026, 10, 21, 1), Date.UTC(2026, 10, 20, 23)];
    const commits = [
      commit('opus@mbp.crosstalk', today, '0.2500'),
      commit('gpt@mbp.crosstalk', today, '0.5000'),
      commit('opus@mbp.crosstalk', yesterday, '4.0000'),
      commit('opus@server.crosstalk', today, '8.0000'),
    ];
    expect(sumCostOfDay(commits, { host: 'mbp', wallMs: Date.UTC(2026, 10, 21, 9) })).toBe(0.75);
  });

  it('never takes more than the window, and tells of an outage without control codes', () => {
    for (const columns of [1, 10, 40])
      expect(composeFooter({ columns, colors: false }, REPORT, 0).length).toBeLessThan(columns + 1);
    expect(composeFooter(WIDE, { ...REPORT, bus: { pushes: 5, limit: 6 } }, 0)).toContain(
      'bus 5 of 6 pushes a minute',
    );
    expect(composeFooter(WIDE, { ...REPORT, outage: 'no\u001b[31m route' }, 0)).toMatch(
      /remote: no\[31m route$/,
    );
  });
});

it('a line of run says who asks what when an agent starts', () => {
  const fields = { message: 'data/channels/general/a.md', model: 'opus', attempt: 1 };
  const record = { level: 'status', event: 'attempt.started', fields } as const;
  const line = (nameOf: (path: string) => string | null) =>
    formatEvent(WIDE, record, { alias: 'mbp', nameOf })?.slice(9);
  expect(line(() => 'ada "Is the lease safe?"')).toBe(
    'mbp opus ← ada "Is the lease safe?"  a  runs',
  );
  expect(line(() => null)).toBe('mbp opus  a  runs');
});

describe('what agents print', () => {
  const pathOf = (name: string): string => `data/channels/general/${name}.md`;
  const piece = (name: string, text: string) => ({ message: pathOf(name), model: 'opus', text });

  it('is shown when it is switched on, in whole lines under the name of each model, without control codes', () => {
    const overheard = createOverhearing(WIDE);
    expect(overheard.take(piece('a', 'not yet\n'))).toBe('');
    expect(overheard.toggle()).toBe(true);
    expect(overheard.take(piece('a', 'one\ntw'))).toBe('opus  a │ one\n');
    expect(overheard.take(piece('b', 'other\u001b[2J\n'))).toBe('opus  b │ other[2J\n');
    expect(overheard.take(piece('a', 'o'))).toBe('');
    expect(overheard.end(pathOf('a'), 'opus')).toBe('opus  a │ two\n');
    expect(overheard.end(pathOf('a'), 'opus')).toBe('');
    expect(overheard.toggle()).toBe(false);
    expect(overheard.take(piece('a', 'no more\n'))).toBe('');
  });

  it('is cut to the window, and a line that never ends is shown all the same', () => {
    const overheard = createOverhearing({ columns: 30, colors: false });
    overheard.toggle();
    const shown = overheard.take(piece('a', 'x'.repeat(5_000)));
    expect(shown).toMatch(/x…\n$/);
    expect(shown.length).toBeLessThanOrEqual(31);
  });
});

describe('a line of run', () => {
  it('is a sentence for news of runs and of the remote, too', () => {
    const line = (event: string, fields: Record<string, string | number>) =>
      formatEvent(WIDE, { level: 'status', event, fields }, { alias: 'mbp' })?.slice(9);
    expect(
      line('workflow.advanced', {
        run: 'small-1',
        message: 'data/channels/general/ask.md',
        commits: 2,
      }),
    ).toBe('mbp ask  run small-1 moves on by 2 commits');
    expect(line('remote.watched', { where: '/srv/team.git', safety_ms: 300_000 })).toBe(
      'mbp the remote is on this machine: polled when its files change',
    );
    expect(
      line('attempt.started', {
        message: 'data/channels/ship-0a1b/steps/build/n2-login/test/task.2.md',
        model: 'opus',
        attempt: 1,
      }),
    ).toBe('mbp opus  ship-0a1b build/n2-login/test  runs');
    expect(
      line('attempt.started', {
        message: 'data/channels/ship-0a1b/steps/plan/one/task.md',
        model: 'opus',
        attempt: 1,
      }),
    ).toBe('mbp opus  ship-0a1b plan  runs');
    const rejected = {
      path: 'data/channels/general/bad.md',
      line: 3,
      found: 'no "to:"',
      expected: 'a recipient',
    };
    expect(
      formatEvent(
        WIDE,
        { level: 'warning', event: 'message.rejected', fields: rejected },
        { alias: 'mbp' },
      )?.slice(9),
    ).toBe(
      'mbp rejected data/channels/general/bad.md:3: found no "to:"; expected a recipient → crosstalkd lint data/channels/general/bad.md',
    );
    expect(line('dispatcher.started', { alias: 'mbp' })).toBe(
      'mbp is up; Ctrl-C or "crosstalkd stop" ends it',
    );
  });

  it('has time, host, model, message, and what happened with how long and how much', () => {
    const fields = {
      message: `data/channels/general/2026/11/21/064020123Z-${ULID}.md`,
      model: 'opus',
      how: 'answered',
      duration_ms: 4_200,
      cost_usd: 0.0123,
    };
    expect(
      formatEvent(WIDE, { level: 'status', event: 'attempt.ended', fields }, { alias: 'mbp' }),
    ).toMatch(/^\d\d:\d\d:\d\d mbp opus {2}01JD00000000 {2}answered after 4\.2s, \$0\.0123$/);
  });

  it('says what happens next for a warning and what a person can do for an alert, however narrow the window', () => {
    const narrow = { columns: 30, colors: false };
    const warning = formatEvent(
      narrow,
      {
        level: 'warning',
        event: 'remote.unreachable',
        fields: { reason: 'no route', next: 'tries again' },
      },
      { alias: 'mbp' },
    );
    expect(warning).toMatch(/remote unreachable: no route → tries again$/);
    const alert = formatEvent(
      narrow,
      {
        level: 'alert',
        event: 'publish.refused',
        fields: { reason: 'hook', fix: 'crosstalkd doctor' },
      },
      { alias: 'mbp' },
    );
    expect(alert).toMatch(/→ crosstalkd doctor$/);
  });

  it('leaves out what is of no use to a person, and every control code', () => {
    expect(
      formatEvent(
        WIDE,
        { level: 'status', event: 'publish.retried', fields: {} },
        { alias: 'mbp' },
      ),
    ).toBeNull();
    expect(
      formatEvent(
        WIDE,
        { level: 'status', event: 'odd.event', fields: { text: 'a\u001b[2Jb\nc' } },
        { alias: 'mbp' },
      ),
    ).toMatch(/odd event \(text a\[2Jb c\)$/);
  });
});

describe('the list of run', () => {
  const wait = (kind: 'stale' | 'workflow', name: string, model: string) => ({
    key: name,
    reason: REASONS[kind],
    forMs: 1,
    message: `data/channels/general/${name}.md`,
    model,
  });
  const waiting = [wait('stale', 'old', 'opus'), wait('workflow', 'ship', 'workflow')];
  const rows = listRows({ ...REPORT, waiting }, (path) =>
    path.endsWith('hello.md') ? 'ada "Is it ✅?"' : null,
  );
  const press = (...keys: readonly string[]) => {
    let list = LIST_AT_START;
    const deeds: (string | null)[] = [];
    for (const key of keys) {
      const pressed = pressInList(list, key, rows);
      list = pressed?.list ?? list;
      if (pressed?.deed != null) deeds.push(`${pressed.deed.kind} ${pressed.deed.row.id}`);
    }
    return { list, deeds };
  };
  const draw = (list: RunList, columns = 80) =>
    drawList({ columns, rows: 24, colors: false }, list, rows);

  it('has what runs, what waits and why, and runs of workflows', () => {
    expect(draw(LIST_AT_START)).toEqual([
      '  ▶ opus ← ada "Is it ✅?"  hello  runs for 1m 05s',
      expect.stringMatching(/^ {2}· opus {2}old {2}waits: is 8d 0h old/) as string,
      '  ◆ workflow  ship  is open',
    ]);
    const [, ship] = waiting;
    const asking = listRows({ ...REPORT, running: [], waiting: [{ ...ship!, gates: ['ok'] }] });
    expect(drawList({ columns: 80, rows: 24, colors: false }, LIST_AT_START, asking)).toEqual([
      '  ◆ workflow  ship  asks people: ok',
    ]);
  });

  it.each<[string, readonly string[], readonly string[]]>([
    ['Enter shows the output of what runs', ['down', 'enter'], ['output hello']],
    ['w says why', ['j', 'j', 'w'], ['why old']],
    [
      'c cancels when it is pressed twice',
      ['down', 'c', 'c'],
      ['arm-cancel hello', 'cancel hello'],
    ],
    [
      'another key between them calls it off',
      ['down', 'c', 'w', 'c'],
      ['arm-cancel hello', 'why hello', 'arm-cancel hello'],
    ],
    ['a approves a run', ['up', 'down', 'down', 'a', 'a'], ['arm-approve ship', 'approve ship']],
    ['c does nothing to a run, nor a to a message', ['down', 'a', 'down', 'down', 'c'], []],
    ['nothing is done while nothing is chosen', ['enter', 'w', 'c', 'c', 'a', 'a'], []],
    [
      'keys are text while a filter is typed',
      ['/', 'o', 'l', 'c', 'backspace', 'enter', 'down', 'w'],
      ['why old'],
    ],
    ['a filter that leaves nothing leaves nothing to do', ['/', 'z', 'enter', 'down', 'w'], []],
  ])('%s', (_, keys, deeds) => {
    expect(press(...keys).deeds).toEqual(deeds);
  });

  it('is hidden by s, and filtered', () => {
    expect(draw(press('s').list)).toEqual([]);
    expect(draw(press('/', 's', 'h').list)).toEqual(['  ◆ workflow  ship  is open', '/sh▏']);
    expect(draw(press('/', 's', 'h', 'escape').list)).toHaveLength(3);
  });

  it('leaves other keys to others', () => {
    expect(pressInList(LIST_AT_START, 'q', rows)).toBeNull();
    expect(keysOf('q\u001b[A\u001b[B\r\u007fü\u001b')).toEqual([
      ...['q', 'up', 'down', 'enter', 'backspace', 'ü', 'escape'],
    ]);
  });

  it('stays inside of the window, whatever is chosen', () => {
    const many = {
      ...REPORT,
      waiting: Array.from({ length: 40 }, (_, at) => wait('stale', `m${at}`, 'opus')),
    };
    const all = listRows(many);
    for (const chosen of [null, 'hello', 'm0', 'm20', 'm39'])
      for (const columns of [20, 40, 80]) {
        const io = { columns, rows: 24, colors: false };
        const lines = drawList(io, { ...LIST_AT_START, chosen }, all);
        expect(lines.length).toBeLessThanOrEqual(8);
        for (const line of lines) expect(displayWidth(line)).toBeLessThan(columns);
        expect(lines.filter((line) => line.startsWith('›'))).toHaveLength(chosen === null ? 0 : 1);
      }
  });
});

it('a short id is a prefix that can be typed back; hand-made names stay whole', () => {
  expect(shortId(`data/channels/general/2026/11/21/064020123Z-${ULID}.md`)).toBe(ULID.slice(0, 12));
  expect(shortId(`data/channels/general/2026/11/21/064020123Z-${ULID}.re.opus.md`)).toBe(
    `${ULID.slice(0, 12)}.re.opus`,
  );
  expect(shortId('data/channels/general/notes/plan.md')).toBe('notes/plan');
});

it('failures are listed until somebody asks again or they are answered', () => {
  const listed = (...commits: readonly (readonly string[])[]) => {
    const open = new Map<string, Failure>();
    for (const values of commits) noteCommit(open, values);
    return [...open.values()].map(({ id, model, failed, detail, isUnknown, run }) =>
      [id, model, failed, detail, isUnknown, run].join(' | '),
    );
  };
  // Author, time, then the trailers Re, Channel, Run, Failed, Detail, Outcome, Retries, To.
  const opus = 'opus@mbp.crosstalk';
  const failed = [opus, '1', 'my note', 'a', '', 'crash', 'exit status 1', '', ''];
  const unknown = [opus, '2', 'other', 'a', '', 'host-lost', 'host mbp died', 'unknown', ''];
  expect(listed(failed, unknown)).toEqual([
    'my note | opus | crash | exit status 1 | false | ',
    'other | opus | host-lost | host mbp died | true | ',
  ]);
  const again = ['ada@example.org', '3', '', 'a', '', '', '', '', 'my note'];
  expect(listed(failed, again)).toEqual([]);
  // Others that have failed to answer the same message still have.
  const gpt = ['gpt@mbp.crosstalk', ...failed.slice(1)];
  expect(listed(failed, gpt, [...again, 'opus'])).toEqual([
    'my note | gpt | crash | exit status 1 | false | ',
  ]);
  expect(listed(failed, gpt, [...again, 'opus gpt'])).toEqual([]);
  expect(listed(failed, [opus, '3', 'my note', 'a', '', '', '', '', ''])).toEqual([]);
  // Nobody but a dispatcher tells of a failure.
  expect(listed(['ada@example.org', ...failed.slice(1)])).toEqual([]);
  const ended = [
    'workflow@crosstalk',
    '4',
    'marker',
    'a',
    'docs-1',
    'workflow',
    'a: crash',
    '',
    '',
  ];
  expect(listed(ended)).toEqual(['marker | workflow | workflow | a: crash | false | docs-1']);
});
