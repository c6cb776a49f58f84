/**
 * Mailboxes in repositories with work of their own, transports without a remote, and what `init`
 * and `join` leave alone.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cli, listOf, startCli } from '../support/cli.ts';

let cli: Cli;

beforeAll(async () => {
  cli = await startCli();
}, 60_000);

afterAll(() => cli.close());

const at = (...parts: readonly string[]): string => join(cli.place, ...parts);
const other = (): Readonly<Record<string, string>> => ({
  CROSSTALK_STATE_DIR: at('second', 'state'),
  CROSSTALK_CONFIG_DIR: at('second', 'config'),
});

/** A repository with code on `main`, and its remote when one is named. */
function makeProject(name: string, remote: string | null): string {
  const directory = at(name);
  mkdirSync(join(directory, 'src'), { recursive: true });
  cli.git(['init', '-q'], directory);
  writeFileSync(join(directory, 'src', 'a.c'), 'int a;\n');
  cli.git(['add', '-A'], directory);
  cli.git(['commit', '-qm', 'code'], directory);
  if (remote === null) return directory;
  cli.git(['init', '-q', '--bare', at(remote)], cli.place);
  cli.git(['remote', 'add', 'origin', at(remote)], directory);
  cli.git(['push', '-q', '-u', 'origin', 'main'], directory);
  return directory;
}

describe('in a project', () => {
  let app: string;
  beforeAll(async () => {
    app = makeProject('app', 'code.git');
    const made = await cli.run(['init', '--alias', 'mbp'], { cwd: join(app, 'src') });
    expect(made.stderr).toBe('');
    expect(made.code).toBe(0);
  });

  it('the mailbox is a branch with its own root, and nothing of the project changes', () => {
    const remote = at('code.git');
    expect(cli.git(['log', '--format=%s', 'crosstalk'], remote)).toBe('Begin the conversation');
    expect(cli.git(['ls-tree', '--name-only', 'crosstalk'], remote)).not.toContain('src');
    expect(cli.git(['log', '--format=%s', 'main'], remote)).toBe('code');
    expect(cli.git(['status', '--porcelain', '--ignored'], app)).toBe('');
    expect(cli.git(['branch', '--list'], app)).toBe('* main');
    cli.git(['clean', '-ffdxq'], app);
    expect(existsSync(join(app, '.git', 'crosstalk', 'data', 'models.yaml'))).toBe(true);
  });

  it('commands work from anywhere in it, and the agent works in it where a host has it', async () => {
    const sent = await cli.run(['send', '--wait', '-m', 'hello'], { cwd: join(app, 'src') });
    expect(sent.stdout).toBe('hello\n');
    expect(sent.stderr).toContain('this command answers unless another host is first: echo');
    const { data } = await cli.json(['log'], { cwd: app });
    const [first] = listOf(data, 'messages');
    const path = String(first?.['path']);
    expect(cli.git(['show', `crosstalk:${path}`], at('code.git'))).toContain('project: code');
  });

  it.each(['src', '.git/crosstalk/data', '.git/crosstalk', '..'])(
    'a command of git that is printed in %s changes the mailbox, not the project',
    async (from) => {
      const [box, cwd] = [join(app, '.git', 'crosstalk'), join(app, from)];
      const path = `data/channels/general/from-${from.replaceAll(/\W/g, '')}.MD`;
      writeFileSync(join(box, path), '---\nto: ada\n---\nhello\n');
      for (const words of ['add -A', 'commit -qm name', 'pull -q --rebase', 'push -q'])
        cli.git(words.split(' '), box);
      const where = from === '..' ? ['-C', 'app'] : [];
      const { stdout } = await cli.run(['why', path, ...where], { cwd });
      const [, line = ''] = /^\s+(git .*)$/m.exec(stdout) ?? [];
      execFileSync('sh', ['-c', line], { cwd, env: cli.env, stdio: 'pipe' });
      const now = cli.git(['ls-tree', '--name-only', '-r', 'crosstalk'], at('code.git'));
      expect(now).toContain(path.replace('.MD', '.md'));
      expect(cli.git(['log', '--format=%s'], app)).toBe('code');
    },
  );

  it('a second host joins it from its own clone of the project', async () => {
    cli.git(['clone', '-q', at('code.git'), at('app2')], cli.place);
    const start = { cwd: at('app2'), env: other() };
    const before = await cli.run(['status'], start);
    expect(before.stderr).toContain('crosstalkd join');
    const joined = await cli.run(['join', '--alias', 'srv'], start);
    expect(joined.stdout).toContain('host    srv');
    expect((await cli.run(['allow', 'echo'], start)).code).toBe(0);
    const sent = await cli.run(['send', '--to', 'echo', '--wait', '-m', 'from b'], start);
    expect(sent.stdout).toBe('from b\n');
  });

  it('a work tree of the project has the same mailbox', async () => {
    cli.git(['worktree', 'add', '-q', at('feature'), '-b', 'feature'], app);
    expect((await cli.run(['log'], { cwd: at('feature') })).stdout).toContain('hello');
  });

  it('is made once', async () => {
    const again = await cli.run(['init'], { cwd: app });
    expect(again.stderr).toContain('ALREADY_EXISTS');
    expect(again.stderr).toContain('crosstalkd status');
  });
});

describe('without a remote', () => {
  it('the repository of the project is the arbiter, under its own locks', async () => {
    const solo = makeProject('solo', null);
    expect((await cli.run(['init'], { cwd: solo })).code).toBe(0);
    const both = await Promise.all(
      ['one', 'two'].map((text) =>
        cli.run(['send', '--to', 'echo', '--wait', '-m', text], { cwd: solo }),
      ),
    );
    // Whoever cannot hold the state answers once the other one has ended.
    expect(both.map(({ stdout }) => stdout)).toEqual(['one\n', 'two\n']);
    const { data } = await cli.json(['log'], { cwd: solo });
    expect(listOf(data, 'messages')).toHaveLength(4);
    expect((await cli.run(['verify'], { cwd: solo })).code).toBe(0);
    expect(cli.git(['status', '--porcelain'], solo)).toBe('');
    expect(cli.git(['log', '--format=%s', 'main'], solo)).toBe('code');
  });

  it('a clone that lost its remote continues, and its files follow its branch', async () => {
    cli.git(['clone', '-q', cli.remote, at('alone')], cli.place);
    cli.git(['remote', 'remove', 'origin'], at('alone'));
    expect((await cli.run(['allow', 'echo'], { cwd: at('alone') })).code).toBe(0);
    const sent = await cli.run(['send', '-m', 'here', '--wait'], { cwd: at('alone') });
    expect(sent.stdout).toBe('here\n');
    expect(cli.git(['status', '--porcelain'], at('alone'))).toBe('');
    expect(cli.git(['log', '--format=%s', '-1'], at('alone'))).toBe('echo → ada: here');
  });

  it('goes to one later, with everything, and what was approved stays so', async () => {
    cli.git(['init', '-q', '--bare', at('later.git')], cli.place);
    const added = await cli.run(['remote', 'add', at('later.git')], { cwd: at('solo') });
    expect(added.code).toBe(0);
    const sent = await cli.run(['send', '--to', 'echo', '--wait', '-m', 'after'], {
      cwd: at('solo'),
    });
    expect(sent.stdout).toBe('after\n');
    const subjects = cli.git(['log', '--format=%s', 'crosstalk'], at('later.git')).split('\n');
    expect(subjects).toHaveLength(1 + 4 + 2);
    const twice = await cli.run(['remote', 'add', at('later.git')], { cwd: at('solo') });
    expect(twice.stderr).toContain('REFUSED');
  });
});

it('a channel is named by its folder, or as its page calls it, and stands below its parent', async () => {
  cli.say({
    'data/channels/0b7f2c1e/CHANNEL.md': '---\nname: Release notes\n---\nWhat we ship.\n',
    'data/channels/7d1d6c3f/CHANNEL.md': '---\nname: Über uns\nparent: 0b7f2c1e\n---\n',
  });
  for (const name of ['Release notes', 'über uns'])
    expect((await cli.run(['send', '--channel', name, '--to', 'echo', '-m', 'x'])).code).toBe(0);
  const { stdout } = await cli.run(['channels']);
  expect(stdout).toMatch(
    /^Release notes \(0b7f2c1e\) .*What we ship\.\n {2}Über uns \(7d1d6c3f\) /m,
  );
  expect((await cli.run(['log', 'RELEASE NOTES'])).stdout).toContain('ada → echo');
});

it.each([
  ['李 雷', 'lei@example.org', 'lei'],
  ['Žofia Łukasz Groß', 'z@example.org', 'zofia-lukasz-gross'],
])('a person whose name git knows as %s sends as themselves', async (name, email, called) => {
  const env = { GIT_AUTHOR_NAME: name, GIT_AUTHOR_EMAIL: email };
  const channel = 'Release notes';
  const args = ['send', '--channel', channel, '--to', 'echo', '-m', `of ${email}`];
  expect((await cli.run(args, { env })).code).toBe(0);
  expect((await cli.run(['log', channel])).stdout).toContain(`${called} → echo`);
  expect(cli.git(['log', '-1', '--format=%an <%ae>', 'main'], cli.remote)).toBe(
    `${name} <${email}>`,
  );
});

it('init --demo asks a model that repeats, and nobody is asked on a pipe', async () => {
  const made = await cli.run(['init', 'shown', '--demo'], { cwd: cli.place });
  expect(made.stdout).toContain('echo is asked: Say hello in one line.');
  expect(made.stdout.trimEnd()).toMatch(/\nSay hello in one line\.$/);
  // The clone has the answer, so the first push from it is not refused.
  expect(cli.git(['log', '-1', '--format=%an'], at('shown'))).toBe('echo');
});

describe('a repository with code', () => {
  it('keeps its branches to itself unless one is named', async () => {
    makeProject('lib', 'lib.git');
    const made = await cli.run(['init', 'box', '--remote', 'lib.git'], { cwd: cli.place });
    expect(made.stdout).toContain('its branch "main" has other content and is left alone');
    expect(cli.git(['log', '--format=%s', 'main'], at('lib.git'))).toBe('code');
    expect(cli.git(['ls-tree', '--name-only', 'crosstalk'], at('lib.git'))).not.toContain('src');
  });

  it('is joined by the branch that is a transport, wherever HEAD points', async () => {
    expect((await cli.run(['join', 'lib.git', 'box2'], { cwd: cli.place })).stdout).toContain(
      '(branch crosstalk)',
    );
    cli.git(['init', '-q', '--bare', '-b', 'master', at('dangling.git')], cli.place);
    await cli.run(['init', 'box3', '--remote', 'dangling.git'], { cwd: cli.place });
    expect((await cli.run(['join', 'dangling.git', 'box4'], { cwd: cli.place })).stdout).toContain(
      '(branch main)',
    );
    expect(cli.git(['config', 'pull.rebase'], at('box4'))).toBe('true');
  });
});

it.each([
  ['a remote that is not there', ['init', 'new/deep', '--remote', 'nowhere.git']],
  ['a remote that rejects pushes', ['init', 'new/deep', '--remote', 'closed.git']],
  ['a remote that is not there, in a folder that is', ['init', 'stood', '--remote', 'nowhere.git']],
  ['an alias that is none', ['init', 'new/deep', '--alias', 'my host']],
  ['a branch that is not there', ['join', 'team.git', 'new', '--branch', 'nope']],
  ['a repository that is not a transport', ['join', 'code2.git', 'new']],
])('a command that is refused leaves nothing behind: %s', async (_, args) => {
  if (!existsSync(at('closed.git'))) {
    makeProject('code2', 'code2.git');
    mkdirSync(at('stood'));
    cli.git(['init', '-q', '--bare', at('closed.git')], cli.place);
    const hook = join(at('closed.git'), 'hooks', 'pre-receive');
    writeFileSync(hook, '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  }
  const before = readdirSync(cli.place).sort();
  const refused = await cli.run(args, { cwd: cli.place });
  expect(refused.code).not.toBe(0);
  expect(readdirSync(cli.place).sort()).toEqual(before);
});
