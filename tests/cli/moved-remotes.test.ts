/**
 * Remotes as people have them: with a password in the address, moved, renamed, reached by rules of
 * git's configuration. What git does with them, ours does; a password is in nobody's arguments.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cli, startCli } from '../support/cli.ts';
import { startHttpRemote, type TestServer } from '../support/http-remote.ts';

let cli: Cli;
let server: TestServer;
let spy: { readonly PATH: string };
const at = (...parts: readonly string[]): string => join(cli.place, ...parts);
const SECRET = 's3cr%40t';
const NEEDED = `Basic ${Buffer.from('bob:s3cr@t').toString('base64')}`;

beforeAll(async () => {
  cli = await startCli();
  server = await startHttpRemote({
    root: cli.place,
    env: { ...cli.env, REMOTE_USER: 'bob' },
    refuse: ({ headers }) =>
      headers.authorization === NEEDED
        ? null
        : { status: 401, body: '', headers: { 'www-authenticate': 'Basic realm="x"' } },
  });
  spy = { PATH: spyOnGit() };
}, 60_000);

afterAll(async () => {
  await server.close();
  cli.close();
});

/** A git that writes down its arguments, and those of everything that it starts. */
function spyOnGit(): string {
  const path = cli.env['PATH'] ?? '';
  const git = execFileSync('/bin/sh', ['-c', 'command -v git'], { env: { PATH: path } });
  mkdirSync(at('spy'));
  const lines = [
    '#!/bin/sh',
    `printf '%s ' "$@" >> ${at('argv')}; echo >> ${at('argv')}`,
    `export PATH=${path} GIT_TRACE2_EVENT=${at('argv')} GIT_TRACE2_REDACT=0`,
    `exec ${git.toString().trim()} "$@"`,
  ];
  writeFileSync(at('spy', 'git'), `${lines.join('\n')}\n`, { mode: 0o755 });
  return `${at('spy')}:${path}`;
}

/** What was among the arguments of git and of what it started, since the last question. */
function said(): string {
  const text = existsSync(at('argv')) ? readFileSync(at('argv'), 'utf8') : '';
  writeFileSync(at('argv'), '');
  return text
    .split('\n')
    .map((line) => (line.startsWith('{') ? argvOf(line) : line))
    .join('\n');
}

function argvOf(line: string): string {
  const { argv = [] } = JSON.parse(line) as { readonly argv?: readonly string[] };
  return argv.join(' ');
}

const secretUrl = (name: string): string =>
  `${server.url.replace('//', `//bob:${SECRET}@`)}/${name}`;
const bare = (name: string): void => {
  cli.git(['init', '-q', '--bare', '-b', 'main', at(name)], cli.place);
};

describe('a password in the address of a remote', () => {
  const run = (args: readonly string[], cwd: string) =>
    cli.run(args, { cwd, env: { ...spy, CROSSTALK_ALLOW_HTTP: 'true' } });
  /** The command worked, the remote was asked, and nobody could read the password. */
  const expectSecret = async (args: readonly string[], cwd: string): Promise<string> => {
    const ended = await run(args, cwd);
    expect([ended.code, ended.stderr]).toEqual([0, expect.any(String)]);
    expect(`${ended.stdout}${ended.stderr}`).not.toMatch(/s3cr/);
    const seen = said();
    expect(seen).toMatch(/remote-http/);
    expect(seen).not.toMatch(/s3cr/);
    return ended.stdout;
  };

  it('opens it in every command, and is among the arguments of no program', async () => {
    bare('secret.git');
    await expectSecret(['init', 'one', '--remote', secretUrl('secret.git')], cli.place);
    await expectSecret(['join', secretUrl('secret.git'), 'two'], cli.place);
    await expectSecret(['send', '--to', 'echo', '-m', 'x', '--wait'], at('one'));
    await expectSecret(['log', '-C', secretUrl('secret.git')], cli.place);
    await expectSecret(['doctor'], at('one'));
    await expectSecret(['run', '--once'], at('one'));
    expect(await expectSecret(['status', '--json'], at('one'))).toContain('secret.git');
  });

  it('is in no file that this host or the remote keeps', () => {
    const kept = ['state', 'config', 'secret.git'].flatMap((folder) =>
      readdirSync(at(folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map(({ parentPath, name }) => join(parentPath, name)),
    );
    expect(kept.some((path) => path.endsWith('log.jsonl'))).toBe(true);
    expect(kept.filter((path) => readFileSync(path).includes('s3cr'))).toEqual([]);
  });

  it('stays where git keeps it, for its owner only', () => {
    const url = cli.git(['config', '--get-all', 'remote.origin.url'], at('two'));
    expect(url).toBe(secretUrl('secret.git'));
    expect(statSync(at('two', '.git', 'config')).mode & 0o077).toBe(0);
  });

  it('that is in the address of a project is the one of its mailbox', async () => {
    bare('app.git');
    cli.git(['init', '-q', at('app')], cli.place);
    cli.git(['remote', 'add', 'origin', secretUrl('app.git')], at('app'));
    cli.git(['config', `http.${server.url}.extraHeader`, 'X-Is: "a; b"'], at('app'));
    await expectSecret(['init'], at('app'));
    // What else the project says of the way to its remotes holds for the mailbox, for git as well.
    const mailbox = at('app', '.git', 'crosstalk');
    expect(cli.git(['config', `http.${server.url}.extraHeader`], mailbox)).toBe('X-Is: "a; b"');
    expect(statSync(join(mailbox, '.git', 'config')).mode & 0o077).toBe(0);
  });

  it('is used by `remote add` as well', async () => {
    bare('later.git');
    cli.git(['init', '-q', at('solo')], cli.place);
    expect((await run(['init'], at('solo'))).code).toBe(0);
    said();
    await expectSecret(['remote', 'add', secretUrl('later.git')], at('solo'));
  });

  it('that a rule of git puts into the address is not seen either', async () => {
    bare('ruled.git');
    const rule = `url.${secretUrl('')}.insteadOf`;
    cli.git(['config', '--global', rule, 'forge:'], cli.place);
    cli.git(['config', '--global', '--add', rule, `${server.url}/`], cli.place);
    await expectSecret(['init', 'ruled', '--remote', `${server.url}/ruled.git`], cli.place);
    await expectSecret(['models', '-C', `${server.url}/ruled.git`], cli.place);
    cli.git(['clone', '-q', at('ruled.git'), at('ruled2')], cli.place);
    cli.git(['remote', 'set-url', 'origin', 'forge:ruled.git'], at('ruled2'));
    said();
    await expectSecret(['send', '--to', 'echo', '-m', 'x', '--wait'], at('ruled2'));
    cli.git(['config', '--global', '--remove-section', `url.${secretUrl('')}`], cli.place);
  });
});

describe('a remote that moved', () => {
  const run = (...args: readonly string[]) => cli.run(args, { cwd: at('moving') });
  beforeAll(async () => {
    cli.git(['clone', '-q', cli.remote, at('moving')], cli.place);
    await run('status');
  });

  it('is followed where git follows it, and what belonged to its old address is told once', async () => {
    cli.git(['clone', '-q', '--bare', cli.remote, at('moved.git')], cli.place);
    cli.git(['remote', 'set-url', 'origin', at('moved.git')], at('moving'));
    expect((await run('status')).stderr).toContain('crosstalkd allow --all');
    expect((await run('allow', '--all')).code).toBe(0);
    const sent = await run('send', '--to', 'echo', '-m', 'here', '--wait');
    expect([sent.stdout, sent.stderr.includes('another address')]).toEqual(['here\n', false]);
  });

  it('whose branch was renamed is told, with what makes the clone follow', async () => {
    cli.git(['branch', '-m', 'main', 'trunk'], at('moved.git'));
    expect((await run('status')).stdout).toContain('--set-upstream-to=origin/NEW-NAME');
    cli.git(['fetch', '-q'], at('moving'));
    cli.git(['branch', '-q', '--set-upstream-to=origin/trunk'], at('moving'));
    expect((await run('send', '--to', 'echo', '-m', 'new', '--wait')).stdout).toBe('new\n');
  });

  it('that is known by its address only is followed to the new name of its branch', async () => {
    cli.git(['clone', '-q', '--bare', cli.remote, at('named.git')], cli.place);
    const known = (...args: readonly string[]) => cli.run([...args, '-C', at('named.git')]);
    expect((await known('status')).code).toBe(0);
    for (const [was, now, args] of [
      ['main', 'trunk', ['models']],
      ['trunk', 'talk', ['status']],
    ] as const) {
      cli.git(['branch', '-m', was, now], at('named.git'));
      const { code, stderr } = await known(...args);
      expect([code, stderr]).toEqual([
        0,
        expect.stringContaining(`"${was}" of the remote is "${now}"`),
      ]);
    }
    expect((await known('status')).stderr).toBe('');
    cli.git(['branch', '-m', 'talk', 'main'], at('named.git'));
    const { code, stdout } = await known('run', '--once');
    expect([code, stdout]).toEqual([0, expect.stringContaining('branch.renamed')]);
  });

  it.each([
    ['the one that the branch follows, of two', ['remote', 'add', 'backup', '/nowhere/x.git']],
    ['insteadOf', ['config', '--global', 'url./.insteadOf', 'disk:']],
  ])('is the same for git and for us: %s', async (name, args) => {
    cli.git(args, at('moving'));
    if (name === 'insteadOf')
      cli.git(['remote', 'set-url', 'origin', `disk:${at('moved.git')}`], at('moving'));
    expect((await run('send', '--to', 'echo', '-m', name, '--wait')).stdout).toBe(`${name}\n`);
    expect(cli.git(['fetch', 'origin'], at('moving'))).toBe('');
  });

  it('is the same for git and for us: insteadOf in the environment', async () => {
    const env = {
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: `url.${at('moved.git')}.insteadOf`,
      GIT_CONFIG_VALUE_0: 'elsewhere:x',
    };
    cli.git(['remote', 'set-url', 'origin', 'elsewhere:x'], at('moving'));
    const args = ['send', '--to', 'echo', '-m', 'by rule', '--wait'];
    expect((await cli.run(args, { cwd: at('moving'), env })).stdout).toBe('by rule\n');
  });
});
