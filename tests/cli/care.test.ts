import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type Cli, type Json, letter, listOf, startCli } from '../support/cli.ts';
import { fixIs } from '../support/fix.ts';

const AT = 'data/channels/general';
const DISPATCHER = {
  GIT_AUTHOR_NAME: 'echo',
  GIT_AUTHOR_EMAIL: 'echo@mbp.crosstalk',
  GIT_COMMITTER_NAME: 'crosstalkd on mbp',
  GIT_COMMITTER_EMAIL: 'dispatcher@mbp.crosstalk',
};

let cli: Cli;
beforeEach(async () => {
  cli = await startCli();
});
afterEach(() => cli.close());

const checks = (data: Json): readonly string[] =>
  listOf(data, 'checks').map(({ name, level }) => `${String(level)} ${String(name)}`);

/** The clone that `cli.elsewhere` makes. */
const other = (): string => join(cli.place, 'other');

/** A commit that bears a dispatcher's name, as a broken or hostile one would make it. */
function forge(...git: readonly (readonly string[])[]): void {
  const config = Object.entries({
    'user.name': DISPATCHER.GIT_COMMITTER_NAME,
    'user.email': DISPATCHER.GIT_COMMITTER_EMAIL,
  });
  for (const [key, value] of config) cli.git(['config', key, value], other());
  for (const args of git) cli.git(args, other());
  cli.git(['push', '-q'], other());
  cli.git(['config', 'user.email', 'grace@example.org'], other());
}

describe('doctor', () => {
  it('finds nothing on a fresh transport', async () => {
    const { code, data } = await cli.json(['doctor']);
    expect(code).toBe(0);
    expect(data).toMatchObject({ ok: true, health: 'good' });
    expect(checks(data).every((line) => line.startsWith('ok'))).toBe(true);
  });

  it('records that the remote takes no atomic pushes, and answers land all the same', async () => {
    cli.git(['config', 'receive.advertiseAtomic', 'false'], cli.remote);
    const found = await cli.json(['doctor']);
    expect(found.code).toBe(1);
    expect(checks(found.data)).toContain('bad version file');
    const fixed = await cli.json(['doctor', '--fix']);
    expect(fixed.code).toBe(0);
    expect(checks(fixed.data)).toContain('ok version file');
    expect(cli.git(['show', 'main:CROSSTALK-VERSION'], cli.remote)).toBe('7\natomic-push: no');
    cli.say({ [`${AT}/a.md`]: letter('echo', 'x') });
    await cli.answer();
    expect(cli.git(['ls-tree', '-r', '--name-only', 'main'], cli.remote)).toContain(
      `${AT}/a.re.echo.md`,
    );
    expect(cli.git(['for-each-ref', 'refs/crosstalk/claims'], cli.remote)).toBe('');
  });

  it('moves claims below refs/heads where other refs are refused, and lets them be deleted there', async () => {
    writeFileSync(
      join(cli.remote, 'hooks', 'update'),
      '#!/bin/sh\ncase "$1" in refs/heads/*) exit 0;; *) echo "only branches here" >&2; exit 1;; esac\n',
      { mode: 0o755 },
    );
    const found = await cli.json(['doctor']);
    expect(checks(found.data)).toEqual(expect.arrayContaining(['bad version file', 'bad delete']));
    const fixed = await cli.json(['doctor', '--fix']);
    expect(fixed.code).toBe(0);
    expect(cli.git(['show', 'main:CROSSTALK-VERSION'], cli.remote)).toBe('7\ncustom-refs: no');
    expect(cli.git(['config', '--get', 'receive.denyDeletes'], cli.remote)).toBe('false');
    cli.say({ [`${AT}/a.md`]: letter('echo', 'x') });
    await cli.answer();
    expect(cli.git(['ls-tree', '-r', '--name-only', 'main'], cli.remote)).toContain(
      `${AT}/a.re.echo.md`,
    );
    expect(cli.git(['for-each-ref', 'refs/heads/crosstalk/claims'], cli.remote)).toBe('');
  });

  it('says so when the remote rejects pushes', async () => {
    writeFileSync(
      join(cli.remote, 'hooks', 'pre-receive'),
      '#!/bin/sh\necho "closed for the night" >&2; exit 1\n',
      { mode: 0o755 },
    );
    const { code, data } = await cli.json(['doctor']);
    expect(code).toBe(1);
    expect(listOf(data, 'checks').find(({ name }) => name === 'push')).toMatchObject({
      level: 'bad',
    });
  });

  it('mends protection of the remote and a damaged cache, and says what it did', async () => {
    cli.git(['config', '--unset', 'receive.fsckObjects'], cli.remote);
    const state = String((await cli.json(['status', '--config'])).data['state']);
    const blob = cli.git(['rev-parse', 'main:README.md'], cli.remote);
    rmSync(join(state, 'cache.git', 'objects', blob.slice(0, 2), blob.slice(2)));
    const found = await cli.json(['doctor']);
    expect(checks(found.data)).toEqual(expect.arrayContaining(['bad cache', 'warn protection']));
    const fixed = await cli.json(['doctor', '--fix']);
    expect(fixed).toMatchObject({ code: 0, data: { ok: true, health: 'good' } });
    expect(fixed.data['repaired']).toEqual([
      'set receive.fsckObjects on the remote',
      'removed the cache; it will be fetched again',
    ]);
  });

  it('names the program that is missing', async () => {
    writeFileSync(
      join(cli.place, 'config', 'models.yaml'),
      'models:\n  gone: { adapter: command, command: [no-such-program] }\n',
      {
        mode: 0o600,
      },
    );
    const { code, data } = await cli.json(['doctor']);
    expect(code).toBe(1);
    expect(listOf(data, 'checks').find(({ name }) => name === 'model gone')).toMatchObject({
      level: 'bad',
    });
  });
});

describe('verify', () => {
  it('finds every promise kept, also over merges of people and answers by hand', async () => {
    cli.say({
      [`${AT}/a.md`]: letter('echo', 'x'),
      [`${AT}/b.md`]: letter('all', 'x'),
      [`${AT}/c.md`]: letter('echo@mbp', 'x'),
    });
    await cli.answer();
    cli.say({
      [`${AT}/d.md`]: letter('echo', 'x'),
      [`${AT}/d.re.echo.md`]: letter('grace', 'mine'),
    });
    cli.elsewhere();
    cli.git(['checkout', '-q', '-b', 'side', 'HEAD~2'], other());
    cli.git(['commit', '-q', '--allow-empty', '-m', 'aside'], other());
    cli.git(['merge', '-q', '--no-edit', 'main'], other());
    cli.git(['push', '-q', 'origin', 'side:main'], other());
    const { code, data } = await cli.json(['verify']);
    expect(data).toMatchObject({ ok: true, health: 'good', violations: [] });
    expect(code).toBe(0);
  });

  const plant = async (): Promise<void> => {
    cli.say({
      [`${AT}/a.md`]: letter('echo', 'x'),
      [`${AT}/pinned.md`]: letter('echo@attic', 'x'),
    });
    await cli.answer();
    cli.elsewhere();
  };
  const forgeReply = (name: string, re: string): void => {
    writeFileSync(
      join(other(), AT, name),
      `---\nto: grace\nfrom: echo\nre: ${re}\nmodel: echo\nhost: mbp\nattempt: 1\n---\nx\n`,
    );
    forge(['add', '-A'], ['commit', '-q', '-m', 'forged']);
  };
  const firstViolation = async (): Promise<Json> => {
    const { code, data } = await cli.json(['verify']);
    expect(code).toBe(1);
    const [first] = listOf(data, 'violations');
    expect(first?.['commit']).toBe(cli.git(['rev-parse', 'main'], cli.remote));
    return first ?? {};
  };

  it('finds a reply that a dispatcher changed', async () => {
    await plant();
    writeFileSync(join(other(), AT, 'a.re.echo.md'), letter('grace', 'changed'));
    forge(['add', '-A'], ['commit', '-q', '-m', 'forged']);
    expect(await firstViolation()).toMatchObject({ invariant: 'I5', path: `${AT}/a.re.echo.md` });
  });

  it('finds a file that a dispatcher removed', async () => {
    await plant();
    forge(['rm', '-q', `${AT}/pinned.md`], ['commit', '-q', '-m', 'forged']);
    expect(await firstViolation()).toMatchObject({ invariant: 'I1', path: `${AT}/pinned.md` });
  });

  it('finds a reply to what never existed', async () => {
    await plant();
    forgeReply('ghost.re.echo.md', `${AT}/ghost.md`);
    expect(await firstViolation()).toMatchObject({ invariant: 'I3' });
  });

  it('finds a reply by a model that was not asked, and one on the wrong host', async () => {
    await plant();
    forgeReply('a.re.other.md', `${AT}/a.md`);
    expect(await firstViolation()).toMatchObject({ invariant: 'I4', path: `${AT}/a.re.other.md` });
  });

  it('finds a reply on a host that the message does not allow', async () => {
    await plant();
    forgeReply('pinned.re.echo.md', `${AT}/pinned.md`);
    expect(await firstViolation()).toMatchObject({
      invariant: 'I4',
      path: `${AT}/pinned.re.echo.md`,
    });
  });

  it('finds two replies to one message', async () => {
    const ulid = '01JD0000000000000000000000';
    cli.say({ [`${AT}/a-${ulid}.md`]: letter('echo', 'x') });
    await cli.answer();
    cli.say({ [`${AT}/b-${ulid}.md`]: letter('echo', 'x') });
    cli.elsewhere();
    forgeReply(`b-${ulid}.re.echo.md`, `${AT}/b-${ulid}.md`);
    expect(await firstViolation()).toMatchObject({
      invariant: 'I2',
      path: `${AT}/b-${ulid}.re.echo.md`,
    });
  });
});

describe('accept-rewrite', () => {
  const rewrite = (): void => {
    cli.git(['config', 'receive.denyNonFastForwards', 'false'], cli.remote);
    cli.elsewhere();
    cli.git(['reset', '-q', '--hard', 'HEAD~1'], other());
    cli.git(['commit', '-q', '--allow-empty', '-m', 'another past'], other());
    cli.git(['push', '-q', '--force'], other());
  };

  it('shows what vanished and changes nothing until it is confirmed', async () => {
    cli.say({ [`${AT}/a.md`]: letter('echo', 'x') });
    cli.say({ [`${AT}/b.md`]: letter('echo', 'x') });
    expect((await cli.run(['accept-rewrite'])).code).toBe(3);
    expect((await cli.run(['status'])).code).toBe(0);
    rewrite();
    const seen = await cli.json(['status']);
    expect(seen).toMatchObject({ code: 1, data: { ok: false, health: 'halted' } });
    expect(listOf(seen.data, 'needs')[0]).toMatchObject({
      kind: 'rewritten',
      fix: fixIs('crosstalkd accept-rewrite'),
    });
    expect((await cli.json(['verify'])).data).toMatchObject({ violations: [{ invariant: 'I6' }] });
    expect((await cli.run(['run', '--once'])).code).toBe(1);
    const asked = await cli.run(['accept-rewrite']);
    expect(asked.code).toBe(1);
    expect(asked.stdout).toContain('1 file vanished:\n  b\n');
    expect(asked.stderr).toContain('crosstalkd accept-rewrite --yes');
    expect((await cli.run(['accept-rewrite', '--yes'])).code).toBe(0);
    expect((await cli.run(['status'])).code).toBe(0);
    await cli.answer();
    expect((await cli.run(['verify'])).code).toBe(0);
  });

  it('keeps what this host has run from a second run, with no dispatcher there to be told', async () => {
    cli.say({ [`${AT}/a.md`]: letter('echo', 'x') });
    await cli.answer();
    expect((await cli.run(['status'])).code).toBe(0);
    rewrite();
    expect((await cli.json(['accept-rewrite', '--yes'])).data).toMatchObject({
      ok: true,
      dispatcher_told: false,
    });
    cli.say({ [`${AT}/b.md`]: letter('echo', 'x') });
    const once = await cli.run(['run', '--once']);
    expect(`${once.stdout}${once.stderr}`.match(/"attempt.started"/g)?.length).toBe(1);
    const files = cli.git(['ls-tree', '-r', '--name-only', 'main', AT], cli.remote);
    expect(files).toContain('b.re.echo.md');
    expect(files).not.toContain('a.re.echo.md');
    const { parts } = (await cli.json(['why', 'a'])).data as { readonly parts: readonly Json[] };
    expect(parts).toMatchObject([
      { kind: 'ran-before', fix: fixIs('crosstalkd cancel a && crosstalkd retry a') },
    ]);
  });

  it('sets a running dispatcher going again', async () => {
    cli.say({ [`${AT}/a.md`]: letter('echo', 'x') });
    const host = cli.start(['run', '--interval', '0.2']);
    try {
      await host.until('"reply.published"');
      rewrite();
      await host.until('"transport.rewritten"');
      const { data } = await cli.json(['accept-rewrite', '--yes']);
      expect(data).toMatchObject({ ok: true, dispatcher_told: true });
      await host.until('"transport.accepted"');
      const state = await eventually(
        async () => (await cli.json(['status'])).data,
        ({ here }) => (here as Json | null)?.['halted'] === false,
      );
      expect(state).toMatchObject({ ok: true });
    } finally {
      await host.stop();
    }
  });
});
