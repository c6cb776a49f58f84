/** The attempt after one that ended too early begins with what that had said. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { agentEntry, type Fleet, startFleet, untilTrue } from '../support/fleet.ts';

const FAST = { CROSSTALK_LEASE: '3s', CROSSTALK_BEAT: '500ms', CROSSTALK_LEASE_MARGIN: '500ms' };
const WORKS = `
if (process.env.CROSSTALK_ATTEMPT === '1') {
  console.log('the plan is azure');
  setInterval(() => undefined, 1_000);
} else console.log('given: ' + prompt);`;
const question = 'data/channels/general/hello.md';
const reply = question.replace('.md', '.re.a.md');
let fleet: Fleet;

afterEach(() => fleet.close());

async function start(keys = 'effects: none'): Promise<void> {
  fleet = await startFleet(
    (place) => `models:\n${agentEntry('a', { place, script: WORKS, keys })}`,
  );
  fleet.say({
    'data/models.yaml': 'models:\n  a: { adapter: command, command: [cat] }\n',
    [question]: '---\nto: a\n---\nPaint the door\n',
  });
}
const capsules = (): string =>
  fleet.git('ls-remote', fleet.remote, 'refs/crosstalk/capsules/*').trim();
const answer = async (): Promise<string> => {
  await fleet.untilPulled(() => existsSync(join(fleet.clone, reply)));
  return readFileSync(join(fleet.clone, reply), 'utf8');
};

describe('a takeover', () => {
  it('begins with what was said up to the last beat of a host that was killed', async () => {
    await start();
    const first = fleet.start('first', [], FAST);
    await untilTrue(() => capsules() !== '');
    first.kill('SIGKILL');
    await first.ended;
    fleet.start('second', [], FAST);
    const said = await answer();
    expect(said).toContain('the plan is azure');
    expect(said).toContain('Attempt 1 on first');
    expect(fleet.git('log', '-1', '--format=%B', '--', reply)).toContain(
      'Crosstalk-Continues: first, attempt 1',
    );
    await untilTrue(() => capsules() === '');
  });

  it('knows nothing where the entry says so', async () => {
    await start('effects: none, capsules: false');
    const first = fleet.start('first', [], FAST);
    await first.until(({ event }) => event === 'attempt.started');
    first.kill('SIGTERM');
    await first.ended;
    expect(capsules()).toBe('');
  });
});
