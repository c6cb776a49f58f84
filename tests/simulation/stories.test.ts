/** What seeds and people found, told as stories: each was wrong once. */
import { describe, expect, it } from 'vitest';
import { acceptRewrite } from '../../src/dispatcher/control-host.ts';
import { judgeAllWork } from '../../src/dispatcher/tick.ts';
import type { RefUpdate } from '../../src/transport/repository.ts';
import { killProcess, type Tamper } from './host.ts';
import { tell } from './stories.ts';
import { BRANCH, REFS } from './world.ts';

const NOTE = 'data/channels/general/note.md';
const ask = (to: string, more = ''): string => `---\nto: ${to}\nfrom: ada\n${more}---\n[[M1]]\n`;

describe('a message that somebody asks for again while its agent runs', () => {
  it('is not run a second time when its host dies and the second message is taken away', async () => {
    const story = tell(() => ({ kind: 'endless' }));
    story.say({ [NOTE]: ask('mailer') });
    await story.pass(5_000);
    const [run] = story.world.runs;
    story.say({ 'data/channels/general/again.md': ask('ghost', `retries: ${NOTE}\n`) });
    const host = story.hosts.find(({ name }) => name === run?.host);
    await story.pass(2_000);
    killProcess(story.world, host!, 'machine');
    await story.pass(60_000);
    expect(story.files().get('data/channels/general/note.re.mailer.md')).toContain('outcome unknown');
    story.say({}, ['data/channels/general/again.md']);
    await story.pass(60_000);
    expect(story.world.runs.length).toBe(1);
  });

  it('is answered where it was moved to', async () => {
    const story = tell(() => ({ kind: 'answer', ms: 10_000 }));
    const name = '060000000Z-01M7YB1BR00000000000000000';
    const day = 'data/channels/general/2026/11/21';
    story.say({ [`${day}/${name}.md`]: ask('mailer') });
    await story.pass(5_000);
    story.say({ [`${day}/moved-${name}.md`]: ask('mailer') }, [`${day}/${name}.md`]);
    story.say({ 'data/channels/general/again.md': ask('ghost', `retries: ${day}/moved-${name}.md\n`) });
    await story.pass(20_000);
    expect([...story.files().keys()].filter((path) => path.endsWith('.re.mailer.md'))).toEqual([`${day}/moved-${name}.re.mailer.md`]);
  });
});

it('a full disk does not take the dispatcher from the agents that run', async () => {
  const story = tell(() => ({ kind: 'answer', ms: 40_000 }), { hosts: 1 });
  story.say({ [NOTE]: ask('mailer') });
  await story.pass(5_000);
  const [host] = story.hosts;
  host!.wrong.disk = story.world.scheduler.nowMs() + 20_000;
  for (let number = 0; number < 3; number += 1) {
    story.say({ [`data/channels/general/more-${number}.md`]: ask('ada') });
    await story.pass(6_000);
  }
  await story.pass(60_000);
  expect(story.world.coverage.get('checkpoint.unwritten')).toBeGreaterThan(0);
  expect(host!.process?.ended).toBeNull();
  expect(story.files().get('data/channels/general/note.re.mailer.md')).toContain('answer r0');
});

it('a claim whose push had no answer is given back when the dispatcher ends', async () => {
  let isCut = false;
  const tamper: Tamper = (doors) => ({
    ...doors,
    repository: {
      ...doors.repository,
      push: async (updates: readonly RefUpdate[], options) => {
        const outcome = await doors.repository.push(updates, options);
        if (isCut || !updates.some(({ ref, next }) => ref.startsWith(REFS.claims) && next !== null)) return outcome;
        isCut = true;
        return { kind: 'unknown', failure: { reason: 'timeout', line: 'no answer' } };
      },
      listRefs: (prefixes) =>
        isCut
          ? Promise.resolve({ kind: 'unreachable', failure: { reason: 'timeout', line: 'no answer' } })
          : doors.repository.listRefs(prefixes),
    },
  });
  const story = tell(() => ({ kind: 'answer', ms: 1 }), { hosts: 1, tamper: () => tamper });
  story.say({ [NOTE]: ask('mailer') });
  await story.pass(3_000);
  expect(story.claims().length).toBe(1);
  story.hosts[0]!.process?.stop.abort();
  await story.pass(20_000);
  expect(story.claims()).toEqual([]);
  expect(story.world.runs).toEqual([]);
});

it('the beat of a host that never comes back is removed, and a living one that does nothing keeps its own', async () => {
  const story = tell(() => ({ kind: 'answer', ms: 1 }), { hosts: 3 });
  await story.pass(20_000);
  const beats = (): readonly string[] => [...story.world.remote.refs.keys()].filter((ref) => ref.startsWith(REFS.hosts));
  expect(beats().length).toBe(3);
  killProcess(story.world, story.hosts[2]!, 'machine');
  await story.pass(400_000);
  expect(
    beats()
      .map((ref) => ref.slice(REFS.hosts.length).split('.')[0])
      .sort(),
  ).toEqual(['h0', 'h1']);
});

it('what a host has run is not run again there when the branch was rewritten, after a restart neither', async () => {
  const story = tell(() => ({ kind: 'answer', ms: 10 }), { hosts: 1 });
  story.say({ [NOTE]: ask('mailer') });
  const before = story.world.remote.refs.get(BRANCH);
  await story.pass(30_000);
  expect(story.files().has('data/channels/general/note.re.mailer.md')).toBe(true);
  story.world.remote.setRef(BRANCH, before ?? null);
  await story.pass(30_000);
  const [host] = story.hosts;
  expect(host!.process?.dispatcher.state.halted).not.toBeNull();
  void acceptRewrite(host!.process!.dispatcher);
  await story.pass(30_000);
  story.say({ 'data/channels/general/new.md': ask('opus') });
  await story.pass(30_000);
  killProcess(story.world, host!, 'process');
  story.start(host!);
  await story.pass(60_000);
  expect(story.world.runs.map(({ model }) => model)).toEqual(['mailer', 'opus']);
  const verdicts = judgeAllWork(host!.process!.dispatcher).map(({ work, verdict }) => `${work.message.path} ${verdict.kind}`);
  expect(verdicts).toEqual([`${NOTE} ran-before`]);
});

it('a run whose marker is answered by hand is ended: what is open is closed, and nothing new begins', async () => {
  const story = tell(() => ({ kind: 'endless' }));
  const marker = 'data/channels/general/wf.md';
  story.say({ [marker]: '---\nto: workflow\nfrom: ada\ntype: workflow\nsteps:\n  a: { prompt: a, model: opus }\n---\n' });
  await story.pass(10_000);
  expect(story.world.runs.length).toBe(1);
  // Nobody remembers the run: it is found by its open task.
  for (const host of story.hosts) {
    killProcess(story.world, host, 'process');
  }
  story.say({ 'data/channels/general/wf.re.workflow.md': 'never mind\n' });
  for (const host of story.hosts) story.start(host);
  await story.pass(60_000);
  const files = [...story.files()];
  expect(files.filter(([path]) => path.endsWith('/COMPLETE')).map(([, text]) => (JSON.parse(text) as { status: string }).status)).toEqual([
    'cancelled',
  ]);
  expect(files.find(([path]) => path.endsWith('task.re.opus.md'))?.[1]).toContain('cancelled');
});
