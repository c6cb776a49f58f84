/** What somebody who moves refs below refs/crosstalk can do, and what not, told as stories. */
import { describe, expect, it } from 'vitest';
import { formatBeat } from '../../src/protocol/beat.ts';
import { formatClaim } from '../../src/protocol/claim.ts';
import { formatControl } from '../../src/protocol/control.ts';
import { listWork } from '../../src/protocol/list-work.ts';
import type { Act } from '../support/fake-agents.ts';
import { killProcess } from './host.ts';
import { type Story, tell } from './stories.ts';
import { REFS } from './world.ts';

const NOTE = 'data/channels/general/note.md';
const ask = (to: string): string => `---\nto: ${to}\nfrom: ada\n---\n[[M1]]\n`;
const replyOf = (story: Story, model: string): string =>
  story.files().get(`data/channels/general/note.re.${model}.md`) ?? '';
const answerIn = (ms: number) => (): Act => ({ kind: 'answer', ms });

/** Deletes every claim once a second. */
async function deleteClaims(story: Story, forMs: number): Promise<void> {
  for (let at = 0; at < forMs; at += 1_000) {
    await story.pass(1_000);
    for (const ref of story.claims()) story.world.remote.setRef(ref, null);
  }
}

/** Puts another claim in the place of every one, or where none is, for the one open message. */
function forge(
  story: Story,
  said: { readonly alias: string; readonly attempt: number; readonly effects: 'none' | 'external' },
): void {
  const index = story.hosts[0]?.process?.dispatcher.mirror.index();
  for (const { key, message, recipient } of index === undefined ? [] : listWork(index))
    story.world.remote.setRef(
      REFS.claims + key,
      story.world.remote.record(
        formatClaim({
          message: message.path,
          blob: message.blob,
          recipient,
          instance: 'f'.repeat(12),
          run: 'e'.repeat(16),
          nonce: 'd'.repeat(16),
          ...said,
        }),
      ),
    );
}

describe('a claim that somebody deletes once a second', () => {
  it.each([
    ['mailer', 2],
    ['opus', 1],
  ])('leaves %s started once on %i hosts, and its answer lands', async (model, hosts) => {
    const story = tell(answerIn(30_000), { hosts });
    story.say({ [NOTE]: ask(model) });
    await deleteClaims(story, 60_000);
    await story.pass(60_000);
    expect(story.world.runs.map(({ host }) => host)).toHaveLength(1);
    expect(replyOf(story, model)).toContain('answer r0');
    expect(story.claims()).toEqual([]);
  });

  it('lets each host start what acts on nothing no more often than it has attempts', async () => {
    const story = tell(answerIn(30_000));
    story.say({ [NOTE]: ask('opus') });
    await deleteClaims(story, 300_000);
    const starts = story.hosts.map(({ name }) =>
      story.world.runs.filter(({ host }) => host === name),
    );
    for (const { length } of starts) expect(length).toBeLessThanOrEqual(3);
    await story.pass(100_000);
    expect(replyOf(story, 'opus')).not.toBe('');
  });

  it('starts what acts outside nowhere else while its host is down', async () => {
    const story = tell(() => ({ kind: 'endless' }));
    story.say({ [NOTE]: ask('mailer') });
    await story.pass(6_000);
    const host = story.hosts.find(({ name }) => name === story.world.runs[0]?.host);
    killProcess(story.world, host!, 'machine');
    await deleteClaims(story, 10_000);
    for (const ref of story.world.remote.refs.keys())
      if (ref.startsWith('refs/crosstalk/')) story.world.remote.setRef(ref, null);
    await story.pass(200_000);
    expect(story.world.runs).toHaveLength(1);
    expect(replyOf(story, 'mailer')).toContain('outcome unknown');
  });

  it('is begun again on its own host after a crash as often as the model has attempts', async () => {
    const story = tell(() => ({ kind: 'endless' }), { hosts: 1 });
    const [host] = story.hosts;
    story.say({ [NOTE]: ask('opus') });
    for (let crash = 0; crash < 6; crash += 1) {
      await story.pass(6_000);
      killProcess(story.world, host!, 'process');
      await deleteClaims(story, 2_000);
      story.start(host!);
    }
    await story.pass(200_000);
    expect(story.world.runs).toHaveLength(3);
    expect(replyOf(story, 'opus')).toContain('gave up after 3 attempts');
  });
});

it('what acts outside is not started again where it ran, though the branch forgets it', async () => {
  const story = tell(answerIn(1_000), { hosts: 1 });
  story.say({ [NOTE]: ask('mailer') });
  await story.pass(20_000);
  expect(replyOf(story, 'mailer')).toContain('answer r0');
  story.say({}, [
    'data/channels/general/note.re.mailer.md',
    'data/channels/general/note.started.mailer',
  ]);
  await story.pass(60_000);
  expect(story.world.runs).toHaveLength(1);
  expect(replyOf(story, 'mailer')).toContain('outcome unknown');
});

it.each([
  ['the host that ran it is gone', (story: Story) => story],
  [
    'the message was edited since',
    (story: Story) => story.say({ [NOTE]: `${ask('mailer')}and more\n` }),
  ],
])('nor on another host, which finds the mark in the history: %s', async (_, meddle) => {
  const story = tell(answerIn(1_000));
  story.say({ [NOTE]: ask('mailer') });
  await story.pass(20_000);
  const ran = story.world.runs[0]?.host;
  killProcess(
    story.world,
    story.hosts.find(({ alias }) => alias === ran)!,
    'machine',
  );
  story.say({}, [
    'data/channels/general/note.re.mailer.md',
    'data/channels/general/note.started.mailer',
  ]);
  meddle(story);
  await story.pass(300_000);
  expect(story.world.runs).toHaveLength(1);
  expect(replyOf(story, 'mailer')).toContain('error: host-lost');
});

it.each([
  ['whose name has an id, is not started again on another host', '01JDZQ5V7N8M4T2R6K9W3XYABC', 1],
  ['with a hand-made name is a new one', 'note', 2],
])('a message removed with its mark and reply and written again, %s', async (_, stem, runs) => {
  const story = tell(answerIn(1_000));
  const path = (end: string): string => `data/channels/general/${stem}${end}`;
  story.say({ [path('.md')]: ask('mailer') });
  await story.pass(20_000);
  const ran = story.world.runs[0]?.host;
  killProcess(
    story.world,
    story.hosts.find(({ alias }) => alias === ran)!,
    'machine',
  );
  story.say({}, ['.md', '.re.mailer.md', '.started.mailer'].map(path));
  await story.pass(60_000);
  story.say({ [path('.md')]: ask('mailer') });
  await story.pass(300_000);
  expect(story.world.runs).toHaveLength(runs);
  const reply = story.files().get(path('.re.mailer.md')) ?? '';
  expect(reply.includes('error: host-lost')).toBe(runs === 1);
});

describe('a forged claim', () => {
  it.each([
    ['acts outside', 'mailer', { attempt: 1, effects: 'external' }],
    ['has made a million attempts', 'opus', { attempt: 1_000_000, effects: 'none' }],
  ] as const)('of nobody that %s goes after a lease', async (_, model, said) => {
    const story = tell(answerIn(1_000));
    await story.pass(2_000);
    // While everybody is paused, so that it stands before any other.
    for (const { process } of story.hosts) process!.dispatcher.state.host.pausedHere = true;
    story.say({ [NOTE]: ask(model) });
    await story.pass(12_000);
    forge(story, { alias: 'nobody', ...said });
    for (const { process } of story.hosts) process!.dispatcher.state.host.pausedHere = false;
    await story.pass(20_000);
    expect(story.world.runs).toEqual([]);
    await story.pass(60_000);
    expect(replyOf(story, model)).toContain('answer r0');
  });

  it('in the place of ours does not end what the branch says that we have started', async () => {
    const story = tell(answerIn(30_000));
    story.say({ [NOTE]: ask('mailer') });
    for (let at = 0; at < 20; at += 1) {
      await story.pass(1_000);
      if (story.world.runs.length > 0)
        forge(story, { alias: 'h1', attempt: 7, effects: 'external' });
    }
    await story.pass(60_000);
    expect(story.world.runs).toHaveLength(1);
    expect(replyOf(story, 'mailer')).toContain('answer r0');
  });

  it('of a host that is only said to serve the model ends in no failure but its own', async () => {
    const story = tell(answerIn(1_000));
    const beat = { run: 'e'.repeat(16), count: 1, version: '', state: 'running' } as const;
    await story.pass(2_000);
    story.world.remote.setRef(
      `${REFS.hosts}nobody.${'f'.repeat(12)}`,
      story.world.remote.record(
        formatBeat({
          ...beat,
          alias: 'somebody-else',
          instance: 'f'.repeat(12),
          slots: 1,
          busy: 1,
          models: ['opus'],
          blocked: [],
          pollMs: null,
          wake: null,
          atMs: 0,
        }),
      ),
    );
    for (const { process } of story.hosts) process!.dispatcher.state.host.pausedHere = true;
    story.say({ [NOTE]: ask('opus') });
    await story.pass(12_000);
    forge(story, { alias: 'nobody', attempt: 3, effects: 'none' });
    for (const { process } of story.hosts) process!.dispatcher.state.host.pausedHere = false;
    await story.pass(90_000);
    expect(replyOf(story, 'opus')).toContain('answer r0');
  });
});

describe('an order to all hosts that anybody may have forged', () => {
  it.each([
    ['any', true, 'ordered'],
    ['local', false, null],
  ] as const)(
    'with obey-control: %s ends a dispatcher as a failure, or not at all',
    async (_, obeysControl, end) => {
      const story = tell(answerIn(1_000), { hosts: 1, settings: { obeysControl } });
      await story.pass(2_000);
      const process = story.hosts[0]!.process!;
      const runs = [process.dispatcher.run];
      story.world.remote.setRef(
        `${REFS.control}all`,
        story.world.remote.record(formatControl({ op: 'stop', by: 'nobody', runs })),
      );
      await story.pass(30_000);
      expect(process.ended).toBe(end);
    },
  );
});

it('a dispatcher that is told twice to end leaves no claim and no beat behind', async () => {
  const story = tell(() => ({ kind: 'endless' }), { hosts: 1 });
  story.say({ [NOTE]: ask('opus') });
  await story.pass(6_000);
  const process = story.hosts[0]!.process!;
  expect(story.claims()).toHaveLength(1);
  process.stop.abort();
  await story.pass(100);
  process.kill.abort();
  await story.pass(8_000);
  expect(process.ended).toBe('stopped');
  // What its agent has said stays, for whoever goes on.
  const left = [...story.world.remote.refs.keys()].filter((ref) =>
    ref.startsWith('refs/crosstalk/'),
  );
  expect(left.filter((ref) => !ref.startsWith(REFS.capsules))).toEqual([]);
});
