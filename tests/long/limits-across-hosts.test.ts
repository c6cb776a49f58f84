/**
 * Limits where several hosts serve a model: one rests and another helps, until the limit ends; runs
 * an hour; contexts that are too long; circles.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { agentEntry, type Fleet, startFleet, untilTrue } from '../support/fleet.ts';

const general = 'data/channels/general';
let agents: string;
let fleet: Fleet;
beforeEach(() => {
  agents = mkdtempSync(join(tmpdir(), 'crosstalk-agents-'));
});
afterEach(async () => {
  await fleet.close();
  rmSync(agents, { recursive: true, force: true });
});

/** The program speaks as claude does, so that its failures have a class. */
const SAYS =
  "const say = (text, more = {}) => { console.log(JSON.stringify({ type: 'result', subtype: 'success', is_error: false, result: text, session_id: 's', usage: {}, ...more })); };";
const asClaude = (entry: string): string => entry.replace('adapter: command', 'adapter: claude');
const begin = async (script: string, keys = 'effects: none, concurrency: 8'): Promise<void> => {
  fleet = await startFleet(
    `models:\n${asClaude(agentEntry('opus', { place: agents, script: `${SAYS}\n${script}`, keys }))}`,
    {
      CROSSTALK_BEAT: '1s',
    },
  );
};
const ask = (text: string, more = ''): string => `---\nto: opus\n${more}---\n${text}\n`;
const state = (alias: string): readonly string[] => [
  '-C',
  fleet.clone,
  '--state',
  join(fleet.place, `state-${alias}`),
];
const pathOf = (message: string): string => join(fleet.clone, general, `${message}.re.opus.md`);
async function replyOf(message: string): Promise<string> {
  await fleet.untilPulled(() => existsSync(pathOf(message)));
  return readFileSync(pathOf(message), 'utf8');
}
/** Each host runs the program below its own state directory. */
const HOST = 'const host = /state-(\\w+)/.exec(process.cwd())[1];';

describe('a host whose provider says when its limit ends', () => {
  it('says so in its beat, leaves the work to another, and takes work again on its own afterwards', async () => {
    const limited =
      "if (host === 'out' && !(await import('node:fs')).existsSync(process.env.RUN_LOG + '.over')) { say('You have hit your usage limit, try again in 6 seconds', { is_error: true, api_error_status: 429 }); process.exit(1); }";
    await begin(`${HOST}\n${limited}\nsay('from ' + host);`);
    fleet.say({ [`${general}/one.md`]: ask('hello') });
    const out = fleet.start('out');
    const parked = await out.until(({ event }) => event === 'model.parked');
    expect(Number(parked['for_ms'])).toBeGreaterThan(4_000);
    expect(Number(parked['for_ms'])).toBeLessThanOrEqual(6_000);
    interface Hosts {
      readonly hosts: readonly {
        readonly beat: {
          readonly blocked: readonly {
            readonly why: { readonly kind: string; readonly class?: string };
            readonly untilMs: number | null;
          }[];
        } | null;
      }[];
    }
    // It tries again after each reset, and rests again.
    await expect
      .poll(
        async () => {
          const { hosts } = JSON.parse(
            (await fleet.run(['hosts', '--json', ...state('other')])).stdout || '{"hosts":[]}',
          ) as Hosts;
          return hosts
            .flatMap(({ beat }) => beat?.blocked ?? [])
            .some(({ why, untilMs }) => why.class === 'usage-limit' && untilMs !== null);
        },
        { timeout: 90_000 },
      )
      .toBe(true);
    const helper = fleet.start('in');
    expect(await replyOf('one')).toContain('from in');
    helper.kill('SIGTERM');
    await helper.ended;
    writeFileSync(join(fleet.place, 'runs.log.over'), '');
    fleet.say({ [`${general}/two.md`]: ask('hello again') });
    expect(await replyOf('two')).toContain('from out');
  });
});

describe('runs an hour', () => {
  it('of models.yaml are counted by each host, and what is too much waits and says why', async () => {
    await begin(`${HOST}\nsay('from ' + host);`, 'effects: none, runs-per-hour: 1');
    fleet.say({ [`${general}/one.md`]: ask('first') });
    fleet.start('left');
    fleet.start('right');
    const first = await replyOf('one');
    fleet.say({ [`${general}/two.md`]: ask('second') });
    const second = await replyOf('two');
    expect([first, second].map((reply) => /from (\w+)/.exec(reply)?.[1]).sort()).toEqual([
      'left',
      'right',
    ]);
    fleet.say({ [`${general}/three.md`]: ask('third') });
    const why = async (): Promise<string> =>
      (await fleet.run(['why', 'general/three', ...state('left')])).stdout;
    await expect.poll(why, { timeout: 90_000 }).toContain('has used its 1 runs of this hour');
    expect(fleet.agentRuns()).toHaveLength(2);
  });

  it('of data/budgets.yaml are counted over all hosts', async () => {
    await begin(`${HOST}\nsay('from ' + host);`);
    fleet.say({
      'data/budgets.yaml': 'models:\n  opus: { runs-per-hour: 1 }\n',
      [`${general}/one.md`]: ask('first'),
    });
    const first = fleet.start('first');
    expect(await replyOf('one')).toContain('from first');
    first.kill('SIGTERM');
    await first.ended;
    const second = fleet.start('second');
    const reached = await second.until(({ event }) => event === 'model.budget-reached');
    expect(reached['reason']).toMatch(/opus .*1 .*hour/);
    fleet.say({ [`${general}/two.md`]: ask('second') });
    const why = async (): Promise<string> =>
      (await fleet.run(['why', 'general/two', ...state('second')])).stdout;
    await expect.poll(why, { timeout: 90_000 }).toContain('budget');
    expect(fleet.agentRuns()).toHaveLength(1);
    fleet.say({ 'data/budgets.yaml': 'models:\n  opus: { runs-per-hour: 9 }\n' });
    expect(await replyOf('two')).toContain('from second');
  });
});

describe('a prompt that is too long for the model', () => {
  it('is tried again with a shorter thread', async () => {
    await begin(
      "if (prompt.includes('the question itself') && prompt.length > 20_000) { say('Prompt is too long', { is_error: true, api_error_status: 400 }); process.exit(1); }\nsay('it has ' + (prompt.length > 5_000 ? 'some' : 'none') + ' of the story');",
    );
    const story = 'once upon a time '.repeat(1_500);
    fleet.say({ [`${general}/one.md`]: ask(story) });
    fleet.start('only');
    await replyOf('one');
    fleet.say({
      [`${general}/two.md`]: ask('the question itself', `re: ${general}/one.re.opus.md\n`),
    });
    const reply = await replyOf('two');
    // In the session that answered before, then without it, then with less of the thread.
    expect(fleet.agentRuns().filter((run) => run.endsWith('two.md'))).toHaveLength(3);
    expect(reply).toContain('of the story');
    expect(reply).toContain('attempt: 2');
  });
});

describe('two models', () => {
  const answered = async (script: string, count: number): Promise<readonly string[]> => {
    fleet = await startFleet(`models:\n${agentEntry('opus', { place: agents, script })}`);
    const known =
      'models:\n  opus: { adapter: command, command: [cat] }\n  asker: { adapter: command, command: [cat] }\n';
    fleet.say({ 'data/models.yaml': known });
    fleet.start('only', ['--only', 'opus']);
    const replies: string[] = [];
    for (let turn = 1; turn <= count; turn += 1) {
      const re = turn === 1 ? '' : `re: ${general}/q${turn - 1}.re.opus.md\n`;
      fleet.say({
        [`${general}/q${turn}.md`]: ask(
          `Question number ${turn}`,
          `from: asker\nhops: 1\nwait: true\n${re}`,
        ),
      });
      replies.push(await replyOf(`q${turn}`));
    }
    return replies;
  };

  it('of which one gives the same answer twice in a row are stopped', async () => {
    const replies = await answered("console.log('As I said.');", 3);
    expect(replies.map((reply) => reply.includes('error: loop'))).toEqual([false, false, true]);
    expect(replies[2]).toContain('has given the same answer twice');
  });

  it('that answer each other again and again are stopped', async () => {
    const replies = await answered("console.log('Answer ' + Math.random());", 4);
    expect(replies.map((reply) => reply.includes('error: loop'))).toEqual([
      false,
      false,
      false,
      true,
    ]);
    expect(replies[3]).toContain('have answered each other 6 times in turn');
    expect(fleet.agentRuns()).toHaveLength(3);
    await untilTrue(() => fleet.git('ls-remote', 'origin', 'refs/crosstalk/claims/*') === '');
  });
});
