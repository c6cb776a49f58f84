import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Cli, fingerprint, letter, startCli } from '../support/cli.ts';

let cli: Cli;
beforeEach(async () => {
  cli = await startCli();
  // What `forget` forgets.
  await cli.run(['status']);
});
afterEach(() => cli.close());

function stateOf(): string {
  const root = join(cli.place, 'state');
  return join(root, readdirSync(root).find((name) => /^[0-9a-f]{16}$/.test(name)) ?? '');
}

describe('crosstalkd forget', () => {
  it('leaves nothing of a transport on the host, and nothing of the host on the remote but what was said', async () => {
    cli.say({ 'data/channels/general/a.md': letter('echo', 'one') });
    await cli.answer();
    mkdirSync(join(stateOf(), 'sessions', 'opus'), { recursive: true });
    expect((await cli.run(['service', 'install', '--no-start', '--manager', 'systemd'])).code).toBe(
      0,
    );
    const [clone, branch] = [fingerprint(cli.clone), cli.git(['rev-parse', 'main'], cli.remote)];
    const forgot = await cli.run(['forget', '.', '--yes']);
    expect(forgot).toMatchObject({ code: 0, stderr: '' });
    expect(existsSync(join(cli.place, 'state'))).toBe(false);
    expect(readdirSync(join(cli.place, 'config')).filter((name) => name !== 'config.yaml')).toEqual(
      [],
    );
    if (process.platform === 'linux')
      expect(readdirSync(join(cli.place, 'home', '.config', 'systemd', 'user'))).toEqual([]);
    expect(cli.git(['for-each-ref', 'refs/crosstalk'], cli.remote)).toBe('');
    expect(cli.git(['rev-parse', 'main'], cli.remote)).toBe(branch);
    expect(fingerprint(cli.clone)).toBe(clone);
    // It can begin again.
    expect((await cli.run(['status'])).code).toBe(0);
  });

  it.runIf(process.platform === 'linux')(
    'stops the service that runs, and leaves no more than without one',
    async () => {
      const tools = join(cli.place, 'tools');
      mkdirSync(tools);
      // As systemd does: the service is stopped when `disable --now` returns.
      const bin = join(import.meta.dirname, '../../bin/crosstalkd.js');
      writeFileSync(
        join(tools, 'systemctl'),
        `#!/bin/sh\ncase "$*" in *disable*) exec '${process.execPath}' '${bin}' stop -C '${cli.clone}';; esac\n`,
        { mode: 0o755 },
      );
      const env = { PATH: `${tools}:${cli.env['PATH'] ?? ''}` };
      expect((await cli.run(['service', 'install'], { env })).code).toBe(0);
      const running = cli.start(['run']);
      await running.until('models.loaded');
      expect(await cli.run(['forget', '.', '--yes'], { env })).toMatchObject({
        code: 0,
        stderr: '',
        stdout: expect.stringContaining('its service') as string,
      });
      expect((await running.stop()).code).toBe(0);
      expect(existsSync(join(cli.place, 'state'))).toBe(false);
      expect(readdirSync(join(cli.place, 'home', '.config', 'systemd', 'user'))).toEqual([]);
      expect(cli.git(['for-each-ref', 'refs/crosstalk'], cli.remote)).toBe('');
    },
  );

  it('keeps what belongs to another transport', async () => {
    expect((await cli.run(['init', 'other', '--alias', 'mbp'], { cwd: cli.place })).code).toBe(0);
    expect((await cli.run(['status'])).code).toBe(0);
    const approvals = (): number =>
      Object.keys(
        (
          JSON.parse(readFileSync(join(cli.place, 'config', 'approvals.json'), 'utf8')) as {
            transports: object;
          }
        ).transports,
      ).length;
    expect(approvals()).toBe(2);
    expect(
      (await cli.run(['forget', join(cli.place, 'other'), '--yes'], { cwd: cli.place })).code,
    ).toBe(0);
    expect(approvals()).toBe(1);
    expect((await cli.run(['run', '--once'])).stdout).toContain('"serves":["echo"]');
  });

  it('refuses while a dispatcher runs, also by force', async () => {
    const running = cli.start(['run']);
    await running.until('models.loaded');
    for (const flags of [['--yes'], ['--force']]) {
      expect(await cli.run(['forget', '.', ...flags])).toMatchObject({
        code: 5,
        stderr: expect.stringContaining('HELD_BY_ANOTHER') as string,
      });
    }
    expect(existsSync(stateOf())).toBe(true);
    await running.stop();
  });

  it('refuses to lose an answer, to continue unasked, and to leave refs behind, unless it is forced', async () => {
    expect(await cli.run(['forget', '.'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('--yes') as string,
    });
    writeFileSync(join(stateOf(), 'outbox', 'x.json'), '{}');
    expect(await cli.run(['forget', '.', '--yes'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('1 finished answer') as string,
    });
    rmSync(join(stateOf(), 'outbox', 'x.json'));
    mkdirSync(join(stateOf(), 'worktrees', 'work-1'), { recursive: true });
    expect(await cli.run(['forget', '.', '--yes'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('1 worktree') as string,
    });
    rmSync(join(stateOf(), 'worktrees'), { recursive: true });
    renameSync(cli.remote, `${cli.remote}.away`);
    expect((await cli.run(['forget', '.', '--yes'])).code).toBe(4);
    expect((await cli.run(['forget', '.', '--force'])).code).toBe(0);
    expect(existsSync(join(cli.place, 'state'))).toBe(false);
  });
});

describe('crosstalkd upgrade-transport', () => {
  /** The transport as an older version of init would have left it: one page older, one missing. */
  function makeOlder(): void {
    writeFileSync(join(cli.clone, 'PROTOCOL.md'), 'The protocol as it was.\n');
    cli.git(['rm', '-q', '--cached', 'AGENTS.md']);
    rmSync(join(cli.clone, 'AGENTS.md'));
    cli.git(['add', '-A']);
    cli.git(['commit', '-q', '--amend', '-m', 'Begin the conversation\n\ncrosstalkd init team']);
    cli.git(['config', 'receive.denyNonFastForwards', 'false'], cli.remote);
    cli.git(['push', '-q', '--force']);
    rmSync(join(cli.place, 'state'), { recursive: true });
  }

  it('shows what would change, commits it only when told to, and then finds nothing more to do', async () => {
    makeOlder();
    const before = cli.git(['rev-parse', 'main'], cli.remote);
    const asked = await cli.run(['upgrade-transport']);
    expect(asked.code).toBe(1);
    expect(asked.stdout).toContain('-The protocol as it was.');
    expect(asked.stderr).toContain('upgrade-transport --yes');
    expect(cli.git(['rev-parse', 'main'], cli.remote)).toBe(before);
    const done = await cli.json(['upgrade-transport', '--yes']);
    expect(done).toMatchObject({
      code: 0,
      data: { upgraded: ['AGENTS.md', 'PROTOCOL.md'], left: [] },
    });
    expect(cli.git(['log', '-1', '--format=%an: %s', 'main'], cli.remote)).toBe(
      'Ada: Upgrade this transport',
    );
    expect(cli.git(['diff', '--name-only', `${before}..main`], cli.remote).split('\n')).toEqual([
      'AGENTS.md',
      'PROTOCOL.md',
    ]);
    expect((await cli.run(['upgrade-transport'])).stdout).toContain('Nothing to upgrade');
    expect((await cli.run(['verify'])).code).toBe(0);
  });

  it('never touches what people changed or removed', async () => {
    makeOlder();
    cli.say({ 'PROTOCOL.md': 'Our own rules.\n' });
    cli.git(['pull', '-q']);
    cli.git(['rm', '-q', 'CROSSTALK.md']);
    cli.git(['commit', '-q', '-m', 'Not for us']);
    cli.git(['push', '-q']);
    const done = await cli.json(['upgrade-transport', '--yes']);
    expect(done.data).toMatchObject({
      upgraded: ['AGENTS.md'],
      left: ['CROSSTALK.md', 'PROTOCOL.md'],
    });
    expect(cli.git(['show', 'main:PROTOCOL.md'], cli.remote)).toBe('Our own rules.');
  });

  it('commits nothing that a push in between has chosen', async () => {
    makeOlder();
    const shown = cli.git(['rev-parse', 'main'], cli.remote);
    cli.say({ 'data/models.yaml': 'opus: sh -c evil\n' });
    const pushed = cli.git(['rev-parse', 'main'], cli.remote);
    cli.git(['update-ref', 'refs/heads/main', shown], cli.remote);
    // Somebody else's push lands while this one is on its way.
    writeFileSync(
      join(cli.remote, 'hooks', 'update'),
      `#!/bin/sh\ngit update-ref refs/heads/main ${pushed} ${shown}\n`,
      { mode: 0o755 },
    );
    const refused = await cli.run(['upgrade-transport', '--yes']);
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringContaining('data/models.yaml changed since it was shown'),
    ]);
    expect(cli.git(['rev-parse', 'main'], cli.remote)).toBe(pushed);
  });
});
