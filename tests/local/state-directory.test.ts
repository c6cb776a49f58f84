import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { openLocalState } from '../../src/local/open-local-state.ts';
import {
  locateStateDirectory,
  makeStateDirectory,
  normalizeRemoteUrl,
  readInstance,
  stateRoot,
  transportId,
} from '../../src/local/state-directory.ts';
import { tempDirectory } from './run-child.ts';
import { fixIs } from '../support/fix.ts';

const rootCommit = 'a'.repeat(40);
const transport = { remoteUrl: 'https://git.example.org/team/mail.git', rootCommit };

describe('one remote', () => {
  it.each([
    ['https://Git.Example.org:443/team/mail.git/', 'https://git.example.org/team/mail'],
    ['https://user:secret@git.example.org/team//mail', 'https://git.example.org/team/mail'],
    ['git@git.example.org:team/mail.git', 'ssh://git@git.example.org/team/mail'],
    ['ssh://git@git.example.org:22/team/mail', 'ssh://git@git.example.org/team/mail'],
    ['ssh://git@git.example.org:2222/team/mail', 'ssh://git@git.example.org:2222/team/mail'],
    ['https://[::1]:8080/mail.git', 'https://[::1]:8080/mail'],
    ['file:///srv/my%20mail.git/', '/srv/my mail.git'],
    ['/srv/x/../mail.git/', '/srv/mail.git'],
    ['  /srv/mail ', '/srv/mail'],
    ['/', '/'],
  ])('%s is %s', (url, expected) => {
    expect(normalizeRemoteUrl(url)).toBe(expected);
    expect(normalizeRemoteUrl(expected)).toBe(expected);
  });

  it('has one id, and another one with another root commit', () => {
    expect(transportId(transport)).toMatch(/^[0-9a-f]{16}$/);
    expect(transportId({ ...transport, remoteUrl: 'https://GIT.example.org/team/mail' })).toBe(
      transportId(transport),
    );
    expect(transportId({ ...transport, rootCommit: 'b'.repeat(40) })).not.toBe(
      transportId(transport),
    );
    expect(transportId({ ...transport, remoteUrl: '/srv/mail' })).not.toBe(
      transportId({ ...transport, remoteUrl: '/srv/mail.git' }),
    );
  });
});

describe('the folder of all states', () => {
  it.each([
    ['/opt/state', { CROSSTALK_STATE_DIR: '/env' }, '/opt/state'],
    [null, { CROSSTALK_STATE_DIR: '/env', XDG_STATE_HOME: '/xdg', HOME: '/home/me' }, '/env'],
    [null, { CROSSTALK_STATE_DIR: '', XDG_STATE_HOME: '/xdg', HOME: '/home/me' }, '/xdg/crosstalk'],
    [null, { XDG_STATE_HOME: 'relative', HOME: '/home/me' }, '/home/me/.local/state/crosstalk'],
  ])('option %s and environment %j give %s', (option, env, expected) => {
    expect(stateRoot(option, env)).toBe(expected);
  });

  it('keeps two transports apart', async () => {
    const root = await tempDirectory();
    const open = (remoteUrl: string) =>
      openLocalState({
        root,
        transport: { remoteUrl, rootCommit },
        alias: 'a',
        clock: systemClock,
        random: systemRandom,
        onDamage: () => undefined,
      });
    const [one, two] = [await open('/srv/one.git'), await open('/srv/two.git')];
    await one.state.putOutbox({ key: 'k', nonce: 'n', claim: 'c', payload: 1 });
    expect(await two.state.listOutbox()).toEqual([]);
    expect(one.state.instance).not.toBe(two.state.instance);
    await one.close();
    await two.close();
  });
});

describe('opening the local state', () => {
  const options = (root: string) => ({
    root,
    transport,
    alias: 'a',
    clock: systemClock,
    random: systemRandom,
    onDamage: () => undefined,
  });

  it('twice is refused until the first one closes', async () => {
    const root = await tempDirectory();
    const first = await openLocalState(options(root));
    await expect(openLocalState(options(root))).rejects.toMatchObject({ code: 'HELD_BY_ANOTHER' });
    await first.close();
    await (await openLocalState(options(root))).close();
  });

  it('removes what a killed process left half-written', async () => {
    const root = await tempDirectory();
    const { path, outbox } = locateStateDirectory(root, transport);
    await mkdir(outbox, { recursive: true });
    await writeFile(join(path, '.checkpoint.1.1.tmp'), 'half');
    await writeFile(join(outbox, '.x.json.1.1.tmp'), 'half');
    await (await openLocalState(options(root))).close();
    expect((await readdir(path)).sort()).toEqual([
      'journal',
      'late',
      'lock.1',
      'outbox',
      'state-id',
    ]);
    expect(await readdir(outbox)).toEqual([]);
  });

  it('frees the lock when it fails after taking it', async () => {
    const root = await tempDirectory();
    const directory = locateStateDirectory(root, transport);
    await makeStateDirectory(directory);
    await writeFile(directory.idFile, 'garbage');
    const fails = { code: 'STATE_UNUSABLE', fix: fixIs(/state-id/) };
    await expect(openLocalState(options(root))).rejects.toMatchObject(fails);
    await expect(openLocalState(options(root))).rejects.toMatchObject(fails);
    await rm(directory.idFile);
    await (await openLocalState(options(root))).close();
  });
});

describe('the instance', () => {
  it('changes when the directory is copied, moved, or its id file was restored', async () => {
    const root = await tempDirectory();
    const here = locateStateDirectory(join(root, 'here'), transport);
    await makeStateDirectory(here);
    const original = await readInstance(here, systemRandom);
    expect(await readInstance(here, systemRandom)).toBe(original);

    const copy = locateStateDirectory(join(root, 'copy'), transport);
    await cp(join(root, 'here'), join(root, 'copy'), { recursive: true });
    expect(await readInstance(copy, systemRandom)).not.toBe(original);

    const moved = locateStateDirectory(join(root, 'moved'), transport);
    await rename(join(root, 'here'), join(root, 'moved'));
    expect(await readInstance(moved, systemRandom)).not.toBe(original);
    await rename(join(root, 'moved'), join(root, 'here'));
    expect(await readInstance(here, systemRandom)).toBe(original);

    const id = await readFile(here.idFile);
    await rename(here.idFile, `${here.idFile}.old`);
    await writeFile(here.idFile, id);
    expect(await readInstance(here, systemRandom)).not.toBe(original);
  });
});
