import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { agentEntry, type Fleet, type Host, startFleet } from '../support/fleet.ts';

let agents: string;
const fleets: Fleet[] = [];
beforeEach(() => {
  agents = mkdtempSync(join(tmpdir(), 'crosstalk-agents-'));
});
afterEach(async () => {
  for (const fleet of fleets.splice(0)) await fleet.close();
  rmSync(agents, { recursive: true, force: true });
});

const general = 'data/channels/general';

/** A fleet whose transport names the models that its hosts serve. */
async function fleetOf(scripts: Readonly<Record<string, string>>, env: Readonly<Record<string, string>> = {}): Promise<Fleet> {
  const entries = Object.entries(scripts).map(([name, script]) => agentEntry(name, { place: agents, script }));
  const fleet = await startFleet(`models:\n${entries.join('')}`, env);
  fleets.push(fleet);
  const names = Object.keys(scripts).map((name) => `  ${name}: { adapter: command, command: [cat] }\n`);
  fleet.say({ 'data/models.yaml': `models:\n${names.join('')}` });
  return fleet;
}

const marker = (head: string, body = ''): string => `---\nto: workflow\nfrom: maintainer\ntype: workflow\n${head}\n---\n${body}\n`;
const read = (fleet: Fleet, path: string): string => readFileSync(join(fleet.clone, path), 'utf8');
const files = (fleet: Fleet, folder: string): readonly string[] =>
  readdirSync(join(fleet.clone, folder), { recursive: true }).map(String).sort();
const subjects = (fleet: Fleet, run: string): readonly string[] =>
  fleet
    .git('log', '--reverse', '--format=%s')
    .split('\n')
    .filter((subject) => subject.startsWith(`workflow ${run}: `))
    .map((subject) => subject.slice(`workflow ${run}: `.length));
const stands = (fleet: Fleet, path: string): boolean => {
  try {
    return read(fleet, path) !== '';
  } catch {
    return false;
  }
};
async function routed(fleet: Fleet, name: string, limitMs?: number): Promise<string> {
  await fleet.untilPulled(() => stands(fleet, `${general}/${name}.re.workflow.md`), limitMs);
  return read(fleet, `${general}/${name}.re.workflow.md`);
}
/** A command of the fleet's person. */
async function person(fleet: Fleet, ...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return fleet.run([...args, '-C', fleet.clone, '--state', join(fleet.place, 'state-person')]);
}

describe('a marker in prose', () => {
  it('is compiled by a model: a plan of protocol 7 in a fence, tasks, a synthesis, one routed reply', async () => {
    const plan = { fanout: { to: 'opus', count: 3, body: 'Say something.' }, synthesize: { to: 'opus', body: 'Merge it.' } };
    const answer = `Here is the plan:\n\`\`\`json\n${JSON.stringify(plan, null, 2)}\n\`\`\`\nI hope it helps.`;
    const fleet = await fleetOf({
      opus: `console.log(prompt.includes('Make a workflow plan') ? ${JSON.stringify(answer)} : prompt.includes('Merge it.') ? 'merged' : 'said');`,
    });
    fleet.say({ [`${general}/ask.md`]: marker('child_channel: first', 'Find out what git is.') });
    fleet.start('a');
    expect(await routed(fleet, 'ask')).toContain('merged');
    expect(subjects(fleet, 'first')).toEqual(
      ['open', 'compile (1 task)', 'plan', 'fanout task (3 tasks)', 'synthesize task', 'route (succeeded)'].map(
        (each) => expect.stringContaining(each.split(' ')[0] ?? '') as string,
      ),
    );
    expect(fleet.agentRuns()).toHaveLength(5);
  });

  it('is asked again with the errors three times, then fails once, listing them', async () => {
    const fleet = await fleetOf({ opus: `console.log('steps: { a: { needs: [b], prompt: hi } }');` });
    fleet.say({ [`${general}/ask.md`]: marker('child_channel: first', 'Find out.') });
    fleet.start('a');
    const reply = await routed(fleet, 'ask');
    expect(reply).toContain('failed: true');
    expect(reply).toContain('"b"');
    expect(fleet.agentRuns()).toHaveLength(4);
    expect(subjects(fleet, 'first').filter((subject) => subject.startsWith('re-ask'))).toHaveLength(3);
  });
});

describe('gates', () => {
  it('are answered by a command, by a message, and by a file added with plain git', async () => {
    const fleet = await fleetOf({ opus: `console.log('done');` });
    const steps = ['one', 'two', 'three'].map((id) => `  ${id}: { ask: { title: "${id}?", approvers: [maintainer] } }`).join('\n');
    fleet.say({
      [`${general}/ask.md`]: marker(
        `child_channel: gates\nsteps:\n${steps}\n  last: { needs: [one, two, three], model: opus, prompt: hi }`,
      ),
    });
    fleet.start('a');
    await fleet.untilPulled(() => stands(fleet, 'data/channels/gates/gates/three/ask.md'));
    const said = await person(fleet, 'workflow', 'approve', 'gates', 'one', '-m', 'fine', '--from', 'maintainer');
    expect(said).toMatchObject({ code: 0 });
    fleet.say({
      'data/channels/gates/answer.md':
        '---\nto: workflow\nfrom: maintainer\nre: data/channels/gates/gates/two/ask.md\n---\napprove, of course\n',
      'data/channels/gates/gates/three/approve': '',
    });
    expect(await routed(fleet, 'ask')).toContain('done');
    for (const gate of ['one', 'two', 'three'])
      expect(JSON.parse(read(fleet, `data/channels/gates/gates/${gate}/decision.json`))).toMatchObject({
        decision: 'approve',
        by: ['maintainer'],
      });
  });
});

describe('a fan-out of 100 of which one failed', () => {
  it('is retried with exactly one more execution', async () => {
    const fleet = await fleetOf({
      opus: `const { existsSync } = await import('node:fs');\nif (prompt.includes('number 41.') && !existsSync(process.env.RUN_LOG + '.mended')) process.exit(3);\nconsole.log('fine');`,
    });
    const items = Array.from({ length: 100 }, (_, index) => `{ id: n${index}, text: number ${index}. }`);
    fleet.say({
      [`${general}/many.md`]: marker(
        `child_channel: many\nmodel: opus\nmax-parallel: 16\nsteps:\n  each: { each: [${items.join(', ')}], prompt: "Take \${{ item.text }}", continue-on-error: false, retry: { max: 0 } }`,
      ),
    });
    fleet.start('a', ['--concurrency', '16']);
    const reply = await routed(fleet, 'many', 200_000);
    expect(reply).toContain('failed: true');
    const before = fleet.agentRuns().filter((line) => !line.includes('n41/')).length;
    expect(before).toBe(99);
    const runs = fleet.agentRuns().length;
    appendFileSync(join(fleet.place, 'runs.log.mended'), '');
    const again = await person(fleet, 'workflow', 'retry', 'many', '--wait', '60', '--json');
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
    await fleet.untilPulled(() => files(fleet, 'data/channels').some((path) => path.endsWith('schedule-report.re.workflow.md')));
    const markers = files(fleet, 'data/channels/reports').filter((path) => path.endsWith('-schedule-report.md'));
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

describe('three hosts that are killed at random', () => {
  it('bring a run of 30 tasks to one reply, each task answered once, never more at a time than allowed', async () => {
    const fleet = await fleetOf({ opus: `await new Promise((next) => setTimeout(next, 400));\nconsole.log('answer');` }, FAST);
    const items = Array.from({ length: 30 }, (_, index) => `{ id: n${index} }`);
    fleet.say({
      [`${general}/crowd.md`]: marker(
        `child_channel: crowd\nmodel: opus\nmax-parallel: 5\nsteps:\n  each: { each: [${items.join(', ')}], prompt: "Take \${{ item.id }}", retry: { max: 0 } }\n  sum: { needs: [each], prompt: "Sum up \${{ steps.each.text }}" }`,
      ),
    });
    const running = new Map<string, Host>(['a', 'b', 'c'].map((alias) => [alias, fleet.start(alias, ['--concurrency', '2'])]));
    const order = ['b', 'c', 'a', 'b', 'c', 'b', 'a', 'b', 'c', 'a'];
    const run = { isOver: false };
    const killer = (async () => {
      for (const [round, alias] of order.entries()) {
        for (let waited = 0; waited < 20 && !run.isOver; waited += 1) await new Promise((next) => setTimeout(next, 100));
        if (run.isOver) return;
        const host = running.get(alias);
        host?.kill('SIGKILL');
        await host?.ended;
        // The last one of these never comes back.
        if (!(alias === 'c' && round === 8)) running.set(alias, fleet.start(alias, ['--concurrency', '2']));
        else running.delete(alias);
      }
    })();
    const reply = await routed(fleet, 'crowd', 200_000).finally(() => (run.isOver = true));
    await killer;
    expect(reply).toContain('status: succeeded');
    const answers = files(fleet, 'data/channels/crowd/steps').filter((path) => path.includes('.re.'));
    expect(answers).toHaveLength(31);
    expect(new Set(answers).size).toBe(31);
    expect(subjects(fleet, 'crowd').filter((subject) => subject.startsWith('route'))).toHaveLength(1);
    expect(subjects(fleet, 'crowd').filter((subject) => subject.startsWith('fanout sum'))).toHaveLength(1);
    expect(mostOpen(fleet, 'data/channels/crowd/steps/')).toBeLessThanOrEqual(5);
    expect(await person(fleet, 'verify')).toMatchObject({ code: 0 });
  });
});

/** The most tasks that were open at any commit. */
function mostOpen(fleet: Fleet, folder: string): number {
  const log = fleet.git('log', '--reverse', '--first-parent', '--format=%x00', '--name-status', '--no-renames', '--', folder);
  let [open, most] = [0, 0];
  for (const commit of log.split('\0')) {
    for (const line of commit.split('\n')) {
      if (!line.startsWith('A\t')) continue;
      if (/\.re\.[^/]+\.md$/.test(line)) open -= 1;
      else if (/\/task[^/]*\.md$/.test(line)) open += 1;
    }
    most = Math.max(most, open);
  }
  return most;
}
