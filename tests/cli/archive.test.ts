import { afterEach, describe, expect, it } from 'vitest';
import { type Cli, letter, listOf, startCli } from '../support/cli.ts';
import { fixIs } from '../support/fix.ts';

const MODELS = 'models:\n  echo: { adapter: command, command: [cat], effects: none }\n';
const PATH = 'data/channels/old/2026/first.md';
const REPLY = 'data/channels/old/2026/first.re.echo.md';
let cli: Cli;
afterEach(() => cli.close());

/** A transport with an answered message in each of the channels. */
async function talkIn(...channels: readonly string[]): Promise<void> {
  cli = await startCli({ models: MODELS });
  cli.say(
    Object.fromEntries(
      channels.map((channel) => [
        `data/channels/${channel}/2026/first.md`,
        letter('echo', `A question in ${channel}`),
      ]),
    ),
  );
  await cli.answer();
}

function filesAt(commit: string, folder = ''): readonly string[] {
  return cli
    .git(['ls-tree', '-r', '--name-only', commit, ...(folder === '' ? [] : [folder])], cli.remote)
    .split('\n')
    .filter((path) => path !== '');
}

describe('archive', () => {
  it('takes an ended channel out of the tip, and everything that reads still finds it', async () => {
    await talkIn('old', 'new');
    const dry = await cli.run(['archive', 'old', '--dry-run']);
    expect(dry.stdout).toMatch(/would archive old: 2 messages/);
    expect(filesAt('main', 'data/channels/old/')).toEqual([PATH, REPLY]);

    const done = await cli.run(['archive', 'old']);
    expect([done.code, done.stderr]).toEqual([0, '']);
    expect(done.stdout).toMatch(/^archived old: 2 messages\n.*archive --undo/);
    expect(filesAt('main', 'data/channels/old/')).toEqual(['data/channels/old/ARCHIVED']);
    expect(filesAt('main-archive')).toEqual([PATH, REPLY]);

    expect((await cli.run(['log', 'old'])).stdout).toContain('A question in old');
    expect((await cli.run(['show', PATH])).stdout).toMatch(
      /A question in old[^]*A question in old/,
    );
    const thread = await cli.json(['thread', 'old/2026/first']);
    expect(listOf(thread.data, 'messages').map(({ path }) => path)).toEqual([PATH, REPLY]);
    expect(listOf((await cli.json(['search', 'question in'])).data, 'messages')).toHaveLength(4);
    expect((await cli.run(['verify'])).stdout).toMatch(/All promises hold/);
    expect((await cli.run(['archive', 'old'])).code).toBe(3);
  });

  it('answers nothing in an archived channel: what is put back or copied there does not run again', async () => {
    await talkIn('old');
    expect((await cli.run(['archive', 'old'])).code).toBe(0);
    cli.say({
      [PATH]: letter('echo', 'A question in old'),
      'data/channels/old/copy.md': letter('echo', 'A question in old'),
    });
    await cli.answer();
    expect(filesAt('main', 'data/channels/old/')).not.toContain(REPLY);
    expect(filesAt('main', 'data/channels/old/')).not.toContain(
      'data/channels/old/copy.re.echo.md',
    );
    const { data } = await cli.json(['status']);
    const back = { kind: 'rejected', fix: fixIs('crosstalkd archive --undo old') };
    expect(listOf(data, 'needs')).toMatchObject([back, back]);
    const sent = await cli.run(['send', '--channel', 'old', '--to', 'echo', '-m', 'hello']);
    expect([sent.code, sent.stderr]).toEqual([
      1,
      expect.stringMatching(/REFUSED: the channel "old" is archived[^]*archive --undo old/),
    ]);
  });

  it('is undone, and the channel continues where it was', async () => {
    await talkIn('old');
    await cli.run(['archive', 'old']);
    const back = await cli.run(['archive', '--undo', 'old']);
    expect([back.code, back.stdout]).toEqual([0, 'old is back: 2 files\n']);
    expect(filesAt('main', 'data/channels/old/')).toEqual([PATH, REPLY]);
    expect((await cli.run(['send', '--channel', 'old', '--to', 'echo', '-m', 'Next'])).code).toBe(
      0,
    );
    await cli.answer();
    expect(
      filesAt('main', 'data/channels/old/').filter((path) => path.includes('.re.')),
    ).toHaveLength(2);
    expect((await cli.run(['verify'])).stdout).toMatch(/All promises hold/);
    expect((await cli.run(['archive', 'old'])).code).toBe(0);
    expect(filesAt('main-archive')).toHaveLength(4);
    expect((await cli.run(['archive', '--undo', 'nothing'])).code).toBe(3);
  });

  it('keeps what is open, and what something open refers to', async () => {
    await talkIn('old', 'asked');
    cli.say({
      'data/channels/waits/open.md': letter('nobody-serves', 'Who?'),
      'data/channels/general/later.md': letter(
        'nobody-serves',
        'About that',
        `re: data/channels/asked/2026/first.md\n`,
      ),
    });
    const { data } = await cli.json(['archive', 'old', 'asked', 'waits', 'general']);
    expect(listOf(data, 'archived').map(({ channel }) => channel)).toEqual(['old']);
    expect(
      Object.fromEntries(listOf(data, 'kept').map(({ channel, why }) => [channel, why])),
    ).toEqual({
      asked: 'something open refers to it',
      general: 'a message in it waits for an answer',
      waits: 'a message in it waits for an answer',
    });
  });

  it('by age takes only what is old enough', async () => {
    cli = await startCli({ models: MODELS });
    cli.say({
      'data/channels/old/a.md': letter(
        'ada',
        'Long ago',
        'from: grace\ntimestamp: "2020-01-01T00:00:00Z"\n',
      ),
      'data/channels/new/a.md': letter('ada', 'Today', 'from: grace\n'),
      'data/channels/new/b.md': letter('grace', 'Here', 'from: ada\n'),
    });
    const { data } = await cli.json(['archive', '--older-than', '90d']);
    expect(listOf(data, 'archived').map(({ channel }) => channel)).toEqual(['old']);
  });

  it('shows an agent the thread above a message that answers an archived one', async () => {
    await talkIn('old');
    await cli.run(['archive', 'old']);
    cli.say({ 'data/channels/general/after.md': letter('echo', 'And then?', `re: ${REPLY}\n`) });
    await cli.answer();
    const reply = cli.git(['show', 'main:data/channels/general/after.re.echo.md'], cli.remote);
    expect(reply).toContain('A question in old');
  });

  it('takes the channel of an ended run, which can still be looked at', async () => {
    cli = await startCli({ models: MODELS });
    const steps =
      'type: workflow\nsteps:\n  one: { model: echo }\n  two: { model: echo, needs: [one] }\n';
    cli.say({
      'data/channels/general/flow.md': letter(
        'workflow',
        '## one\nSay something rare.\n\n## two\nGo on.',
        steps,
      ),
    });
    await cli.answer();
    const [before] = listOf((await cli.json(['workflow', 'list'])).data, 'runs');
    const run = String(before?.['run']);
    const shown = (await cli.run(['workflow', 'show', run])).stdout;
    expect(shown).toMatch(/succeeded/);
    const { data } = await cli.json(['archive', '--runs']);
    expect(listOf(data, 'archived').map(({ channel }) => channel)).toEqual([run]);
    expect(filesAt('main', `data/channels/${run}/`)).toEqual([`data/channels/${run}/ARCHIVED`]);
    expect((await cli.run(['workflow', 'show', run])).stdout).toBe(shown);
    expect(listOf((await cli.json(['workflow', 'list'])).data, 'runs')).toEqual([before]);
    expect((await cli.run(['search', 'something rare'])).stdout).toContain('something rare');
    expect((await cli.run(['verify'])).stdout).toMatch(/All promises hold/);
    const again = await cli.run(['workflow', 'rerun', run, '--from', 'two']);
    expect([again.code, again.stderr]).toEqual([
      1,
      expect.stringMatching(/REFUSED[^]*archive --undo/),
    ]);
  });

  it('refuses what it cannot understand', async () => {
    await talkIn('old');
    for (const args of [[], ['old', '--runs'], ['../x'], ['--undo']]) {
      const { code, stderr } = await cli.run(['archive', ...args]);
      expect([code, stderr], args.join(' ')).toEqual([2, expect.stringMatching(/^USAGE: archive/)]);
    }
    expect((await cli.run(['archive', '--older-than', 'long'])).code).toBe(2);
  });
});

describe('hosts that archive while others write', () => {
  it('lose to a message that makes the channel open again', async () => {
    await talkIn('old');
    // The clone of the command has not seen it: it decides on the tip that it is told of, or loses
    // its push and decides again.
    const racing = cli.run(['archive', 'old']);
    cli.say({ 'data/channels/old/late.md': letter('echo', 'Wait!') });
    const { code } = await racing;
    const files = filesAt('main', 'data/channels/old/');
    if (code === 0)
      expect(files).toEqual(['data/channels/old/ARCHIVED', 'data/channels/old/late.md']);
    else expect(files).toEqual([PATH, REPLY, 'data/channels/old/late.md'].sort());
    for (const path of filesAt('main', 'data/channels/old/')) expect(path).not.toContain('late.re');
  });

  it('move both branches once when several archive at the same time', async () => {
    await talkIn('a', 'b', 'c');
    const all = await Promise.all(
      ['a', 'b', 'c'].map((channel) =>
        cli.run(['archive', channel], {
          env: { CROSSTALK_STATE_DIR: `${cli.place}/state-${channel}` },
        }),
      ),
    );
    expect(all.map(({ code, stderr }) => [code, stderr])).toEqual([
      [0, ''],
      [0, ''],
      [0, ''],
    ]);
    expect(filesAt('main-archive').filter((path) => path.endsWith('first.md'))).toHaveLength(3);
    for (const channel of ['a', 'b', 'c'])
      expect(filesAt('main', `data/channels/${channel}/`)).toEqual([
        `data/channels/${channel}/ARCHIVED`,
      ]);
    expect((await cli.run(['verify'])).stdout).toMatch(/All promises hold/);
  });
});
