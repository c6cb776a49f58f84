/**
 * Many agents at a time, and hosts that die again and again, as real processes. In memory the
 * simulation proves it with every `npm test`.
 */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Host } from '../support/fleet.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { fleetsOfTests, GENERAL, markerText, mostOpen } from '../support/workflow-fleet.ts';

const fleetOf = fleetsOfTests();

describe('a fan-out of 100 of which one failed', () => {
  it('is retried with exactly one more execution', async () => {
    const fleet = await fleetOf({
      opus: `#!/bin/sh\ncase $prompt in *'number 41.'*) [ -e "$RUN_LOG.mended" ] || exit 3 ;; esac\necho fine`,
    });
    const items = Array.from(
      { length: 100 },
      (_, index) => `{ id: n${index}, text: number ${index}. }`,
    );
    fleet.say({
      [`${GENERAL}/many.md`]: markerText(
        `child_channel: many\nmodel: opus\nmax-parallel: 16\nsteps:\n  each: { each: [${items.join(', ')}], prompt: "Take \${{ item.text }}", continue-on-error: false, retry: { max: 0 } }`,
      ),
    });
    fleet.start('a', ['--concurrency', '16']);
    const reply = await fleet.routed('many', 200_000);
    expect(reply).toContain('failed: true');
    const before = fleet.agentRuns().filter((line) => !line.includes('n41/')).length;
    expect(before).toBe(99);
    const runs = fleet.agentRuns().length;
    appendFileSync(join(fleet.place, 'runs.log.mended'), '');
    const again = await fleet.person('workflow', 'retry', 'many', '--wait', '60', '--json');
    expect(JSON.parse(again.stdout)).toMatchObject({ ok: true });
    expect(fleet.agentRuns()).toHaveLength(runs + 1);
  });
});

const FAST = { CROSSTALK_LEASE: '3s', CROSSTALK_BEAT: '1s', CROSSTALK_LEASE_MARGIN: '500ms' };
const ANSWER = '#!/bin/sh\nsleep 0.3\necho answer';
const KILL_MS = 2_000;
/**
 * From then on the machine is too busy for a host to live two seconds and do something: they live
 * longer each time.
 */
const KILLS_EVERY_2_S = 25;

describe('three hosts that are killed at random', () => {
  it('bring a run of 30 tasks to one reply: each answered once, one synthesis, never more at a time than allowed', async () => {
    const random = createSeededRandom(process.env['SEED'] ?? 'crowd');
    // Anyone who is killed has made no mistake: an attempt that ended so must not use up the
    // model's own.
    const keys = Object.fromEntries(
      ['opus', 'gpt', 'gemini'].map((name) => [
        name,
        'effects: none, concurrency: 8, attempts: 10',
      ]),
    );
    const fleet = await fleetOf({ opus: ANSWER, gpt: ANSWER, gemini: ANSWER }, { env: FAST, keys });
    const start = (alias: string): Host => fleet.start(alias, ['--concurrency', '2']);
    const running = new Map<string, Host>(['a', 'b', 'c'].map((alias) => [alias, start(alias)]));
    fleet.open(
      'crowd',
      'max-parallel: 5\nsteps:\n  crowd: { models: [opus, gpt, gemini], count: 10, prompt: "Take part", join: { model: opus, prompt: "Sum up" } }',
    );
    await fleet.untilPulled(() => fleet.stands('data/channels/crowd/RUN.json'));
    const kill = async (alias: string): Promise<void> => {
      const host = running.get(alias);
      running.delete(alias);
      host?.kill('SIGKILL');
      await host?.ended;
    };
    const run: { isOver: boolean; kills: number } = { isOver: false, kills: 0 };
    const isOver = (): boolean => run.isOver;
    const killer = (async () => {
      // One of them never comes back, from the beginning on.
      await kill('c');
      for (let pauseMs = KILL_MS; !isOver(); pauseMs *= run.kills > KILLS_EVERY_2_S ? 1.3 : 1) {
        const alias = random.pick(['a', 'b']);
        // It has to have been at work for so long: on a busy machine a program takes longer than
        // that to start.
        await running.get(alias)?.until(({ event }) => event === 'models.loaded');
        for (let waitedMs = 0; waitedMs < pauseMs && !isOver(); waitedMs += 100)
          await new Promise((next) => setTimeout(next, 100));
        if (isOver()) return;
        await kill(alias);
        running.set(alias, start(alias));
        run.kills += 1;
      }
    })();
    const reply = await fleet.routed('crowd', 230_000).finally(() => (run.isOver = true));
    await killer;
    expect(reply).toContain('status: succeeded');
    expect(run.kills).toBeGreaterThan(2);
    const steps = 'data/channels/crowd/steps';
    const tasks = fleet
      .files(steps)
      .filter((path) => /\/task[^/]*\.md$/.test(path) && !path.includes('.re.'));
    expect(tasks).toHaveLength(31);
    // Everything was added once and never touched again: one line for each file in the whole
    // history.
    const changes = fleet
      .git('log', '--format=', '--name-status', '--no-renames', '--', steps)
      .trim()
      .split('\n');
    expect(changes.filter((line) => !line.startsWith('A\t'))).toEqual([]);
    expect(new Set(changes).size).toBe(changes.length);
    expect(changes.filter((line) => line.includes('.re.'))).toHaveLength(31);
    expect(changes.filter((line) => line.endsWith('/join/task.md'))).toHaveLength(1);
    expect(
      fleet.transitions('crowd').filter((subject) => subject.startsWith('route')),
    ).toHaveLength(1);
    expect(mostOpen(fleet, steps)).toBe(5);
    expect(await fleet.person('verify')).toMatchObject({ code: 0 });
  });
});
