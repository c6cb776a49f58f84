/** What was signed for another transport is heard by nobody, in whichever way it is merged in. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Oid } from '../../src/base/ids.ts';
import type { Repository } from '../../src/transport/repository.ts';
import { createGitFixture, type GitFixture, oidOf, reached } from '../support/git-fixture.ts';

let fixture: GitFixture;
beforeEach(() => (fixture = createGitFixture()));
afterEach(() => fixture.dispose());

/** A commit of these files, with a signature that nobody checks here. */
function commit(files: Readonly<Record<string, string>>, ...parents: readonly Oid[]): Oid {
  const lines = Object.entries(files).map(([path, text]) => {
    const blob = fixture.remote(['hash-object', '-w', '--stdin'], { input: text });
    return `100644 blob ${blob}\t${path}\n`;
  });
  const tree = fixture.remote(['mktree'], { input: lines.join('') });
  const by = 'Ada <ada@example.org> 1700000000 +0000';
  const text = [
    `tree ${tree}`,
    ...parents.map((parent) => `parent ${parent}`),
    `author ${by}\ncommitter ${by}`,
    'gpgsig -----BEGIN SSH SIGNATURE-----\n AAAA\n -----END SSH SIGNATURE-----',
    '\nsigned\n',
  ].join('\n');
  return oidOf(fixture.remote(['hash-object', '-t', 'commit', '-w', '--stdin'], { input: text }));
}

async function openAt(tip: Oid, rootCommit: Oid, more = {}): Promise<Repository> {
  fixture.remote(['update-ref', 'refs/heads/main', tip]);
  const host = await fixture.open({ rootCommit, ...more });
  const listed = reached(await host.listRefs([]));
  reached(await host.fetch({ tip: listed.tip, records: new Map() }));
  return host;
}

/** Of these files, those whose writer is heard, by each of the two ways to ask. */
async function heard(host: Repository, tip: Oid, paths: readonly string[]) {
  const writers = await host.findWriters(paths, tip);
  const writes = await host.findWrites(paths, { from: null, to: tip });
  const signed = await Promise.all(
    paths.map(async (path) => (await host.readSigned(writes.get(path)?.at(-1) as Oid)) !== null),
  );
  expect(paths.map((path) => (writers.get(path)?.signed ?? null) !== null)).toEqual(signed);
  return paths.filter((_, at) => signed[at]);
}

it.each([
  ['as the second parent', (ours: Oid, theirs: Oid) => [ours, theirs]],
  ['as the first parent', (ours: Oid, theirs: Oid) => [theirs, ours]],
])('its history merged in %s', async (_, order) => {
  const root = commit({ a: '1' });
  const ours = commit({ a: '1', b: '1' }, root);
  const origin = commit({ x: '1' });
  const theirs = commit({ x: '1', y: '1' }, origin);
  const all = { a: '1', b: '1', x: '1', y: '1' };
  const merge = commit(all, ...order(ours, theirs));
  const tip = commit({ ...all, c: '1' }, merge);
  const told: Oid[] = [];
  const host = await openAt(tip, root, { onForeign: (one: Oid) => told.push(one) });
  expect(await heard(host, tip, ['a', 'b', 'c', 'x', 'y'])).toEqual(['a', 'b', 'c']);
  expect(told).toEqual([origin]);
  // To whom the other one is theirs, it is the other way around.
  const other = await openAt(tip, origin, { cacheDir: `${fixture.root}/other.git` });
  expect(await heard(other, tip, ['a', 'b', 'c', 'x', 'y'])).toEqual(['c', 'x', 'y']);
});

it('is found by a host that has looked before, and by one that begins anew', async () => {
  const root = commit({ a: '1' });
  const ours = commit({ a: '1', b: '1' }, root);
  const host = await openAt(ours, root);
  expect(await heard(host, ours, ['a', 'b'])).toEqual(['a', 'b']);
  const theirs = commit({ x: '1' });
  const tip = commit({ a: '1', b: '1', x: '1' }, ours, theirs);
  for (const more of [{ cacheDir: fixture.cacheDir() }, {}, { cacheDir: fixture.cacheDir() }])
    expect(await heard(await openAt(tip, root, more), tip, ['b', 'x'])).toEqual(['b']);
});

it('a merge of our own history, and a record, are heard', async () => {
  const root = commit({ a: '1' });
  const [left, right] = [commit({ a: '1', b: '1' }, root), commit({ a: '1', c: '1' }, root)];
  const own = commit({ a: '1', b: '1', c: '1' }, left, right);
  const record = commit({});
  const host = await openAt(own, root);
  expect(await heard(host, own, ['a', 'b', 'c'])).toEqual(['a', 'b', 'c']);
  fixture.remote(['update-ref', 'refs/crosstalk/claims/x', record]);
  const records = new Map([['refs/crosstalk/claims/x', record]]);
  reached(await host.fetch({ tip: null, records }));
  const tip = commit({ a: '1', b: '1', c: '1', x: '1' }, own, commit({ x: '1' }));
  const mixed = await openAt(tip, root, { cacheDir: fixture.cacheDir() });
  expect(await heard(mixed, tip, ['a', 'x'])).toEqual(['a']);
  expect(await mixed.readSigned(record)).not.toBeNull();
});

it('a branch that was begun again, as a person has accepted, is heard', async () => {
  const root = commit({ a: '1' });
  const host = await openAt(commit({ a: '1', b: '1' }, root), root);
  expect(await heard(host, await tipOf(host), ['a', 'b'])).toEqual(['a', 'b']);
  const tip = commit({ c: '1', d: '1' }, commit({ c: '1' }));
  for (const more of [{ cacheDir: fixture.cacheDir() }, {}])
    expect(await heard(await openAt(tip, root, more), tip, ['c', 'd'])).toEqual(['c', 'd']);
});

const tipOf = async (host: Repository): Promise<Oid> => reached(await host.listRefs([])).tip as Oid;
