/**
 * A line in CROSSTALK-VERSION says where claims stand. Pushed while hosts work, it would have each
 * of them look where the others are not: so nobody continues before a person has said so, and then
 * both places count.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { agentEntry, type Fleet, type Host, startFleet, untilTrue } from '../support/fleet.ts';
import { ask, askJson, eventsOf, oneMoreAnswer, untilHost } from '../support/hostile.ts';
import { createPlanter, type Planter } from '../support/plant.ts';

const GENERAL = 'data/channels/general';

let fleet: Fleet;
let planter: Planter;
let hosts: readonly [Host, Host];
beforeAll(async () => {
  // The agent that acts outside ends when the test says so.
  const waits =
    "import { existsSync } from 'node:fs';\nwhile (!existsSync(process.env.RUN_LOG + '.go')) await new Promise((next) => setTimeout(next, 50));\nconsole.log('done');";
  fleet = await startFleet(
    (place) =>
      `models:\n${agentEntry('echo', { place, script: '#!/bin/sh\necho seen' })}${agentEntry('once', { place, script: waits, keys: 'effects: external' })}`,
  );
  planter = createPlanter(fleet.remote, fleet.env);
  // As a remote is that has to keep claims among its branches.
  for (const name of ['denyDeletes', 'denyNonFastForwards'])
    planter.git(['config', `receive.${name}`, 'false']);
  hosts = [fleet.start('a'), fleet.start('b')];
  for (const host of hosts) await host.until(({ event }) => event === 'dispatcher.started');
  planter.write({ [`${GENERAL}/pay.md`]: '---\nto: once\n---\npay\n' });
  await untilTrue(() => starts() === 1);
});
afterAll(() => fleet.close());

const starts = (): number => fleet.agentRuns().filter((line) => line.startsWith('once ')).length;
const tells = (host: Host, event: string, name: string): boolean =>
  eventsOf(host, event).some(({ message }) => message === `${GENERAL}/${name}.md`);
const holder = (): number => hosts.findIndex((host) => tells(host, 'attempt.started', 'pay'));
const published = (host: Host, name = 'pay'): boolean => tells(host, 'reply.published', name);

describe('custom-refs: no, pushed while an agent that acts outside is at work', () => {
  it('halts every host, which say so, and stays told as what it is', async () => {
    planter.write({ 'CROSSTALK-VERSION': '7\ncustom-refs: no\n' });
    for (const host of hosts)
      await untilHost(host, () => eventsOf(host, 'transport.version-changed').length > 0);
    const { needs } = await askJson(fleet, 'a', ['status']);
    expect(needs).toMatchObject([{ kind: 'version-changed' }]);
    expect((await ask(fleet, 'b', ['doctor'])).stdout).toContain('7, custom-refs: no');
    expect((await ask(fleet, 'a', ['accept-rewrite'])).code).toBe(1);
  });

  it('starts nothing a second time on the host where it is accepted, nor on one that joins', async () => {
    const [name, other] = holder() === 0 ? (['b', hosts[1]] as const) : (['a', hosts[0]] as const);
    const accepted = await ask(fleet, name, ['accept-rewrite', '--yes']);
    expect(accepted.stdout).toContain('CROSSTALK-VERSION is   7, custom-refs: no');
    await oneMoreAnswer(other, planter.write);
    const joined = fleet.start('c');
    await joined.until(({ event }) => event === 'models.loaded');
    joined.kill('SIGTERM');
    expect(await joined.ended).toBe(0);
    expect(
      planter.git(['for-each-ref', '--format=%(refname)', 'refs/heads/crosstalk/hosts']),
    ).toContain(`refs/heads/crosstalk/hosts/${name}.`);
    expect(starts()).toBe(1);
    expect(hosts.some((host) => published(host))).toBe(false);
  });

  it('publishes the one answer where it was begun, once that host continues, too', async () => {
    const [at, host] = holder() === 0 ? (['a', hosts[0]] as const) : (['b', hosts[1]] as const);
    expect((await ask(fleet, at, ['accept-rewrite', '--yes'])).code).toBe(0);
    writeFileSync(join(fleet.place, 'runs.log.go'), '');
    await untilHost(host, () => published(host));
    expect(starts()).toBe(1);
    expect(planter.git(['for-each-ref', '--format=%(refname)', 'refs/crosstalk/claims'])).toBe('');
    expect(await askJson(fleet, 'a', ['verify'])).toMatchObject({ ok: true });
  });

  it('refuses a version that this program does not speak, and continues when it is taken back', async () => {
    const before = planter.git(['rev-parse', 'main']);
    planter.write({ 'CROSSTALK-VERSION': '99\n' });
    const [host] = hosts;
    await untilHost(host, () => eventsOf(host, 'transport.version-changed').length > 1);
    const refused = await ask(fleet, 'a', ['accept-rewrite', '--yes']);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('CROSSTALK-VERSION says "99"');
    planter.write({
      'CROSSTALK-VERSION': planter.git(['show', `${before}:CROSSTALK-VERSION`]),
    });
    planter.write({ [`${GENERAL}/after.md`]: '---\nto: echo\n---\nafter\n' });
    await untilHost(host, () => hosts.some((one) => published(one, 'after')));
  });
});
