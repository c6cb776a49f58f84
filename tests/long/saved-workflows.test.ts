/**
 * Every saved workflow of the template, from `workflow run` to its answer: two real hosts, agents
 * in processes of their own, a project with a remote.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startWorkflowFleet, type WorkflowFleet } from '../support/workflow-fleet.ts';

const TEMPLATE = resolve(import.meta.dirname, '../../template/data/workflows');
/** What an agent knows: the step that it works on, and whether it joins answers of others. */
const PLACE = `
const path = process.env.CROSSTALK_MESSAGE;
const step = [...path.matchAll(/steps\\/([a-z-]+)\\//g)].at(-1)?.[1] ?? '';
const isJoin = /[/-]join\\//.test(path);
const model = process.env.CROSSTALK_MODEL;
prompt = prompt.replace(/<\\/?data-[^>]*>/g, '');
const say = (value) => console.log(typeof value === 'string' ? value : JSON.stringify(value));
`;
const THINKER = `${PLACE}
const { appendFileSync: append } = await import('node:fs');
if (isJoin) say('merged: ' + (prompt.match(/found by \\w+/g) ?? []).length + ' answers');
else if (step === 'split') say('Two parts:\\n\\n\`\`\`json\\n' + JSON.stringify({ parts: [{ id: 'cost', question: 'What does it cost?' }, { id: 'risk', question: 'What can go wrong?' }] }) + '\\n\`\`\`');
else if (step === 'research') say('found by ' + model);
else if (step === 'doubt') say(model + ' doubts it');
else if (step === 'report') say('report on ' + (prompt.match(/merged: \\d+ answers/g) ?? []).join(', ') + (prompt.includes('gemini doubts it') ? ' with doubts' : ''));
else if (step === 'review') say(prompt.includes('for security only') ? { findings: [{ id: 'sql', claim: 'the query is built from text' }] } : { findings: [] });
else if (step === 'check') say({ real: true, why: 'the text comes from a form' });
else if (step === 'verdict') say(prompt.includes('the text comes from a form') ? 'not yet: sql' : 'fine');
else if (step === 'vote') say(model === 'gemini' ? { decision: 'maybe', why: 'gemini cannot decide' } : { decision: model === 'opus' ? 'no' : 'yes', why: model + ' says so' });
else if (step === 'plan') say({ tickets: (prompt.includes('only one') ? ['form'] : ['form', 'session']).map((id) => ({ id, title: id, task: 'build the ' + id })) });
else if (step === 'implement' || step === 'change') { append('work.txt', step + '\\n'); say('wrote a line'); }
else say(step + ': ' + (prompt.match(/lines: \\d+/)?.[0] ?? 'done'));`;
/** The tests of the project are green when the work has two lines. */
const CI = `${PLACE}
const { readFileSync } = await import('node:fs');
const lines = readFileSync('work.txt', 'utf8').split('\\n').length - 1;
say({ green: lines >= 2, log: 'lines: ' + lines });`;

let fleet: WorkflowFleet;
let app: string;
beforeAll(async () => {
  fleet = await startWorkflowFleet({
    opus: THINKER,
    gpt: THINKER,
    gemini: THINKER,
    sonnet: THINKER,
    ci: CI,
  });
  app = makeProject(fleet);
  writeFileSync(join(fleet.place, 'config', 'config.yaml'), `projects: { app: ${app} }\n`, {
    mode: 0o600,
  });
  for (const alias of ['a', 'b']) fleet.start(alias, ['--concurrency', '4']);
});
afterAll(() => fleet.close());

/** A repository with one commit and a remote. */
function makeProject({ place, env }: WorkflowFleet): string {
  const [clone, bare] = [join(place, 'app'), join(place, 'app.git')];
  execFileSync('git', ['init', '-q', '--bare', bare], { env });
  mkdirSync(clone);
  for (const args of [
    ['init', '-q'],
    ['commit', '-q', '--allow-empty', '-m', 'begin'],
    ['remote', 'add', 'origin', bare],
  ])
    execFileSync('git', args, { cwd: clone, env });
  return clone;
}

/** Starts a saved workflow and gives its run. */
async function run(name: string, ...inputs: readonly string[]): Promise<string> {
  const given = inputs.flatMap((input) => ['-i', input]);
  const { code, data } = await fleet.json(
    'workflow',
    'run',
    name,
    ...given,
    '--channel',
    'work',
    '--from',
    'maintainer',
  );
  expect(code, JSON.stringify(data)).toBe(0);
  return String(data['run']);
}

/** The end of a run: its status, and the text that was routed to who asked. */
async function ended(name: string): Promise<{ readonly status: string; readonly reply: string }> {
  await fleet.untilPulled(() => fleet.stands(`data/channels/${name}/COMPLETE`));
  const { marker } = JSON.parse(fleet.read(`data/channels/${name}/RUN.json`)) as { marker: string };
  const { status } = JSON.parse(fleet.read(`data/channels/${name}/COMPLETE`)) as { status: string };
  return { status, reply: fleet.read(`${marker.slice(0, -3)}.re.workflow.md`) };
}

const startsOf = (name: string, step: string): number =>
  fleet.startsIn(name).filter((line) => line.includes(`/steps/${step}/`)).length;
const project = (...args: readonly string[]): string =>
  execFileSync('git', args, { cwd: app, env: fleet.env, encoding: 'utf8' }).trim();

describe.concurrent('the saved workflows of the template', () => {
  it('deep-research splits, researches with several, doubts, and reports', async () => {
    const name = await run('deep-research', 'question=Should we?');
    const { status, reply } = await ended(name);
    expect(reply).toContain('report on merged: 2 answers, merged: 2 answers with doubts');
    expect(status).toBe('succeeded');
    expect([startsOf(name, 'research'), startsOf(name, 'doubt'), startsOf(name, 'report')]).toEqual(
      [2 * 2 + 2, 2, 1],
    );
  });

  it('review-panel reads a change with four eyes and has each finding checked', async () => {
    const name = await run('review-panel', 'change=a diff');
    const { status, reply } = await ended(name);
    expect(reply).toContain('not yet: sql');
    expect(status).toBe('succeeded');
    expect([startsOf(name, 'review'), startsOf(name, 'check')]).toEqual([4, 1]);
  });

  it('vote-of-four takes the majority; an invalid vote is asked for again and then left out', async () => {
    const name = await run('vote-of-four', 'question=Merge?');
    const { status, reply } = await ended(name);
    expect(reply).toMatch(/yes: (gpt|sonnet) says so/);
    expect(status).toBe('degraded');
    expect(startsOf(name, 'vote')).toBe(3 + 3);
  });

  it('loop-until-green changes the code on a branch until the tests of the project are green', async () => {
    const name = await run('loop-until-green', 'task=Mend it');
    const { status, reply } = await ended(name);
    expect(reply).toContain('summary: lines: 2');
    expect(status).toBe('succeeded');
    expect(fleet.startsIn(name)).toHaveLength(2 * 2 + 1);
    expect(project('show', `ct/${name}/green:work.txt`)).toBe('change\nchange');
    expect(project('ls-remote', 'origin', `refs/heads/ct/${name}/green`)).toContain(
      project('rev-parse', `ct/${name}/green`),
    );
  });

  it('ship-tickets asks people, takes their no, builds each ticket on its own branch until it is green, and has it judged', async () => {
    const name = await run('ship-tickets', 'goal=A login page');
    const gate = `data/channels/${name}/gates/approve-plan`;
    await fleet.untilPulled(() => fleet.stands(`${gate}/ask.md`));
    expect(fleet.read(`${gate}/ask.md`)).toContain('build the session');
    fleet.say({
      [`data/channels/${name}/no.md`]: `---\nto: workflow\nfrom: maintainer\nre: ${gate}/ask.md\n---\nno, only one\n`,
    });
    await fleet.untilPulled(() => fleet.stands(`${gate}.r2/ask.md`));
    expect(fleet.read(`${gate}.r2/ask.md`)).not.toContain('build the session');
    const approved = await fleet.json('workflow', 'approve', name, '--from', 'maintainer');
    expect(approved).toMatchObject({ code: 0, data: { ok: true, gate: 'approve-plan' } });
    const { status, reply } = await ended(name);
    expect(reply).toContain('merged: 0 answers');
    expect(status).toBe('succeeded');
    expect([startsOf(name, 'implement'), startsOf(name, 'test')]).toEqual([2, 2]);
    expect(project('show', `ct/${name}/build-form:work.txt`)).toBe('implement\nimplement');
    expect(project('log', '--format=%an', `ct/${name}/build-form`)).toContain('opus');
    expect(
      fleet.read(
        `data/channels/${name}/steps/build/r2-n2-form/steps/implement/one/task.re.opus.md`,
      ),
    ).toContain(`branch: ct/${name}/build-form`);
  });
});

it('there is a test above for every saved workflow of the template', () => {
  const source = readFileSync(import.meta.filename, 'utf8');
  for (const file of readdirSync(TEMPLATE))
    expect(source).toContain(`await run('${file.replace(/\.md$/, '')}'`);
});

it('nothing was left behind in the project', async () => {
  expect(project('worktree', 'list').split('\n')).toHaveLength(1);
  expect(project('status', '--porcelain')).toBe('');
  expect(await fleet.person('verify')).toMatchObject({ code: 0 });
});
