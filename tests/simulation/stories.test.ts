/** What seeds and people found, told as stories: each was wrong once. */
import { describe, expect, it } from 'vitest';
import { acceptRewrite } from '../../src/dispatcher/control-host.ts';
import { judgeAllWork } from '../../src/dispatcher/tick.ts';
import type { RefUpdate } from '../../src/transport/repository.ts';
import type { Act } from '../support/fake-agents.ts';
import { killProcess, type Tamper } from './host.ts';
import { commitAs } from './people.ts';
import { isAtRest, listRunsLeft } from './run-seed.ts';
import { type Story, tell } from './stories.ts';
import { BRANCH, REFS, type World } from './world.ts';

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
    expect(story.files().get('data/channels/general/note.re.mailer.md')).toContain(
      'outcome unknown',
    );
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
    story.say({
      'data/channels/general/again.md': ask('ghost', `retries: ${day}/moved-${name}.md\n`),
    });
    await story.pass(20_000);
    expect([...story.files().keys()].filter((path) => path.endsWith('.re.mailer.md'))).toEqual([
      `${day}/moved-${name}.re.mailer.md`,
    ]);
  });
});

it('a message that was answered as its claim was on the way is not started', async () => {
  let isAnswered = false;
  const tamper = (world: World): Tamper => {
    return (doors) => ({
      ...doors,
      repository: {
        ...doors.repository,
        push: (updates, options) => {
          if (!isAnswered && updates.some(({ ref }) => ref.startsWith(REFS.claims))) {
            isAnswered = true;
            const path = NOTE.replace('md', 're.opus.md');
            const writes = [{ path, content: '---\nfrom: opus\n---\ndone\n' }];
            commitAs(world, { writes, removes: [], message: 'answer' });
          }
          return doors.repository.push(updates, options);
        },
      },
    });
  };
  const story = tell(() => ({ kind: 'answer', ms: 10 }), { tamper, hosts: 1 });
  story.say({ [NOTE]: ask('opus') });
  await story.pass(60_000);
  expect([isAnswered, story.world.runs.length, story.claims()]).toEqual([true, 0, []]);
});

describe('a copy of a message that an agent with effects outside has answered', () => {
  const day = 'data/channels/general/2026/11/21';
  const name = '060000000Z-01M7YB1BR00000000000000000.md';
  const general = 'data/channels/general';
  it.each([
    ['comes to count when the first one is gone', `${day}/${name}`, `${day}/copy-${name}`],
    ['counts before it', `${day}/copy-${name}`, `${day}/${name}`],
    ['differs in case only', `${general}/Hello.md`, `${general}/hello.md`],
    ['differs in case, in a folder', `${general}/Day/a.md`, `${general}/DAY/A.md`],
  ])('is not started again where it %s', async (how, first, copy) => {
    const story = tell(() => ({ kind: 'answer', ms: 10 }));
    story.say({ [first]: ask('mailer') });
    await story.pass(20_000);
    const [run] = story.world.runs;
    const host = story.hosts.find(({ name: one }) => one === run?.host);
    killProcess(story.world, host!, 'machine');
    story.say({ [copy]: ask('mailer') });
    await story.pass(20_000);
    if (how.endsWith('gone')) story.say({}, [first]);
    await story.pass(120_000);
    expect(story.world.runs.length).toBe(1);
    expect(story.claims()).toEqual([]);
    const answer = story.files().get(copy.replace(/md$/, 're.mailer.md'));
    if (first.endsWith(name)) expect(answer).toContain('a copy is not started again');
    else expect(answer).toBeUndefined();
  });

  it('is the same work, moved, when the first one is gone', async () => {
    const story = tell(() => ({ kind: 'answer', ms: 10 }));
    const again = NOTE.replace('note', 'again');
    story.say({ [NOTE]: ask('mailer') });
    await story.pass(20_000);
    story.say({ [again]: ask('mailer') }, [NOTE]);
    await story.pass(20_000);
    expect(story.files().get(again.replace('.md', '.re.mailer.md'))).toContain(
      'a copy is not started again',
    );
    expect(story.world.runs).toHaveLength(1);
  });
});

it('a reply that answers nothing that stands any more is a message, for hosts that followed too', async () => {
  const story = tell(() => ({ kind: 'answer', ms: 10 }));
  const moved = NOTE.replace('note', 'moved');
  const reply = moved.replace('.md', '.re.opus.md');
  story.say({
    [moved]: '---\nto: opus\nfrom: sonnet\n---\nx\n',
    [reply]: `---\nto: sonnet\nfrom: opus\nre: [${NOTE}]\n---\ny\n`,
  });
  await story.pass(20_000);
  expect(story.world.runs).toEqual([]);
  story.say({}, [moved]);
  await story.pass(20_000);
  expect([...story.files().keys()]).toContain(reply.replace('.md', '.re.sonnet.md'));
});

it('a reply wakes its addressee once the message that it answers no longer waits for it', async () => {
  const story = tell(() => ({ kind: 'answer', ms: 10 }));
  const asked = (more: string): string => `---\nto: opus\nfrom: sonnet\n${more}---\nx\n`;
  const reply = NOTE.replace('.md', '.re.opus.md');
  story.say({
    [NOTE]: asked('wait: true\n'),
    [reply]: `---\nto: sonnet\nfrom: opus\nre: [${NOTE}]\n---\ny\n`,
  });
  await story.pass(20_000);
  expect(story.world.runs).toEqual([]);
  story.say({ [NOTE]: asked('') });
  await story.pass(20_000);
  expect([...story.files().keys()]).toContain(reply.replace('.md', '.re.sonnet.md'));
});

it('a message that was moved and answered while its host slept has one reply', async () => {
  const moved = NOTE.replace('note', 'moved');
  const story = tell(() => ({ kind: 'answer', ms: 10_000 }));
  story.say({ [NOTE]: ask('opus') });
  await story.pass(6_000);
  const host = story.hosts.find(({ name }) => name === story.world.runs[0]?.host);
  story.world.scheduler.suspend(host!.process!.owner, 100_000);
  story.world.scheduler.suspend(host!.machine, 100_000);
  host!.hands.suspendedMs += 100_000;
  story.say({ [moved]: ask('opus') }, [NOTE]);
  await story.pass(300_000);
  expect([...story.files().keys()].filter((path) => path.includes('.re.'))).toEqual([
    'data/channels/general/moved.re.opus.md',
  ]);
});

it('a full disk does not take the dispatcher from the agents that run', async () => {
  const story = tell(() => ({ kind: 'answer', ms: 90_000 }), { hosts: 1 });
  story.say({ [NOTE]: ask('mailer') });
  await story.pass(5_000);
  const [host] = story.hosts;
  // Longer than it takes until what was read is written down again.
  host!.wrong.disk = story.world.scheduler.nowMs() + 70_000;
  for (let number = 0; number < 12; number += 1) {
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
        if (isCut || !updates.some(({ ref, next }) => ref.startsWith(REFS.claims) && next !== null))
          return outcome;
        isCut = true;
        return { kind: 'unknown', failure: { reason: 'timeout', line: 'no answer' } };
      },
      listRefs: (prefixes, along) =>
        isCut
          ? Promise.resolve({
              kind: 'unreachable',
              failure: { reason: 'timeout', line: 'no answer' },
            })
          : doors.repository.listRefs(prefixes, along),
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
  const beats = (): readonly string[] =>
    [...story.world.remote.refs.keys()].filter((ref) => ref.startsWith(REFS.hosts));
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
  expect(host!.process?.dispatcher.state.host.halted).not.toBeNull();
  void acceptRewrite(host!.process!.dispatcher);
  await story.pass(30_000);
  story.say({ 'data/channels/general/new.md': ask('opus') });
  await story.pass(30_000);
  killProcess(story.world, host!, 'process');
  story.start(host!);
  await story.pass(60_000);
  expect(story.world.runs.map(({ model }) => model)).toEqual(['mailer', 'opus']);
  const verdicts = judgeAllWork(host!.process!.dispatcher).map(
    ({ work, reason }) => `${work.message.path} ${reason.kind}`,
  );
  expect(verdicts).toEqual([`${NOTE} ran-before`]);
});

it.each([
  ['answered by hand', { 'data/channels/general/wf.re.workflow.md': 'never mind\n' }, []],
  ['removed', {}, ['data/channels/general/wf.md']],
])(
  'a run whose marker is %s is ended: what is open is closed, and nothing new begins',
  async (_how, adds, removes) => {
    const story = tell(() => ({ kind: 'endless' }));
    const marker = 'data/channels/general/wf.md';
    story.say({
      [marker]:
        '---\nto: workflow\nfrom: ada\ntype: workflow\nsteps:\n  a: { prompt: a, model: opus }\n---\n',
    });
    await story.pass(10_000);
    expect(story.world.runs.length).toBe(1);
    // Nobody remembers the run: it is found by its open task.
    for (const host of story.hosts) {
      killProcess(story.world, host, 'process');
    }
    story.say(adds, removes);
    for (const host of story.hosts) story.start(host);
    await story.pass(60_000);
    const files = [...story.files()];
    expect(
      files
        .filter(([path]) => path.endsWith('/COMPLETE'))
        .map(([, text]) => (JSON.parse(text) as { status: string }).status),
    ).toEqual(['cancelled']);
    expect(files.find(([path]) => path.endsWith('task.re.opus.md'))?.[1]).toContain('cancelled');
    expect(files.filter(([path]) => path.startsWith('data/channels/general/wf.re.'))).toHaveLength(
      removes.length === 0 ? 1 : 0,
    );
  },
);

// Nothing of such a run is open work: every host that has lost its memory knows it by the index
// alone, read again or from a checkpoint.
it.each([
  ['answered by hand', true, { 'data/channels/general/wf.re.workflow.md': 'never mind\n' }, []],
  ['removed', true, {}, ['data/channels/general/wf.md']],
  ['removed', false, {}, ['data/channels/general/wf.md']],
])(
  'a run that waits at a gate is ended when its marker is %s while nobody looks (with checkpoint: %s)',
  async (...[, kept, adds, removes]) => {
    const story = tell(() => ({ kind: 'answer', ms: 10 }));
    const marker = 'data/channels/general/wf.md';
    story.say({
      [marker]:
        '---\nto: workflow\nfrom: ada\ntype: workflow\nsteps:\n  a: { ask: { title: "Good?" } }\n---\n',
    });
    await story.pass(20_000);
    expect(
      [...story.files().keys()].filter((path) => path.endsWith('/gates/a/ask.md')),
    ).toHaveLength(1);
    for (const host of story.hosts) {
      killProcess(story.world, host, 'process');
      if (!kept) host.disk.checkpoint = null;
    }
    story.say(adds, removes);
    for (const host of story.hosts) story.start(host);
    await story.pass(60_000);
    const complete = [...story.files()].filter(([path]) => path.endsWith('/COMPLETE'));
    expect(complete.map(([, text]) => (JSON.parse(text) as { status: string }).status)).toEqual([
      'cancelled',
    ]);
    expect(
      [...story.files().keys()].filter((path) => path.startsWith('data/channels/general/wf.re.')),
    ).toHaveLength(removes.length === 0 ? 1 : 0);
  },
);

// Its marker is answered and its last task, so nothing of it is open work.
it('the world is not at rest before a run that was answered by hand has ended', async () => {
  const story = tell(() => ({ kind: 'answer', ms: 10_000 }), { hosts: 1 });
  story.say({
    'data/channels/general/wf.md':
      '---\nto: workflow\nfrom: ada\ntype: workflow\nmodel: opus\nsteps:\n  a: { prompt: a }\nfinally:\n  clean: { prompt: clean }\n---\n',
  });
  await story.pass(5_000);
  story.say({ 'data/channels/general/wf.re.workflow.md': 'never mind\n' });
  const { world, hosts } = story;
  const rested = await world.scheduler.run({
    untilMs: world.scheduler.nowMs() + 60_000,
    eventsMax: 1_000_000,
    stop: () => isAtRest(world, hosts),
  });
  expect([...story.files().keys()].filter((path) => path.endsWith('.re.opus.md'))).toHaveLength(2);
  expect({ rested, left: listRunsLeft(world) }).toEqual({ rested: true, left: [] });
});

/** Puts the machine that is first about to start an agent to sleep for a minute, in that moment. */
function sleepsBeforeItStarts(storyOf: () => Story): {
  readonly tamper: Tamper;
  readonly sleeper: () => string | null;
} {
  let sleeper: string | null = null;
  const tamper: Tamper = (doors) => ({
    ...doors,
    local: {
      ...doors.local,
      journal: async (entry) => {
        await doors.local.journal(entry);
        if (entry.kind !== 'starting' || sleeper !== null) return;
        const { hosts, world } = storyOf();
        const host = hosts.find(
          ({ process }) => process?.dispatcher.doors.local.instance === doors.local.instance,
        );
        if (host?.process == null) return;
        sleeper = host.name;
        const awake = doors.clock.sleep(1);
        world.scheduler.suspend(host.process.owner, 60_000);
        world.scheduler.suspend(host.machine, 60_000);
        host.hands.suspendedMs += 60_000;
        await awake;
      },
    },
  });
  return { tamper, sleeper: () => sleeper };
}

describe('a host that sleeps between its claim and the start of the agent', () => {
  it('does not start it when another has taken the claim over', async () => {
    const sleep = sleepsBeforeItStarts(() => story);
    const story: Story = tell(() => ({ kind: 'answer', ms: 50_000 }), {
      tamper: () => sleep.tamper,
    });
    story.say({ [NOTE]: ask('opus') });
    await story.pass(180_000);
    expect(story.world.runs.map(({ host }) => host)).toEqual(
      ['h0', 'h1'].filter((name) => name !== sleep.sleeper()),
    );
    expect(story.files().get('data/channels/general/note.re.opus.md')).toContain('answer r0');
  });

  it('renews the claim first when it still has it', async () => {
    const sleep = sleepsBeforeItStarts(() => story);
    const story: Story = tell(() => ({ kind: 'answer', ms: 10 }), {
      hosts: 1,
      tamper: () => sleep.tamper,
    });
    story.say({ [NOTE]: ask('mailer') });
    await story.pass(120_000);
    expect(sleep.sleeper()).toBe('h0');
    expect(story.world.runs.length).toBe(1);
    expect(story.files().get('data/channels/general/note.re.mailer.md')).toMatch(/^attempt: "?2/m);
  });
});

describe('a message that is moved and edited while its agent runs', () => {
  const day = 'data/channels/general/2026/11/21';
  const name = '060000000Z-01M7YB1BR00000000000000000.md';
  const runsOf = async (from: string, to: string): Promise<number> => {
    const story = tell(() => ({ kind: 'answer', ms: 20_000 }));
    story.say({ [from]: ask('mailer') });
    await story.pass(5_000);
    story.say({ [to]: ask('mailer', 'priority: 1\n') }, [from]);
    await story.pass(60_000);
    return story.world.runs.length;
  };

  it('is the same message by the id in its name', async () => {
    expect(await runsOf(`${day}/${name}`, `${day}/moved-${name}`)).toBe(1);
  });

  // PROTOCOL.md says so: neither path nor bytes are left of what was claimed.
  it('is another message without one', async () => {
    expect(await runsOf(NOTE, 'data/channels/general/moved.md')).toBe(2);
  });
});

it('a run that is taking back what it did is not retried, and ends when that is done', async () => {
  const acts: Act[] = [
    { kind: 'answer', ms: 10 },
    { kind: 'fail', ms: 10, class: 'invalid', resetInMs: null },
    { kind: 'answer', ms: 40_000 },
  ];
  const story = tell(() => acts.shift() ?? { kind: 'answer', ms: 10 }, { hosts: 1 });
  const steps = [
    '  send: { prompt: send, undo: unsend }',
    '  unsend: { needs: [send], prompt: take back }',
    '  end: { needs: [send], prompt: end, retry: { max: 0 } }',
  ];
  story.say({
    'data/channels/general/wf.md': `---\nto: workflow\nfrom: ada\ntype: workflow\nmodel: opus\nsteps:\n${steps.join('\n')}\n---\n`,
  });
  await story.pass(25_000);
  const run = [...story.files().keys()].find((path) => path.endsWith('/RUN.json'))!.split('/')[2]!;
  expect(story.world.runs.map(({ marker }) => marker.split('/')[4])).toEqual([
    'send',
    'end',
    'unsend',
  ]);
  story.say({
    [`data/channels/${run}/again.md`]: '---\nto: workflow\nfrom: ada\nop: retry\n---\nplease\n',
  });
  await story.pass(120_000);
  expect(story.files().get(`data/channels/${run}/again.re.workflow.md`)).toContain('undoing');
  expect(story.world.runs.length).toBe(3);
  expect(story.files().get(`data/channels/${run}/COMPLETE`)).toContain('"failed"');
});
