/** What every implementation of the Repository door promises. Run with git and with memory. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Oid } from '../../src/base/ids.ts';
import type { CommitDraft, RefUpdate, Repository } from '../../src/transport/repository.ts';
import { draftOf, reached } from '../support/git-fixture.ts';

/** One remote and the hosts on it. */
export interface ContractWorld {
  /** A new host: an empty cache on the same remote. */
  open(): Promise<Repository>;
  /**
   * A commit on the remote's branch with two parents whose tree is that of the first plus `files`
   * and the second's files.
   */
  merge(parents: readonly [Oid, Oid], files: Readonly<Record<string, string>>): Promise<Oid>;
  /** Removes from the remote every object that no ref needs. */
  forgetUnreferenced(): Promise<void>;
  /** Makes the remote answer no more. */
  cutOff(): Promise<void>;
  dispose(): Promise<void>;
}

const BRANCH = 'refs/heads/main';
const CLAIMS = 'refs/crosstalk/claims/';
const HOSTS = 'refs/crosstalk/hosts/';
const NONE = new Map<string, Oid>();

async function inOne<T>(pieces: AsyncIterable<readonly T[]>): Promise<readonly T[]> {
  const all: T[] = [];
  for await (const piece of pieces) all.push(...piece);
  return all;
}

/** Defines the suite for one implementation. */
export function describeRepositoryContract(
  name: string,
  createWorld: () => Promise<ContractWorld>,
): void {
  describe(`the repository door, ${name}`, () => {
    let world: ContractWorld;
    let a: Repository;
    let b: Repository;
    beforeEach(async () => {
      world = await createWorld();
      [a, b] = [await world.open(), await world.open()];
    });
    afterEach(() => world.dispose());

    const tipOf = async (host: Repository): Promise<Oid | null> =>
      reached(await host.listRefs([])).tip;
    const publish = async (host: Repository, ...drafts: readonly CommitDraft[]): Promise<Oid> => {
      const tip = await tipOf(host);
      reached(await host.fetch({ tip, records: NONE }));
      const built = await host.buildCommits(tip, drafts);
      const next = built.at(-1)!;
      expect(await pushOne(host, { ref: BRANCH, expected: tip, next })).toBe('landed');
      return next;
    };
    const catchUp = async (host: Repository): Promise<Oid> => {
      const tip = await tipOf(host);
      reached(await host.fetch({ tip, records: NONE }));
      return tip!;
    };
    const pathsOf = async (host: Repository, commit: Oid): Promise<string[]> =>
      (await host.diff({ from: null, to: commit, under: '' })).map((change) => change.path);
    const textAt = async (host: Repository, commit: Oid, path: string): Promise<string | null> => {
      const [entry] = await host.lookUp(commit, [path]);
      const [blob] =
        entry === null || entry === undefined ? [] : await host.readBlobs([entry.oid], 1_000_000);
      return blob?.kind === 'bytes' ? Buffer.from(blob.bytes).toString('utf8') : null;
    };

    describe('refs', () => {
      it('an empty remote has no tip and no refs', async () => {
        expect(reached(await a.listRefs([CLAIMS]))).toEqual({ tip: null, refs: new Map() });
      });

      it('lists the branch and exactly the refs below the prefixes', async () => {
        const tip = await publish(a, draftOf({ 'x.md': 'x' }));
        const record = await a.writeRecord('{"n":1}');
        const names = [
          `${CLAIMS}k1`,
          `${HOSTS}mbp.1`,
          'refs/crosstalk/other/z',
          `refs/heads/${CLAIMS}k9`,
        ];
        for (const ref of names)
          expect(await pushOne(a, { ref, expected: null, next: record })).toBe('landed');
        const listed = reached(await b.listRefs([CLAIMS, 'refs/crosstalk/other/z']));
        expect(listed.tip).toBe(tip);
        expect([...listed.refs].sort()).toEqual([
          [`${CLAIMS}k1`, record],
          ['refs/crosstalk/other/z', record],
        ]);
      });

      it('a create-only lease lands once and is stale afterwards', async () => {
        const [mine, theirs] = [
          await a.writeRecord('{"by":"a"}'),
          await b.writeRecord('{"by":"b"}'),
        ];
        expect(await pushOne(a, { ref: `${CLAIMS}k`, expected: null, next: mine })).toBe('landed');
        expect(await pushOne(b, { ref: `${CLAIMS}k`, expected: null, next: theirs })).toBe('stale');
        expect(reached(await b.listRefs([CLAIMS])).refs.get(`${CLAIMS}k`)).toBe(mine);
      });

      it('compare-and-swap and deletion need the value that stands there', async () => {
        const [one, two] = [await a.writeRecord('{"n":1}'), await a.writeRecord('{"n":2}')];
        const ref = `${CLAIMS}k`;
        expect(await pushOne(a, { ref, expected: one, next: two })).toBe('stale');
        expect(await pushOne(a, { ref, expected: null, next: one })).toBe('landed');
        expect(await pushOne(a, { ref, expected: two, next: null })).toBe('stale');
        expect(await pushOne(a, { ref, expected: one, next: two })).toBe('landed');
        expect(await pushOne(a, { ref, expected: two, next: null })).toBe('landed');
        expect(reached(await b.listRefs([CLAIMS])).refs.size).toBe(0);
        expect(await pushOne(a, { ref, expected: two, next: null })).toBe('stale');
      });

      it('without atomic every ref of a push wins or loses on its own', async () => {
        const mine = await a.writeRecord('{"by":"a"}');
        await pushOne(a, { ref: `${CLAIMS}k1`, expected: null, next: mine });
        const theirs = await b.writeRecord('{"by":"b"}');
        const results = await pushAll(
          b,
          ['k1', 'k2', 'k3'].map((key) => ({
            ref: `${CLAIMS}${key}`,
            expected: null,
            next: theirs,
          })),
          false,
        );
        expect(results).toEqual({
          [`${CLAIMS}k1`]: 'stale',
          [`${CLAIMS}k2`]: 'landed',
          [`${CLAIMS}k3`]: 'landed',
        });
      });

      it('with atomic a branch and a claim move together or not at all', async () => {
        const tip = await publish(a, draftOf({ 'x.md': 'x' }));
        const [claim, other] = [await a.writeRecord('{"n":1}'), await a.writeRecord('{"n":2}')];
        const ref = `${CLAIMS}k`;
        await pushOne(a, { ref, expected: null, next: claim });
        const [reply] = await a.buildCommits(tip, [draftOf({ 'x.re.opus.md': 'answer' })]);
        const lost = await pushAll(
          a,
          [
            { ref: BRANCH, expected: tip, next: reply! },
            { ref, expected: other, next: null },
          ],
          true,
        );
        expect(Object.values(lost)).toEqual(['stale', 'stale']);
        expect(reached(await b.listRefs([CLAIMS]))).toEqual({ tip, refs: new Map([[ref, claim]]) });
        const won = await pushAll(
          a,
          [
            { ref: BRANCH, expected: tip, next: reply! },
            { ref, expected: claim, next: null },
          ],
          true,
        );
        expect(Object.values(won)).toEqual(['landed', 'landed']);
        expect(reached(await b.listRefs([CLAIMS]))).toEqual({ tip: reply, refs: new Map() });
      });

      it('when every host claims at once, exactly one wins each key', async () => {
        await publish(a, draftOf({ 'x.md': 'x' }));
        const hosts = [a, b, await world.open(), await world.open()];
        const refs = [1, 2, 3, 4, 5].map((n) => `${CLAIMS}k${n}`);
        const results = await Promise.all(
          hosts.map(async (host, n) => {
            const next = await host.writeRecord(`{"by":${n}}`);
            return pushAll(
              host,
              refs.map((ref) => ({ ref, expected: null, next })),
              false,
            );
          }),
        );
        for (const ref of refs)
          expect(results.filter((result) => result[ref] === 'landed')).toHaveLength(1);
      });

      it('when two hosts append to one tip at once, one lands and the other is stale', async () => {
        const tip = await publish(a, draftOf({ 'x.md': 'x' }));
        await catchUp(b);
        const results = await Promise.all(
          [a, b].map(async (host, n) => {
            const [next] = await host.buildCommits(tip, [draftOf({ [`by-${n}.md`]: 'y' })]);
            return pushOne(host, { ref: BRANCH, expected: tip, next: next! });
          }),
        );
        expect(results.sort()).toEqual(['landed', 'stale']);
      });

      it('a ref that is not to be moved is compared, and stops no other of the push', async () => {
        const tip = await publish(a, draftOf({ 'x.md': 'x' }));
        const record = await a.writeRecord('{"n":1}');
        const claim = (key: string, at: Oid): readonly RefUpdate[] => [
          { ref: `${CLAIMS}${key}`, expected: null, next: record },
          { ref: BRANCH, expected: at, next: at },
        ];
        expect(await pushAll(a, claim('k1', tip), false)).toEqual({
          [`${CLAIMS}k1`]: 'landed',
          [BRANCH]: 'landed',
        });
        await catchUp(b);
        await publish(b, draftOf({ 'y.md': 'y' }));
        expect(await pushAll(a, claim('k2', tip), false)).toEqual({
          [`${CLAIMS}k2`]: 'landed',
          [BRANCH]: 'stale',
        });
      });

      it('a push that finds its own value there has landed', async () => {
        const record = await a.writeRecord('{"n":1}');
        await pushOne(a, { ref: `${CLAIMS}k`, expected: null, next: record });
        expect(await pushOne(a, { ref: `${CLAIMS}k`, expected: null, next: record })).toBe(
          'landed',
        );
      });
    });

    describe('fetching', () => {
      it('brings the branch with everything below it and the records by their refs', async () => {
        const tip = await publish(a, draftOf({ 'a/b/x.md': 'hello' }));
        const record = await a.writeRecord('{"claim":"é"}');
        await pushOne(a, { ref: `${CLAIMS}k`, expected: null, next: record });
        expect(await b.hasObject(record)).toBe(false);
        reached(await b.fetch({ tip, records: new Map([[`${CLAIMS}k`, record]]) }));
        expect(await b.hasObject(record)).toBe(true);
        expect(await b.readCommit(record)).toMatchObject({
          oid: record,
          parents: [],
          message: '{"claim":"é"}',
        });
        expect(await textAt(b, tip, 'a/b/x.md')).toBe('hello');
      });

      it('a record that vanished is left out and everything else arrives', async () => {
        const tip = await publish(a, draftOf({ 'x.md': 'x' }));
        const [kept, gone] = [await a.writeRecord('{"n":1}'), await a.writeRecord('{"n":2}')];
        for (const [key, next] of [
          ['kept', kept],
          ['gone', gone],
        ] as const)
          await pushOne(a, { ref: `${CLAIMS}${key}`, expected: null, next });
        const { refs } = reached(await b.listRefs([CLAIMS]));
        await pushOne(a, { ref: `${CLAIMS}gone`, expected: gone, next: null });
        await world.forgetUnreferenced();
        reached(await b.fetch({ tip, records: refs }));
        expect([await b.hasObject(tip), await b.hasObject(kept), await b.hasObject(gone)]).toEqual([
          true,
          true,
          false,
        ]);
      });

      it('fetching nothing, or what is there already, changes nothing', async () => {
        const tip = await publish(a, draftOf({ 'x.md': 'x' }));
        reached(await a.fetch({ tip, records: NONE }));
        reached(await a.fetch({ tip: null, records: NONE }));
        expect(await pathsOf(a, tip)).toEqual(['x.md']);
      });

      it('a remote that does not answer is a value', async () => {
        const tip = await publish(a, draftOf({ 'x.md': 'x' }));
        const record = await a.writeRecord('{"n":1}');
        await world.cutOff();
        expect((await a.listRefs([CLAIMS])).kind).toBe('unreachable');
        expect((await b.fetch({ tip, records: NONE })).kind).toBe('unreachable');
        expect(
          (await a.push([{ ref: `${CLAIMS}k`, expected: null, next: record }], { atomic: true }))
            .kind,
        ).toBe('unknown');
        expect(await a.hasObject(tip)).toBe(true);
      });
    });

    describe('trees', () => {
      it('tells exactly what was written and removed between two commits', async () => {
        const first = await publish(
          a,
          draftOf({ 'a/keep.md': '1', 'a/edit.md': '1', 'a/gone.md': '1', 'b.md': '1' }),
        );
        const second = await publish(
          a,
          draftOf({ 'a/edit.md': '2', 'a/new.md': '1', 'a/gone.md': null }),
        );
        const changes = await a.diff({ from: first, to: second, under: '' });
        expect(changes.map(({ kind, path }) => `${kind} ${path}`)).toEqual([
          'written a/edit.md',
          'removed a/gone.md',
          'written a/new.md',
        ]);
        expect(await a.diff({ from: second, to: second, under: '' })).toEqual([]);
        expect(
          (await a.diff({ from: second, to: first, under: '' })).map(
            ({ kind, path }) => `${kind} ${path}`,
          ),
        ).toEqual(['written a/edit.md', 'written a/gone.md', 'removed a/new.md']);
      });

      it('a moved file is one removal and one addition', async () => {
        const text = 'the same words\n'.repeat(50);
        const first = await publish(a, draftOf({ 'old.md': text }));
        const second = await publish(a, draftOf({ 'old.md': null, 'new.md': text }));
        const changes = await a.diff({ from: first, to: second, under: '' });
        expect(changes.map(({ kind, path }) => `${kind} ${path}`)).toEqual([
          'written new.md',
          'removed old.md',
        ]);
      });

      it('a file that becomes a folder, and a folder that becomes a file, are seen as both', async () => {
        const first = await publish(a, draftOf({ f: 'file', 'd/x.md': '1', 'd/y.md': '1' }));
        const emptied = await publish(
          a,
          draftOf({ f: null, 'd/x.md': null, 'd/y.md': null, 'rest.md': '1' }),
        );
        const second = await publish(a, draftOf({ 'f/z.md': '1', d: 'file' }));
        const changes = await a.diff({ from: first, to: second, under: '' });
        expect(changes.map(({ kind, path }) => `${kind} ${path}`)).toEqual([
          'written d',
          'removed d/x.md',
          'removed d/y.md',
          'removed f',
          'written f/z.md',
          'written rest.md',
        ]);
        expect(await pathsOf(a, emptied)).toEqual(['rest.md']);
      });

      it('looks only below the folder it is given', async () => {
        const first = await publish(
          a,
          draftOf({ 'data/x.md': '1', 'data2/y.md': '1', 'top.md': '1' }),
        );
        const second = await publish(a, draftOf({ 'data/n/m.md': '1', 'data2/z.md': '1' }));
        expect(
          (await a.diff({ from: null, to: first, under: 'data' })).map(({ path }) => path),
        ).toEqual(['data/x.md']);
        expect(
          (await a.diff({ from: first, to: second, under: 'data' })).map(({ path }) => path),
        ).toEqual(['data/n/m.md']);
        for (const from of [null, first])
          expect(new Set(await inOne(a.walk({ from, to: second, under: 'data' })))).toEqual(
            new Set(await a.diff({ from, to: second, under: 'data' })),
          );
        expect(await a.diff({ from: first, to: second, under: 'nowhere' })).toEqual([]);
        expect(await a.diff({ from: first, to: second, under: 'top.md' })).toEqual([]);
      });

      it('takes names with spaces, quotes and letters of any script as they are, in code-unit order', async () => {
        const names = [
          'a b.md',
          'a"b.md',
          'Ä.md',
          'a-b/x.md',
          'a.md',
          'a/x.md',
          '日本/語.md',
          '\u{1f600}.md',
          '\uff5e.md',
        ];
        const commit = await publish(
          a,
          draftOf(Object.fromEntries(names.map((name) => [name, name]))),
        );
        await catchUp(b);
        expect(await pathsOf(b, commit)).toEqual([...names].sort());
        for (const name of names) expect(await textAt(b, commit, name)).toBe(name);
      });

      it('looks up files, folders and nothing, in the order asked', async () => {
        const commit = await publish(a, draftOf({ 'd/x.md': 'four', 'e.md': '' }));
        const found = await a.lookUp(commit, [
          'nowhere',
          'd/x.md',
          'd',
          'e.md',
          'd/x.md/below',
          '',
          'd/',
          '../d',
          'x\ny',
        ]);
        expect(found.map((entry) => entry?.kind ?? null)).toEqual([
          null,
          'file',
          'tree',
          'file',
          null,
          null,
          null,
          null,
          null,
        ]);
      });

      it('lists what stands right in a folder, in the order of names', async () => {
        const commit = await publish(a, draftOf({ 'd/x.md': '1', 'd/e/y.md': '2', 'b.md': '' }));
        const list = async (folder: string) =>
          (await a.list(commit, folder)).map(({ name, kind }) => `${kind} ${name}`);
        expect(await list('')).toEqual(['file b.md', 'tree d']);
        expect(await list('d')).toEqual(['tree e', 'file x.md']);
        expect(await list('nowhere')).toEqual([]);
        expect(await list('b.md')).toEqual([]);
      });

      it('tells sizes in the order asked, of blobs only', async () => {
        const commit = await publish(a, draftOf({ 'd/x.md': 'four', 'e.md': '' }));
        await catchUp(b);
        const oids = (await b.lookUp(commit, ['e.md', 'd/x.md', 'd'])).map((entry) => entry!.oid);
        expect(await b.sizesOf([...oids, 'f'.repeat(commit.length) as Oid, oids[1]!])).toEqual([
          0, 4, 0, 0, 4,
        ]);
      });

      it('reads blobs in the order asked and never loads one that is too large', async () => {
        const commit = await publish(
          a,
          draftOf({
            big: 'x'.repeat(2_000),
            small: 'y',
            empty: '',
            bytes: new Uint8Array([0, 255, 10, 0]),
          }),
        );
        const entries = await a.lookUp(commit, ['big', 'small', 'empty', 'bytes']);
        const oids = entries.map((entry) => entry!.oid);
        const missing = 'f'.repeat(oids[0]!.length) as Oid;
        const blobs = await a.readBlobs([...oids, missing, oids[1]!], 1_000);
        expect(blobs.map((blob) => (blob.kind === 'bytes' ? [...blob.bytes] : blob))).toEqual([
          { kind: 'too-large', sizeBytes: 2_000 },
          [121],
          [],
          [0, 255, 10, 0],
          { kind: 'missing' },
          [121],
        ]);
      });
    });

    describe('many blobs', () => {
      it('are read in the order asked, with the missing and the too large in their places', async () => {
        const commit = await publish(
          a,
          draftOf(
            Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`m${n}`, 'x'.repeat(n)])),
          ),
        );
        const entries = await a.lookUp(
          commit,
          Array.from({ length: 300 }, (_, n) => `m${n}`),
        );
        const missing = 'f'.repeat(commit.length) as Oid;
        const blobs = await a.readBlobs([missing, ...entries.map((entry) => entry!.oid)], 250);
        expect(
          await inOne(a.scanBlobs([missing, ...entries.map((entry) => entry!.oid)], 250)),
        ).toEqual(blobs);
        expect(blobs[0]).toEqual({ kind: 'missing' });
        const sizes = blobs
          .slice(1)
          .map((blob) => (blob.kind === 'bytes' ? blob.bytes.length : blob));
        expect(sizes).toEqual(
          Array.from({ length: 300 }, (_, n) =>
            n <= 250 ? n : { kind: 'too-large', sizeBytes: n },
          ),
        );
      });
    });

    describe('building commits', () => {
      it('chains drafts one on the other with their authors, times and messages', async () => {
        const author = { name: 'opus', email: 'opus@mbp.crosstalk' };
        const drafts = [
          draftOf({ 'a.md': '1' }, { message: 'one\n\nbody\n', author, atMs: 1_700_000_001_999 }),
          draftOf({ 'd/b.md': '2' }, { message: 'two' }),
        ];
        const [first, second] = await a.buildCommits(null, drafts);
        expect(await pushOne(a, { ref: BRANCH, expected: null, next: second! })).toBe('landed');
        await catchUp(b);
        expect(await b.readCommit(first!)).toEqual({
          oid: first,
          parents: [],
          author,
          committer: drafts[0]?.committer,
          authoredMs: 1_700_000_001_000,
          message: 'one\n\nbody',
        });
        expect(await b.readCommit(second!)).toMatchObject({ parents: [first], message: 'two' });
        expect(await pathsOf(b, second!)).toEqual(['a.md', 'd/b.md']);
        expect(await b.readCommit('e'.repeat(first!.length) as Oid)).toBeNull();
      });

      it('overwrites and removes what a person asks for; emptied folders go', async () => {
        const first = await publish(a, draftOf({ 'd/e/x.md': '1', 'y.md': '1' }));
        const [second] = await a.buildCommits(first, [
          draftOf({ 'y.md': '2', 'd/e/x.md': null, 'never/was.md': null }),
        ]);
        expect(await pathsOf(a, second!)).toEqual(['y.md']);
        expect(await textAt(a, second!, 'y.md')).toBe('2');
        expect(await a.lookUp(second!, ['d'])).toEqual([null]);
        expect(await textAt(a, first, 'd/e/x.md')).toBe('1');
      });

      it('refuses a file below a file, a file in place of a folder, and what is not a path', async () => {
        const first = await publish(a, draftOf({ f: '1', 'd/x.md': '1' }));
        for (const path of ['f/below.md', 'd', '../x', 'a//b', '/a', 'a/.git/config', ''])
          await expect(
            a.buildCommits(first, [draftOf({ [path]: 'x' })]),
            path,
          ).rejects.toMatchObject({ code: 'INTERNAL' });
      });

      it('the same record text written twice with other nonces gives two objects', async () => {
        expect(await a.writeRecord('{"nonce":"1"}')).not.toBe(await a.writeRecord('{"nonce":"2"}'));
      });
    });

    describe('history', () => {
      it('knows ancestors, and that an unknown commit is none', async () => {
        const first = await publish(a, draftOf({ 'a.md': '1' }));
        const second = await publish(a, draftOf({ 'b.md': '1' }));
        const [side] = await a.buildCommits(first, [draftOf({ 'c.md': '1' })]);
        expect(await a.isAncestor(first, second)).toBe(true);
        expect(await a.isAncestor(second, second)).toBe(true);
        expect(await a.isAncestor(second, first)).toBe(false);
        expect(await a.isAncestor(side!, second)).toBe(false);
        expect(await a.isAncestor('d'.repeat(first.length) as Oid, second)).toBe(false);
      });

      it('lists first parents after `from`, oldest first, the newest `max` of them', async () => {
        const commits: Oid[] = [];
        for (const n of [1, 2, 3, 4]) commits.push(await publish(a, draftOf({ [`${n}.md`]: '1' })));
        const list = async (from: Oid | null, max: number): Promise<Oid[]> =>
          (await a.history({ from, to: commits[3]!, max })).map(({ oid }) => oid);
        expect(await list(null, 10)).toEqual(commits);
        expect(await list(commits[0]!, 10)).toEqual(commits.slice(1));
        expect(await list(null, 2)).toEqual(commits.slice(2));
        expect(await list(commits[3]!, 5)).toEqual([]);
      });

      it('finds the commit that added each path, the newest when there were several', async () => {
        const first = await publish(a, draftOf({ 'a.md': '1', 'again.md': '1', 'é b.md': '1' }));
        const gone = await publish(a, draftOf({ 'again.md': null, 'a.md': 'edited' }));
        const back = await publish(a, draftOf({ 'again.md': '2' }));
        const added = await a.findAddingCommits(['a.md', 'again.md', 'é b.md', 'never.md'], {
          from: null,
          to: back,
        });
        expect(Object.fromEntries([...added].map(([path, { oid }]) => [path, oid]))).toEqual({
          'a.md': first,
          'again.md': back,
          'é b.md': first,
        });
        expect([
          ...(await a.findAddingCommits(['a.md', 'again.md'], { from: gone, to: back })).keys(),
        ]).toEqual(['again.md']);
        expect((await a.findAddingCommits([], { from: null, to: back })).size).toBe(0);
      });

      it('finds the commit that wrote what stands, whatever else once stood there', async () => {
        const first = await publish(a, draftOf({ 'a.md': '1', 'b.md': '1' }));
        const edit = await publish(a, draftOf({ 'a.md': '2' }));
        const tip = await publish(a, draftOf({ 'gone.md': '1' }));
        const [side] = await a.buildCommits(first, [draftOf({ 'b.md': 'other' })]);
        expect(await pushOne(a, { ref: 'refs/heads/side', expected: null, next: side! })).toBe(
          'landed',
        );
        const writers = await a.findWriters(['a.md', 'b.md', 'never.md'], tip);
        expect(
          Object.fromEntries([...writers].map(([path, { commit }]) => [path, commit])),
        ).toEqual({ 'a.md': edit, 'b.md': first });
        expect([...writers.values()].map(({ signed }) => signed)).toEqual([null, null]);
      });

      it('finds no writer of what a merge has put back, whichever of its parents is the first', async () => {
        const old = await publish(
          a,
          draftOf({ 'changed.md': '1', 'gone.md': '1', 'same.md': '1' }),
        );
        const now = await publish(a, draftOf({ 'changed.md': '2', 'gone.md': null }));
        const [beside] = await a.buildCommits(old, [draftOf({ 'beside.md': '1' })]);
        expect(await pushOne(a, { ref: 'refs/heads/side', expected: null, next: beside! })).toBe(
          'landed',
        );
        const paths = ['changed.md', 'gone.md', 'same.md', 'beside.md'];
        for (const parents of [
          [now, beside!],
          [beside!, now],
        ] as const) {
          const back = { 'changed.md': '1', 'gone.md': '1', 'same.md': '1', 'beside.md': '1' };
          const merge = await world.merge(parents, back);
          await catchUp(b);
          const writers = await b.findWriters(paths, merge);
          expect(
            Object.fromEntries([...writers].map(([path, { commit }]) => [path, commit])),
          ).toEqual({ 'same.md': old, 'beside.md': beside });
        }
      });

      it('finds what came in by a merge in the commit of its author, and what only the merge has in the merge', async () => {
        const base = await publish(a, draftOf({ 'base.md': '1' }));
        const [side] = await a.buildCommits(base, [draftOf({ 'side.md': '1' })]);
        expect(await pushOne(a, { ref: 'refs/heads/side', expected: null, next: side! })).toBe(
          'landed',
        );
        const main = await publish(a, draftOf({ 'main.md': '1' }));
        const merge = await world.merge([main, side!], { 'evil.md': '1' });
        const tip = await catchUp(b);
        expect(tip).toBe(merge);
        const paths = ['base.md', 'side.md', 'main.md', 'evil.md'];
        const found = async (
          list: readonly string[],
          from: Oid | null,
        ): Promise<Record<string, Oid>> =>
          Object.fromEntries(
            [...(await b.findAddingCommits(list, { from, to: merge }))].map(([path, { oid }]) => [
              path,
              oid,
            ]),
          );
        expect(await found(paths, null)).toEqual({
          'base.md': base,
          'side.md': side,
          'main.md': main,
          'evil.md': merge,
        });
        expect(await found(paths, main)).toEqual({ 'side.md': side, 'evil.md': merge });
        const many = Array.from({ length: 300 }, (_, n) => `absent-${n}.md`);
        expect(await found([...many, ...paths], main)).toEqual({
          'side.md': side,
          'evil.md': merge,
        });
        expect(await b.isAncestor(side!, merge)).toBe(true);
        expect((await b.history({ from: base, to: merge, max: 9 })).map(({ oid }) => oid)).toEqual([
          main,
          merge,
        ]);
        expect(
          (await b.diff({ from: main, to: merge, under: '' })).map(({ path }) => path),
        ).toEqual(['evil.md', 'side.md']);
      });
    });

    it('upkeep keeps what was fetched, built and recorded', async () => {
      const tip = await publish(a, draftOf({ 'x.md': 'x' }));
      const [pending] = await a.buildCommits(tip, [draftOf({ 'y.md': 'y' })]);
      const record = await a.writeRecord('{"n":1}');
      await a.maintain();
      expect(await textAt(a, pending!, 'y.md')).toBe('y');
      expect(await a.hasObject(record)).toBe(true);
    });
  });
}

async function pushAll(
  host: Repository,
  updates: readonly RefUpdate[],
  atomic: boolean,
): Promise<Record<string, string>> {
  const outcome = await host.push(updates, { atomic });
  if (outcome.kind === 'unknown') throw new Error(`unknown: ${outcome.failure.line}`);
  return Object.fromEntries([...outcome.refs].map(([ref, result]) => [ref, result.kind]));
}

async function pushOne(host: Repository, update: RefUpdate): Promise<string | undefined> {
  return (await pushAll(host, [update], false))[update.ref];
}
