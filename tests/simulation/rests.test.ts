/** What rests is not started, told as stories: by nobody, not after a restart either. */
import { describe, expect, it } from 'vitest';
import { resumeHost } from '../../src/dispatcher/control-host.ts';
import type { Act } from '../support/fake-agents.ts';
import { killProcess } from './host.ts';
import { type Story, tell } from './stories.ts';

const used: Act = { kind: 'fail', ms: 500, class: 'usage-limit', resetInMs: null };
const crash: Act = { kind: 'fail', ms: 100, class: 'crash', resetInMs: null };
const note = (name: string): string => `data/channels/general/${name}.md`;
const ask = (to: string, more = ''): string => `---\nto: ${to}\nfrom: ada\n${more}---\n[[M1]]\n`;
const rests = ({ hosts: [host] }: Story) => host!.process!.dispatcher.state.models;

describe('a model whose quota is used up', () => {
  it('starts once, and the other models asked after it report that they rest', async () => {
    const story = tell(() => used, { hosts: 1 });
    for (let at = 0; at < 3; at += 1) {
      story.say({ [note(`n${at}`)]: ask('opus', 'fallback: sonnet\n') });
      await story.pass(15_000);
    }
    expect(story.world.runs).toHaveLength(1);
    for (let at = 0; at < 3; at += 1)
      expect(story.files().get(note(`n${at}.re.opus`))).toContain('error: usage-limit');
    expect(rests(story).parks.get('opus')).toBe(1);
  });

  it('rests once, however many attempts find it out at a time', async () => {
    const story = tell(() => used, { hosts: 1 });
    story.say({ [note('a')]: ask('opus'), [note('b')]: ask('opus') });
    await story.pass(15_000);
    expect(story.world.runs).toHaveLength(2);
    expect(rests(story).parks.get('opus')).toBe(1);
  });

  it('rests on after a restart of its host', async () => {
    const story = tell(() => used, { hosts: 1 });
    story.say({ [note('a')]: ask('opus') });
    await story.pass(15_000);
    killProcess(story.world, story.hosts[0]!, 'process');
    story.start(story.hosts[0]!);
    await story.pass(60_000);
    expect(story.world.runs).toHaveLength(1);
    expect(rests(story).parked.get('opus')?.why).toMatchObject({
      kind: 'failed',
      class: 'usage-limit',
    });
  });
});

describe('a rest that a person ends', () => {
  it('is over at once and stays over when the host is started again; other models rest on', async () => {
    const acts: Act[] = [used, used];
    const story = tell(() => acts.shift() ?? { kind: 'answer', ms: 10 }, { hosts: 1 });
    story.say({ [note('a')]: ask('opus'), [note('b')]: ask('sonnet') });
    await story.pass(15_000);
    expect([...rests(story).parked.keys()].sort()).toEqual(['opus', 'sonnet']);
    resumeHost(story.hosts[0]!.process!.dispatcher, 'opus');
    await story.pass(10_000);
    expect(story.files().get(note('a.re.opus'))).toBeDefined();
    expect([...rests(story).parked.keys()]).toEqual(['sonnet']);
    killProcess(story.world, story.hosts[0]!, 'process');
    story.start(story.hosts[0]!);
    await story.pass(30_000);
    expect([...rests(story).parked.keys()]).toEqual(['sonnet']);
    expect(() => resumeHost(story.hosts[0]!.process!.dispatcher, 'opus')).toThrow('does not rest');
  });
});

it('people do not wait behind saved workflows that the clock starts every minute', async () => {
  const story = tell(() => ({ kind: 'answer', ms: 30_000 }), { hosts: 1 });
  const saved =
    '---\nmodel: opus\non: { schedule: "* * * * *" }\nsteps: { a: { prompt: x } }\n---\n';
  const names = Array.from({ length: 8 }, (_, at) => `data/workflows/every-${at}.md`);
  story.say(Object.fromEntries(names.map((name) => [name, saved])));
  await story.pass(80_000);
  const tasks = [...story.files().keys()].filter((path) => path.endsWith('/task.md'));
  expect(tasks).toHaveLength(8);
  story.say({ [note('person')]: ask('opus') });
  // The next agent that starts is this one's.
  await story.pass(70_000);
  expect(story.files().get(note('person.re.opus'))).toBeDefined();
  expect(tasks.every((path) => story.files().has(path.replace('.md', '.re.opus.md')))).toBe(false);
});

it('failures are counted over the runs of a dispatcher that is started again each time', async () => {
  const story = tell(() => crash, { hosts: 1 });
  for (let at = 0; at < 4; at += 1) {
    story.say({ [note(`n${at}`)]: ask('mailer') });
    story.say({ [note(`m${at}`)]: ask('mailer') });
    await story.pass(9_000);
    killProcess(story.world, story.hosts[0]!, 'process');
    story.start(story.hosts[0]!);
  }
  await story.pass(20_000);
  expect(story.world.runs).toHaveLength(6);
  expect(rests(story).parked.get('mailer')?.why).toMatchObject({
    kind: 'failures',
    count: 6,
  });
});
