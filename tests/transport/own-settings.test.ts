/**
 * What a person has set for their own eyes changes nothing that is parsed here: the same answers
 * with a configuration that turns everything on which git can be told to print otherwise.
 */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { asDispatcher, findBranch } from '../../src/cli/session/remote-branches.ts';
import { locateTransport } from '../../src/cli/session/locate.ts';
import { openPersonGit } from '../../src/cli/session/person-git.ts';
import { systemRandom } from '../../src/base/random.ts';
import { systemClock } from '../../src/base/clock.ts';
import { createGit } from '../../src/transport/git-runner.ts';
import { createReadLine } from '../../src/transport/space-reads.ts';
import { walkHistory } from '../../src/transport/walk-history.ts';
import { createGitFixture, draftOf, type GitFixture, reached } from '../support/git-fixture.ts';

const ODD = `
[color]
  ui = always
  diff = always
  grep = always
  branch = always
  status = always
  remote = always
  transport = always
  push = always
[column]
  ui = always
[core]
  abbrev = 5
  quotePath = true
  pager = false
[log]
  decorate = full
  date = relative
  abbrevCommit = true
  follow = true
  showRoot = false
  mailmap = true
[format]
  pretty = oneline
[diff]
  noPrefix = true
  mnemonicPrefix = true
  renames = copies
  external = /bin/false
  orderFile = /dev/null
  relative = true
  submodule = log
[grep]
  lineNumber = true
  column = true
  fullName = true
  patternType = perl
[status]
  short = true
  branch = true
  relativePaths = false
  showUntrackedFiles = no
[push]
  pushOption = ci.skip
  useForceIfIncludes = true
  followTags = true
  default = nothing
[fetch]
  prune = true
  all = true
[i18n]
  logOutputEncoding = latin1
[transfer]
  credentialsInUrl = die
[protocol]
  version = 0
[remote "origin"]
  prune = true
`;

let fixture: GitFixture;
beforeEach(() => {
  fixture = createGitFixture();
  appendFileSync(join(fixture.env['HOME'] ?? '', '.gitconfig'), ODD);
});
afterEach(() => fixture.dispose());

it('everything that is asked of a cache and a remote is understood', async () => {
  const host = await fixture.open();
  const [first, second] = await host.buildCommits(null, [
    draftOf({ 'CROSSTALK-VERSION': '7\n', 'data/é "x".md': 'Nobody said ä' }),
    draftOf({ 'data/b.md': 'said' }, { message: 'Übung\n\nBody\n' }),
  ]);
  const update = { ref: 'refs/heads/main', expected: null, next: second! };
  const pushed = await host.push([update], { atomic: true });
  expect(pushed).toMatchObject({ kind: 'answered' });
  expect(pushed.kind === 'answered' ? pushed.refs.get(update.ref) : null).toEqual({
    kind: 'landed',
  });
  const other = await fixture.open();
  expect(reached(await other.listRefs([])).tip).toBe(second);
  reached(await other.fetch({ tip: second!, records: new Map() }));
  const commits = await other.history({ from: null, to: second!, max: 9 });
  expect(commits.map(({ oid, message }) => [oid, message.split('\n')[0]])).toEqual([
    [first, 'write CROSSTALK-VERSION, data/é "x".md'],
    [second, 'Übung'],
  ]);
  const adding = await other.findAddingCommits(['data/é "x".md', 'data/b.md'], {
    from: null,
    to: second!,
  });
  expect([adding.get('data/é "x".md')?.oid, adding.get('data/b.md')?.oid]).toEqual([first, second]);
  expect(await other.isAncestor(first!, second!)).toBe(true);
  const git = createGit({ env: fixture.env, gitDir: fixture.cacheDir(), clock: systemClock });
  const walked: unknown[] = [];
  for await (const commit of walkHistory(git, second!)) walked.push(commit);
  expect(walked).toHaveLength(2);
  expect(JSON.stringify(walked)).not.toContain('\\u001b');
});

it("a person's clone is read as ever", async () => {
  const host = await fixture.open();
  const [tip] = await host.buildCommits(null, [draftOf({ 'CROSSTALK-VERSION': '7\n' })]);
  await host.push([{ ref: 'refs/heads/main', expected: null, next: tip! }], { atomic: true });
  const clone = join(fixture.root, 'clone');
  fixture.git(['clone', '-q', fixture.remoteDir, clone]);
  mkdirSync(join(clone, 'data'));
  writeFileSync(join(clone, 'data', 'new.md'), 'x');
  const { env } = fixture;
  expect(await locateTransport(null, { cwd: join(clone, 'data'), env })).toMatchObject({
    url: fixture.remoteDir,
    branch: 'main',
    clone,
  });
  const url = fixture.remoteDir;
  expect(
    await findBranch(asDispatcher(url, { env }, createReadLine(systemClock, systemRandom))),
  ).toBe('main');
  const git = openPersonGit(clone, env);
  expect(await git.raw(['status', '--porcelain', '--', 'data'])).toBe('?? data/\n');
  expect(await git.raw(['log', '--format=%s'])).toBe('write CROSSTALK-VERSION\n');
});
