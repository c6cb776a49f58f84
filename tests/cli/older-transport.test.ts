/**
 * A transport that an older program of protocol 7 carried, made by plain git: this program joins it
 * as it is.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Cli, startCli } from '../support/cli.ts';

const TALK = '0b7f2c1e-3d44-4a59-9b1a-6f0e8c2d5a10';
const [ENDED, CUT] = [
  '7d1d6c3f-59b0-4c8e-8f7a-2a4b9c0d1e2f',
  '2ab1fd20-4c7e-4a0e-9d5e-0d5c6b7a8f90',
];
const now = new Date().toISOString();
const day = now.slice(0, 10).replaceAll('-', '/');
const at = (channel: string, name: string): string => `data/channels/${channel}/${day}/${name}.md`;
const say = (fields: Readonly<Record<string, string>>, body: string): string =>
  `---\n${Object.entries({ ...fields, timestamp: now })
    .map(([key, value]) => `${key}: ${value}\n`)
    .join('')}---\n${body}\n`;

const question = at(TALK, '101010101Z-a1b2c3d4');
const task = at(ENDED, '101210101Z-d1b2c3d4');
const ended = at(TALK, '101110101Z-c1b2c3d4');
const begun = at(TALK, '101310101Z-f1b2c3d4');
const OLD: Readonly<Record<string, string>> = {
  'CROSSTALK-VERSION': '7\n',
  'data/models.yaml':
    'models:\n  opus: { adapter: command, command: [cat], effects: none }\n  gpt: { adapter: command, command: [cat], effects: none }\n',
  'dispatchers/mbp.json': '{"alias":"mbp"}\n',
  [`data/channels/${TALK}/CHANNEL.md`]: '---\nname: talk\ndescription: what was said before\n---\n',
  [question]: say({ from: 'ada', to: '[opus, gpt]', type: 'message' }, 'What is old?'),
  [at(TALK, '101020101Z-b1b2c3d4')]: say({ from: 'opus', to: 'ada', re: question }, 'Gold.'),
  [ended]: say(
    { from: 'ada', to: 'workflow', type: 'workflow', child_channel: ENDED, dispatch_host: 'mbp' },
    'Do three things.',
  ),
  [begun]: say(
    { from: 'ada', to: 'workflow', type: 'workflow', child_channel: CUT },
    'Do more things.',
  ),
  [`data/channels/${ENDED}/PLAN.json`]:
    '{"fanout":{"to":"opus","count":1,"body":"do"},"synthesize":{"to":"gpt","body":"join"}}\n',
  [task]: say({ from: 'workflow', to: 'opus', workflow_phase: 'fanout' }, 'do'),
  [at(ENDED, '101220101Z-e1b2c3d4')]: say({ from: 'opus', to: 'workflow', re: task }, 'done'),
  [`data/channels/${ENDED}/COMPLETE`]: 'done\n',
  [`data/channels/${CUT}/PLAN.json`]: '{"fanout":{"to":"opus","count":1,"body":"do"}}\n',
};

let cli: Cli;
let clone: string;

beforeAll(async () => {
  cli = await startCli();
  const seed = join(cli.place, 'seed');
  cli.git(['init', '-q', '--bare', join(cli.place, 'old.git')], cli.place);
  cli.git(['init', '-q', seed], cli.place);
  for (const [path, content] of Object.entries(OLD)) {
    mkdirSync(dirname(join(seed, path)), { recursive: true });
    writeFileSync(join(seed, path), content);
  }
  cli.git(['add', '-A'], seed);
  cli.git(['commit', '-qm', 'what was said before'], seed);
  cli.git(['push', '-q', join(cli.place, 'old.git'), 'HEAD:main'], seed);
  clone = join(cli.place, 'old');
  expect(
    (await cli.run(['join', join(cli.place, 'old.git'), clone], { cwd: cli.place })).code,
  ).toBe(0);
  expect((await cli.run(['allow', 'opus', 'gpt'], { cwd: clone })).code).toBe(0);
});

afterAll(() => cli.close());

it('answers only what the older program had not, and leaves every file of it as it is', async () => {
  const before = cli.git(['ls-tree', '-r', 'HEAD'], clone);
  expect((await cli.run(['run', '--alias', 'mbp', '--once'], { cwd: clone })).code).toBe(0);
  cli.git(['pull', '-q'], clone);
  const after = cli.git(['ls-tree', '-r', 'HEAD'], clone).split('\n');
  expect(after.filter((line) => before.includes(line))).toEqual(before.split('\n'));
  const added = after.filter((line) => !before.includes(line)).map((line) => line.split('\t')[1]);
  expect(added).toEqual([
    question.replace('.md', '.re.gpt.md'),
    begun.replace('.md', '.re.workflow.md'),
  ]);
  const refusal = cli.git(['show', `HEAD:${begun.replace('.md', '.re.workflow.md')}`], clone);
  expect(refusal).toContain(
    `the run "${CUT}" was begun by an older program and is not carried on: send the message again`,
  );
});

it('tells people what became of it', async () => {
  const why = await cli.run(['why', '101010101Z-a1b2c3d4'], { cwd: clone });
  expect(why.stdout).toMatch(/opus: answered by .*101020101Z-b1b2c3d4/);
  expect((await cli.run(['why', ended], { cwd: clone })).stdout).toContain(
    `was ended by an older program in ${ENDED}`,
  );
  expect((await cli.run(['workflow', 'show', ended], { cwd: clone })).stdout).toContain(
    'succeeded',
  );
  expect((await cli.run(['channels'], { cwd: clone })).stdout).toContain('what was said before');
  const thread = (await cli.run(['thread', '101010101Z-a1b2c3d4'], { cwd: clone })).stdout;
  expect(thread).toContain('Gold.');
  expect((await cli.run(['status'], { cwd: clone })).stdout).toMatch(/^All is well/);
  expect((await cli.run(['verify'], { cwd: clone })).code).toBe(0);
});
