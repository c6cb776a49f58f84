/**
 * Every command that status, why, doctor and refusals print is run where it is printed. In a
 * museum: one transport in which nearly everything that can need a person does.
 */
import { mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cli, letter, startCli } from '../support/cli.ts';
import { REASONS } from '../support/reasons.ts';
import { formatWords } from '../../src/base/fix.ts';
import { parseWords } from '../../src/cli/parse-words.ts';
import { fixOf } from '../../src/protocol/remedy.ts';
import {
  fixesIn,
  type Kept,
  keepPlace,
  printedBy,
  someOfEach,
  specOf,
  tryAll,
} from '../support/printed.ts';

const MODELS = `models:
  echo: { adapter: command, command: [cat], effects: none }
  slow: { adapter: command, command: [sleep, "600"], effects: none }
  broken: { adapter: command, command: ["false"], effects: none, attempts: 1 }
  deployer: { adapter: command, command: ["false"], effects: external, attempts: 1 }
`;
const AT = 'data/channels/general';
const ULID = '01JD0000000000000000000000';

let cli: Cli;
let place: Kept;

const marker = (run: string, steps: string, more = ''): string =>
  `---\nto: workflow\ntype: workflow\nfrom: ada\nname: ${run}\nchild_channel: ${run}\n${more}steps:\n${steps}---\n`;

beforeAll(async () => {
  cli = await startCli({ models: MODELS });
  await startRuns();
  cli.say({
    [`${AT}/answered.md`]: letter('echo', 'hi'),
    [`${AT}/failed.md`]: letter('broken', 'hi'),
    [`${AT}/again.md`]: letter('broken', 'hi'),
    [`${AT}/-dash.md`]: letter('broken', 'hi'),
    [`${AT}/with a blank.md`]: letter('broken', 'hi'),
    [`${AT}/shipped.md`]: letter('deployer', 'hi'),
  });
  await cli.answer();
  await cli.run(['retry', 'again']);
  await cli.answer();
  await cli.run(['workflow', 'pause', 'paused-run']);
  cli.say(OPEN);
  mkdirSync(join(cli.clone, AT), { recursive: true });
  writeFileSync(join(cli.clone, AT, 'never sent.md'), letter('echo', 'x'));
  // Fewer files are copied faster.
  cli.git(['gc', '--quiet', '--prune=now'], cli.remote);
  place = keepPlace(cli);
});
afterAll(() => {
  place.drop();
  cli.close();
});

async function startRuns(): Promise<void> {
  cli.say({
    [`${AT}/m1.md`]: marker('gated', '  ok: { ask: { title: "Fine?" } }\n'),
    [`${AT}/m2.md`]: marker(
      'choosing',
      '  ok: { ask: { title: "Where?", kind: choose, choices: ["the blog", "$(touch X)"] } }\n',
    ),
    [`${AT}/m3.md`]: marker('asking', '  ok: { ask: { title: "How many?", kind: input } }\n'),
    [`${AT}/m4.md`]: marker('waiting', '  ok: { wait: { event: "Deployed Now" } }\n'),
    [`${AT}/m5.md`]: marker('dashing', '  ok: { wait: { event: "-e" } }\n'),
    [`${AT}/m6.md`]: marker('broken-run', '  a: { model: broken, prompt: x }\n'),
    [`${AT}/m7.md`]: marker('fine-run', '  a: { model: echo, prompt: x }\n'),
    [`${AT}/m8.md`]: marker('paused-run', '  a: { wait: { event: go } }\n'),
    [`${AT}/m9.md`]: marker(
      'poor-run',
      '  a: { model: echo, prompt: x }\n  b: { needs: [a], model: echo, prompt: x }\n',
      'budget: { agents: 1, on-exceed: pause }\n',
    ),
    [`${AT}/m10.md`]: marker('wrong-run', '  a: { uses: nothere }\n'),
    [`${AT}/m11.md`]: marker('bad-run', '  a: { prompt: x, stepz: 1 }\n'),
    [`${AT}/m12.md`]: marker('shipping', '  a: { model: deployer, prompt: x }\n'),
  });
  await cli.answer();
}

const OPEN = {
  'data/models.yaml': `${MODELS}  fresh: { adapter: command, command: [cat], effects: none }
  odd: { adapter: nothing }
  gone: { adapter: command, command: [no-such-program-here] }
`,
  'data/workflows/clock.md':
    '---\nname: clock\non: { schedule: "61 0 * * *" }\nsteps: {a: {model: echo, prompt: x}}\n---\n',
  [`${AT}/open.md`]: letter('echo', 'x'),
  [`${AT}/new.md`]: letter('fresh', 'x'),
  [`${AT}/typo.md`]: letter('ehco', 'x'),
  [`${AT}/odd-one.md`]: letter('odd', 'x'),
  [`${AT}/gone-one.md`]: letter('gone', 'x'),
  [`${AT}/pinned.md`]: letter('echo@attic', 'x'),
  [`${AT}/here.md`]: letter('echo@mbp', 'x'),
  [`${AT}/old.md`]: letter('echo', 'x', 'timestamp: 2020-01-01T00:00:00Z\n'),
  [`${AT}/far.md`]: letter('echo', 'x', 'hops: 9\n'),
  [`${AT}/code.md`]: letter('echo', 'x', 'project: app\n'),
  [`${AT}/lost.md`]: letter('echo', 'x', 're: nothing-here\n'),
  [`${AT}/rejected one.md`]: '---\nto: echo\npriority: high\n---\nx\n',
  [`${AT}/capital.md`]: '---\nTo: echo\n---\nx\n',
  [`${AT}/asked.md`]: letter('slow', 'x'),
  [`${AT}/asked.re.slow.md`]: 'yes\n',
  [`${AT}/one-${ULID}.md`]: letter('echo', 'x'),
  [`${AT}/two-${ULID}.md`]: letter('echo', 'x'),
  'data/channels/General/x.md': letter('echo', 'x'),
  'data/x.md': letter('echo', 'x'),
  'top.md': letter('echo', 'x'),
  [`${AT}/plan.md`]: marker('queued-run', '  a: { model: echo, prompt: x }\n'),
} as const;

const RUNS = [
  'gated',
  'choosing',
  'asking',
  'waiting',
  'dashing',
  'broken-run',
  'fine-run',
  'paused-run',
  'poor-run',
  'wrong-run',
  'bad-run',
  'shipping',
  'queued-run',
] as const;

const IDS = [
  'answered answered.re.echo failed failed.re.broken again shipped open new typo odd-one gone-one',
  'pinned here old far code lost capital asked asked.re.slow m1 m6 m10 m11 plan top.md',
  `${AT}/-dash.md one-${ULID} two-${ULID}`,
]
  .flatMap((ids) => ids.split(' '))
  .concat(`${AT}/with a blank.md`, `${AT}/rejected one.md`, 'data/channels/General/x.md');

/** `npm run soak`: every question about every one of them, and all that is printed. */
const TAKES_ALL = process.env['PRINTED'] === 'all';
/** So many commands that differ in nothing but in what they are about are run. */
const OF_EACH = 2;
/** One run of each state that is answered, and refused, in its own way. */
const SOME_RUNS = TAKES_ALL
  ? RUNS
  : (['gated', 'broken-run', 'fine-run', 'paused-run', 'poor-run', 'queued-run'] as const);
const REFUSED = ['answered', 'again', 'open', 'm6', 'capital', 'nothing'].concat(
  TAKES_ALL ? ['pinned', 'fine-run'] : [],
);

const QUESTIONS: readonly (readonly string[])[] = [
  ['status'],
  ['doctor'],
  ['hosts'],
  ['models'],
  ['channels'],
  ['log'],
  ['verify'],
  ['workflow', 'list'],
  ...['echo', 'broken', 'fresh', 'odd', 'gone', 'mbp'].map((name) => ['why', name]),
  ...IDS.map((id) => ['why', '--', id]),
  ...RUNS.map((run) => ['workflow', 'why', run]),
  ...SOME_RUNS.flatMap((run) => [
    ['why', run],
    ['workflow', 'show', run],
  ]),
  // Refusals.
  ...REFUSED.flatMap((id) =>
    [['retry'], ['cancel'], ['show'], ['thread'], ['ack'], ['log'], ['wait']].map((words) => [
      ...words,
      id,
      ...(words[0] === 'wait' ? ['1'] : []),
    ]),
  ),
  ...SOME_RUNS.flatMap((run) =>
    ['approve', 'retry', 'resume', 'rerun'].map((verb) => ['workflow', verb, run]),
  ),
  ['why', 'echo@mbp'],
  ['why', 'general'],
  ['why', 'clock'],
  ['why', 'never sent'],
  ['send', '--to', 'echo@atic', '-m', 'x'],
  ['send', '--to', 'ehco', '-m', 'x'],
  ['send', '-m', 'x', '--re', 'nothing'],
  ['send', 'nothing.md'],
  ['stop'],
  ['drain'],
  ['pause'],
  ['resume'],
  ['resume', 'echo'],
  ['log', 'hello'],
  ['workflow', 'show', 'nothing'],
  ['workflow', 'run', 'vote-of-fuor'],
  ['workflow', 'check', 'clock'],
  ['workflow', 'signal', 'gated', 'x'],
  ['workflow', 'approve', 'gated', 'nogate'],
  ['workflow', 'budget', 'poor-run'],
  ['allow', 'nothing'],
  ['allow', 'odd'],
  ['init'],
  ['join'],
  ['archive', 'general'],
  ['archive'],
  ['lint', 'nothing.md'],
  ['remote', 'add', '/nowhere/at/all.git'],
  ['forget', '.'],
  ['trust', 'add', 'ada'],
  ['trust', 'message', 'open'],
  ['service', 'status'],
  ['run', '--alias', 'UPPER CASE'],
];

describe('every command that is printed', () => {
  it('works where it is printed', async () => {
    const all = await printedBy(cli, { questions: QUESTIONS, place });
    const printed = TAKES_ALL ? all : someOfEach(all, OF_EACH);
    expect(printed.length).toBeGreaterThan(60);
    expect(await tryAll(cli, { printed, place })).toEqual([]);
  });

  it.each(Object.entries(REASONS))('is understood: %s', (_, reason) => {
    for (const words of fixesIn(fixOf(reason)).flat()) {
      if (words[0] !== 'crosstalkd') continue;
      const spec = specOf(words);
      expect(spec, formatWords(words)).not.toBeNull();
      if (spec !== null) parseWords(spec, words.slice(1 + spec.name.split(' ').length));
    }
  });
});

describe('every command that is printed when something is wrong with the place', () => {
  let team: Cli;
  let before: Kept;
  beforeAll(async () => {
    team = await startCli({ models: MODELS });
    team.say({
      [`${AT}/failed.md`]: letter('broken', 'hi'),
      [`${AT}/m1.md`]: marker('gated', '  ok: { ask: { title: "Fine?" } }\n'),
    });
    await team.answer();
    team.say({ [`${AT}/open.md`]: letter('echo', 'hi') });
    await team.run(['status']);
    before = keepPlace(team, 'before');
  });
  afterAll(() => {
    before.drop();
    team.close();
  });

  const BRIEF = ['status', 'doctor', 'hosts', 'why open', 'why mbp', 'why gated', 'send -m x'];

  it.each<[string, (cli: Cli) => unknown]>([
    ['all hosts are paused', (cli) => cli.run(['pause', '--all'])],
    ['a file of the outbox is damaged', (cli) => damage(cli, 'outbox/x.json')],
    ['models.yaml cannot be read', (cli) => cli.say({ 'data/models.yaml': 'models: [\n' })],
    ['the branch was rewritten', rewrite],
    ['the branch is gone', (cli) => cli.git(['update-ref', '-d', 'refs/heads/main'], cli.remote)],
    ['the remote is away', (cli) => renameSync(cli.remote, `${cli.remote}.away`)],
    ['nobody can read a claim', plantGarbage],
  ])('%s', async (_, arrange) => {
    await arrange(team);
    const place = keepPlace(team);
    try {
      const questions = BRIEF.map((text) => text.split(' '));
      const printed = await printedBy(team, { questions, place });
      expect(await tryAll(team, { printed, place })).toEqual([]);
    } finally {
      place.drop();
      before.restore();
    }
  });
});

function damage(cli: Cli, name: string): void {
  const root = join(cli.place, 'state');
  for (const transport of readdirSync(root, { withFileTypes: true })) {
    if (!transport.isDirectory()) continue;
    const path = join(root, transport.name, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, 'no such form');
  }
}

function rewrite(cli: Cli): void {
  const tree = cli.git(['rev-parse', 'main^{tree}'], cli.remote);
  const commit = cli.git(['commit-tree', tree, '-m', 'another history'], cli.remote);
  cli.git(['update-ref', 'refs/heads/main', commit], cli.remote);
}

function plantGarbage(cli: Cli): void {
  const tree = cli.git(['hash-object', '-t', 'tree', '-w', '/dev/null'], cli.remote);
  const commit = cli.git(['commit-tree', tree, '-m', 'garbage'], cli.remote);
  const key = 'fd85681f9ff5479cd864e90e720ab7a3';
  cli.git(['update-ref', `refs/crosstalk/claims/${key}`, commit], cli.remote);
}
