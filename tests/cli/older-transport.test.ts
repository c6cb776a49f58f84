/**
 * A transport as the first program of protocol 7 left it, joined by two hosts: read, judged,
 * carried on from each of the seven states of a run, and nothing asked twice.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Cli, listOf, startCli } from '../support/cli.ts';
import { fixIs } from '../support/fix.ts';
import { olderTransport, runIn, type State, STATES } from '../support/older-transport.ts';

let cli: Cli;
let clone: string;
let asked: string;
let old: ReturnType<typeof olderTransport>;

/** What agents were asked, one line each. */
const questions = (): readonly string[] =>
  existsSync(asked) ? readFileSync(asked, 'utf8').trim().split('\n') : [];
const other = (): Readonly<Record<string, string>> => ({
  CROSSTALK_STATE_DIR: join(cli.place, 'other', 'state'),
  CROSSTALK_CONFIG_DIR: join(cli.place, 'other', 'config'),
});
const showAt = (path: string): string => cli.git(['show', `origin/main:${path}`], clone);
const fetch = (): string => cli.git(['fetch', '-q'], clone);

beforeAll(async () => {
  cli = await startCli();
  asked = join(cli.place, 'asked');
  const agent = join(cli.place, 'agent');
  writeFileSync(
    agent,
    `#!/bin/sh
case "$(cat)" in
*"Make a workflow plan"*) echo "plan" >> ${asked}; echo '{"fanout":{"to":"opus","count":1,"body":"x"}}';;
*) echo "$1" >> ${asked}; echo fresh from $1;;
esac
`,
  );
  chmodSync(agent, 0o755);
  old = olderTransport(`opus: ${agent} opus\ngpt: ${agent} gpt\n`);
  const seed = join(cli.place, 'seed');
  cli.git(['init', '-q', '--bare', join(cli.place, 'old.git')], cli.place);
  cli.git(['init', '-q', seed], cli.place);
  for (const [path, content] of Object.entries(old.files)) {
    mkdirSync(dirname(join(seed, path)), { recursive: true });
    writeFileSync(join(seed, path), content);
  }
  cli.git(['add', '-A'], seed);
  cli.git(['commit', '-qm', 'what was said before'], seed);
  cli.git(['push', '-q', join(cli.place, 'old.git'), 'HEAD:main'], seed);
  clone = join(cli.place, 'old');
}, 60_000);

afterAll(() => cli.close());

it('says what it found, before anything runs', async () => {
  const joined = await cli.run(['join', join(cli.place, 'old.git'), clone], { cwd: cli.place });
  expect(joined.code).toBe(0);
  const line = 'an older program left 57 messages, 7 answered, 2 open, 6 runs to carry on';
  expect(joined.stdout).toContain(line);
  const doctor = await cli.run(['doctor'], { cwd: clone });
  expect(doctor.stdout).toContain(line);
  expect(doctor.stdout).toContain('crosstalkd upgrade-transport');
});

it('rewrites the models of that program when that is confirmed, and shows how', async () => {
  const refused = await cli.run(['upgrade-transport'], { cwd: clone });
  expect(refused.stdout).toContain('+    adapter: command');
  expect((await cli.run(['models'], { cwd: clone })).stdout).toContain('older form');
  expect((await cli.run(['upgrade-transport', '--yes'], { cwd: clone })).code).toBe(0);
  for (const env of [{}, other()])
    expect((await cli.run(['allow', '--all'], { cwd: clone, env })).code).toBe(0);
});

it('answers only what was not answered, and carries each run on with what was paid for', async () => {
  const before = cli.git(['ls-tree', '-r', 'origin/main', 'data/channels'], clone).split('\n');
  // One host begins, the other one ends.
  for (const env of [{}, other(), {}, other()])
    expect((await cli.run(['run', '--once'], { cwd: clone, env })).code).toBe(0);
  fetch();
  const after = cli.git(['ls-tree', '-r', 'origin/main', 'data/channels'], clone).split('\n');
  expect(after.filter((line) => before.includes(line))).toEqual(before);
  // Not begun: the plan and one agent. Planned: three and the synthesis; fanned out: one and the
  // synthesis; answered and synthesizing: the synthesis. And the open question.
  const times = (name: string): number => questions().filter((each) => each === name).length;
  expect([times('plan'), times('opus'), times('gpt')]).toEqual([1, 1 + 3 + 1 + 1, 4]);
});

it.each(STATES)(
  'routes the result of the run in state %i, and no question is left',
  async (state: State) => {
    const marker = old.markers.get(state) ?? '';
    fetch();
    if (state === 7)
      expect(() => showAt(marker.replace(/\.md$/, '.re.workflow.md'))).toThrow(
        /exists on disk|path/,
      );
    else {
      const routed = showAt(marker.replace(/\.md$/, '.re.workflow.md'));
      expect(routed).toContain(state === 6 ? 'paid result 6' : 'fresh from');
      expect(showAt(`data/channels/${runIn(state)}/COMPLETE`)).toContain('"status"');
    }
    const why = await cli.run(['why', marker], { cwd: clone });
    expect(why.stdout).toMatch(/answered|ended/);
  },
);

it('tells people what became of it', async () => {
  for (const [form, path] of Object.entries(old.answered)) {
    const { stdout } = await cli.run(['why', path], { cwd: clone });
    expect(`${form}: ${stdout}`).toMatch(/: answered by /);
  }
  const thread = await cli.run(['thread', old.answered['host'] ?? ''], { cwd: clone });
  expect(thread.stdout).toContain('paid.');
  expect((await cli.run(['verify'], { cwd: clone })).code).toBe(0);
  const needs = async (): Promise<readonly unknown[]> =>
    listOf((await cli.json(['status'], { cwd: clone })).data, 'needs');
  const id = old.stale.split('/').slice(3).join('/').replace(/\.md$/, '');
  expect(await needs()).toMatchObject([{ kind: 'stale', fix: fixIs(`crosstalkd retry ${id}`) }]);
  expect((await cli.run(['retry', id], { cwd: clone })).code).toBe(0);
  expect((await cli.run(['run', '--once'], { cwd: clone })).code).toBe(0);
  expect(await needs()).toEqual([]);
});
