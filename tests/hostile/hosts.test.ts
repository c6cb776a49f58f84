/**
 * FAULTS §5, cases 27, 29, 34, 36, 51, 55, 60–62: one real host and what people, agents and the
 * remote do to it.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { agentEntry, type Fleet, type Host, startFleet } from '../support/fleet.ts';
import { ask, askJson, eventsOf, oneMoreAnswer, untilHost } from '../support/hostile.ts';
import { processesNaming } from '../support/git-fixture.ts';
import { createPlanter, type Planter } from '../support/plant.ts';

const GENERAL = 'data/channels/general';
const letter = (to: string, more = ''): string => `---\nto: ${to}\n${more}---\nhello\n`;

let fleet: Fleet;
let host: Host;
let planter: Planter;
beforeAll(async () => {
  const script = '#!/bin/sh\necho seen';
  const models = (place: string): readonly string[] => [
    agentEntry('echo', { place, script }),
    agentEntry('capped', { place, script, keys: 'effects: none, runs-per-hour: 1' }),
    agentEntry('endless', {
      place,
      script: 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000);',
    }),
    '  early: { adapter: command, command: [sh, -c, "exec 0<&-; echo seen"], effects: none }\n',
    '  gone: { adapter: command, command: [/no/such/program], effects: none }\n',
  ];
  fleet = await startFleet((place) => `models:\n${models(place).join('')}`, {
    CROSSTALK_SHUTDOWN_GRACE: '2s',
  });
  planter = createPlanter(fleet.remote, fleet.env);
  host = fleet.start('a', ['--concurrency', '8']);
  await oneMoreAnswer(host, planter.write);
});
afterAll(() => fleet.close());

const published = (path: string): boolean =>
  eventsOf(host, 'reply.published').some(({ message }) => message === path);
const runsFor = (path: string): number =>
  fleet.agentRuns().filter((line) => line.endsWith(path)).length;
const textOf = (path: string): string => planter.git(['show', `main:${path}`]);

describe('people', () => {
  it('who merge many branches, with dates of long ago, get every message answered', async () => {
    const branches = ['one', 'two', 'three'];
    const pathOf = (branch: string): string => `${GENERAL}/2001/01/01/${branch}.md`;
    fleet.git('pull', '-q', '--rebase');
    for (const branch of branches) {
      fleet.git('checkout', '-q', '-b', branch, 'origin/main');
      mkdirSync(join(fleet.clone, GENERAL, '2001/01/01'), { recursive: true });
      writeFileSync(
        join(fleet.clone, pathOf(branch)),
        // Not older than a host still takes up; it is the dates of the commits that lie.
        letter('echo', `timestamp: ${new Date(Date.now() - 3_600_000).toISOString()}\n`),
      );
      fleet.git('add', '.');
      fleet.git('commit', '-qm', branch, '--date', '2001-01-01T00:00:00Z');
    }
    fleet.git('checkout', '-q', 'main');
    fleet.git('merge', '-q', '--no-edit', ...branches);
    expect(
      fleet.git('rev-list', '--parents', '-1', 'HEAD').trim().split(' ').length,
    ).toBeGreaterThan(3);
    fleet.git('push', '-q', 'origin', 'main');
    await untilHost(host, () => branches.every((branch) => published(pathOf(branch))));
  });

  it('who edit a reply keep their edit, and nothing runs again', async () => {
    const path = `${GENERAL}/edited.md`;
    planter.write({ [path]: letter('echo') });
    await untilHost(host, () => published(path));
    planter.write({ [`${GENERAL}/edited.re.echo.md`]: 'corrected by hand\n' });
    await oneMoreAnswer(host, planter.write);
    await oneMoreAnswer(host, planter.write);
    expect(textOf(`${GENERAL}/edited.re.echo.md`)).toBe('corrected by hand');
    expect(runsFor(path)).toBe(1);
  });

  it('who ask for a host that is not there are told so by status', async () => {
    planter.write({
      [`${GENERAL}/pinned.md`]: letter('echo@nowhere'),
      [`${GENERAL}/marker.md`]: letter(
        'workflow',
        'type: workflow\ndispatch_host: nowhere\nsteps:\n  a: { prompt: x, model: echo }\n',
      ),
    });
    await oneMoreAnswer(host, planter.write);
    const told = JSON.stringify(await askJson(fleet, 'a', ['status']));
    expect(told).toContain('nowhere');
    expect(published(`${GENERAL}/pinned.md`)).toBe(false);
  });

  it.each([
    ['-x'],
    ['--upload-pack=touch EXECUTED'],
    ['ext::sh -c "touch EXECUTED"'],
    ['git://127.0.0.1/x'],
    ['http://127.0.0.1/x'],
  ])('who name the remote %s are refused by name', async (url) => {
    const ended = await fleet.run([
      'run',
      '--once',
      '--state',
      join(fleet.place, 'state-odd'),
      '--',
      url,
    ]);
    expect(ended.code).not.toBe(0);
    expect(existsSync(join(fleet.place, 'EXECUTED'))).toBe(false);
  });
});

describe('agents', () => {
  it('that close their input, are missing or are used up concern nobody else', async () => {
    const names = ['early', 'gone', 'capped'];
    planter.write(
      Object.fromEntries(
        names.flatMap((name) =>
          [1, 2].map((number) => [`${GENERAL}/${name}-${number}.md`, letter(name)]),
        ),
      ),
    );
    await untilHost(host, () =>
      ['early-1', 'early-2', 'gone-1', 'gone-2'].every((name) =>
        published(`${GENERAL}/${name}.md`),
      ),
    );
    await oneMoreAnswer(host, planter.write);
    expect(textOf(`${GENERAL}/early-1.re.early.md`)).toContain('seen');
    expect(textOf(`${GENERAL}/gone-1.re.gone.md`)).toMatch(/failed: true[^]*missing/);
    await untilHost(host, () =>
      [1, 2].some((number) => published(`${GENERAL}/capped-${number}.md`)),
    );
    expect(fleet.agentRuns().filter((line) => line.startsWith('capped '))).toHaveLength(1);
    expect((await ask(fleet, 'a', ['status'])).stdout).toMatch(
      /capped has used its 1 runs of this hour/,
    );
  });
});

describe('the remote', () => {
  it('that loses its branch halts the host with the reason, and it continues when the branch is back', async () => {
    const tip = planter.git(['rev-parse', 'main']);
    planter.git(['update-ref', '-d', 'refs/heads/main']);
    await untilHost(host, () => eventsOf(host, 'transport.rewritten').length === 1);
    expect((await ask(fleet, 'a', ['status'])).stdout).toMatch(/branch is gone/);
    planter.git(['update-ref', 'refs/heads/main', tip]);
    await oneMoreAnswer(host, planter.write);
    expect(eventsOf(host, 'transport.rewritten')).toHaveLength(1);
  });
});

describe('SIGTERM', () => {
  it('ends a host within its grace although an agent ignores it, and leaves no process, claim or lock', async () => {
    planter.write({ [`${GENERAL}/endless.md`]: letter('endless') });
    await untilHost(host, () => runsFor(`${GENERAL}/endless.md`) === 1);
    const startedMs = performance.now();
    host.kill('SIGTERM');
    expect(await host.ended).toBe(0);
    expect(performance.now() - startedMs).toBeLessThan(12_000);
    expect(planter.git(['for-each-ref', 'refs/crosstalk'])).toBe('');
    const again = fleet.start('a');
    await untilHost(again, () =>
      eventsOf(again, 'attempt.started').some(({ message }) => message === `${GENERAL}/endless.md`),
    );
    again.kill('SIGTERM');
    again.kill('SIGTERM');
    const killedMs = performance.now();
    await again.ended;
    expect(performance.now() - killedMs).toBeLessThan(8_000);
    expect(processesNaming(join(fleet.place, 'agents'))).toEqual([]);
  });
});
