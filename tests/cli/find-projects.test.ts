/** Which directory a message's `project:` means on a host that lists its clones. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { findProjects, nameProject, samePlace } from '../../src/cli/session/find-projects.ts';
import { readAccess } from '../../src/cli/session/project-access.ts';

const home = mkdtempSync(join(tmpdir(), 'crosstalk-projects-'));
const env = { PATH: process.env['PATH'], HOME: home, GIT_CONFIG_NOSYSTEM: '1' };
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** A repository without commits that has these remotes; none at all for a plain directory. */
function make(name: string, remotes: Readonly<Record<string, string>> | null): string {
  const directory = join(home, name);
  mkdirSync(directory);
  if (remotes === null) return directory;
  const git = (...args: readonly string[]): unknown =>
    execFileSync('git', args, { cwd: directory, env });
  git('init', '-q');
  for (const [remote, url] of Object.entries(remotes)) git('remote', 'add', remote, url);
  return directory;
}

const fork = make('work', {
  origin: 'git@forge.example:ada/shop-fork.git',
  upstream: 'https://ada:secret@forge.example/team/shop',
});
const site = make('www', { origin: 'ssh://git@forge.example:2222/team/site.git' });
const otherSite = make('www2', { origin: 'https://forge.example/other/site/' });
const tools = make('tools', null);
const listed = ['~/work', '~/www', '~/www2', '~/tools'];

describe('the projects of a host', () => {
  it('are called as their remotes are, the repository of the transport before all', async () => {
    const url = 'git@Forge.example:team/site.git';
    const { byName, unclear } = await findProjects({ named: {}, listed }, { url, env });
    expect(byName).toEqual({ 'shop-fork': fork, shop: fork, site, tools });
    expect([...unclear]).toEqual([]);
  });

  it('a name that says as much of two is none, until the operator says whose it is', async () => {
    const found = await findProjects({ named: {}, listed }, { url: null, env });
    expect(Object.keys(found.byName).sort()).toEqual(['shop', 'shop-fork', 'tools']);
    expect([...found.unclear]).toEqual([['site', [site, otherSite]]]);
    const said = await findProjects({ named: { site: '~/www2' }, listed }, { url: null, env });
    expect(said.byName['site']).toBe(otherSite);
    expect([...said.unclear]).toEqual([]);
  });

  it('are called the same by who sends from one of them', async () => {
    const ofTeam = { url: 'ssh://git@forge.example/team/shop.git', env };
    expect(await nameProject(fork, ofTeam)).toBe('shop');
    expect(await nameProject(fork, { url: 'git@forge.example:crew.git', env })).toBe('shop-fork');
    expect(await nameProject(tools, ofTeam)).toBe('tools');
  });
});

it.each([
  ['git@h.example:a/b.git', 'https://h.example/a/b', true],
  ['ssh://git@h.example:22/a/b.git/', 'h.example:a/b', true],
  ['https://u:p@H.example/a/b', 'https://h.example/a/b.git', true],
  ['file:///srv/a.git', '/srv/a.git/', true],
  ['/srv/a', '/srv/a.git', false],
  ['https://h.example/a/b', 'https://h.example/a/c', false],
  ['https://h.example/a/b', 'https://g.example/a/b', false],
  ['/srv/a', 'srv:a', false],
])('%s and %s are the same repository: %s', (one, other, isSame) => {
  expect(samePlace(one, other)).toBe(isSame);
});

it('a repository is reached as it says itself, and as includeIf says of it and of no other', async () => {
  writeFileSync(
    join(home, '.gitconfig'),
    `[credential]\n\thelper = store\n[includeIf "gitdir:${home}/work/"]\n\tpath = of-work\n`,
  );
  writeFileSync(
    join(home, 'of-work'),
    '[core]\n\tsshCommand = ssh -i work\n[credential]\n\thelper = store\n[user]\n\temail = a@work\n',
  );
  execFileSync('git', ['config', 'http.proxy', 'http://p:1'], { cwd: fork, env });
  expect(await readAccess(fork, env)).toEqual([
    ['core.sshcommand', 'ssh -i work'],
    ['credential.helper', 'store'],
    ['http.proxy', 'http://p:1'],
  ]);
  expect(await readAccess(site, env)).toEqual([]);
  rmSync(join(home, '.gitconfig'));
});
