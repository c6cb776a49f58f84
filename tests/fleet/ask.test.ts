/** An agent asks a person, ends its turn, and is woken by the answer in the same thread. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { agentEntry, type Fleet, startFleet } from '../support/fleet.ts';

const general = 'data/channels/general';
/** Asks once; when it is told, it answers with all that it was given. */
const ASKS = (...more: readonly string[]) => `
const { spawnSync } = await import('node:child_process');
const { writeFileSync } = await import('node:fs');
writeFileSync(process.env.CROSSTALK_USAGE, JSON.stringify({ session: 's-1' }));
if (prompt.includes('azure')) console.log('woken in ' + process.env.CROSSTALK_SESSION + ': ' + prompt);
else {
  const asked = spawnSync('crosstalkd', ${JSON.stringify(['ask', '-m', 'Which colour?', ...more])}, { encoding: 'utf8' });
  console.log(asked.status + ' ' + asked.stdout + asked.stderr);
}`;
let fleet: Fleet;

afterEach(() => fleet.close());

async function start(keys: string, script: string): Promise<void> {
  fleet = await startFleet((place) => `models:\n${agentEntry('a', { place, script, keys })}`);
  fleet.say({
    'data/models.yaml': 'models:\n  a: { adapter: command, command: [cat] }\n',
    [`${general}/hello.md`]: '---\nto: a\n---\nPaint the door\n',
  });
  fleet.start('only');
}

const reply = async (path: string): Promise<string> => {
  const file = join(fleet.clone, path);
  await fleet.untilPulled(() => existsSync(file));
  return readFileSync(file, 'utf8');
};
const json = async (...words: readonly string[]): Promise<Record<string, unknown>> =>
  JSON.parse((await fleet.run([...words, '-C', fleet.clone, '--json'])).stdout) as Record<
    string,
    unknown
  >;

describe('a program that asks to be allowed', () => {
  const PERMITS = `
const { spawnSync } = await import('node:child_process');
const asked = spawnSync('crosstalkd', ['ask', '--permission', '-m', 'paint it azure'], { encoding: 'utf8' });
console.log('exit ' + asked.status + ': ' + asked.stdout + asked.stderr);`;

  it('waits for a person, and with hold: free leaves its slot to others meanwhile', async () => {
    const keys = 'effects: external, permissions: { hold: free }';
    const b = 'console.log("b is free");';
    fleet = await startFleet(
      (place) =>
        `models:\n${agentEntry('a', { place, script: PERMITS, keys })}${agentEntry('b', { place, script: b, keys: 'effects: none' })}`,
    );
    const entry = 'adapter: command, command: [cat]';
    fleet.say({
      'data/models.yaml': `models:\n  a: { ${entry} }\n  b: { ${entry} }\n`,
      [`${general}/hello.md`]: '---\nto: a\n---\nPaint the door\n',
    });
    const host = fleet.start('only', ['--concurrency', '1']);
    const { question } = await host.until(({ event }) => event === 'question.asked');
    fleet.say({ [`${general}/other.md`]: '---\nto: b\n---\nAnd you?\n' });
    expect(await reply(`${general}/other.re.b.md`)).toContain('b is free');
    expect(readFileSync(join(fleet.clone, String(question)), 'utf8')).toContain('paint it azure');
    await fleet.run(['answer', String(question), 'approve', '-C', fleet.clone]);
    expect(await reply(`${general}/hello.re.a.md`)).toContain('exit 0: allowed, for this once');
  });
});

describe('an agent that asks a person', () => {
  it('is told to end its turn, and continues with the answer, knowing what was said', async () => {
    await start('effects: none, may-send: true', ASKS());
    expect(await reply(`${general}/hello.re.a.md`)).toContain('0 asked maintainer');
    const needs = (await json('status'))['needs'] as { kind: string; says: string }[];
    expect(needs).toMatchObject([
      { kind: 'asked', says: expect.stringContaining('Which colour?') as string },
    ]);
    const path = fleet
      .git('grep', '-l', '-e', 'Which colour?', '--', 'data')
      .split('\n')
      .find((name) => !name.includes('.re.'))!;
    expect(readFileSync(join(fleet.clone, path), 'utf8')).toMatch(
      /^---\nto: maintainer\nfrom: a\n/,
    );
    expect((await fleet.run(['answer', path, '-C', fleet.clone, '-m', 'azure'])).code).toBe(0);
    const answer = path.replace(/\.md$/, '.re.maintainer');
    const woken = await reply(`${answer}.re.a.md`);
    for (const said of ['woken in s-1: ', 'Paint the door', 'Which colour?', 'azure'])
      expect(woken).toContain(said);
    expect(readFileSync(join(fleet.clone, `${answer}.md`), 'utf8')).toContain(
      'dispatch_host: only',
    );
    expect(fleet.agentRuns()).toHaveLength(2);
    expect((await json('status'))['needs']).toEqual([]);
  });

  it('asks only whom its entry lets it ask, and only people', async () => {
    await start('effects: none, may-send: [grace]', ASKS());
    expect(await reply(`${general}/hello.re.a.md`)).toContain('may send to grace only');
    await fleet.close();
    await start('effects: none, may-send: true', ASKS('--to', 'a'));
    expect(await reply(`${general}/hello.re.a.md`)).toContain('is not a person');
  });
});
