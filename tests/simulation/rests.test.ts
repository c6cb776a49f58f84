/** What rests is not started, told as stories: by nobody, not after a restart either. */
import { describe, expect, it } from 'vitest';
import type { Act } from '../support/fake-agents.ts';
import { killProcess } from './host.ts';
import { type Story, tell } from './stories.ts';

const used: Act = { kind: 'fail', ms: 500, class: 'usage-limit', resetInMs: null };
const crash: Act = { kind: 'fail', ms: 100, class: 'crash', resetInMs: null };
const note = (name: string): string => `data/channels/general/${name}.md`;
const ask = (to: string, more = ''): string => `---\nto: ${to}\nfrom: ada\n${more}---\n[[M1]]\n`;
const rests = ({ hosts: [host] }: Story) => host!.process!.dispatcher.state.models;

describe('a model whose quota is used up', () => {
  it('is started once, though others are asked after it, and each of those is told', async () => {
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
