/**
 * `verify` over workflow runs: each way in which a dispatcher could break I7, planted by plain git,
 * is named with the commit that did it.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Cli, letter, listOf, startCli } from '../support/cli.ts';

/** Text by path; null = removed. */
type Files = Readonly<Record<string, string | null>>;

const PLAN = `max-parallel: 2
budget: { agents: 3 }
steps:
  make: { each: [a, b, c], max-parallel: 1, prompt: make it, model: echo }
  end: { needs: [make], count: 2, prompt: end it, model: echo, join: { model: echo } }
`;
const task = (step: string, key: string, phase = 'fanout'): string =>
  `---\nto: echo\nfrom: workflow\ntype: message\nworkflow_phase: ${phase}\nwait: true\nrun: x\nstep: ${step}\nkey: ${key}\nkind: first\n---\nmake it\n`;
const reply = (path: string): string =>
  `---\nto: workflow\nfrom: echo\nre: ${path}\nmodel: echo\nhost: mbp\nattempt: 1\n---\nmade\n`;

/** Commits of a dispatcher in the channel of a run; the last one is the violation. */
interface Planted {
  readonly commits: (root: string) => readonly Files[];
  readonly says: RegExp;
}
const opened = (root: string, more: Files = {}): Files => ({
  [`${root}RUN.json`]: JSON.stringify({
    engine: 1,
    run: root.split('/')[2],
    marker: `data/channels/general/${root.split('/')[2] ?? ''}.md`,
    from: 'ada',
    atMs: 1,
    hops: 0,
    source: { kind: 'steps' },
    inputs: {},
  }),
  ...more,
});
const planned = (root: string): Files => opened(root, { [`${root}PLAN.yaml`]: PLAN });
const answered = (path: string): Files => ({ [path.replace(/\.md$/, '.re.echo.md')]: reply(path) });

const PLANTED: Readonly<Record<string, Planted>> = {
  'second-plan': {
    commits: (root) => [
      planned(root),
      { [`${root}PLAN.yaml`]: null },
      { [`${root}PLAN.yaml`]: `${PLAN}# 2\n` },
    ],
    says: /second plan/,
  },
  'no-plan': {
    commits: (root) => [opened(root), { [`${root}steps/make/a/task.md`]: task('make', 'a') }],
    says: /before the plan/,
  },
  'plan-with-tasks': {
    commits: (root) => [
      opened(root),
      { [`${root}PLAN.yaml`]: PLAN, [`${root}steps/make/a/task.md`]: task('make', 'a') },
    ],
    says: /before the plan/,
  },
  'task-twice': {
    commits: (root) => [
      planned(root),
      { [`${root}steps/make/a/task.md`]: task('make', 'a') },
      { [`${root}steps/make/a/task.2.md`]: task('make', 'a') },
    ],
    says: /the one before is not answered/,
  },
  'task-from-nowhere': {
    commits: (root) => [planned(root), { [`${root}steps/make/a/task.3.md`]: task('make', 'a') }],
    says: /the one before never stood/,
  },
  'another-folder': {
    commits: (root) => [planned(root), { [`${root}steps/make/b/task.md`]: task('make', 'a') }],
    says: /stands in the folder of another/,
  },
  'early-synthesis': {
    commits: (root) => [
      planned(root),
      { [`${root}steps/end/c1/task.md`]: task('end', 'c1') },
      { [`${root}steps/end/join/task.md`]: task('end', 'join', 'synthesize') },
    ],
    says: /a synthesis while .*c1\/task\.md is not answered/,
  },
  'synthesis-of-nothing': {
    commits: (root) => [
      planned(root),
      { [`${root}steps/end/join/task.md`]: task('end', 'join', 'synthesize') },
    ],
    says: /synthesis of nothing/,
  },
  'too-parallel': {
    commits: (root) => [
      planned(root),
      {
        [`${root}steps/end/c1/task.md`]: task('end', 'c1'),
        [`${root}steps/end/c2/task.md`]: task('end', 'c2'),
        [`${root}steps/make/a/task.md`]: task('make', 'a'),
      },
    ],
    says: /3 tasks are at work, and max-parallel is 2/,
  },
  'step-too-parallel': {
    commits: (root) => [
      planned(root),
      { [`${root}steps/make/a/task.md`]: task('make', 'a') },
      { [`${root}steps/make/b/task.md`]: task('make', 'b') },
    ],
    says: /2 items of "make" are at work, and its max-parallel is 1/,
  },
  'too-many-agents': {
    commits: (root) => [
      planned(root),
      ...['a', 'b', 'c'].flatMap((key): Files[] => {
        const path = `${root}steps/make/${key}/task.md`;
        return [{ [path]: task('make', key) }, answered(path)];
      }),
      { [`${root}steps/end/c1/task.md`]: task('end', 'c1') },
    ],
    says: /asked 4 agents, and its budget is 3/,
  },
  'early-end': {
    commits: (root) => [
      planned(root),
      { [`${root}steps/make/a/task.md`]: task('make', 'a') },
      { [`${root}COMPLETE`]: '{}' },
    ],
    says: /the end of a run while .* is not answered/,
  },
  'after-the-end': {
    commits: (root) => [
      planned(root),
      { [`${root}COMPLETE`]: '{}' },
      { [`${root}steps/make/a/task.md`]: task('make', 'a') },
    ],
    says: /after the end/,
  },
  'routed-early': {
    commits: (root) => {
      const marker = `data/channels/general/${root.split('/')[2] ?? ''}.md`;
      return [
        planned(root),
        {
          [marker.replace(/\.md$/, '.re.workflow.md')]:
            `---\nto: ada\nfrom: workflow\nre: ${marker}\n---\nx\n`,
        },
      ];
    },
    says: /COMPLETE is missing/,
  },
};

let cli: Cli;
beforeAll(async () => {
  cli = await startCli();
});
afterAll(() => cli.close());

it('names every break of the promise about runs, and the commit that broke it', async () => {
  cli.say(
    Object.fromEntries(
      Object.keys(PLANTED).map((name) => [
        `data/channels/general/${name}.md`,
        letter('workflow', 'x'),
      ]),
    ),
  );
  const other = cli.elsewhere();
  const commit = (files: Files): string => {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(other, path)), { recursive: true });
      if (text === null) rmSync(join(other, path));
      else writeFileSync(join(other, path), text);
    }
    cli.git(['add', '-A'], other);
    cli.git(
      ['-c', 'user.name=mbp', '-c', 'user.email=dispatcher@mbp.crosstalk', 'commit', '-qm', 'x'],
      other,
    );
    return cli.git(['rev-parse', 'HEAD'], other);
  };
  const culprits = Object.entries(PLANTED).map(([name, { commits }]) => {
    const root = `data/channels/${name}/`;
    return [name, commits(root).map(commit).at(-1)] as const;
  });
  cli.git(['push', '-q'], other);
  const { code, data } = await cli.json(['verify']);
  expect(code).toBe(1);
  const found = listOf(data, 'violations').filter(({ invariant }) => invariant === 'I7');
  expect(found.map(({ commit }) => commit)).toEqual(culprits.map(([, oid]) => oid));
  for (const [index, { says }] of Object.values(PLANTED).entries())
    expect(found[index]?.['says']).toMatch(says);
  const text = await cli.run(['verify']);
  expect(text.stdout).toMatch(/^I1 is violated/);
  for (const [name, oid] of culprits)
    expect(text.stdout).toMatch(new RegExp(`also I7: ${oid?.slice(0, 12) ?? ''} \\S*${name}`));
});

it('finds nothing wrong with runs that the engine made, whatever people did in between', async () => {
  const fresh = await startCli();
  try {
    const steps =
      'child_channel: made\nmax-parallel: 2\nsteps:\n  make: { each: [a, b, c], prompt: make it, model: echo }\n  end: { needs: [make], count: 2, prompt: end it, model: echo, join: { model: echo } }\n';
    fresh.say({
      'data/channels/general/w.md': letter('workflow', 'run', `type: workflow\n${steps}`),
    });
    await fresh.answer();
    expect(fresh.git(['ls-tree', '-r', '--name-only', 'main'], fresh.remote)).toContain(
      'data/channels/made/COMPLETE',
    );
    expect((await fresh.json(['verify'])).data).toMatchObject({ ok: true, violations: [] });
    const other = fresh.elsewhere();
    fresh.git(['rm', '-rq', 'data/channels/made'], other);
    fresh.git(['commit', '-qm', 'away with it'], other);
    fresh.git(['push', '-q'], other);
    expect((await fresh.json(['verify'])).data).toMatchObject({ ok: true, violations: [] });
  } finally {
    fresh.close();
  }
});
