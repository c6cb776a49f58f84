import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fleetsOfTests, GENERAL, markerText } from '../support/workflow-fleet.ts';

const fleetOf = fleetsOfTests();

describe('a marker in prose', () => {
  it('is compiled by a model: a plan of protocol 7 in a fence, tasks, a synthesis, one routed reply', async () => {
    const plan = {
      fanout: { to: 'opus', count: 3, body: 'Say something.' },
      synthesize: { to: 'opus', body: 'Merge it.' },
    };
    const answer = `Here is the plan:\n\`\`\`json\n${JSON.stringify(plan, null, 2)}\n\`\`\`\nI hope it helps.`;
    const fleet = await fleetOf({
      opus: `console.log(prompt.includes('Make a workflow plan') ? ${JSON.stringify(answer)} : prompt.includes('Merge it.') ? 'merged' : 'said');`,
    });
    fleet.say({
      [`${GENERAL}/ask.md`]: markerText('child_channel: first', 'Find out what git is.'),
    });
    fleet.start('a');
    expect(await fleet.routed('ask')).toContain('merged');
    expect(fleet.transitions('first')).toEqual(
      [
        'open',
        'compile (1 task)',
        'plan',
        'fanout task (3 tasks)',
        'synthesize task',
        'route (succeeded)',
      ].map((each) => expect.stringContaining(each.split(' ')[0] ?? '') as string),
    );
    expect(fleet.agentRuns()).toHaveLength(5);
  });

  it('is asked again with the errors three times, then fails once, listing them', async () => {
    const fleet = await fleetOf({
      opus: `console.log('steps: { a: { needs: [b], prompt: hi } }');`,
    });
    fleet.say({ [`${GENERAL}/ask.md`]: markerText('child_channel: first', 'Find out.') });
    fleet.start('a');
    const reply = await fleet.routed('ask');
    expect(reply).toContain('failed: true');
    expect(reply).toContain('"b"');
    expect(fleet.agentRuns()).toHaveLength(4);
    expect(
      fleet.transitions('first').filter((subject) => subject.startsWith('re-ask')),
    ).toHaveLength(3);
  });
});

describe('gates', () => {
  it('are answered by a command, by a message, and by a file added with plain git', async () => {
    const fleet = await fleetOf({ opus: `console.log('done');` });
    const steps = ['one', 'two', 'three']
      .map((id) => `  ${id}: { ask: { title: "${id}?", approvers: [maintainer] } }`)
      .join('\n');
    fleet.say({
      [`${GENERAL}/ask.md`]: markerText(
        `child_channel: gates\nsteps:\n${steps}\n  last: { needs: [one, two, three], model: opus, prompt: hi }`,
      ),
    });
    fleet.start('a');
    await fleet.untilPulled(() => fleet.stands('data/channels/gates/gates/three/ask.md'));
    const said = await fleet.person(
      'workflow',
      'approve',
      'gates',
      'one',
      '-m',
      'fine',
      '--from',
      'maintainer',
    );
    expect(said).toMatchObject({ code: 0 });
    fleet.say({
      'data/channels/gates/answer.md':
        '---\nto: workflow\nfrom: maintainer\nre: data/channels/gates/gates/two/ask.md\n---\napprove, of course\n',
      'data/channels/gates/gates/three/approve': '',
    });
    expect(await fleet.routed('ask')).toContain('done');
    for (const gate of ['one', 'two', 'three'])
      expect(
        JSON.parse(fleet.read(`data/channels/gates/gates/${gate}/decision.json`)),
      ).toMatchObject({
        decision: 'approve',
        by: ['maintainer'],
      });
  });
});

describe('a fan-out of which one failed', () => {
  it('is retried with exactly one more execution', async () => {
    const fleet = await fleetOf({
      opus: `#!/bin/sh\ncase $prompt in *'number 7.'*) [ -e "$RUN_LOG.mended" ] || exit 3 ;; esac\necho fine`,
    });
    const items = Array.from(
      { length: 20 },
      (_, index) => `{ id: n${index}, text: number ${index}. }`,
    );
    fleet.say({
      [`${GENERAL}/many.md`]: markerText(
        `child_channel: many\nmodel: opus\nmax-parallel: 16\nsteps:\n  each: { each: [${items.join(', ')}], prompt: "Take \${{ item.text }}", continue-on-error: false, retry: { max: 0 } }`,
      ),
    });
    fleet.start('a', ['--concurrency', '16']);
    const reply = await fleet.routed('many');
    expect(reply).toContain('failed: true');
    const before = fleet.agentRuns().filter((line) => !line.includes('n7/')).length;
    expect(before).toBe(19);
    const runs = fleet.agentRuns().length;
    appendFileSync(join(fleet.place, 'runs.log.mended'), '');
    const again = await fleet.person('workflow', 'retry', 'many', '--wait', '60', '--json');
    expect(JSON.parse(again.stdout)).toMatchObject({ ok: true });
    expect(fleet.agentRuns()).toHaveLength(runs + 1);
  });
});

describe('schedules', () => {
  it('fire once however many hosts look', async () => {
    const fleet = await fleetOf({ opus: `console.log('report');` });
    const before = new Date(Date.now() - 3 * 60_000).toISOString();
    mkdirSync(join(fleet.clone, 'data/workflows'), { recursive: true });
    writeFileSync(
      join(fleet.clone, 'data/workflows/report.md'),
      '---\nname: report\non: { schedule: "* * * * *", channel: reports }\nsteps:\n  a: { model: opus, prompt: hi }\n---\n',
    );
    fleet.git('add', '-A');
    fleet.git('commit', '-qm', 'a schedule', '--date', before);
    fleet.git('push', '-q');
    const hosts = ['a', 'b', 'c'].map((alias) => fleet.start(alias));
    await Promise.race(hosts.map((host) => host.until(({ event }) => event === 'schedule.fired')));
    await fleet.untilPulled(() =>
      fleet.files('data/channels').some((path) => path.endsWith('schedule-report.re.workflow.md')),
    );
    const markers = fleet
      .files('data/channels/reports')
      .filter((path) => path.endsWith('-schedule-report.md'));
    expect(new Set(markers).size).toBe(markers.length);
    expect(
      fleet
        .git('log', '--format=%s')
        .split('\n')
        .filter((subject) => subject === 'schedule → workflow: report'),
    ).toHaveLength(markers.length);
  });
});

const FAST = { CROSSTALK_LEASE: '3s', CROSSTALK_BEAT: '1s', CROSSTALK_LEASE_MARGIN: '500ms' };

describe('a host that is gone', () => {
  it('leaves a run stale until it is back, which why names with its command; who prefers it continues without it', async () => {
    const fleet = await fleetOf(
      { opus: null, builder: null },
      { env: FAST, keys: { builder: 'effects: none, concurrency: 8, attempts: 3' } },
    );
    fleet.start('a', ['--only', 'opus']);
    const gone = fleet.start('c', ['--only', 'builder']);
    await fleet.present('a', 'c');
    fleet.open('held', 'steps:\n  build: { model: builder, prompt: "HOLD tools\\nSAY built" }');
    await gone.until(({ event }) => event === 'attempt.started');
    gone.kill('SIGKILL');
    await gone.ended;
    const why = async (run: string): Promise<Readonly<Record<string, unknown>>> =>
      (await fleet.json('workflow', 'why', run)).data;
    let told = await why('held');
    for (let tries = 0; told['status'] !== 'stale' && tries < 60; tries += 1)
      told = await why('held');
    expect(told).toMatchObject({
      status: 'stale',
      blocked_by: [
        {
          kind: 'tasks',
          says: expect.stringMatching(/^build \(builder\): c is silent/) as string,
          fix: { command: ['crosstalkd', 'run', '--alias', 'c'] },
        },
      ],
    });
    expect((await fleet.person('workflow', 'show', 'held')).stdout).toContain('stale');
    expect((await fleet.json('workflow', 'list')).data).toMatchObject({
      runs: [{ run: 'held', status: 'stale' }],
    });
    fleet.open(
      'prefers',
      'dispatch_host: c\nmodel: opus\nsteps:\n  a: { prompt: "HOLD look\\nSAY went on" }',
    );
    await fleet.untilPulled(() => fleet.stands('data/channels/prefers/steps/a/one/task.md'));
    expect(fleet.read('data/channels/prefers/steps/a/one/task.md')).toContain('dispatch_host: c');
    expect(JSON.stringify(await why('prefers'))).toContain('it prefers c, which is not up');
    fleet.release('look');
    expect(await fleet.routed('prefers')).toContain('went on');
    fleet.release('tools');
    fleet.start('c', ['--only', 'builder']);
    expect(await fleet.routed('held')).toContain('built');
    expect(fleet.read('data/channels/held/steps/build/one/task.re.builder.md')).toMatch(
      /^host: c$/m,
    );
  });
});
