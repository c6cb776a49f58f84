import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { agentEntry, type Fleet, startFleet, untilTrue } from '../support/fleet.ts';

let agents: string;
const fleets: Fleet[] = [];
beforeEach(() => {
  agents = mkdtempSync(join(tmpdir(), 'crosstalk-agents-'));
});
afterEach(async () => {
  for (const fleet of fleets.splice(0)) await fleet.close();
  rmSync(agents, { recursive: true, force: true });
});

async function fleetOf(models: string, env: Readonly<Record<string, string>> = {}): Promise<Fleet> {
  const fleet = await startFleet(`models:\n${models}`, env);
  fleets.push(fleet);
  return fleet;
}

const general = 'data/channels/general';
const ask = (to: string, text: string): string => `---\nto: ${to}\n---\n${text}\n`;
const replies = (fleet: Fleet): string[] =>
  readdirSync(join(fleet.clone, general)).filter((name) => name.includes('.re.'));

describe('three hosts on one transport', () => {
  it('answer 60 bare messages once each, with one agent run each', async () => {
    const fleet = await fleetOf(
      agentEntry('opus', {
        place: agents,
        script: '#!/bin/sh\nprintf "seen %s\\n" "$(printf "%s" "$prompt" | tail -n 1)"',
      }),
    );
    const texts = Array.from(
      { length: 60 },
      (_, index) => [`${general}/m${index}.md`, ask('opus', `number ${index}`)] as const,
    );
    fleet.say(Object.fromEntries(texts));
    for (const alias of ['a', 'b', 'c']) fleet.start(alias, ['--concurrency', '6']);
    await fleet.untilPulled(() => replies(fleet).length === 60);
    expect(fleet.agentRuns()).toHaveLength(60);
    expect(new Set(fleet.agentRuns()).size).toBe(60);
    expect(readFileSync(join(fleet.clone, general, 'm7.re.opus.md'), 'utf8')).toContain(
      'seen number 7',
    );
    await untilTrue(
      () => !fleet.git('ls-remote', 'origin', 'refs/crosstalk/claims/*').includes('claims'),
    );
    expect(fleet.git('fsck', '--strict', '--no-dangling')).toBe('');
  });
});

const FAST = { CROSSTALK_LEASE: '3s', CROSSTALK_BEAT: '1s', CROSSTALK_LEASE_MARGIN: '500ms' };

describe('a host that dies while its agent runs', () => {
  it('is replaced by another after the lease when the model has no effects', async () => {
    // The first start never ends; any later one answers.
    const script = `const { openSync } = await import('node:fs');\ntry { openSync(process.env.RUN_LOG + '.first', 'wx'); setInterval(() => {}, 1000); } catch { console.log('answered'); }`;
    const fleet = await fleetOf(agentEntry('opus', { place: agents, script }), FAST);
    fleet.say({ [`${general}/hello.md`]: ask('opus', 'hello') });
    const first = fleet.start('first');
    await first.until(({ event }) => event === 'attempt.started');
    await untilTrue(() => fleet.agentRuns().length === 1);
    first.kill('SIGKILL');
    const second = fleet.start('second');
    await second.until(({ event }) => event === 'reply.published');
    fleet.git('pull', '-q');
    const reply = readFileSync(join(fleet.clone, general, 'hello.re.opus.md'), 'utf8');
    expect(reply).toContain('answered');
    expect(reply).toContain('attempt: 2');
    expect(reply).toContain('host: second');
    // The first host comes back: it ends what it had started and says nothing.
    const again = fleet.start('first');
    await again.until(({ event }) => event === 'models.loaded');
    expect(fleet.git('ls-remote', 'origin', 'refs/crosstalk/claims/*')).toBe('');
    expect(fleet.agentRuns()).toHaveLength(2);
  });

  it('leaves one failure reply "outcome unknown" when the model has effects', async () => {
    const fleet = await fleetOf(
      agentEntry('ci', {
        place: agents,
        script: 'setInterval(() => {}, 1000);',
        keys: 'effects: external',
      }),
      FAST,
    );
    fleet.say({ [`${general}/deploy.md`]: ask('ci', 'deploy') });
    const first = fleet.start('first');
    await untilTrue(() => fleet.agentRuns().length === 1);
    first.kill('SIGKILL');
    const second = fleet.start('second');
    await second.until(({ event }) => event === 'host.lost');
    await fleet.untilPulled(() => existsSync(join(fleet.clone, general, 'deploy.re.ci.md')));
    const reply = readFileSync(join(fleet.clone, general, 'deploy.re.ci.md'), 'utf8');
    expect(reply).toContain('failed: true');
    expect(reply).toContain('outcome unknown: it was started on first and has no answer');
    expect(fleet.agentRuns()).toHaveLength(1);
  });

  it('and starts again at once continues on its own, without waiting for the lease', async () => {
    const script = `const { openSync } = await import('node:fs');\ntry { openSync(process.env.RUN_LOG + '.first', 'wx'); setInterval(() => {}, 1000); } catch { console.log('answered'); }`;
    const fleet = await fleetOf(agentEntry('opus', { place: agents, script }));
    fleet.say({ [`${general}/hello.md`]: ask('opus', 'hello') });
    const first = fleet.start('only');
    await untilTrue(() => fleet.agentRuns().length === 1);
    first.kill('SIGKILL');
    await first.ended;
    const again = fleet.start('only');
    await again.until(({ event }) => event === 'reply.published');
    expect(fleet.agentRuns()).toHaveLength(2);
  });
});

describe('a remote that is down', () => {
  it('delays a finished answer and never loses it', async () => {
    const gate = join(agents, 'gate');
    const script = `const { existsSync } = await import('node:fs');\nwhile (!existsSync(${JSON.stringify(gate)})) await new Promise((next) => setTimeout(next, 20));\nconsole.log('worth the wait');`;
    const fleet = await fleetOf(agentEntry('opus', { place: agents, script }));
    fleet.say({ [`${general}/hello.md`]: ask('opus', 'hello') });
    const host = fleet.start('only');
    await untilTrue(() => fleet.agentRuns().length === 1);
    fleet.git('clone', '-q', '--mirror', fleet.remote, `${fleet.place}/backup.git`);
    rmSync(fleet.remote, { recursive: true });
    writeFileSync(gate, '');
    await host.until(({ event }) => event === 'publish.retried');
    await host.until(({ event }) => event === 'remote.refuses');
    host.kill('SIGKILL');
    await host.ended;
    const once = await fleet.run([
      'run',
      fleet.remote,
      '--once',
      '--alias',
      'only',
      '--interval',
      '0.1',
      '--state',
      join(fleet.place, 'state-only'),
    ]);
    expect(once.code).toBe(4);
    fleet.git('clone', '-q', '--mirror', `${fleet.place}/backup.git`, fleet.remote);
    const later = fleet.start('only');
    await later.until(({ event }) => event === 'reply.published');
    expect(fleet.agentRuns()).toHaveLength(1);
  });
});
