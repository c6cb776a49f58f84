/**
 * A password in the address of a remote is used and never seen: not in what is shown, not among the
 * arguments of a process. What a person's clone says about its remotes holds for ours as well.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemRandom } from '../../src/base/random.ts';
import { systemClock } from '../../src/base/clock.ts';
import type { CrosstalkError } from '../../src/base/errors.ts';
import { asDispatcher, findBranch } from '../../src/cli/session/remote-branches.ts';
import { addressIn, isUrl, locateTransport } from '../../src/cli/session/locate.ts';
import { checkRemoteUrl } from '../../src/transport/git-environment.ts';
import type { GitRepositoryOptions } from '../../src/transport/git-repository.ts';
import { openUrl, shownUrl } from '../../src/transport/remote-url.ts';
import { createReadLine } from '../../src/transport/space-reads.ts';
import type { Repository } from '../../src/transport/repository.ts';
import { createGitFixture, draftOf, type GitFixture, reached } from '../support/git-fixture.ts';
import { startHttpRemote, type TestServer } from '../support/http-remote.ts';
import { writeSsh } from '../support/scripted-remote.ts';

describe('an address', () => {
  it.each([
    ['https://bob:s3cret@h/x.git', 'https://h/x.git'],
    ['https://tok3n@h:8443/x', 'https://h:8443/x'],
    ['HTTPS://bob:p:q@h/x@y', 'HTTPS://h/x@y'],
    ['https://bob:p@q@h/x', 'https://h/x'],
    ['https://bob:p%40ss@h/x?y#z', 'https://h/x?y#z'],
    ['ssh://git:s3cret@h/x', 'ssh://git@h/x'],
    ['ssh://git@h:22/x', 'ssh://git@h:22/x'],
    ['git@h:x.git', 'git@h:x.git'],
    ['/srv/a@b.git', '/srv/a@b.git'],
    ['file:///srv/x.git', 'file:///srv/x.git'],
  ])('%s is shown as %s', (given, shown) => {
    expect(shownUrl(given)).toBe(shown);
  });

  it('never shows the password, whatever it is made of', () => {
    const text = fc.string({ minLength: 8, maxLength: 40 }).map(encodeURIComponent);
    fc.assert(
      fc.property(text, text, (name, password) => {
        fc.pre(!'https://forge.example/x.git'.includes(password) && password.length > 7);
        const { url, access } = openUrl(`https://${name}:${password}@forge.example/x.git`);
        expect(url).toBe('https://forge.example/x.git');
        expect(Object.values(access.env)).toContain(decodeURIComponent(password));
      }),
    );
  });
});

describe('what is given as a remote', () => {
  it.each([
    ['git@h:x.git', true],
    ['work:me/x.git', true],
    ['org-1@forge.example:x', true],
    ['me@[::1]:x', true],
    ['ssh://h/x', true],
    ['x.git', false],
    ['./a:b', false],
    ['/srv/a:b', false],
    ['ext::sh -c x', false],
    ['-oProxyCommand=x:y', false],
    ['me@-oProxyCommand=x:y', false],
  ])('%s is a place elsewhere: %s', (given, expected) => {
    expect(isUrl(given, '/nowhere')).toBe(expected);
    if (expected) expect(checkRemoteUrl(given, false)).toBe(given);
  });

  it('is the file here, where there is one of that name', () => {
    mkdirSync(join(fixture.root, 'work:x'));
    expect(addressIn(fixture.root, 'work:x')).toBe(join(fixture.root, 'work:x'));
    expect(addressIn(fixture.root, 'work:y')).toBe('work:y');
  });
});

let fixture: GitFixture;
let servers: TestServer[];
beforeEach(() => {
  fixture = createGitFixture();
  servers = [];
});
afterEach(async () => {
  await Promise.all(servers.map((server) => server.close()));
  await fixture.dispose();
});

async function roundTrip(options: Partial<GitRepositoryOptions>): Promise<Repository> {
  const host = await fixture.open(options);
  const { tip } = reached(await host.listRefs([]));
  const [next] = await host.buildCommits(tip, [draftOf({ [`f-${tip}`]: '1' })]);
  const update = { ref: 'refs/heads/main', expected: tip, next: next ?? null };
  expect(await host.push([update], { atomic: true })).toMatchObject({ kind: 'answered' });
  const other = await fixture.open(options);
  reached(await other.listRefs([]));
  reached(await other.fetch({ tip: next ?? null, records: new Map() }));
  return other;
}

/** A git that writes down what it is called with, and so does everything that it starts by name. */
function spyOnGit(): { readonly path: string; readonly said: () => string } {
  const [bin, log] = [join(fixture.root, 'spy'), join(fixture.root, 'spy.log')];
  const path = fixture.env['PATH'] ?? '';
  const git = execFileSync('/bin/sh', ['-c', 'command -v git'], { env: { PATH: path } });
  mkdirSync(bin);
  writeFileSync(
    join(bin, 'git'),
    `#!/bin/sh\necho "$@" >> ${log}\nPATH=${path} exec ${git.toString().trim()} "$@"\n`,
    { mode: 0o755 },
  );
  return {
    path: `${bin}:${path}`,
    said: () => (existsSync(log) ? readFileSync(log, 'utf8') : ''),
  };
}

describe('a password in the address', () => {
  it('opens the remote for looking, fetching and pushing, and is no argument of any program', async () => {
    const expected = `Basic ${Buffer.from('bob:s3cr@t').toString('base64')}`;
    const server = await startHttpRemote({
      root: fixture.root,
      env: { ...fixture.env, REMOTE_USER: 'bob' },
      refuse: ({ headers }) =>
        headers.authorization === expected
          ? null
          : { status: 401, body: '', headers: { 'www-authenticate': 'Basic realm="x"' } },
    });
    servers.push(server);
    const url = `${server.url.replace('//', '//bob:s3cr%40t@')}/remote.git`;
    const spy = spyOnGit();
    const env = { ...fixture.env, PATH: spy.path, GIT_TRACE: join(fixture.root, 'trace') };
    await roundTrip({ url, allowHttp: true, env });
    expect(spy.said()).toContain('push');
    expect(spy.said()).not.toMatch(/s3cr/);
    await expect(
      fixture.open({ url: server.url.replace('http:', 'gopher:').replace('//', '//bob:s3cret@') }),
    ).rejects.toSatisfy((error: CrosstalkError) => !error.message.includes('s3cret'));
  });

  it('that is wrong is refused once, without being shown', async () => {
    const server = await startHttpRemote({
      root: fixture.root,
      env: fixture.env,
      refuse: () => ({ status: 401, body: '', headers: { 'www-authenticate': 'Basic realm="x"' } }),
    });
    servers.push(server);
    const url = `${server.url.replace('//', '//bob:s3cret@')}/remote.git`;
    const host = await fixture.open({ url, allowHttp: true });
    const listed = await host.listRefs([]);
    expect(listed).toMatchObject({ kind: 'unreachable', failure: { reason: 'auth' } });
    expect(JSON.stringify(listed)).not.toContain('s3cret');
  });
});

describe('a clone', () => {
  const clone = (): string => {
    const directory = join(fixture.root, 'clone');
    fixture.git(['clone', '-q', fixture.remoteDir, directory]);
    writeFileSync(join(directory, 'CROSSTALK-VERSION'), '7\n');
    return directory;
  };
  const located = (directory: string) =>
    locateTransport(directory, { cwd: fixture.root, env: fixture.env });

  it('its ssh command is used, and not asked anything', async () => {
    const directory = clone();
    const said = join(fixture.root, 'ssh-args');
    const ssh = writeSsh(fixture, { says: [], exit: null });
    const wrapper = join(fixture.root, 'wrapper');
    writeFileSync(wrapper, `#!/bin/sh\necho "$@" >> ${said}\nexec ${ssh} "$@"\n`, { mode: 0o755 });
    const url = `ssh://git@h${fixture.remoteDir}`;
    fixture.git(['remote', 'set-url', 'origin', url], { cwd: directory });
    fixture.git(['config', 'core.sshCommand', wrapper], { cwd: directory });
    const { url: found, access } = await located(directory);
    expect(found).toBe(url);
    await roundTrip({ url, access });
    expect(readFileSync(said, 'utf8')).toContain('-oBatchMode=yes');
  });

  it('its credential helper is asked', async () => {
    const expected = `Basic ${Buffer.from('ann:pw').toString('base64')}`;
    const server = await startHttpRemote({
      root: fixture.root,
      env: { ...fixture.env, REMOTE_USER: 'ann' },
      refuse: ({ headers }) =>
        headers.authorization === expected
          ? null
          : { status: 401, body: '', headers: { 'www-authenticate': 'Basic realm="x"' } },
    });
    servers.push(server);
    const directory = clone();
    const url = `${server.url}/remote.git`;
    fixture.git(['remote', 'set-url', 'origin', url], { cwd: directory });
    fixture.git(
      ['config', 'credential.helper', '!f() { echo username=ann; echo password=pw; }; f'],
      { cwd: directory },
    );
    await roundTrip({ url, allowHttp: true, access: (await located(directory)).access });
  });

  it('has its addresses rewritten once, as git does', async () => {
    const directory = clone();
    const [from, to] = [`${fixture.root}/`, `${fixture.root}/moved/`];
    mkdirSync(to);
    fixture.git(['init', '-q', '--bare', '--initial-branch=main', `${to}remote.git`]);
    for (const rule of ['insteadOf', 'pushInsteadOf'])
      fixture.git(['config', `url.${to}.${rule}`, from], { cwd: directory });
    const { url, pushUrl, access } = await located(directory);
    expect([url, pushUrl]).toEqual([`${to}remote.git`, null]);
    await roundTrip({ url, access });
    expect(fixture.git(['for-each-ref', '--format=%(refname)'], { cwd: url })).toBe(
      'refs/heads/main',
    );
  });

  it('its push URL is where pushes go', async () => {
    const directory = clone();
    const other = join(fixture.root, 'door.git');
    fixture.git(['remote', 'set-url', 'origin', `file://${fixture.remoteDir}`], { cwd: directory });
    fixture.git(['remote', 'set-url', '--push', 'origin', other], { cwd: directory });
    const { url, pushUrl } = await located(directory);
    expect([url, pushUrl]).toEqual([`file://${fixture.remoteDir}`, other]);
    fixture.git(['init', '-q', '--bare', other]);
    const host = await fixture.open({ url, pushUrl: other });
    const record = await host.writeRecord('{}');
    await host.push([{ ref: 'refs/crosstalk/x', expected: null, next: record }], { atomic: false });
    expect(fixture.git(['for-each-ref', '--format=%(refname)'], { cwd: other })).toBe(
      'refs/crosstalk/x',
    );
  });

  it('that pushes to two places is refused: neither could decide who was first', async () => {
    const directory = clone();
    for (const place of ['a', 'b'])
      fixture.git(['remote', 'set-url', '--push', '--add', 'origin', `/srv/${place}.git`], {
        cwd: directory,
      });
    await expect(located(directory)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('/srv/a.git and /srv/b.git') as string,
    });
  });
});

describe('the branch of the conversation', () => {
  const found = (): Promise<string> =>
    findBranch(
      asDispatcher(
        fixture.remoteDir,
        { env: fixture.env },
        createReadLine(systemClock, systemRandom),
      ),
    );
  const commit = async (branch: string, file: string): Promise<void> => {
    const host = await fixture.open({ branch });
    const [tip] = await host.buildCommits(null, [draftOf({ [file]: `7\n` })]);
    const update = { ref: `refs/heads/${branch}`, expected: null, next: tip ?? null };
    expect(await host.push([update], { atomic: true })).toMatchObject({ kind: 'answered' });
  };

  it('is the default one', async () => {
    await commit('main', 'CROSSTALK-VERSION');
    await commit('crosstalk', 'CROSSTALK-VERSION');
    expect(await found()).toBe('main');
  });

  it('is the one that has a CROSSTALK-VERSION when the default one is not there, or is code', async () => {
    fixture.git(['config', 'uploadpack.allowFilter', 'true'], { cwd: fixture.remoteDir });
    await commit('talk', 'CROSSTALK-VERSION');
    await commit('side', 'README.md');
    expect(await found()).toBe('talk');
    await commit('main', 'package.json');
    expect(await found()).toBe('talk');
  });

  it('is the default one when there is none, and in an empty repository', async () => {
    expect(await found()).toBe('main');
    await commit('main', 'package.json');
    await commit('other', 'package.json');
    expect(await found()).toBe('main');
  });
});
