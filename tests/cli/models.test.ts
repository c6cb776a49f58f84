import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cli, fingerprint, listOf, startCli } from '../support/cli.ts';
import { fixIs } from '../support/fix.ts';

const MODELS = `models:
  echo: { adapter: command, command: [cat], effects: none }
  deploy: { adapter: command, command: [sh, -c, "rm -rf \\"$HOME\\" \\e[31m"], wrapper: [nice], effects: external, cwd: ~/app, env: [TOKEN], may-send: true }
  ghost: { adapter: command, command: [no-such-program-here] }
  wrong: { adapter: nonsense }
`;

let cli: Cli;
beforeAll(async () => {
  cli = await startCli();
  cli.say({ 'data/models.yaml': MODELS });
});
afterAll(() => cli.close());

describe('models and allow', () => {
  it('models says of each whether it is served, and the command that changes it', async () => {
    const { code, data } = await cli.json(['models']);
    expect(code).toBe(0);
    expect(data).toMatchObject({ ok: true, health: 'degraded' });
    expect(listOf(data, 'models')).toMatchObject([
      {
        name: 'deploy',
        served: false,
        state: 'unapproved',
        fix: fixIs('crosstalkd allow deploy'),
        effects: 'external',
        source: 'transport',
      },
      {
        name: 'echo',
        served: false,
        state: 'changed-since-approval',
        fix: fixIs('crosstalkd allow echo'),
      },
      { name: 'ghost', served: false, program: 'no-such-program-here', program_path: null },
      { name: 'wrong', served: false, state: 'invalid' },
    ]);
    const { stdout } = await cli.run(['models']);
    expect(stdout).toContain('no-such-program-here (missing)');
  });

  it('allow without names lists exactly what waits, and approves nothing', async () => {
    const before = readFileSync(join(cli.place, 'config', 'approvals.json'), 'utf8');
    const { code, stdout, stderr } = await cli.run(['allow']);
    expect(code).toBe(0);
    expect(stderr).toContain('wrong cannot be approved: data/models.yaml:');
    expect(stdout).toContain('runs     nice sh -c "rm -rf \\"$HOME\\" \\u001b[31m"');
    expect(stdout).toContain('effects  external: it may change things on this host');
    expect(stdout).toContain('cwd      ~/app');
    expect(stdout).toContain('env      TOKEN');
    expect(stdout).toContain('gives    the value of TOKEN to nice and sh');
    expect(stdout).toContain('may send messages');
    expect(stdout).toContain('to approve: crosstalkd allow deploy echo ghost');
    expect(readFileSync(join(cli.place, 'config', 'approvals.json'), 'utf8')).toBe(before);
  });

  it('allow approves what is named, shows it, and a changed entry waits again', async () => {
    const { code, data } = await cli.json(['allow', 'echo', 'ghost']);
    expect(code).toBe(0);
    expect(listOf(data, 'approved')).toMatchObject([
      { name: 'echo', command: ['cat'] },
      { name: 'ghost' },
    ]);
    expect(data).toMatchObject({ missing: ['ghost'], unchanged: [] });
    expect((await cli.json(['allow', 'echo'])).data).toMatchObject({
      approved: [],
      unchanged: ['echo'],
    });
    cli.say({ 'data/models.yaml': MODELS.replace('command: [cat]', 'command: [tac]') });
    const models = listOf((await cli.json(['models'])).data, 'models');
    expect(models.find(({ name }) => name === 'echo')).toMatchObject({
      served: false,
      state: 'changed-since-approval',
    });
  });

  it.each([
    [['allow', 'ehco'], 3, 'did you mean "echo"'],
    [['allow', 'wrong'], 2, 'adapter "nonsense"'],
    [['allow', '--add'], 2, 'which program should be added?'],
    [['allow', '--add', 'droid'], 3, 'no agent program "droid" is on this host'],
  ])('%j is refused', async (args, code, says) => {
    const ended = await cli.run(args);
    expect(ended.code).toBe(code);
    expect(ended.stderr).toContain(says);
  });

  it('allow --add gives a program its entry, approves it, and tells one that is not here', async () => {
    const PATH = `${join(cli.place, 'programs')}:${cli.env['PATH'] ?? ''}`;
    mkdirSync(join(cli.place, 'programs'));
    const script = '#!/bin/sh\necho "9.9.9 (Claude Code)"\n';
    writeFileSync(join(cli.place, 'programs', 'claude'), script, { mode: 0o755 });
    const models = await cli.run(['models'], { env: { PATH } });
    expect(models.stdout).toContain('crosstalkd allow --add claude');
    const added = await cli.run(['allow', '--add', 'claude'], { env: { PATH } });
    expect(added.stdout, added.stderr).toContain('approved claude');
    // On macOS a login is in the keychain, and cannot be seen.
    if (process.platform !== 'darwin')
      expect(added.stderr).toContain('claude is not signed in here: run "claude"');
    expect(cli.git(['show', 'main:data/models.yaml'], cli.remote)).toMatch(
      /^models:\n {2}echo: [^]*\n {2}claude:\n {4}adapter: claude$/,
    );
    const missing = await cli.run(['allow', '--add', 'droid'], { env: { PATH } });
    expect([missing.code, missing.stderr]).toEqual([3, expect.stringContaining('found: claude')]);
    // A file that ends otherwise is left as it is.
    cli.say({ 'data/models.yaml': `${MODELS}# of\nother: {}\n` });
    const refused = await cli.run(['allow', '--add', 'claude'], { env: { PATH } });
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('adapter: claude')]);
    cli.say({ 'data/models.yaml': MODELS.replace('[cat]', '[tac]') });
  });

  it.each([
    ['  odd: { adapter: command, effects: sometimes }', '"odd" cannot be used: data/models.yaml'],
    ['  odd: { adapter: command, command: [cat', 'no model "odd" is known, and data/models.yaml'],
  ])('send names what is wrong where a model should be: %s', async (line, told) => {
    cli.say({ 'data/models.yaml': `${MODELS}${line}\n` });
    const { code, stderr } = await cli.run(['send', '--to', 'odd', '-m', 'hello']);
    expect(code).not.toBe(0);
    expect(stderr).toContain(`${told} line 6 is wrong: found `);
    expect(stderr).toContain('help: crosstalkd lint data/models.yaml');
    cli.say({ 'data/models.yaml': MODELS.replace('[cat]', '[tac]') });
  });

  it('allow --all approves the rest, and then nothing waits', async () => {
    expect((await cli.run(['allow', '--all'])).code).toBe(0);
    // Again is fine: what was asked for is so.
    expect(await cli.run(['allow', '--all'])).toMatchObject({
      code: 0,
      stdout: 'nothing waits for approval on this host\n',
    });
    expect(await cli.run(['allow'])).toMatchObject({
      code: 3,
      stdout: 'nothing waits for approval on this host\n',
    });
    expect((await cli.json(['allow'])).data).toMatchObject({
      ok: true,
      health: 'good',
      waiting: [],
    });
  });
});

describe('join', () => {
  const elsewhere = (): Readonly<Record<string, string>> => ({
    CROSSTALK_CONFIG_DIR: join(cli.place, 'config2'),
    CROSSTALK_STATE_DIR: join(cli.place, 'state2'),
  });

  it('clones, says what this host can serve, and leaves nothing on the remote', async () => {
    const refs = cli.git(['for-each-ref'], cli.remote);
    const { code, stdout } = await cli.run(['join', '../team.git', 'second'], {
      env: elsewhere(),
      cwd: join(cli.place, 'home'),
    });
    expect(code).toBe(0);
    const directory = join(cli.place, 'home', 'second');
    expect(existsSync(join(directory, 'CROSSTALK-VERSION'))).toBe(true);
    expect(stdout).toContain('serves 0 of 4');
    expect(stdout).toMatch(/echo +not approved on this host/);
    expect(stdout).toContain(`crosstalkd allow -C ${directory} deploy`);
    expect(cli.git(['for-each-ref'], cli.remote)).toBe(refs);
    const { data } = await cli.json(['join', cli.remote, 'third'], {
      env: elsewhere(),
      cwd: cli.place,
    });
    expect(data).toMatchObject({ ok: true, remote: cli.remote, branch: 'main' });
    expect(listOf(data, 'models')).toHaveLength(4);
  });

  it('overwrites nothing', async () => {
    const before = fingerprint(cli.clone);
    const occupied = await cli.run(['join', cli.remote, 'team'], { cwd: cli.place });
    expect(occupied.code).toBe(2);
    expect(occupied.stderr).toContain('ALREADY_EXISTS');
    expect(fingerprint(cli.clone)).toBe(before);
  });

  it('refuses what is not a transport, and takes away only what it made', async () => {
    cli.git(['init', '-q', '--bare', 'plain.git'], cli.place);
    const plain = await cli.run(['join', 'plain.git'], { cwd: cli.place });
    expect(plain.code).toBe(2);
    expect(plain.stderr).toContain('init DIR --remote');
    expect(existsSync(join(cli.place, 'plain'))).toBe(false);
    expect(
      (await cli.run(['join', 'team.git', 'x', '--branch', 'nowhere'], { cwd: cli.place })).stderr,
    ).toContain('has no branch "nowhere"');
  });

  it.each([
    [['join', 'gone.git'], 4, 'REMOTE_UNREACHABLE'],
    [['join', 'ext::sh -c touch% /tmp/x', 'y'], 2, 'cannot be used'],
    [['join', '--', '--upload-pack=x', 'y'], 2, 'cannot be used'],
    [['join', 'team.git', 'y', '--branch', '--upload-pack=x'], 2, 'unknown option "--upload-pack"'],
    [['join'], 2, '<url> is missing'],
  ])('%j is refused', async (args, code, says) => {
    const ended = await cli.run(args, { cwd: cli.place });
    expect(ended.stderr).toContain(says);
    expect(ended.code).toBe(code);
    expect(existsSync(join(cli.place, 'y'))).toBe(false);
  });
});

describe('lint', () => {
  const put = (name: string, text: string | Uint8Array): string => {
    writeFileSync(join(cli.place, name), text);
    return join(cli.place, name);
  };

  it('says file, line, what was found and what was expected', async () => {
    const bad = put('bad.md', '---\nto: echo\nhops: many\n---\n');
    const js = put('js.md', '---js\nprocess.exit(9)\n---\n');
    const good = put('good.md', '---\nto: echo\n---\nhello\n');
    const { code, stdout } = await cli.run(['lint', bad, js, good]);
    expect(code).toBe(2);
    expect(stdout).toContain(
      `${bad}:3:1: rejected: found hops: text "many"; expected a whole number from 0 to 1000`,
    );
    expect(stdout).toContain(
      `${js}:1: rejected: found "---js"; expected the first line to be exactly ---`,
    );
    expect(stdout).toContain(`${good}: good`);
    const { data } = await cli.json(['lint', good]);
    expect(data).toMatchObject({
      ok: true,
      health: 'good',
      files: [{ ok: true, problems: [], warnings: [] }],
    });
  });

  it('warns of names nobody answers to, hosts never seen, paths that are not there, and hops at the limit', async () => {
    const file = put(
      'odd.md',
      '---\nto: [ehco, echo@nowhere]\nre: data/channels/general/none.md\nhops: 4\n---\nx\n',
    );
    const { code, data } = await cli.json(['lint', file]);
    expect(code).toBe(0);
    expect(data).toMatchObject({ ok: true, health: 'degraded' });
    expect(listOf(data, 'files')[0]?.['warnings']).toEqual([
      '"ehco" is neither a model nor a person seen here; did you mean "echo"?',
      expect.stringContaining('no host "nowhere" has been seen'),
      'data/channels/general/none.md does not exist in the transport',
      expect.stringContaining('at the limit of 4'),
    ]);
  });

  it('checks models.yaml, and syntax alone outside of a clone', async () => {
    const models = put('models.yaml', 'models:\n  a: { adapter: command }\n');
    expect((await cli.run(['lint', models])).stdout).toContain(`${models}:2:8: rejected`);
    const slip = put('models.yaml', 'models:\n  a:\n    effects: none\n    adapter: comand\n');
    expect((await cli.run(['lint', slip])).stdout).toContain(
      `${slip}:4:5: rejected: found adapter "comand"; expected one of`,
    );
    const outside = await cli.run(['lint', put('good.md', '---\nto: anybody\n---\nx\n')], {
      cwd: join(cli.place, 'home'),
    });
    expect(outside.code).toBe(0);
    expect(outside.stderr).toContain('names were not checked');
    expect((await cli.run(['lint', 'no-such-file.md'])).code).toBe(2);
  });

  it('lets no control code of a file or its name through', async () => {
    const { stdout } = await cli.run([
      'lint',
      put('x\u001b[31m.md', '---\nto: "\u001b]0;x\u0007"\nfrom: \u009b31m\n---\n'),
    ]);

    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  });
});
