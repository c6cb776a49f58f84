import { readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cli, type Json, letter, listOf, startCli } from '../support/cli.ts';
import { fixIs } from '../support/fix.ts';

const GENERAL = 'data/channels/general';
const FAILS =
  '  broken: { adapter: command, command: [sh, -c, "echo no >&2; exit 3"], effects: none, attempts: 1 }';
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;
const HOSTILE = 'evil \u001b]0;title\u0007\u001b[2J \u202ereversed\u202c \u009b31m end';
const HOSTILE_YAML = HOSTILE.replace(
  /[\u001b\u0007\u009b]/g,
  (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
);

let cli: Cli;
beforeAll(async () => {
  cli = await startCli({
    models: `models:\n  echo: { adapter: command, command: [cat], effects: none }\n${FAILS}\n`,
  });
  cli.say({
    [`${GENERAL}/first.md`]: letter(
      'echo',
      'The first question',
      'from: grace\ntimestamp: 2026-01-01T10:00:00Z\n',
    ),
    [`${GENERAL}/second.md`]: letter(
      '[echo, broken]',
      'Second question\nwith a NEEDLE in it',
      'from: ada\ntimestamp: 2026-01-02T10:00:00Z\n',
    ),
    [`${GENERAL}/hostile.md`]: letter('echo', HOSTILE, `subject: "${HOSTILE_YAML}"\n`),
    [`${GENERAL}/unreadable.md`]: '---js\nprocess.exit(9)\n---\n',
    'data/channels/ops/deep/er/note.md': letter('ada', 'for your information', 'from: grace\n'),
    'data/channels/ops/CHANNEL.md': '---\nname: ops\ndescription: "Run \\x1b[31mthings"\n---\n',
  });
  await cli.answer();
  cli.say({
    [`${GENERAL}/by-hand.md`]: letter('echo', 'A third one', 'from: ada\n'),
    [`${GENERAL}/by-hand.re.echo.md`]: letter(
      'ada',
      'I answer for it',
      `from: grace\nre: ${GENERAL}/by-hand.md\n`,
    ),
    [`${GENERAL}/long.md`]:
      '---\nto: workflow\ntype: workflow\nfrom: ada\nsteps: { one: { model: echo, prompt: x } }\n---\n',
    [`${GENERAL}/long.re.workflow.md`]: letter(
      'ada',
      'It is done',
      `from: workflow\nre: ${GENERAL}/long.md\nmodel: workflow\nstatus: succeeded\n`,
    ),
    [`${GENERAL}/follow-up.md`]: letter(
      'grace',
      'Thanks',
      `from: ada\nre: ${GENERAL}/second.re.echo.md\n`,
    ),
    [`${GENERAL}/waiting.md`]: letter('echo', 'Nobody is there', 'from: ada\n'),
    [`${GENERAL}/weiß 名前.md`]: letter('grace', '宽字符'.repeat(60), 'from: ada\n'),
  });
});
afterAll(() => cli.close());

const messages = async (args: readonly string[]): Promise<readonly Json[]> =>
  listOf((await cli.json(args)).data, 'messages');
const stateOf = (all: readonly Json[], id: string): unknown =>
  all.find((one) => one['id'] === id)?.['state'];

describe('log', () => {
  it('shows the conversation with the state of each message, oldest first', async () => {
    const all = await messages(['log']);
    expect(all[0]).toMatchObject({
      id: 'first',
      from: 'grace',
      to: ['echo'],
      state: 'answered',
      at: '2026-01-01T10:00:00.000Z',
    });
    expect(stateOf(all, 'second')).toBe('failed');
    expect(stateOf(all, 'by-hand')).toBe('by hand');
    expect(stateOf(all, 'long')).toBe('answered');
    expect(stateOf(all, 'waiting')).toBe('open');
    expect(stateOf(all, 'follow-up')).toBe('note');
    const { code, stdout, stderr } = await cli.run(['log']);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /2026-01-01 10:00 {2}first +grace → echo +The first question +answered\n/,
    );
    expect(stdout).toMatch(
      /second +ada → echo, broken +Second question ✗ broken@mbp: .* +failed: crash\n/,
    );
    expect(stderr).toContain(`rejected  ${GENERAL}/unreadable.md:1: found "---js"`);
    // One line for one failure, and both messages for who wants all.
    expect(stdout).not.toContain('second.re.broken');
    expect((await cli.run(['log', '--all'])).stdout).toContain('second.re.broken');
  });

  it('takes who is left out from the commit', async () => {
    expect((await messages(['log'])).find(({ id }) => id === 'hostile')).toMatchObject({
      from: 'grace',
    });
  });

  it('filters, and says "nothing" with exit code 3', async () => {
    const ids = async (...args: string[]): Promise<unknown[]> =>
      (await messages(['log', ...args])).map(({ id }) => id);
    expect(await ids('--failed')).toEqual(['second.re.broken']);
    expect(await ids('--from', 'grace', '--to', 'echo')).toEqual(['first', 'hostile']);
    expect(await ids('--model', 'broken')).toEqual(['second', 'second.re.broken']);
    expect(await ids('ops')).toEqual(['deep/er/note']);
    expect(await ids('-n', '2')).toHaveLength(2);
    expect(await ids('--since', '2026-01-02', '--from', 'ada', '--to', 'broken')).toEqual([
      'second',
    ]);
    expect(await cli.run(['log', '--from', 'nobody'])).toMatchObject({ code: 3, stdout: '' });
    expect((await cli.json(['log', '--from', 'nobody', 'ops'])).data).toMatchObject({
      ok: true,
      health: 'good',
      messages: [],
    });
  });

  it.each([
    [['log', 'generl'], 3, 'did you mean "general"'],
    [['log', '--since', 'yesterday'], 2, 'expected a time'],
    [['log', '-n', '-5'], 2, 'whole number above zero'],
    [['log', '-n', '0'], 2, 'whole number above zero'],
    [['log', '--folow'], 2, 'did you mean --follow'],
    [['log', '-f', '--json'], 2, 'never ends'],
  ])('refuses %j', async (args, code, says) => {
    const ended = await cli.run(args);
    expect(ended.code).toBe(code);
    expect(ended.stderr + ended.stdout).toContain(says);
  });

  it('continues with -f', async () => {
    const following = cli.start(['log', '-n', '1', '-f']);
    await following.until('→');
    cli.say({ [`${GENERAL}/late.md`]: letter('grace', 'came later', 'from: ada\n') });
    await following.until('came later');
    cli.say({ 'data/channels/general/steps/a/one/task.md': letter('grace', 'a task of a run') });
    await following.until('a task of a run');
    await following.stop();
  });
});

describe('show and thread', () => {
  it('show prints a message with its answers', async () => {
    const { data } = await cli.json(['show', 'second']);
    expect(data).toMatchObject({
      ok: true,
      health: 'good',
      message: { id: 'second', state: 'failed', to: ['echo', 'broken'] },
    });
    const replies = listOf(data['message'] as Json, 'replies');
    expect(replies).toMatchObject([
      { from: 'broken', host: 'mbp', failed: true, error: 'crash' },
      { from: 'echo', failed: false },
    ]);
    const { stdout } = await cli.run(['show', 'sec']);
    expect(stdout).toContain('state    failed: crash');
    expect(stdout).toContain('── broken@mbp ✗ crash');
  });

  it('show says of a rejected file why, and prints any file as it is with --raw', async () => {
    const { code, stdout } = await cli.run(['show', `${GENERAL}/unreadable.md`]);
    expect(code).toBe(1);
    expect(stdout).toContain('found "---js"');
    expect(await cli.run(['show', '--raw', 'unreadable'])).toMatchObject({
      code: 0,
      stdout: '---js\nprocess.exit(9)\n---\n',
    });
  });

  it('ids are found by path, stem, beginning and for replies; what fits several is listed', async () => {
    for (const id of [
      'second.re.echo',
      `${GENERAL}/second.re.echo.md`,
      'general/second.re.echo',
      './data/channels/general/second.re.echo',
    ])
      expect((await cli.json(['show', id])).data).toMatchObject({
        message: { id: 'second.re.echo' },
      });
    expect((await cli.json(['show', 'note'])).data).toMatchObject({
      message: { path: 'data/channels/ops/deep/er/note.md' },
    });
    const several = await cli.run(['show', 'f']);
    expect(several.code).toBe(2);
    expect(several.stderr).toContain('ID_AMBIGUOUS');
    expect(several.stderr).toContain(`${GENERAL}/first.md`);
    const none = await cli.json(['show', 'nothing-like-it']);
    expect(none).toMatchObject({
      code: 3,
      data: {
        ok: false,
        error: {
          code: 'NOT_FOUND',
          fix: fixIs('crosstalkd log   (or: crosstalkd status)'),
        },
      },
    });
    expect((await cli.run(['show', '../../../etc/passwd'])).code).toBe(3);
  });

  it('thread prints ancestors, answers and what followed, from any of them', async () => {
    for (const id of ['second', 'follow-up', 'second.re.echo']) {
      const all = await messages(['thread', id]);
      expect(all.map((one) => [one['id'], one['depth']])).toEqual([
        ['second', 0],
        ['second.re.broken', 1],
        ['second.re.echo', 1],
        ['follow-up', 2],
      ]);
    }
    const { stdout } = await cli.run(['thread', 'second']);
    expect(stdout).toMatch(
      /^2026-01-02\n▸ 10:00 {2}second .* ✗ broken@mbp: .* \[failed: crash\]\n[^]* {2}└ .*echo@mbp → ada: .*\n {4}└ .* {2}ada → grace: Thanks/,
    );
  });
});

describe('search, channels and wait', () => {
  it('search finds text in any case and shows the line', async () => {
    const { data } = await cli.json(['search', 'needle', '--from', 'ada']);
    expect(data).toMatchObject({
      ok: true,
      found: 1,
      messages: [{ id: 'second', excerpt: 'with a NEEDLE in it' }],
    });
    expect(await cli.run(['search', 'nobody says this'])).toMatchObject({ code: 3, stdout: '' });
    expect((await cli.run(['search', 'from: grace'])).code).toBe(3);
    expect(listOf((await cli.json(['search', 'a', '-n', '1'])).data, 'messages')).toHaveLength(1);
  });

  it('search finds what stands now: not what was edited or removed, nor by a damaged index', async () => {
    const path = 'data/channels/ops/passing.md';
    const found = async (text: string): Promise<unknown> =>
      (await cli.json(['search', text])).data['found'];
    cli.say({ [path]: letter('ada', 'Plugh and XYZZY', 'from: grace\n') });
    expect(await found('xyzzy')).toBe(1);
    cli.say({ [path]: letter('ada', 'Plugh', 'from: grace\n') });
    expect(await found('xyzzy')).toBe(0);
    expect(await found('plugh')).toBe(1);
    const state = join(cli.place, 'state');
    const index = readdirSync(state, { recursive: true, encoding: 'utf8' }).find(
      (name) => basename(name) === 'texts',
    );
    writeFileSync(join(state, index!), 'torn', { flag: 'r+' });
    expect(await found('plugh')).toBe(1);
    const elsewhere = cli.elsewhere();
    cli.git(['rm', '-q', path], elsewhere);
    cli.git(['commit', '-q', '-m', 'gone'], elsewhere);
    cli.git(['push', '-q'], elsewhere);
    expect(await found('plugh')).toBe(0);
  });

  it('channels lists them with what is open', async () => {
    const { data } = await cli.json(['channels']);
    expect(listOf(data, 'channels')).toMatchObject([
      { name: 'general', description: 'Anything.', open: 1, replies: 6 },
      { name: 'ops', messages: 1, open: 0 },
    ]);
  });

  it('wait prints answers that are there, tells failures by exit code 1 and times out with 3', async () => {
    const good = await cli.run(['wait', 'first']);
    expect(good.code).toBe(0);
    expect(good.stdout).toContain('The first question');
    const failed = await cli.run(['wait', 'second']);
    expect(failed.code).toBe(1);
    expect(failed.stdout).toContain('── echo@mbp');
    expect(failed.stderr).toContain('broken@mbp failed (crash)');
    expect(failed.stderr).toContain('crosstalkd retry');
    const late = await cli.json(['wait', 'waiting', '1']);
    expect(late).toMatchObject({
      code: 3,
      data: { ok: false, health: 'degraded', pending: ['echo'] },
    });
    expect((await cli.run(['wait', 'follow-up'])).code).toBe(3);
    expect((await cli.run(['wait', 'waiting', 'soon'])).code).toBe(2);
  });
});

describe('text of others on the terminal', () => {
  it.each([
    [['log']],
    [['show', 'hostile']],
    [['thread', 'hostile']],
    [['search', 'evil']],
    [['channels']],
    [['wait', 'hostile']],
    [['models']],
  ])('%j lets no control code through', async (args) => {
    const { stdout, stderr } = await cli.run(args);
    expect(stdout).not.toBe('');
    expect(stdout).not.toMatch(CONTROL);
    expect(stderr).not.toMatch(CONTROL);
  });
});

describe('a transport that cannot be reached', () => {
  beforeAll(() => {
    cli.git(['clone', '-q', cli.remote, 'away'], cli.place);
    cli.git(['remote', 'set-url', 'origin', `${cli.place}/gone.git`], `${cli.place}/away`);
  });

  it.each([
    [['log']],
    [['channels']],
    [['show', 'x']],
    [['thread', 'x']],
    [['search', 'x']],
    [['models']],
    [['allow']],
    [['wait', 'x']],
  ])('%j says so with exit code 4, which is not "nothing"', async (args) => {
    const { code, data } = await cli.json([...args, '-C', `${cli.place}/away`]);
    expect(code).toBe(4);
    expect(data).toMatchObject({
      ok: false,
      health: 'failed',
      error: { code: 'REMOTE_UNREACHABLE' },
    });
  });
});
