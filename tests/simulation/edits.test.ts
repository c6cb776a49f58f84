/**
 * What an edit of a file means while work on it is open, told as stories: PROTOCOL.md "Edits" has
 * the same as a table.
 */
import { describe, expect, it } from 'vitest';
import { type Story, tell } from './stories.ts';

const NOTE = 'data/channels/general/note.md';
const REPLY = 'data/channels/general/note.re.opus.md';
const ask = (text: string): string => `---\nto: opus\nfrom: ada\n---\n${text} [[M1]]\n`;
const BROKEN = '---\nto: opus\npriority: high\n---\nbroken [[M1]]\n';

/** A message, asked at once (`running`: its agent is at work) or while no host is up. */
async function asked(when: 'waits' | 'running' | 'answered'): Promise<Story> {
  const story = tell(() => ({ kind: 'answer', ms: when === 'running' ? 20_000 : 10 }), {
    hosts: when === 'waits' ? 0 : 1,
  });
  story.say({ [NOTE]: ask('first') });
  await story.pass(when === 'answered' ? 30_000 : 6_000);
  return story;
}

const runs = (story: Story): number => story.world.runs.length;

describe('a message that is edited', () => {
  it('is not run a second time when that happens while an agent works; the reply is published', async () => {
    const story = await asked('running');
    expect(runs(story)).toBe(1);
    story.say({ [NOTE]: ask('second') });
    await story.pass(60_000);
    expect(runs(story)).toBe(1);
    expect(story.files().get(REPLY)).toBeDefined();
  });

  it('is still answered when it can no longer be read', async () => {
    const story = await asked('running');
    story.say({ [NOTE]: BROKEN });
    await story.pass(60_000);
    expect(runs(story)).toBe(1);
    expect(story.files().get(REPLY)).toBeDefined();
  });

  it('that is removed while an agent works is answered where it was', async () => {
    const story = await asked('running');
    story.say({}, [NOTE]);
    await story.pass(60_000);
    expect(runs(story)).toBe(1);
    expect(story.claims()).toEqual([]);
    expect(story.files().get(REPLY)).toBeDefined();
  });

  it.each([
    ['edited', { [NOTE]: ask('second') }, []],
    ['made unreadable and mended', { [NOTE]: BROKEN }, []],
  ] as const)('is not asked again after its answer: %s', async (_, writes, removes) => {
    const story = await asked('answered');
    expect(story.files().get(REPLY)).toBeDefined();
    story.say(writes, removes);
    await story.pass(20_000);
    story.say({ [NOTE]: ask('third') });
    await story.pass(20_000);
    expect(runs(story)).toBe(1);
  });

  it('is asked again when its answer is removed', async () => {
    const story = await asked('answered');
    story.say({}, [REPLY]);
    await story.pass(20_000);
    expect(runs(story)).toBe(2);
  });
});

describe('a message that was answered, edited and then moved without its answer', () => {
  const day = 'data/channels/general/2026/11/21';
  const id = '060000000Z-01M7YB1BR00000000000000000.md';
  const runsOf = async (to: string, from: string, moved: string): Promise<number> => {
    const story = tell(() => ({ kind: 'answer', ms: 10 }), { hosts: 1 });
    const text = (one: string): string => ask(one).replace('opus', to);
    story.say({ [from]: text('first') });
    await story.pass(20_000);
    story.say({ [from]: text('second') });
    await story.pass(20_000);
    story.say({ [moved]: text('second') }, [from]);
    await story.pass(20_000);
    return runs(story);
  };

  // PROTOCOL.md "Identity and key" says so: nothing stands where its answer would.
  it('is asked again, also by an id in its name', async () => {
    expect(await runsOf('opus', NOTE, 'data/channels/general/moved.md')).toBe(2);
    expect(await runsOf('opus', `${day}/${id}`, `${day}/moved-${id}`)).toBe(2);
  });

  it('is not started again when it acts outside and its name has an id', async () => {
    expect(await runsOf('mailer', `${day}/${id}`, `${day}/moved-${id}`)).toBe(1);
  });
});

describe('a marker that is edited', () => {
  const MARKER = 'data/channels/general/wf.md';
  const workflow = (prompt: string): string =>
    `---\nto: workflow\nfrom: ada\ntype: workflow\nmodel: opus\nsteps:\n  one: { prompt: ${prompt} }\n  two: { needs: [one], prompt: ${prompt} }\n---\n`;
  const tasks = (story: Story): readonly string[] =>
    [...story.files()].flatMap(([path, text]) => (path.endsWith('/task.md') ? [text] : []));
  const complete = (story: Story): string =>
    [...story.files()].find(([path]) => path.endsWith('/COMPLETE'))?.[1] ?? '';

  it.each([
    ['with another plan', workflow('OTHER')],
    ['so that it cannot be read', '---\nto: workflow\npriority: high\n---\n'],
  ])('while its run is open, %s: the run keeps what it began with', async (_, text) => {
    const story = tell(() => ({ kind: 'answer', ms: 10_000 }), { hosts: 1 });
    story.say({ [MARKER]: workflow('FIRST') });
    await story.pass(8_000);
    expect(tasks(story)).toHaveLength(1);
    story.say({ [MARKER]: text });
    await story.pass(90_000);
    expect(complete(story)).toContain('"succeeded"');
    expect(tasks(story)).toHaveLength(2);
    expect(tasks(story).join('')).not.toContain('OTHER');
  });

  it('continues with the answer of a task that was edited while an agent worked on it', async () => {
    const story = tell(() => ({ kind: 'answer', ms: 10_000 }), { hosts: 1 });
    story.say({ [MARKER]: workflow('FIRST') });
    await story.pass(8_000);
    const [path, text] = [...story.files()].find(([one]) => one.endsWith('/task.md'))!;
    story.say({ [path]: text.replace('FIRST', 'OTHER') });
    await story.pass(90_000);
    expect(complete(story)).toContain('"succeeded"');
    expect(runs(story)).toBe(2);
  });

  it('that is removed ends its run as cancelled', async () => {
    const story = tell(() => ({ kind: 'answer', ms: 10_000 }), { hosts: 1 });
    story.say({ [MARKER]: workflow('FIRST') });
    await story.pass(8_000);
    story.say({}, [MARKER]);
    await story.pass(60_000);
    expect(complete(story)).toContain('"cancelled"');
  });

  it('after its run is over starts no other', async () => {
    const story = tell(() => ({ kind: 'answer', ms: 10 }), { hosts: 1 });
    story.say({ [MARKER]: workflow('FIRST') });
    await story.pass(60_000);
    const before = runs(story);
    story.say({ [MARKER]: workflow('OTHER') });
    await story.pass(30_000);
    expect(runs(story)).toBe(before);
  });
});

/** What stands when everything has come to rest, told in one word or two. */
const replyTo = (story: Story, path: string): string =>
  story.files().get(path.replace(/\.md$/, '.re.opus.md')) ?? '';

describe('a file that says how work is done, edited while work is open', () => {
  const FILE = 'data/workflows/saved.md';
  const saved = (prompt: string, more = ''): string =>
    `---\nname: saved\nmodel: opus\n${more}steps:\n  one: { prompt: x }\n  two: { needs: [one], prompt: ${prompt} }\n---\n`;
  const START = '---\nto: workflow\ntype: workflow\nfrom: ada\nuses: saved\n---\n';
  const tasks = (story: Story): string =>
    [...story.files()].flatMap(([path, text]) => (path.endsWith('/task.md') ? [text] : [])).join();

  it.each([
    ['before a run begins: it begins with the new text', 'before', '', 'NEW'],
    ['while a run is open: it keeps its plan', 'while', '', 'OLD'],
    ['while a run that follows is open: it takes the new one', 'while', 'follow: true\n', 'NEW'],
  ])('a saved workflow, %s', async (_, ...[when, more, asks]) => {
    const story = tell(() => ({ kind: 'answer', ms: 10_000 }), { hosts: 1 });
    story.say({ [FILE]: saved('OLD', more) });
    if (when === 'before') story.say({ [FILE]: saved('NEW', more) });
    story.say({ 'data/channels/general/wf.md': START });
    await story.pass(8_000);
    if (when === 'while') story.say({ [FILE]: saved('NEW', more) });
    await story.pass(90_000);
    expect(['OLD', 'NEW'].filter((word) => tasks(story).includes(word))).toEqual([asks]);
  });

  it('an answer to a gate that was edited since is ignored', async () => {
    const story = tell(() => ({ kind: 'answer', ms: 10 }), { hosts: 1 });
    const gate = 'data/channels/gated/gates/ok';
    const answer = (word: string): string =>
      `---\nto: ada\nfrom: ada\nre: ${gate}/ask.md\n---\n${word}\n`;
    story.say({
      'data/channels/general/wf.md':
        '---\nto: workflow\ntype: workflow\nfrom: ada\nchild_channel: gated\nsteps: { ok: { ask: { title: "Fine?" } } }\n---\n',
    });
    await story.pass(20_000);
    expect(story.files().has(`${gate}/ask.md`)).toBe(true);
    story.say({ 'data/channels/gated/no.md': answer('deny') });
    story.say({ 'data/channels/gated/no.md': answer('approve') });
    await story.pass(20_000);
    expect(story.files().has(`${gate}/decision.json`)).toBe(false);
    story.say({ 'data/channels/gated/yes.md': answer('approve') });
    await story.pass(20_000);
    expect(story.files().get(`${gate}/decision.json`)).toContain('yes.md');
    const decided = story.files().get(`${gate}/decision.json`)!;
    story.say({ 'data/channels/gated/yes.md': answer('deny') });
    await story.pass(20_000);
    expect(story.files().get(`${gate}/decision.json`)).toBe(decided);
  });

  it.each<[string, string, string, string | null]>([
    [
      'another prompt: what has not begun goes by it',
      saved('NEW').split('---')[1]!,
      'succeeded',
      'NEW',
    ],
    ['nothing that can be read: the run ends', 'steps: [\n', 'failed', null],
  ])('PLAN.yaml of an open run, with %s', async (_, ...[plan, status, asks]) => {
    const story = tell(() => ({ kind: 'answer', ms: 10_000 }), { hosts: 1 });
    story.say({ [FILE]: saved('OLD') });
    story.say({ 'data/channels/general/wf.md': START });
    await story.pass(8_000);
    const [path] = [...story.files().keys()].filter((one) => one.endsWith('/PLAN.yaml'));
    story.say({ [path!]: plan });
    await story.pass(90_000);
    const complete = [...story.files()].find(([one]) => one.endsWith('/COMPLETE'))?.[1] ?? '';
    expect(complete).toContain(`"${status}"`);
    if (asks !== null) expect(tasks(story)).toContain(asks);
  });

  it('budgets.yaml applies from the next poll, and running attempts finish', async () => {
    const story = tell(() => ({ kind: 'answer', ms: 20_000 }), { hosts: 1 });
    const budget = 'data/budgets.yaml';
    story.say({ [NOTE]: ask('first') });
    await story.pass(6_000);
    story.say({ [budget]: 'models: { opus: { tokens-per-day: 0 } }\n' });
    await story.pass(6_000);
    story.say({ 'data/channels/general/late.md': ask('late') });
    await story.pass(60_000);
    expect(replyTo(story, NOTE)).not.toBe('');
    expect(runs(story)).toBe(1);
    // Unreadable, it leaves in force what stood there before.
    story.say({ [budget]: 'models: { opus: { tokens-per-day: many } }\n' });
    await story.pass(60_000);
    expect(runs(story)).toBe(1);
    story.say({}, [budget]);
    await story.pass(60_000);
    expect(runs(story)).toBe(2);
  });

  it('models.yaml that cannot be read leaves the last good one in force, for "all" too', async () => {
    const story = tell(() => ({ kind: 'answer', ms: 10 }), { hosts: 1 });
    story.say({ 'data/models.yaml': 'models: [\n' });
    story.say({ [NOTE]: ask('all').replace('opus', 'all') });
    await story.pass(30_000);
    expect(replyTo(story, NOTE)).not.toBe('');
  });

  it('people.yaml decides who wrote a message without "from:"', async () => {
    const story = tell(() => ({ kind: 'answer', ms: 10 }), { hosts: 1 });
    const anonymous = (text: string): string => ask(text).replace('from: ada\n', '');
    story.say({ [NOTE]: anonymous('first') });
    await story.pass(20_000);
    story.say({ 'data/people.yaml': 'lovelace: { addresses: [ada@example.org] }\n' });
    story.say({ 'data/channels/general/next.md': anonymous('next') });
    await story.pass(20_000);
    expect(replyTo(story, NOTE)).toContain('to: ada\n');
    expect(replyTo(story, 'data/channels/general/next.md')).toContain('to: lovelace\n');
  });

  it('CROSSTALK-VERSION halts hosts: nothing starts, and finished answers wait', async () => {
    const story = tell(() => ({ kind: 'answer', ms: 20_000 }), { hosts: 1 });
    story.say({ [NOTE]: ask('first') });
    await story.pass(6_000);
    story.say({ 'CROSSTALK-VERSION': '7\ncustom-refs: no\n' });
    story.say({ 'data/channels/general/next.md': ask('next') });
    await story.pass(60_000);
    expect(runs(story)).toBe(1);
    expect(replyTo(story, NOTE)).toBe('');
  });
});

it('an attempt ends when another model is asked again, and that one knows what it had said', async () => {
  let ms = 60_000;
  const story = tell(() => ({ kind: 'answer', ms }), { hosts: 1 });
  const at = 'data/channels/general/';
  const reply = (name: string): string => story.files().get(`${at}${name}.md`) ?? '';
  story.say({
    [`${at}a.md`]: '---\nto: opus\n---\nPaint\n',
    [`${at}x.md`]: '---\nto: mailer\n---\nMail\n',
  });
  await story.pass(10_000);
  ms = 10;
  const again = (of: string): string => `---\nto: sonnet\nretries: ${at}${of}.md\n---\nPaint\n`;
  story.say({ [`${at}b.md`]: again('a'), [`${at}y.md`]: again('x') });
  await story.pass(10_000);
  expect(reply('b.re.sonnet')).toContain('continues: attempt 1 of opus on h0');
  await story.pass(120_000);
  // What may have acted is waited for.
  expect([reply('a.re.opus') === '', reply('x.re.mailer') === '']).toEqual([true, false]);
  expect(story.claims()).toEqual([]);
});
