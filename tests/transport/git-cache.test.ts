import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Oid } from '../../src/base/ids.ts';
import { createMirror } from '../../src/transport/mirror.ts';
import type { Repository } from '../../src/transport/repository.ts';
import {
  createGitFixture,
  draftOf,
  oidOf,
  processesNaming,
  reached,
  type GitFixture,
} from '../support/git-fixture.ts';
import { publishFiles } from '../support/publish-files.ts';
import { startHttpRemote } from '../support/http-remote.ts';

const BRANCH = 'refs/heads/main';
const NONE = new Map<string, Oid>();

let fixture: GitFixture;
beforeEach(() => {
  fixture = createGitFixture();
});
afterEach(() => fixture.dispose());

async function textAt(host: Repository, commit: Oid, path: string): Promise<string> {
  const [entry] = await host.lookUp(commit, [path]);
  const [blob] = await host.readBlobs([entry!.oid], 10_000);
  return blob?.kind === 'bytes'
    ? Buffer.from(blob.bytes).toString('utf8')
    : (blob?.kind ?? 'nothing');
}

describe('the private cache', () => {
  it('is bare, knows no remote and no hook, and holds one ref', async () => {
    const host = await fixture.open();
    await publishFiles(host, { a: '1' });
    const tip = await publishFiles(host, { b: '1' });
    reached(await host.fetch({ tip, records: NONE }));
    const dir = fixture.cacheDir();
    expect(fixture.git(['for-each-ref', '--format=%(refname)'], { cwd: dir })).toBe(
      'refs/crosstalk/tip',
    );
    expect(readFileSync(join(dir, 'config'), 'utf8')).not.toMatch(/\[(remote|branch)/);
    expect(readdirSync(dir).sort()).not.toContain('FETCH_HEAD');
    expect(existsSync(join(dir, 'hooks'))).toBe(false);
    expect(existsSync(join(dir, 'index'))).toBe(false);
  });

  it('is read and added to while it is repacked and pruned, twenty times, and nothing is lost', async () => {
    const host = await fixture.open();
    const dir = fixture.cacheDir();
    let tip = await publishFiles(host, { 'm/0.md': '0' });
    for (let round = 1; round <= 20; round++) {
      reached(await host.fetch({ tip, records: NONE }));
      const gc = Promise.resolve().then(() =>
        fixture.git(['gc', '-q', '--prune=1.hour.ago'], { cwd: dir }),
      );
      const [next] = await host.buildCommits(tip, [draftOf({ [`m/${round}.md`]: String(round) })]);
      const record = await host.writeRecord(`{"n":${round}}`);
      await gc;
      await host.maintain();
      expect(await textAt(host, next!, `m/${round}.md`)).toBe(String(round));
      expect(await textAt(host, next!, 'm/0.md')).toBe('0');
      expect(await host.hasObject(record)).toBe(true);
      const outcome = await host.push([{ ref: BRANCH, expected: tip, next: next! }], {
        atomic: true,
      });
      expect(outcome.kind === 'answered' && outcome.refs.get(BRANCH)?.kind).toBe('landed');
      tip = next!;
    }
    expect(await host.diff({ from: null, to: tip, under: 'm' })).toHaveLength(21);
  });

  it('upkeep packs what lies loose, also what no ref holds', async () => {
    const host = await fixture.open();
    const tip = await publishFiles(host, { 'm/3/3.md': 'm3' });
    // Records are always loose; large sets of objects are packs from the start.
    let record = await host.writeRecord('{"n":0}');
    for (let n = 1; n <= 4_000; n += 1) record = await host.writeRecord(`{"n":${n}}`);
    const [pending] = await host.buildCommits(tip, [draftOf({ pending: 'p' })]);
    await host.maintain();
    expect(fixture.git(['count-objects'], { cwd: fixture.cacheDir() })).toMatch(/^0 objects/);
    expect([await host.hasObject(record), await textAt(host, pending!, 'pending')]).toEqual([
      true,
      'p',
    ]);
    expect(await textAt(host, tip, 'm/3/3.md')).toBe('m3');
  });

  it('upkeep removes what killed processes left half-written an hour ago, and nothing younger', async () => {
    const host = await fixture.open();
    await publishFiles(host, { a: '1' });
    const dir = fixture.cacheDir();
    const old = ['objects/aa/tmp_obj_1', 'objects/pack/tmp_pack_1', 'tip-00ff'].map((name) =>
      join(dir, name),
    );
    const young = ['objects/aa/tmp_obj_2', 'objects/pack/tmp_pack_2'].map((name) =>
      join(dir, name),
    );
    mkdirSync(join(dir, 'objects/aa'), { recursive: true });
    mkdirSync(`${dir}.new-00ff00`);
    for (const path of [...old, ...young]) writeFileSync(path, 'half');
    for (const path of [...old, `${dir}.new-00ff00`]) utimesSync(path, 1_000, 1_000);
    await host.maintain();
    expect([...old, `${dir}.new-00ff00`].filter(existsSync)).toEqual([]);
    expect(young.filter(existsSync)).toEqual(young);
  });

  it('brings what a killed fetch, or one that another process is in the middle of, has not brought yet', async () => {
    const first = await fixture.open();
    await publishFiles(first, { 'm/0.md': '0' });
    const reader = await fixture.open();
    const mirror = createMirror(reader, null);
    reached(
      await mirror.pull({ tip: reached(await reader.listRefs([])).tip, asOf: mirror.epoch() }),
    );
    const tip = await publishFiles(first, { 'm/1.md': '1' });
    // A commit is the first that git writes of what arrives.
    const commit = fixture.git(['cat-file', 'commit', tip], { cwd: fixture.remoteDir });
    fixture.git(['hash-object', '-t', 'commit', '-w', '--stdin'], {
      cwd: fixture.cacheDir(),
      input: `${commit}\n`,
    });
    expect([await reader.hasObject(tip), await reader.hasHistory(tip)]).toEqual([true, false]);
    reached(await mirror.pull({ tip, asOf: mirror.epoch() }));
    expect([
      mirror.index().tip,
      await reader.hasHistory(tip),
      await textAt(reader, tip, 'm/1.md'),
    ]).toEqual([tip, true, '1']);
    const [older] = (await reader.readCommit(tip))?.parents ?? [];
    expect(await reader.hasHistory(older!)).toBe(true);
  });

  it('a reader whose process was killed continues', async () => {
    const host = await fixture.open();
    const tip = await publishFiles(host, { a: 'one' });
    expect(await textAt(host, tip, 'a')).toBe('one');
    for (const { pid } of processesNaming(`--git-dir=${fixture.cacheDir()}`))
      process.kill(pid, 'SIGKILL');
    expect(await textAt(host, tip, 'a')).toBe('one');
  });

  it('an idle look starts no process but ls-remote, and leaves none', async () => {
    await publishFiles(await fixture.open(), { a: '1' });
    const host = await fixture.open();
    for (let i = 0; i < 3; i++) reached(await host.listRefs(['refs/crosstalk/claims/']));
    expect(processesNaming(`--git-dir=${fixture.cacheDir()}`)).toEqual([]);
  });
});

describe('what the user has configured', () => {
  it('has no effect on what is built, pushed and read', async () => {
    const plain = await publishFiles(await fixture.open(), {
      'data/ä b.md': 'x\n',
      'data/old.md': 'same\n'.repeat(40),
    });
    const trap = `${fixture.root}/executed`;
    const script = join(fixture.root, 'trap.sh');
    writeFileSync(script, `#!/bin/sh\necho "$0 $*" >> ${trap}\n`, { mode: 0o755 });
    for (const folder of ['hooks', 'template/hooks']) {
      mkdirSync(join(fixture.root, folder), { recursive: true });
      for (const hook of [
        'pre-push',
        'reference-transaction',
        'post-index-change',
        'post-checkout',
        'pre-auto-gc',
      ])
        writeFileSync(join(fixture.root, folder, hook), `#!/bin/sh\necho ${hook} >> ${trap}\n`, {
          mode: 0o755,
        });
    }
    const hostile: Readonly<Record<string, string>> = {
      'core.hooksPath': `${fixture.root}/hooks`,
      'init.templateDir': `${fixture.root}/template`,
      'core.fsmonitor': script,
      'core.pager': script,
      'core.editor': script,
      'core.autocrlf': 'true',
      'core.quotePath': 'true',
      'core.bare': 'false',
      'diff.renames': 'copies',
      'diff.relative': 'true',
      'diff.external': script,
      'diff.noprefix': 'true',
      'log.follow': 'true',
      'log.showSignature': 'true',
      'log.date': 'relative',
      'log.decorate': 'full',
      'color.ui': 'always',
      'format.pretty': 'oneline',
      'push.default': 'nothing',
      'push.gpgSign': 'true',
      'push.followTags': 'true',
      'push.recurseSubmodules': 'on-demand',
      'pull.rebase': 'true',
      'rebase.autoStash': 'true',
      'fetch.prune': 'true',
      'fetch.pruneTags': 'true',
      'fetch.recurseSubmodules': 'true',
      'commit.gpgSign': 'true',
      'tag.gpgSign': 'true',
      'gpg.program': script,
      'gc.auto': '1',
      'gc.pruneExpire': 'now',
      'maintenance.auto': 'true',
      'transfer.fsckObjects': 'true',
      'user.useConfigOnly': 'true',
      'credential.helper': `!${script}`,
      'i18n.commitEncoding': 'UTF-16',
      'i18n.logOutputEncoding': 'UTF-16',
      'alias.push': `!${script}`,
    };
    for (const [key, value] of Object.entries(hostile))
      fixture.git(['config', '--global', key, value]);
    fixture.git(['config', '--global', '--unset-all', 'user.name']);
    fixture.git(['config', '--global', '--unset-all', 'user.email']);
    // The far side has its own configuration: with a remote given by path, its hooks would be
    // the user's.
    const server = await startHttpRemote({
      root: fixture.root,
      env: { ...fixture.env, HOME: fixture.remoteDir },
    });
    const host = await fixture.open({ url: `${server.url}/remote.git`, allowHttp: true });
    const next = await publishFiles(host, {
      'data/old.md': null,
      'data/new.md': 'same\n'.repeat(40),
      'data/crlf.md': 'a\r\nb\n',
    });
    expect(
      (await host.diff({ from: plain, to: next, under: 'data' })).map(
        ({ kind, path }) => `${kind} ${path}`,
      ),
    ).toEqual(['written data/crlf.md', 'written data/new.md', 'removed data/old.md']);
    expect(await textAt(host, next, 'data/crlf.md')).toBe('a\r\nb\n');
    const added = await host.findAddingCommits(['data/new.md', 'data/ä b.md'], {
      from: null,
      to: next,
    });
    expect([...added].map(([path, { oid }]) => [path, oid]).sort()).toEqual(
      [
        ['data/new.md', next],
        ['data/ä b.md', plain],
      ].sort(),
    );
    expect((await host.history({ from: null, to: next, max: 5 })).map(({ oid }) => oid)).toEqual([
      plain,
      next,
    ]);
    expect(await host.isAncestor(plain, next)).toBe(true);
    await host.maintain();
    await server.close();
    expect(existsSync(trap) ? readFileSync(trap, 'utf8') : '').toBe('');
  });

  it('variables of the environment that would lead git elsewhere do not reach it', async () => {
    const elsewhere = join(fixture.root, 'elsewhere.git');
    fixture.git(['init', '-q', '--bare', elsewhere]);
    const env = {
      ...fixture.env,
      ...{
        GIT_DIR: elsewhere,
        GIT_WORK_TREE: fixture.root,
        GIT_INDEX_FILE: '/dev/null',
        GIT_OBJECT_DIRECTORY: `${elsewhere}/objects`,
      },
      ...{
        GIT_CONFIG_COUNT: '1',
        GIT_CONFIG_KEY_0: 'core.bare',
        GIT_CONFIG_VALUE_0: 'false',
        GIT_NAMESPACE: 'x',
        GIT_TRACE: '1',
      },
    };
    const host = await fixture.open({ env });
    const tip = await publishFiles(host, { a: 'x' });
    expect(await textAt(host, tip, 'a')).toBe('x');
    expect(fixture.remote(['rev-parse', 'refs/heads/main'])).toBe(tip);
    expect(fixture.git(['count-objects'], { cwd: elsewhere })).toMatch(/^0 objects/);
  });
});

describe('trees that no honest tool makes', () => {
  /** Puts a tree, given as `git mktree -z` input, on the branch. */
  const plant = (
    entries: readonly (readonly [
      mode: string,
      type: string,
      oid: string,
      name: string | Uint8Array,
    ])[],
  ): Oid => {
    const input = Buffer.concat(
      entries.flatMap(([mode, type, oid, name]) => [
        Buffer.from(`${mode} ${type} ${oid}\t`),
        Buffer.from(name),
        Buffer.from([0]),
      ]),
    );
    const tree = fixture.remote(['mktree', '-z', '--missing'], { input });
    const commit = fixture.remote(['commit-tree', '-m', 'odd', tree]);
    fixture.remote(['update-ref', BRANCH, commit]);
    return oidOf(commit);
  };
  const blobOf = (text: string): string =>
    fixture.remote(['hash-object', '-w', '--stdin'], { input: text });

  it('links, submodules and executables are told apart, and odd names come with a mark', async () => {
    const blob = blobOf('x');
    const folder = fixture.remote(['mktree'], { input: `100644 blob ${blob}\tx.md\n` });
    const latin = Buffer.from('caf\xe9.md', 'latin1');
    const tip = plant([
      ['160000', 'commit', '1'.repeat(40), 'module'],
      ['120000', 'blob', blob, 'link.md'],
      ['100755', 'blob', blob, 'run.md'],
      ['100664', 'blob', blob, 'legacy.md'],
      ['100644', 'blob', blob, 'two\nlines.md'],
      ['100644', 'blob', blob, latin],
      ['100644', 'blob', blob, 'a\tb "c".md'],
      ['040000', 'tree', folder, 'd'],
    ]);
    const host = await fixture.open();
    reached(await host.fetch({ tip: reached(await host.listRefs([])).tip, records: NONE }));
    const changes = await host.diff({ from: null, to: tip, under: '' });
    expect(
      changes.map((change) =>
        change.kind === 'written' ? `${change.entry} ${JSON.stringify(change.path)}` : '',
      ),
    ).toEqual([
      String.raw`file "a\tb \"c\".md"`,
      'file "caf\ufffd.md"',
      'file "d/x.md"',
      'file "legacy.md"',
      'other "link.md"',
      'other "module"',
      'file "run.md"',
      String.raw`file "two\nlines.md"`,
    ]);
    const paths = [
      'module',
      'link.md',
      'run.md',
      'two\nlines.md',
      'module/below',
      'link.md/below',
      'caf\ufffd.md',
      'd',
    ];
    const found = await host.lookUp(tip, paths);
    expect(found.map((entry) => entry?.kind ?? null)).toEqual([
      'other',
      'other',
      'file',
      'file',
      null,
      null,
      null,
      'tree',
    ]);
  });

  it('two names that differ only in bytes that are not UTF-8 stay two files', async () => {
    const [one, two] = [blobOf('1'), blobOf('2')];
    const tip = plant([
      ['100644', 'blob', one, Buffer.from('x\xe8', 'latin1')],
      ['100644', 'blob', two, Buffer.from('x\xe9', 'latin1')],
    ]);
    const host = await fixture.open();
    reached(await host.fetch({ tip: reached(await host.listRefs([])).tip, records: NONE }));
    expect(
      (await host.diff({ from: null, to: tip, under: '' })).map((change) =>
        change.kind === 'written' ? change.blob : '',
      ),
    ).toEqual([one, two]);
  });

  it('of two entries with one name the first counts, whether a few folders are listed or many', async () => {
    const [one, two] = [blobOf('1'), blobOf('2')];
    const treeOf = (...lines: readonly string[]): string =>
      fixture.remote(['mktree', '--missing'], { input: lines.join('\n') });
    const folder = (oid: string): string =>
      treeOf(
        `100644 blob ${oid}\tx.md`,
        `040000 tree ${treeOf(`100644 blob ${oid}\tbelow.md`)}\tdeep`,
      );
    const [left, right] = [folder(one), folder(two)];
    const odd = [
      ['100644', 'blob', one, 'file-first'],
      ['040000', 'tree', right, 'file-first'],
      ['040000', 'tree', left, 'folder'],
      ['040000', 'tree', right, 'folder'],
      ['100644', 'blob', one, 'file'],
      ['100644', 'blob', two, 'file'],
    ] as const;
    const many = Array.from(
      { length: 150 },
      (_, n) => ['040000', 'tree', left, `many-${n}`] as const,
    );
    const host = await fixture.open();
    const list = async (tip: Oid): Promise<readonly string[]> => {
      reached(await host.fetch({ tip: reached(await host.listRefs([])).tip, records: NONE }));
      const changes = await host.diff({ from: null, to: tip, under: '' });
      return changes.map(
        (change) => `${change.path} ${change.kind === 'written' && change.blob === one ? 1 : 2}`,
      );
    };
    const [few, all] = [await list(plant(odd)), await list(plant([...odd, ...many]))];
    expect(few).toEqual(['file 1', 'file-first 1', 'folder/deep/below.md 1', 'folder/x.md 1']);
    expect(all.filter((line) => !line.startsWith('many-'))).toEqual(few);
    expect(all).toHaveLength(few.length + 300);
  });

  it('a commit on top of them keeps every entry as it is', async () => {
    const blob = blobOf('x');
    const odd = [
      ['160000', 'commit', '1'.repeat(40), 'module'],
      ['120000', 'blob', blob, 'link.md'],
      ['100755', 'blob', blob, 'run.md'],
      ['100644', 'blob', blob, Buffer.from('caf\xe9', 'latin1')],
    ] as const;
    plant(odd);
    const before = fixture.remote(['ls-tree', '-r', BRANCH]).split('\n');
    const host = await fixture.open();
    await publishFiles(host, { 'm.md': 'new' });
    const after = fixture.remote(['ls-tree', '-r', BRANCH]).split('\n');
    expect(after.filter((line) => !line.endsWith('m.md'))).toEqual(before);
    expect(after).toHaveLength(before.length + 1);
    await expect(
      host.buildCommits(oidOf(fixture.remote(['rev-parse', BRANCH])), [
        draftOf({ 'module/x': '1' }),
      ]),
    ).rejects.toMatchObject({
      code: 'INTERNAL',
    });
  });

  it('a message of a hundred megabytes is told by its header', async () => {
    const big = fixture.remote(['hash-object', '-w', '--stdin'], {
      input: Buffer.alloc(100 * 1024 * 1024),
    });
    const small = fixture.remote(['hash-object', '-w', '--stdin'], { input: 'small' });
    const tip = plant([
      ['100644', 'blob', big, 'big.md'],
      ['100644', 'blob', small, 'small.md'],
    ]);
    const host = await fixture.open();
    reached(await host.fetch({ tip: reached(await host.listRefs([])).tip, records: NONE }));
    const before = process.memoryUsage().rss;
    expect(await host.readBlobs([oidOf(big)], 1_000_000)).toEqual([
      { kind: 'too-large', sizeBytes: 100 * 1024 * 1024 },
    ]);
    // Among many, where all come out of one process one after the other.
    const many = await host.readBlobs(
      [oidOf(small), oidOf(big), ...Array.from({ length: 250 }, () => oidOf(small))],
      1_000_000,
    );
    expect(
      many.map((blob) => (blob.kind === 'bytes' ? Buffer.from(blob.bytes).toString() : blob.kind)),
    ).toEqual(['small', 'too-large', ...Array.from({ length: 250 }, () => 'small')]);
    expect((await host.lookUp(tip, ['big.md']))[0]?.oid).toBe(big);
    expect(await host.sizesOf([oidOf(big)])).toEqual([100 * 1024 * 1024]);
    expect(process.memoryUsage().rss - before).toBeLessThan(50 * 1024 * 1024);
  });

  it('commits with odd authors, encodings, signatures and times are read, and hostile ones in no time', async () => {
    const tree = fixture.remote(['mktree'], { input: '' });
    const commits = [
      [
        'author Zoë <z@x> 1700000000 +0230',
        'committer C <c@x> 1 +0000',
        'gpgsig -----BEGIN\n line\n -----END',
        '',
        'signed\n\nbody\n\n\n',
      ],
      ['author  <> 99999999999999999999 +0000', 'committer C <c@x> 1 +0000', '', ''],
      [
        `author ${' '.repeat(200_000)}x 1 +0000`,
        'committer C <c@x> 1 +0000',
        '',
        `${'\n'.repeat(500_000)}x`,
      ],
    ].map((lines) => Buffer.from([`tree ${tree}`, ...lines].join('\n')));
    const latin = Buffer.concat([
      Buffer.from(
        `tree ${tree}\nauthor A <a@x> 5 +0000\ncommitter A <a@x> 5 +0000\nencoding ISO-8859-1\n\ncaf`,
      ),
      Buffer.from([0xe9]),
    ]);
    const oids = [...commits, latin].map((input) =>
      oidOf(
        fixture.remote(['hash-object', '-t', 'commit', '-w', '--stdin', '--literally'], { input }),
      ),
    );
    const host = await fixture.open();
    const records = new Map(oids.map((oid, n) => [`refs/crosstalk/claims/${n}`, oid]));
    for (const [ref, oid] of records) fixture.remote(['update-ref', ref, oid]);
    reached(await host.fetch({ tip: null, records }));
    const started = performance.now();
    const read = await Promise.all(oids.map((oid) => host.readCommit(oid)));
    expect(performance.now() - started).toBeLessThan(1_000);
    expect(read[0]).toMatchObject({
      author: { name: 'Zoë', email: 'z@x' },
      authoredMs: 1_700_000_000_000,
      message: 'signed\n\nbody',
    });
    expect(read[1]).toMatchObject({ author: { name: '', email: '' }, authoredMs: 0, message: '' });
    expect(read[3]).toMatchObject({ authoredMs: 5_000, message: 'café' });
  });
});

describe('what is written', () => {
  const name = fc.constantFrom('a', 'b', 'a.md', 'a-b', 'a0', 'ab', 'ä', '日', 'z z', '"q"', 'A');
  const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
  const step = fc.record({ path, content: fc.option(fc.string({ maxLength: 20 }), { freq: 4 }) });

  it(
    'is, after any sequence of writes and removals, what git sees, and clean by git fsck --strict',
    { timeout: 120_000 },
    async () => {
      const run = async (
        steps: readonly { readonly path: string; readonly content: string | null }[],
        format: 'sha1' | 'sha256',
      ): Promise<void> => {
        const own = createGitFixture({ format });
        try {
          const host = await own.open();
          const model = new Map<string, string>();
          let tip: Oid | null = null;
          for (const { path: at, content } of steps) {
            const blocked = [...model.keys()].some(
              (other) => other.startsWith(`${at}/`) || at.startsWith(`${other}/`),
            );
            if (blocked) continue;
            if (content === null) model.delete(at);
            else model.set(at, content);
            const author = { name: `<${at}>\n`, email: 'a b@<x>' };
            const built: readonly Oid[] = await host.buildCommits(tip, [
              draftOf({ [at]: content }, { author, message: `\0${at}\n\n` }),
            ]);
            tip = built[0]!;
          }
          if (tip === null) return;
          await host.push([{ ref: BRANCH, expected: null, next: tip }], { atomic: false });
          const seen = own
            .remote(['ls-tree', '-r', '-z', '--name-only', tip])
            .split('\0')
            .filter((entry) => entry !== '');
          expect(seen.sort()).toEqual([...model.keys()].sort());
          expect(
            (await host.diff({ from: null, to: tip, under: '' })).map((change) => change.path),
          ).toEqual(seen);
          for (const [at, content] of model)
            expect(own.remote(['show', `${tip}:${at}`])).toBe(content.replace(/\n$/, ''));
          expect(own.remote(['fsck', '--strict', '--no-dangling'])).toBe('');
        } finally {
          await own.dispose();
        }
      };
      const property = fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 15 }),
        fc.constantFrom('sha1' as const, 'sha256' as const),
        run,
      );
      await fc.assert(property, { numRuns: 15 });
    },
  );
});
