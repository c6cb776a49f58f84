/**
 * What limits a model: a program that is not signed in, a provider that asks for patience, a
 * budget, and circles; and how that shows.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { agentEntry, type Fleet, startFleet } from '../support/fleet.ts';
import { type Answer, type LlmEndpoint, startLlmEndpoint } from '../support/llm-endpoint.ts';

const general = 'data/channels/general';
let agents: string;
const fleets: Fleet[] = [];
const endpoints: LlmEndpoint[] = [];
beforeEach(() => {
  agents = mkdtempSync(join(tmpdir(), 'crosstalk-agents-'));
});
afterEach(async () => {
  for (const fleet of fleets.splice(0)) await fleet.close();
  for (const endpoint of endpoints.splice(0)) await endpoint.close();
  rmSync(agents, { recursive: true, force: true });
});

async function fleetOf(models: string, env: Readonly<Record<string, string>> = {}): Promise<Fleet> {
  const fleet = await startFleet(`models:\n${models}`, { CROSSTALK_BEAT: '1s', ...env });
  fleets.push(fleet);
  return fleet;
}

async function replyOf(fleet: Fleet, message: string, model: string): Promise<string> {
  const path = join(fleet.clone, general, `${message}.re.${model}.md`);
  await fleet.untilPulled(() => existsSync(path));
  return readFileSync(path, 'utf8');
}

const state = (fleet: Fleet, alias: string): readonly string[] => [
  '-C',
  fleet.clone,
  '--state',
  join(fleet.place, `state-${alias}`),
];
const ask = (to: string, text: string, more = ''): string =>
  `---\nto: ${to}\n${more}---\n${text}\n`;

describe('a host whose program is not signed in', () => {
  it('rests visibly, leaves the work to the other, and takes work again when told that it is signed in', async () => {
    // The fixture is signed in where the file stands; each host runs it below its own state
    // directory.
    const script = `const { existsSync } = await import('node:fs');\nconst host = process.cwd().includes('state-out') ? 'out' : 'in';\nif (host === 'out' && !existsSync(process.env.RUN_LOG + '.signed')) { console.error('not logged in'); process.exit(77); }\nconsole.log('from ' + host);`;
    const fleet = await fleetOf(agentEntry('opus', { place: agents, script }));
    fleet.say({ [`${general}/hello.md`]: ask('opus', 'hello') });
    const out = fleet.start('out');
    await out.until(({ event }) => event === 'model.parked');
    const status = JSON.parse(
      (await fleet.run(['status', '--json', ...state(fleet, 'out')])).stdout,
    ) as { parked: readonly unknown[] };
    expect(status.parked).toMatchObject([
      {
        host: 'out',
        model: 'opus',
        kind: 'rests',
        says: expect.stringContaining('auth: ') as string,
      },
    ]);
    const hosts = async (): Promise<string> =>
      (await fleet.run(['hosts', ...state(fleet, 'other')])).stdout;
    await expect.poll(hosts, { timeout: 90_000 }).toMatch(/opus.*auth: .*not logged in/s);
    const why = (await fleet.run(['why', 'general/hello', ...state(fleet, 'other')])).stdout;
    expect(why).toContain('not logged in');
    const helper = fleet.start('in');
    expect(await replyOf(fleet, 'hello', 'opus')).toContain('host: in');
    helper.kill('SIGTERM');
    await helper.ended;
    writeFileSync(join(fleet.place, 'runs.log.signed'), '');
    expect((await fleet.run(['resume', ...state(fleet, 'out')])).code).toBe(0);
    fleet.say({ [`${general}/again.md`]: ask('opus', 'again') });
    expect(await replyOf(fleet, 'again', 'opus')).toContain('from out');
  });
});

describe('a model that may act', () => {
  const failing = (script: string, more = '') =>
    agentEntry('opus', { place: agents, script, keys: `effects: external, concurrency: 8${more}` });

  it('is answered with its first failure and rests; what comes next waits, and nothing is started twice', async () => {
    const script = `const { existsSync } = await import('node:fs');\nif (!existsSync(process.env.RUN_LOG + '.signed')) { console.error('not logged in'); process.exit(77); }\nconsole.log('done');`;
    const fleet = await fleetOf(failing(script));
    fleet.say({ [`${general}/first.md`]: ask('opus', 'act') });
    const host = fleet.start('only');
    await host.until(({ event }) => event === 'model.parked');
    expect(await replyOf(fleet, 'first', 'opus')).toContain('not logged in');
    fleet.say({ [`${general}/second.md`]: ask('opus', 'act') });
    const why = async (): Promise<string> =>
      (await fleet.run(['why', 'general/second', ...state(fleet, 'only')])).stdout;
    await expect.poll(why, { timeout: 90_000 }).toContain('not logged in');
    writeFileSync(join(fleet.place, 'runs.log.signed'), '');
    expect((await fleet.run(['resume', ...state(fleet, 'only')])).code).toBe(0);
    expect(await replyOf(fleet, 'second', 'opus')).toContain('done');
    expect(fleet.agentRuns()).toEqual(
      ['first', 'second'].map((name) => `opus ${general}/${name}.md`),
    );
  });

  it('is not followed by its fallback when its shell found no program, because it may have acted before', async () => {
    const spare = agentEntry('spare', { place: agents, script: `console.log('from the spare');` });
    const fleet = await fleetOf(`${failing('process.exit(127);', ', fallback: [spare]')}${spare}`);
    fleet.say({ [`${general}/first.md`]: ask('opus', 'act') });
    fleet.start('only');
    expect(await replyOf(fleet, 'first', 'opus')).toMatch(/^error: setup|No answer: setup/m);
    expect(fleet.agentRuns()).toEqual([`opus ${general}/first.md`]);
  });
});

describe('a provider', () => {
  const serve = async (answer: (asked: number) => Answer): Promise<LlmEndpoint> => {
    const endpoint: LlmEndpoint = await startLlmEndpoint(() => answer(endpoint.questions.length));
    endpoints.push(endpoint);
    return endpoint;
  };
  const entry = (name: string, url: string, more = ''): string =>
    `  ${name}: { adapter: http, model: m, attempts: 1, options: { base-url: "${url}/v1" }${more} }\n`;

  it('that asks for a moment of patience is asked again by the same host, although only one attempt is allowed', async () => {
    const endpoint = await serve((asked) =>
      asked < 3
        ? { kind: 'error', status: 429, retryAfterS: 1 }
        : { kind: 'text', text: 'now', tokens: [10, 5] },
    );
    const fleet = await fleetOf(entry('remote', endpoint.url));
    fleet.say({ [`${general}/hello.md`]: ask('remote', 'hello') });
    fleet.start('only');
    const reply = await replyOf(fleet, 'hello', 'remote');
    expect(reply).toContain('now');
    expect(reply).toContain('attempt: 1');
    expect(reply).toContain('tokens_in: 10');
  });

  it('that says when its limit ends rests until then on this host, and its fallback answers', async () => {
    const limited = await serve(() => ({
      kind: 'error',
      status: 429,
      says: 'quota',
      retryAfterS: 7_200,
    }));
    const spare = await serve(() => ({ kind: 'text', text: 'from the spare' }));
    const fleet = await fleetOf(
      `${entry('remote', limited.url, ', fallback: [spare]')}${entry('spare', spare.url)}`,
    );
    fleet.say({ [`${general}/one.md`]: ask('remote', 'hello') });
    const host = fleet.start('only');
    const parked = await host.until(({ event }) => event === 'model.parked');
    expect(Number(parked['for_ms'])).toBeGreaterThan(7_100_000);
    expect(await replyOf(fleet, 'one', 'remote')).toContain('from the spare');
    fleet.say({ [`${general}/two.md`]: ask('remote', 'hello again') });
    expect(await replyOf(fleet, 'two', 'remote')).toContain('from the spare');
    // The second question did not go to the provider that had said no.
    expect(limited.questions).toHaveLength(1);
    const { stdout } = await fleet.run(['hosts', '--json', ...state(fleet, 'other')]);
    expect(stdout).toContain('usage-limit');
  });
});

describe('a budget', () => {
  it('of the transport stops a model on every host, visibly, until it is raised', async () => {
    const answer: Answer = { kind: 'text', text: 'expensive', tokens: [1_000_000, 1_000_000] };
    const endpoint = await startLlmEndpoint(() => answer);
    endpoints.push(endpoint);
    const options = `options: { base-url: "${endpoint.url}/v1", usd-per-million-in: 1, usd-per-million-out: 2 }`;
    const fleet = await fleetOf(`  remote: { adapter: http, model: m, ${options} }\n`);
    fleet.say({
      'data/budgets.yaml': 'models:\n  remote: { usd-per-day: 3 }\n',
      [`${general}/one.md`]: ask('remote', 'first'),
    });
    const first = fleet.start('first');
    expect(await replyOf(fleet, 'one', 'remote')).toContain('cost_usd: 3');
    await first.until(({ event }) => event === 'model.budget-reached');
    first.kill('SIGTERM');
    await first.ended;
    // Another host has never run it, and counts what the first has used.
    const second = fleet.start('second');
    const reached = await second.until(({ event }) => event === 'model.budget-reached');
    expect(reached['reason']).toMatch(
      /remote used 3\.00 of 3 USD this day; resumes at \d{4}-\d\d-\d\dT00:00Z/,
    );
    fleet.say({ [`${general}/two.md`]: ask('remote', 'second') });
    expect((await fleet.run(['why', 'general/two', ...state(fleet, 'second')])).stdout).toContain(
      'budget',
    );
    expect((await fleet.run(['hosts', ...state(fleet, 'other')])).stdout).toContain('budget');
    expect(endpoint.questions).toHaveLength(1);
    fleet.say({ 'data/budgets.yaml': 'models:\n  remote: { usd-per-day: 30 }\n' });
    expect(await replyOf(fleet, 'two', 'remote')).toContain('expensive');
  });
});

describe('models among themselves', () => {
  it('that say the same again get a failure that says so, and nothing is started', async () => {
    const fleet = await fleetOf(
      `${agentEntry('a', { place: agents, script: "console.log('x');" })}${agentEntry('b', { place: agents, script: "console.log('y');" })}`,
    );
    mkdirSync(join(fleet.clone, 'data'), { recursive: true });
    fleet.say({
      'data/models.yaml':
        'models:\n  a: { adapter: command, command: [cat] }\n  b: { adapter: command, command: [cat] }\n',
      [`${general}/q1.md`]: '---\nto: b\nfrom: a\nhops: 1\nwait: true\n---\nAre you there?\n',
    });
    fleet.start('only');
    await replyOf(fleet, 'q1', 'b');
    fleet.say({
      [`${general}/q2.md`]: `---\nto: b\nfrom: a\nhops: 1\nwait: true\nre: ${general}/q1.re.b.md\n---\nAre you  there?\n`,
    });
    const reply = await replyOf(fleet, 'q2', 'b');
    expect(reply).toContain('error: loop');
    expect(reply).toContain('a says the same');
    expect(fleet.agentRuns()).toHaveLength(1);
  });
});
