/** Cases that people met in use: each is told with what mends it, or works. */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatBeat } from '../../src/protocol/beat.ts';
import { type Cli, type Json, letter, listOf, startCli } from '../support/cli.ts';

const AT = 'data/channels/general';
const MODELS = `models:
  echo: { adapter: command, command: [cat], effects: none }
`;
let cli: Cli;
beforeAll(async () => {
  cli = await startCli({ models: MODELS });
});
afterAll(() => cli.close());

const parts = async (what: string, from = cli): Promise<readonly Json[]> =>
  listOf((await from.json(['why', what])).data, 'parts');
const kinds = (list: readonly Json[]): readonly unknown[] => list.map(({ kind }) => kind);

/** The beat of a host, `agoMs` old. */
function plantBeat(alias: string, agoMs: number, models: readonly string[]): () => void {
  const ref = `refs/crosstalk/hosts/${alias}.abcdef012345`;
  const text = formatBeat({
    ...{ alias, instance: 'abcdef012345', run: '0123456789abcdef', count: 1, version: '9.0.0' },
    ...{ state: 'running', slots: 4, busy: 0, models, blocked: [], pollMs: 1_000, wake: null },
    atMs: Date.now() - agoMs,
  });
  const tree = cli.git(['hash-object', '-t', 'tree', '-w', '/dev/null'], cli.remote);
  const as = ['-c', 'user.name=x', '-c', 'user.email=x@x'];
  const commit = cli.git([...as, 'commit-tree', tree, '-m', text], cli.remote);
  cli.git(['update-ref', ref, commit], cli.remote);
  return () => void cli.git(['update-ref', '-d', ref], cli.remote);
}

const ago = (ms: number): string => `timestamp: ${new Date(Date.now() - ms).toISOString()}\n`;

describe('a host that is gone', () => {
  it('is suspect once it has left work lying, and needs somebody; this host says what to run', async () => {
    cli.say({ [`${AT}/lying.md`]: letter('echo', 'x', ago(60_000)) });
    expect(await parts('lying')).toMatchObject([
      { kind: 'nobody-serves', fix: { command: ['crosstalkd', 'run'] } },
    ]);
    const remove = plantBeat('server', 600_000, ['echo']);
    const { data } = await cli.json(['status']);
    expect(listOf(data, 'hosts')).toMatchObject([{ alias: 'server', suspect: true }]);
    expect(kinds(listOf(data, 'needs'))).toContain('host-suspect');
    expect((await cli.run(['hosts'])).stdout).toContain('suspect');
    remove();
  });

  it('that has nothing to take is none: an idle host need not beat', async () => {
    const remove = plantBeat('idle', 600_000, ['other']);
    const { data } = await cli.json(['status']);
    expect(listOf(data, 'hosts')).toMatchObject([{ alias: 'idle', suspect: false }]);
    remove();
  });

  it('while the remote is away nobody says that no host serves a model', async () => {
    renameSync(cli.remote, `${cli.remote}.away`);
    try {
      const { stdout } = await cli.run(['why', 'lying']);
      expect(stdout).toContain('the remote is away, so it is unknown which hosts serve echo now');
      expect(stdout).not.toContain('no host that is up');
      expect((await cli.run(['why', 'echo'])).stdout).not.toContain('no entry for');
    } finally {
      renameSync(`${cli.remote}.away`, cli.remote);
    }
  });
});

describe('models', () => {
  it('that cannot be read leave the last good ones in force, and who was asked is asked', async () => {
    cli.say({ 'data/models.yaml': 'models:\n  echo: [\n' });
    cli.say({ [`${AT}/all.md`]: letter('all', 'x') });
    expect(await parts('all')).toMatchObject([{ name: 'echo' }]);
    const { data } = await cli.json(['status']);
    expect(kinds(listOf(data, 'needs'))).toContain('models-unreadable');
    cli.say({ 'data/models.yaml': MODELS });
    expect(kinds(listOf((await cli.json(['status'])).data, 'needs'))).not.toContain(
      'models-unreadable',
    );
  });

  it('like budgets and people that cannot be read are told by status and lint', async () => {
    cli.say({ 'data/budgets.yaml': 'usd-per-day: -1\n' });
    const { data } = await cli.json(['status']);
    expect(listOf(data, 'needs')).toContainEqual(
      expect.objectContaining({
        fix: { command: ['crosstalkd', 'lint', 'data/budgets.yaml'], note: null },
      }),
    );
    for (const words of [['lint'], ['lint', 'data/budgets.yaml']])
      expect(await cli.run(words)).toMatchObject({ code: 2 });
    cli.say({ 'data/budgets.yaml': 'usd-per-day: 1\n' });
    expect(await cli.run(['lint'])).toMatchObject({ code: 0 });
  });

  it('that are none leave "to: all" with nobody, which is said', async () => {
    const empty = await startCli({ models: 'models: {}\n' });
    try {
      empty.say({ [`${AT}/all.md`]: letter('all', 'x') });
      expect(await parts('all', empty)).toMatchObject([{ name: 'all', kind: 'asked-nobody' }]);
    } finally {
      empty.close();
    }
  });

  it('that a message is from are not asked by it: why says that it is their own', async () => {
    cli.say({ [`${AT}/own.md`]: '---\nto: echo\nfrom: echo\n---\nx\n' });
    expect(await parts('own')).toMatchObject([{ name: 'echo', kind: 'own' }]);
  });
});

describe('what is checked', () => {
  it('says when it is not pushed as it is here', async () => {
    cli.git(['pull', '-q', '--rebase']);
    const models = join(cli.clone, 'data/models.yaml');
    writeFileSync(models, `${MODELS}# mine\n`);
    expect((await cli.run(['lint', 'data/models.yaml'])).stdout).toContain('not pushed');
    writeFileSync(
      join(cli.clone, 'data/workflows/mine.md'),
      '---\nmodel: echo\nsteps: { a: { prompt: x } }\n---\n',
    );
    const checked = await cli.run(['workflow', 'check', 'data/workflows/mine.md']);
    expect(checked.code).toBe(0);
    expect(checked.stderr).toContain('data/workflows/mine.md differs from what is pushed');
    expect((await cli.run(['workflow', 'check', 'review-panel'])).stderr).toContain(
      'judged by what is pushed',
    );
    cli.git(['checkout', '-q', '--', 'data/models.yaml']);
  });

  it.each([
    ['---\nto: workflow\ntype: workflow\nstepz: {}\n---\n', 'unknown key "stepz"'],
    ['---\nto: workflow\ntype: workflow\nuses: nothere\n---\n', 'nothere'],
    ['---\nto: echo@mpb\n---\nhi\n', 'no host "mpb" has been seen'],
  ])('lint says of %j: %s', async (text, says) => {
    const file = join(cli.place, 'draft.md');
    writeFileSync(file, text);
    expect((await cli.run(['lint', file])).stdout).toContain(says);
  });

  it('names the host that was meant: to send, to lint and to why', async () => {
    const beat = cli.git(['rev-parse', 'main'], cli.remote);
    cli.git(['update-ref', 'refs/crosstalk/hosts/server.0123456789ab', beat], cli.remote);
    const meant = 'no host "sever" has been seen (did you mean "server"?)';
    const file = join(cli.place, 'pinned.md');
    writeFileSync(file, '---\nto: echo@sever\n---\nhi\n');
    expect((await cli.run(['send', '--to', 'echo@sever', '-m', 'hi'])).stderr).toContain(meant);
    expect((await cli.run(['lint', file])).stdout).toContain(meant);
    expect(await cli.run(['why', 'echo@sever'])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining(meant) as string,
    });
    const told = await cli.run(['why', 'echo@server']);
    expect(told).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('on server: ') as string,
    });
    cli.git(['update-ref', '-d', 'refs/crosstalk/hosts/server.0123456789ab'], cli.remote);
  });

  it('says how a file becomes a message, and two that would be called alike get two names', async () => {
    const text = letter('nobody-at-all', 'x');
    cli.say({
      [`${AT}/twice.txt`]: text,
      [`${AT}/twice.markdown`]: text,
      [`${AT}/_page.md`]: text,
    });
    const linted = await cli.run(['lint']);
    expect(linted.stdout).toContain(`${AT}/twice.md`);
    expect(linted.stdout).toContain(`${AT}/twice-2.md`);
    expect((await cli.run(['why', `${AT}/_page.md`])).stderr).toContain('describes a folder');
    cli.say({ [`${AT}/order.md`]: '---\nop: cancel\n---\n' });
    expect(await parts('order')).toMatchObject([{ kind: 'order-nowhere' }]);
  });

  it.each([
    ['echo', 'is a model, not a message', 'why echo'],
    ['general', 'is a channel, not a message', 'log general'],
  ])('show %s says what that is', async (name, says, fix) => {
    const { code, stderr } = await cli.run(['show', name]);
    expect(code).toBe(3);
    expect(stderr).toContain(says);
    expect(stderr).toContain(`crosstalkd ${fix}`);
  });

  it('lint knows what the other files of a transport are', async () => {
    const files = ['CLAUDE.md', 'templates/message.md', 'data/workflows/review-panel.md'];
    const linted = await cli.run(['lint', ...files]);
    expect(linted.stdout).toBe(files.map((file) => `${file}: good\n`).join(''));
  });

  it('takes a json input as JSON, and refuses an input that is not JSON', async () => {
    const file = join(cli.place, 'items.md');
    writeFileSync(
      file,
      '---\nmodel: echo\ninputs: { items: { type: json, required: true } }\nsteps: { a: { prompt: "${{ len(inputs.items) }}" } }\n---\n',
    );
    expect((await cli.run(['workflow', 'check', file, '-i', 'items=["e1","e2"]'])).code).toBe(0);
    const broken = await cli.run(['workflow', 'check', file, '-i', 'items=["e1",']);
    expect(broken).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('must be JSON') as string,
    });
  });
});

describe('a name that becomes a file', () => {
  it.each([
    ['send', '--to', 'echo', '-m', 'x', '--channel', 'aux'],
    ['workflow', 'run', 'review-panel', '--channel', 'nul'],
    ['workflow', 'run', 'review-panel', '--channel', 'Not One!'],
  ])('%s %s %s: is refused when some machine cannot have it', async (...args) => {
    expect(await cli.run(args)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--channel') as string,
    });
  });

  it('is not sent when only its case differs from one beside it', async () => {
    const file = join(cli.clone, AT, 'Lying.md');
    writeFileSync(file, letter('echo', 'x'));
    expect(await cli.run(['send', file])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('lying.md, which is there already') as string,
    });
  });
});

describe('a model that rests', () => {
  it('is told and woken where no dispatcher runs: the next one would not start it either', async () => {
    const tired = await startCli({
      models: 'models:\n  tired: { adapter: command, command: [sh, -c, exit 77], effects: none }\n',
    });
    tired.say({ [`${AT}/late.md`]: letter('tired', 'x') });
    await tired.run(['run', '--once']);
    const resume = { command: ['crosstalkd', 'resume', 'tired'] };
    const models = async (): Promise<readonly Json[]> =>
      listOf((await tired.json(['models'])).data, 'models');
    expect(await models()).toMatchObject([{ name: 'tired', served: true, fix: resume }]);
    expect(await parts('late', tired)).toMatchObject([{ kind: 'parked', fix: resume }]);
    expect((await tired.run(['status'])).stdout).toContain('crosstalkd resume tired');
    expect((await tired.run(['resume', 'tired'])).code).toBe(0);
    expect(await models()).toMatchObject([{ name: 'tired', fix: null }]);
    expect(await parts('late', tired)).toMatchObject([{ kind: 'nobody-serves' }]);
    expect((await tired.run(['resume', 'tired'])).code).toBe(3);
    tired.close();
  });
});
