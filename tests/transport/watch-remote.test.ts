import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { createGit } from '../../src/transport/git-runner.ts';
import { findWatchPlace, type RemoteWatch, watchRemote } from '../../src/transport/watch-remote.ts';
import { eventually } from '../support/eventually.ts';
import { createGitFixture, type GitFixture } from '../support/git-fixture.ts';

const PREFIXES = ['refs/crosstalk/claims/', 'refs/crosstalk/hosts/'];
let fixture: GitFixture;
let watching: RemoteWatch | null = null;
afterEach(async () => {
  watching?.close();
  await fixture.dispose();
});

interface Seen {
  readonly changes: () => number;
  readonly lost: string[];
  /** Waits until what happened so far was told. */
  readonly untilTold: () => Promise<void>;
}

function open(branchRef = 'refs/heads/main'): Seen {
  fixture = createGitFixture();
  fixture.remote(['config', 'core.logAllRefUpdates', 'false']);
  let changes = 0;
  const lost: string[] = [];
  watching = watchRemote({
    gitDir: fixture.remoteDir,
    branchRef,
    prefixes: PREFIXES,
    onChange: () => (changes += 1),
    onLost: (why) => lost.push(why),
  });
  return {
    changes: () => changes,
    lost,
    untilTold: async () => {
      const before = changes;
      await eventually(
        () => changes,
        (now) => now > before,
      );
    },
  };
}

function commit(text: string): string {
  const tree = fixture.remote(['mktree'], { input: '' });
  return fixture.remote(['commit-tree', tree, '-m', text]);
}

/** Does it and waits for the change to be told. */
async function told(seen: Seen, act: () => void): Promise<void> {
  const waiting = seen.untilTold();
  act();
  await waiting;
}

describe('a watched repository tells', () => {
  it.each(['main', 'team/talk'])('of every move of the branch %s', async (branch) => {
    const seen = open(`refs/heads/${branch}`);
    for (const text of ['one', 'two'])
      await told(
        seen,
        () => void fixture.remote(['update-ref', `refs/heads/${branch}`, commit(text)]),
      );
    await told(seen, () => void fixture.remote(['pack-refs', '--all']));
    await told(
      seen,
      () => void fixture.remote(['update-ref', `refs/heads/${branch}`, commit('three')]),
    );
  });

  it('of claims, also after their folder was removed and made again', async () => {
    const seen = open();
    for (const key of ['a', 'b', 'c']) {
      await told(
        seen,
        () => void fixture.remote(['update-ref', `refs/crosstalk/claims/${key}`, commit(key)]),
      );
      await told(
        seen,
        () => void fixture.remote(['update-ref', '-d', `refs/crosstalk/claims/${key}`]),
      );
    }
  });

  it('not of other branches and of locks', async () => {
    const seen = open();
    await told(seen, () => void fixture.remote(['update-ref', 'refs/heads/main', commit('one')]));
    fixture.remote(['update-ref', 'refs/heads/other', commit('other')]);
    mkdirSync(join(fixture.remoteDir, 'refs/heads/more'));
    // What happened before this was told before it.
    const before = seen.changes();
    await told(
      seen,
      () =>
        void fixture.remote([
          'update-ref',
          'refs/crosstalk/hosts/mbp.0123456789ab',
          commit('beat'),
        ]),
    );
    expect(seen.changes() - before).toBeLessThanOrEqual(4);
    expect(seen.lost).toEqual([]);
  });

  it('that it is gone when it was moved away', async () => {
    const seen = open();
    renameSync(fixture.remoteDir, `${fixture.remoteDir}.away`);
    await eventually(
      () => seen.lost,
      (lost) => lost.length === 1,
    );
  });
});

describe('the place to watch', () => {
  it('is found for paths, file URLs, a clone and what insteadOf makes of a URL', async () => {
    fixture = createGitFixture();
    watching = null;
    fixture.git(['clone', '-q', fixture.remoteDir, 'clone']);
    fixture.git(['config', '--global', `url.${fixture.root}/.insteadOf`, 'git@example.org:']);
    const git = createGit({ env: fixture.env, gitDir: fixture.remoteDir, clock: systemClock });
    const find = (url: string): ReturnType<typeof findWatchPlace> => findWatchPlace(git, url);
    const here = { kind: 'here', gitDir: fixture.remoteDir };
    expect(await find(fixture.remoteDir)).toEqual(here);
    expect(await find(fixture.remoteDir.replace(/\.git$/, ''))).toEqual(here);
    expect(await find(`file://${fixture.remoteDir}`)).toEqual(here);
    expect(await find('git@example.org:remote.git')).toEqual(here);
    expect(await find(join(fixture.root, 'clone'))).toEqual({
      kind: 'here',
      gitDir: join(fixture.root, 'clone/.git'),
    });
    for (const url of [
      'git@example.com:remote.git',
      'https://example.com/remote.git',
      'ssh://example.com/remote.git',
      '/nowhere',
    ])
      expect(await find(url), url).toEqual({ kind: 'remote' });
    await git.close();
  });
});
