/**
 * What a killed process, or another one in the middle of its work, has made of the cache so far is
 * never taken for the whole.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Oid } from '../../src/base/ids.ts';
import { createMirror, type Mirror } from '../../src/transport/mirror.ts';
import type { Repository } from '../../src/transport/repository.ts';
import {
  createGitFixture,
  draftOf,
  type GitFixture,
  processesNaming,
  reached,
} from '../support/git-fixture.ts';
import { requireWritable } from '../../src/transport/require-writable.ts';
import { publishFiles } from '../support/publish-files.ts';
import { makeSlowGit, type SlowGit } from '../support/slow-git.ts';

const BRANCH = 'refs/heads/main';
const NONE = new Map<string, Oid>();

let fixture: GitFixture;
let git: SlowGit;
beforeEach(() => {
  fixture = createGitFixture();
  git = makeSlowGit(fixture.root, fixture.env['PATH'] ?? '');
});
afterEach(async () => {
  git.letGo();
  await fixture.dispose();
});

const slow = (): { readonly PATH: string } => ({ ...fixture.env, PATH: git.path });

async function pullAll(host: Repository, mirror: Mirror): Promise<Oid | null> {
  const asOf = mirror.epoch();
  const { tip } = reached(await host.listRefs([]));
  reached(await mirror.pull({ tip, asOf }));
  return mirror.index().tip;
}

async function filesAt(host: Repository, tip: Oid): Promise<readonly string[]> {
  const changes = await host.diff({ from: null, to: tip, under: '' });
  const blobs = await host.readBlobs(
    changes.flatMap((change) => (change.kind === 'written' ? [change.blob] : [])),
    10_000,
  );
  expect(blobs.map(({ kind }) => kind)).toEqual(changes.map(() => 'bytes'));
  return changes.map(({ path }) => path);
}

function killAll(cacheDir: string): void {
  for (const { pid } of processesNaming(`--git-dir=${cacheDir}`)) process.kill(-pid, 'SIGKILL');
}

describe('a fetch', () => {
  it('killed after any part of what it brings is brought again by anyone who comes next, and nothing is pushed that is not whole', async () => {
    const author = await fixture.open();
    const cacheDir = join(fixture.root, 'reader', 'cache.git');
    let tip = await publishFiles(author, { 'data/channels/general/0.md': '0', 'README.md': 'r' });
    const halves = new Set<number>();
    // One object of this size after the other: commit, four trees, a blob.
    for (const bytes of [0, 150, 330, 450]) {
      const expected = await publishFiles(author, {
        [`data/channels/general/${bytes + 1}.md`]: `new ${bytes}`,
      });
      git.stopAfter(bytes);
      const first = await fixture.open({ cacheDir, env: slow() });
      const mirror = createMirror(first, null);
      const cut = pullAll(first, mirror).catch(() => null);
      await git.untilStopped();
      killAll(cacheDir);
      await cut;
      git.letGo();
      await first.close();
      const next = await fixture.open({ cacheDir });
      halves.add(
        fixture.git(['count-objects'], { cwd: cacheDir }).length +
          ((await next.hasObject(expected)) ? 1_000 : 0),
      );
      const mine = createMirror(next, null);
      expect(await pullAll(next, mine)).toBe(expected);
      expect(await filesAt(next, expected)).toContain(`data/channels/general/${bytes + 1}.md`);
      tip = await publishFiles(next, { [`data/channels/general/${bytes + 2}.md`]: 'own' });
      await next.close();
    }
    expect(
      [...halves].some((seen) => seen > 1_000),
      'at least once a commit arrived without its trees',
    ).toBe(true);
    expect(
      await filesAt(author, (reached(await author.fetch({ tip, records: NONE })), tip)),
    ).toHaveLength(10);
    expect(fixture.remote(['fsck', '--full', '--strict'])).not.toMatch(/missing|broken|error/);
  });

  it('of another process that is in the middle holds up nobody, and both have everything', async () => {
    const author = await fixture.open();
    const cacheDir = join(fixture.root, 'shared', 'cache.git');
    await publishFiles(author, { a: '0' });
    const slowOne = await fixture.open({ cacheDir, env: slow() });
    const slowMirror = createMirror(slowOne, null);
    await pullAll(slowOne, slowMirror);
    const readers = await Promise.all([1, 2, 3].map(() => fixture.open({ cacheDir })));
    const mirrors = readers.map((reader) => createMirror(reader, null));
    for (const bytes of [120, 200, 300]) {
      const tip = await publishFiles(author, { [`d/e/${bytes}`]: String(bytes) });
      git.stopAfter(bytes);
      const late = pullAll(slowOne, slowMirror);
      await git.untilStopped();
      const tips = await Promise.all(
        readers.map((reader, index) => pullAll(reader, mirrors[index]!)),
      );
      expect(tips).toEqual([tip, tip, tip]);
      for (const reader of readers) expect(await filesAt(reader, tip)).toContain(`d/e/${bytes}`);
      git.letGo();
      expect(await late).toBe(tip);
      expect(await filesAt(slowOne, tip)).toContain(`d/e/${bytes}`);
    }
  });

  it('whose folder another process removes, because it has packed what was in it, is begun again', async () => {
    const tip = await publishFiles(await fixture.open(), { a: '0' });
    const [bin, path] = [join(fixture.root, 'bin'), fixture.env['PATH'] ?? ''];
    mkdirSync(bin);
    const fail = `echo 'error: unable to create temporary file: No such file or directory' >&2; exit 128`;
    const script = `#!/bin/sh\nPATH=${path}\ncase " $* " in *' fetch-pack '*) [ -e ${bin}/once ] || { : > ${bin}/once; ${fail}; } ;; esac\nexec git "$@"\n`;
    writeFileSync(join(bin, 'git'), script, { mode: 0o755 });
    const reader = await fixture.open({ env: { ...fixture.env, PATH: `${bin}:${path}` } });
    reached(await reader.fetch({ tip, records: NONE }));
    expect([existsSync(join(bin, 'once')), await reader.hasHistory(tip)]).toEqual([true, true]);
  });

  it('of what vanished meanwhile is not done because a killed one has left its commit', async () => {
    const author = await fixture.open();
    await publishFiles(author, { a: '0' });
    const reader = await fixture.open();
    const mirror = createMirror(reader, null);
    const standing = await pullAll(reader, mirror);
    const gone = await publishFiles(author, { 'd/b': '1' });
    const commit = fixture.remote(['cat-file', 'commit', gone]);
    fixture.git(['hash-object', '-t', 'commit', '-w', '--stdin'], {
      cwd: fixture.cacheDir(),
      input: `${commit}\n`,
    });
    fixture.remote(['update-ref', BRANCH, standing!]);
    fixture.remote(['reflog', 'expire', '--expire=now', '--all']);
    fixture.remote(['gc', '-q', '--prune=now']);
    expect(await reader.fetch({ tip: gone, records: NONE })).toMatchObject({
      kind: 'unreachable',
      failure: { reason: 'missing' },
    });
    expect([await reader.hasHistory(gone), await reader.hasHistory(standing!)]).toEqual([
      false,
      true,
    ]);
    const archive = 'refs/heads/main-archive';
    await reader.fetch({ tip: null, records: new Map([[archive, gone]]) });
    expect(await reader.hasHistory(gone)).toBe(false);
  });
});

describe('a cache', () => {
  it('that somebody throws away under an open repository is made again, also when nothing has changed, and own commits are built again', async () => {
    const host = await fixture.open();
    const dir = fixture.cacheDir();
    const mirror = createMirror(host, null);
    await publishFiles(host, { 'data/a.md': '1' });
    const tip = await pullAll(host, mirror);
    const [own] = await host.buildCommits(tip, [draftOf({ 'data/b.md': '2' })]);
    expect(await host.hasHistory(own!)).toBe(true);
    rmSync(dir, { recursive: true });
    expect([await host.hasHistory(own!), await host.hasHistory(tip!)]).toEqual([false, false]);
    expect(await pullAll(host, mirror)).toBe(tip);
    expect(await filesAt(host, tip!)).toEqual(['data/a.md']);
    const next = await publishFiles(host, { 'data/b.md': '2' });
    expect(await filesAt(host, next)).toEqual(['data/a.md', 'data/b.md']);
  });

  it('of which a killed removal has left a part is made again', async () => {
    const host = await fixture.open();
    const dir = fixture.cacheDir();
    const tip = await publishFiles(host, { a: '1' });
    reached(await host.fetch({ tip, records: NONE }));
    await host.close();
    for (const part of ['HEAD', 'objects', 'refs', 'config', 'refs/crosstalk/tip']) {
      rmSync(join(dir, part), { recursive: true });
      const next = await fixture.open({ cacheDir: dir });
      expect(await pullAll(next, createMirror(next, null)), part).toBe(tip);
      expect(await filesAt(next, tip), part).toEqual(['a']);
      await next.close();
    }
    expect(readdirSync(join(dir, '..'))).toEqual(['cache.git']);
  });

  it('is not thrown away because the git that was to look at it was killed', async () => {
    const host = await fixture.open();
    const dir = fixture.cacheDir();
    const tip = await publishFiles(host, { a: '1' });
    reached(await host.fetch({ tip, records: NONE }));
    await host.close();
    const inode = statSync(dir).ino;
    const [bin, path] = [join(fixture.root, 'bin'), fixture.env['PATH'] ?? ''];
    mkdirSync(bin);
    const script = `#!/bin/sh\nPATH=${path}\ncase " $* " in *' -e '*) kill -9 $$ ;; esac\nexec git "$@"\n`;
    writeFileSync(join(bin, 'git'), script, { mode: 0o755 });
    const next = await fixture.open({
      cacheDir: dir,
      env: { ...fixture.env, PATH: `${bin}:${path}` },
    });
    expect(await next.hasHistory(tip)).toBe(true);
    expect(statSync(dir).ino).toBe(inode);
  });

  it('with files that a power cut has left empty gets them again when they are written', async () => {
    const host = await fixture.open();
    const dir = fixture.cacheDir();
    const tip = await publishFiles(host, { a: '1' });
    const [first] = await host.buildCommits(tip, [draftOf({ b: '2' })]);
    const loose = fixture
      .git(['rev-list', '--objects', '--no-object-names', first!, `^${tip}`], { cwd: dir })
      .split('\n');
    const paths = loose
      .map((oid) => join(dir, 'objects', oid.slice(0, 2), oid.slice(2)))
      .filter(existsSync);
    expect(paths.length).toBeGreaterThan(2);
    await host.close();
    for (const path of paths) {
      rmSync(path);
      writeFileSync(path, '', { mode: 0o444 });
    }
    const again = await fixture.open({ cacheDir: dir });
    const [second] = await again.buildCommits(tip, [draftOf({ b: '2' })]);
    expect(second).toBe(first);
    expect(
      await again.push([{ ref: BRANCH, expected: tip, next: second! }], { atomic: true }),
    ).toMatchObject({ kind: 'answered' });
    expect(fixture.remote(['rev-parse', BRANCH])).toBe(second);
  });
});

it('a cache that takes no files is blamed for that, and not the remote', () => {
  const cache = join(fixture.root, 'cache');
  const objects = join(cache, 'objects');
  expect(() => requireWritable(cache, () => undefined)).not.toThrow();
  mkdirSync(objects, { recursive: true });
  expect(() => requireWritable(cache, () => undefined)).not.toThrow();
  expect(readdirSync(objects)).toEqual([]);
  mkdirSync(join(objects, `.probe-${process.pid}`));
  expect(() => requireWritable(cache, () => undefined)).toThrow(
    expect.objectContaining({
      code: 'STATE_UNUSABLE',
      message: expect.stringContaining(objects) as string,
    }) as Error,
  );
});

it('a fetch that finds no room leaves nothing half-written', async () => {
  const host = await fixture.open();
  await publishFiles(host, { 'README.md': 'r' });
  const objects = join(fixture.cacheDir(), 'objects');
  mkdirSync(join(objects, 'ab'), { recursive: true });
  const left = [join(objects, 'ab', 'tmp_obj_x'), join(objects, 'pack', 'tmp_pack_x')];
  for (const path of left) writeFileSync(path, 'x');
  const nowhere = { tip: 'f'.repeat(40) as Oid, records: new Map<string, Oid>() };
  expect((await host.fetch(nowhere)).kind).toBe('unreachable');
  expect(left.every((path) => existsSync(path))).toBe(true);
  mkdirSync(join(objects, `.probe-${process.pid}`));
  await expect(host.fetch(nowhere)).rejects.toMatchObject({ code: 'STATE_UNUSABLE' });
  expect(left.some((path) => existsSync(path))).toBe(false);
});

describe('what stands in the place of a cache', () => {
  it.each<[string, (path: string) => void]>([
    ['a file', (path) => writeFileSync(path, 'x')],
    ['a link to itself', (path) => symlinkSync(path, path)],
    ['a link to nowhere', (path) => symlinkSync(`${path}.away`, path)],
  ])('%s goes, and the cache is made', async (_, make) => {
    const tip = await publishFiles(await fixture.open(), { 'README.md': 'r' });
    mkdirSync(join(fixture.root, 'odd'));
    const cacheDir = join(fixture.root, 'odd', 'cache.git');
    make(cacheDir);
    const reader = await fixture.open({ cacheDir });
    expect(await pullAll(reader, createMirror(reader, null))).toBe(tip);
  });
});
