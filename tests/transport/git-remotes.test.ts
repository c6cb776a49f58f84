import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Oid } from '../../src/base/ids.ts';
import type { GitRepositoryOptions } from '../../src/transport/git-repository.ts';
import type { PushOutcome, Repository } from '../../src/transport/repository.ts';
import {
  createGitFixture,
  draftOf,
  oidOf,
  processesNaming,
  reached,
  type GitFixture,
} from '../support/git-fixture.ts';
import {
  startHttpRemote,
  startSilentServer,
  type HttpRemoteOptions,
  type Page,
  type TestServer,
} from '../support/http-remote.ts';
import { writeSsh } from '../support/scripted-remote.ts';
import { startSshRemote } from '../support/ssh-remote.ts';

const BRANCH = 'refs/heads/main';
const CLAIMS = 'refs/crosstalk/claims/';
const NONE = new Map<string, Oid>();

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

async function http(more: Partial<HttpRemoteOptions> = {}): Promise<string> {
  const server = await startHttpRemote({ root: fixture.root, env: fixture.env, ...more });
  servers.push(server);
  return server.url;
}

async function push(
  host: Repository,
  ref: string,
  move: { readonly from: Oid | null; readonly to: Oid | null },
): Promise<PushOutcome> {
  return host.push([{ ref, expected: move.from, next: move.to }], { atomic: true });
}

function kindOf(outcome: PushOutcome, ref: string): string {
  return outcome.kind === 'unknown'
    ? `unknown: ${outcome.failure.reason}`
    : (outcome.refs.get(ref)?.kind ?? 'nothing');
}

/**
 * Publishes from one host and reads from another, with a claim and its deletion: what every remote
 * must be able to do.
 */
async function converse(open: () => Promise<Repository>): Promise<void> {
  const [a, b] = [await open(), await open()];
  reached(await a.listRefs([CLAIMS]));
  const files = Object.fromEntries(
    Array.from({ length: 200 }, (_, n) => [`data/channels/c/${n}.md`, `m${n}`]),
  );
  const [first] = await a.buildCommits(null, [draftOf(files)]);
  expect(kindOf(await push(a, BRANCH, { from: null, to: first! }), BRANCH)).toBe('landed');
  const claim = await a.writeRecord('{"nonce":"1"}');
  expect(kindOf(await push(a, `${CLAIMS}k`, { from: null, to: claim }), `${CLAIMS}k`)).toBe(
    'landed',
  );
  const listed = reached(await b.listRefs([CLAIMS]));
  expect(listed).toEqual({ tip: first, refs: new Map([[`${CLAIMS}k`, claim]]) });
  reached(await b.fetch({ tip: first!, records: listed.refs }));
  expect((await b.readCommit(claim))?.message).toBe('{"nonce":"1"}');
  expect(await b.diff({ from: null, to: first!, under: '' })).toHaveLength(200);
  const [second] = await a.buildCommits(first!, [
    draftOf({ 'data/channels/c/1.re.opus.md': 'answer' }),
  ]);
  const updates = [
    { ref: BRANCH, expected: first!, next: second! },
    { ref: `${CLAIMS}k`, expected: claim, next: null },
  ];
  expect(await a.push(updates, { atomic: true })).toMatchObject({ kind: 'answered' });
  expect(reached(await b.listRefs([CLAIMS]))).toEqual({ tip: second, refs: new Map() });
  reached(await b.fetch({ tip: second!, records: NONE }));
  expect(await b.diff({ from: first!, to: second!, under: '' })).toMatchObject([
    { kind: 'written', path: 'data/channels/c/1.re.opus.md' },
  ]);
  expect(kindOf(await push(b, BRANCH, { from: first!, to: claim }), BRANCH)).toBe('stale');
}

/** Looks of a host that has the branch, and what came on their connections. */
async function lookAlong(
  options: Partial<GitRepositoryOptions>,
  connections: () => number,
): Promise<readonly string[]> {
  const [a, b] = [await fixture.open(options), await fixture.open(options)];
  const [first, second] = await a.buildCommits(null, [draftOf({ a: '1' }), draftOf({ b: '2' })]);
  await push(a, BRANCH, { from: null, to: first! });
  reached(await b.fetch({ tip: reached(await b.listRefs([])).tip, records: NONE }));
  const claim = await a.writeRecord('{"nonce":"1"}');
  const told: string[] = [];
  const look = async (): Promise<void> => {
    const before = connections();
    const { tip, refs, brought } = reached(await b.listRefs([CLAIMS], (seen) => seen.refs));
    expect(refs.get(`${CLAIMS}k`) ?? null).toBe(told.length < 2 ? null : claim);
    const names = [...(brought ?? [])].map((ref) => ref.split('/').at(-1)).sort();
    told.push(`${connections() - before}: ${names.join(' ')}`);
    expect(tip !== null && b.keeps(tip)).toBe(true);
  };
  await look();
  await push(a, BRANCH, { from: first!, to: second! });
  await look();
  expect(await b.diff({ from: first!, to: second!, under: '' })).toHaveLength(1);
  await push(a, `${CLAIMS}k`, { from: null, to: claim });
  await look();
  expect((await b.readCommit(claim))?.message).toBe('{"nonce":"1"}');
  const both = await a.buildCommits(second!, [draftOf({ c: '3' })]);
  const other = await a.writeRecord('{"nonce":"2"}');
  await push(a, BRANCH, { from: second!, to: both[0]! });
  await push(a, `${CLAIMS}l`, { from: null, to: other });
  await look();
  expect(await b.hasObject(other)).toBe(true);
  return told;
}

const ALONG = ['1: ', '1: main', '1: k', '1: l main'];

describe('a look brings what it finds on its own connection', () => {
  it('over http', async () => {
    let asked = 0;
    const isNew = ({ url = '' }: { url?: string | undefined }): boolean =>
      url.includes('/info/refs?service=git-upload-pack');
    const url = `${await http({ refuse: (request) => ((asked += isNew(request) ? 1 : 0), null) })}/remote.git`;
    expect(await lookAlong({ url, allowHttp: true }, () => asked)).toEqual(ALONG);
  });

  it.each([['takes'], ['does not take']])(
    'over ssh, where the server %s a version',
    async (how) => {
      const log = join(fixture.root, 'log');
      const command = writeSsh(fixture, { says: [], exit: null });
      const count = `echo >> ${log}`;
      const old = how === 'takes' ? '' : 'unset GIT_PROTOCOL;';
      writeFileSync(
        command,
        readFileSync(command, 'utf8').replace('exec sh', `${count}; ${old} exec sh`),
      );
      const env = { ...fixture.env, GIT_SSH_COMMAND: command };
      const lines = (): number => (existsSync(log) ? readFileSync(log, 'utf8').length : 0);
      expect(
        await lookAlong({ url: `git@forge.example:${fixture.remoteDir}`, env }, lines),
      ).toEqual(ALONG);
    },
  );
});

describe('remotes of every kind', () => {
  it('file:// works', () => converse(() => fixture.open({ url: `file://${fixture.remoteDir}` })));

  it('http works, and leaves no lock on the packs of its cache', async () => {
    const url = `${await http()}/remote.git`;
    await converse(() => fixture.open({ url, allowHttp: true }));
    expect(fixture.git(['count-objects', '-v'], { cwd: fixture.cacheDir() })).toContain('packs: 1');
    expect(fixture.git(['fsck', '--strict', '--no-dangling'], { cwd: fixture.cacheDir() })).toBe(
      '',
    );
  });

  it('http with a server that knows no protocol version 2 works', async () => {
    const url = `${await http({ oldProtocol: true })}/remote.git`;
    await converse(() => fixture.open({ url, allowHttp: true }));
  });

  it.runIf(existsSync('/usr/sbin/sshd'))(
    'ssh works, also with a server that does not take GIT_PROTOCOL',
    async () => {
      const server = await startSshRemote(fixture);
      servers.push(server);
      const env = { ...fixture.env, GIT_SSH_COMMAND: server.command };
      await converse(() => fixture.open({ url: `${server.url}${fixture.remoteDir}`, env }));
      await fetchMovedTip({ url: `${server.url}${fixture.remoteDir}`, env });
    },
  );

  it("the user's insteadOf holds for listing, fetching and pushing", async () => {
    fixture.git([
      'config',
      '--global',
      `url.${fixture.root}/.insteadOf`,
      'https://git.example.org/',
    ]);
    await converse(() => fixture.open({ url: 'https://git.example.org/remote.git' }));
  });

  it('a SHA-256 repository works, also when the remote is empty at first', async () => {
    const other = createGitFixture({ format: 'sha256' });
    try {
      await converse(() => other.open());
      expect(other.remote(['rev-parse', 'HEAD'])).toHaveLength(64);
      const host = await other.open();
      expect(await host.writeRecord('{}')).toHaveLength(64);
    } finally {
      await other.dispose();
    }
  });

  it('a tip that moved between listing and fetching is still brought, also by servers of the old protocol', async () => {
    await fetchMovedTip({});
    await fetchMovedTip({ url: `${await http()}/remote.git`, allowHttp: true });
    await fetchMovedTip({
      url: `${await http({ oldProtocol: true })}/remote.git`,
      allowHttp: true,
    });
  });
});

async function fetchMovedTip(options: Partial<GitRepositoryOptions>): Promise<void> {
  const [a, b] = [await fixture.open(options), await fixture.open(options)];
  const { tip } = reached(await a.listRefs([]));
  reached(await a.fetch({ tip, records: NONE }));
  const [first, second] = await a.buildCommits(tip, [
    draftOf({ [`after-${tip}.md`]: 'x' }),
    draftOf({ [`later-${tip}.md`]: 'y' }),
  ]);
  const gone = await a.writeRecord(`{"on":"${tip}"}`);
  await push(a, BRANCH, { from: tip, to: first! });
  await push(a, `${CLAIMS}gone`, { from: null, to: gone });
  const listed = reached(await b.listRefs([CLAIMS]));
  await push(a, BRANCH, { from: first!, to: second! });
  await push(a, `${CLAIMS}gone`, { from: gone, to: null });
  reached(await b.fetch({ tip: listed.tip, records: listed.refs }));
  expect(await b.readCommit(first!)).toMatchObject({ oid: first });
  expect(await b.diff({ from: tip, to: first!, under: '' })).toHaveLength(1);
}

describe('remotes that fail', () => {
  const failureOf = async (options: Partial<GitRepositoryOptions>): Promise<string> => {
    const host = await fixture.open(options);
    const listed = await host.listRefs([CLAIMS]);
    return listed.kind === 'unreachable'
      ? `${listed.failure.reason}: ${listed.failure.line}`
      : 'reached';
  };

  it('says in one line which kind of failure it was', async () => {
    const refuse = (status: number) => http({ refuse: () => status });
    expect(await failureOf({ url: `${fixture.root}/nowhere.git` })).toMatch(
      /^missing: .*does not appear to be a git repository/,
    );
    expect(await failureOf({ url: 'https://no-such-host.invalid/x.git' })).toMatch(
      /^dns: .*resolve/i,
    );
    expect(await failureOf({ url: 'http://127.0.0.1:1/x.git', allowHttp: true })).toMatch(
      /^refused: /,
    );
    expect(await failureOf({ url: `${await refuse(401)}/x.git`, allowHttp: true })).toMatch(
      /^auth: /,
    );
    expect(await failureOf({ url: `${await refuse(403)}/x.git`, allowHttp: true })).toMatch(
      /^forbidden: .*403/,
    );
    expect(await failureOf({ url: `${await refuse(404)}/x.git`, allowHttp: true })).toMatch(
      /^missing: /,
    );
  });

  it('a page in the place of the server is no branch that is gone, and passes', async () => {
    let page: string | null = null;
    const refuse = (): Page | null =>
      page === null ? null : { status: 200, body: page, type: 'text/html' };
    const url = `${await http({ refuse })}/remote.git`;
    const host = await fixture.open({ url, allowHttp: true });
    const [first] = await host.buildCommits(null, [draftOf({ a: '1' })]);
    expect(reached(await host.listRefs([])).tip).toBe(null);
    await push(host, BRANCH, { from: null, to: first! });
    reached(await host.fetch({ tip: first!, records: NONE }));
    const look = () => host.listRefs([CLAIMS], ({ refs }) => refs);
    expect(reached(await look())).toMatchObject({ tip: first, brought: new Set() });
    for (page of ['', '<html>log in</html>', '<html>\n<p>log in\n', '0000', 'ref\tx'])
      expect(await look(), page).toMatchObject({ failure: { reason: 'not-git' } });
    page = null;
    expect(reached(await look())).toMatchObject({ tip: first, brought: new Set() });
  });

  it('keeps a password in the URL out of what it says', async () => {
    const said = await failureOf({ url: 'http://user:s3cret@127.0.0.1:1/x.git', allowHttp: true });
    expect(said).toContain('127.0.0.1');
    expect(said).not.toContain('s3cret');
  });

  it('quotes the remedy of git when the repository belongs to somebody else', async () => {
    const bin = join(fixture.root, 'bin');
    mkdirSync(bin);
    const path = fixture.env['PATH'] ?? '';
    writeFileSync(
      join(bin, 'git'),
      `#!/bin/sh\nPATH='${path}' GIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec git "$@"\n`,
      { mode: 0o755 },
    );
    const said = await failureOf({ env: { ...fixture.env, PATH: `${bin}:${path}` } });
    expect(said).toMatch(
      /^forbidden: .*dubious ownership.*git config --global --add safe\.directory \S*remote\.git$/,
    );
  });

  it('refuses URLs and branch names that are options or commands, by name', async () => {
    for (const url of [
      '-x',
      '--upload-pack=x',
      'ext::sh -c x',
      'relative/path',
      'git://h/x',
      'http://h/x',
      'https://-x/y',
      'a b@h:x',
      '/a\nb',
    ])
      await expect(fixture.open({ url }), url).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    for (const branch of [
      '--upload-pack=x',
      '-x',
      '',
      'a..b',
      'a b',
      'x.lock',
      'a/.b',
      'HEAD',
      '@{-1}',
      'a:b',
      'ü\u0000',
    ])
      await expect(fixture.open({ branch }), branch).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
      });
    for (const branch of ['main', 'team/talk', 'übung', 'a@b'])
      await expect(fixture.open({ branch })).resolves.toBeDefined();
  });

  it('a hook that declines is a refusal, for the others of an atomic push too', async () => {
    const host = await fixture.open();
    const record = await host.writeRecord('{}');
    hook('update', 'case $1 in *bad) echo "not here" >&2; exit 1;; esac');
    const updates = ['good', 'bad'].map((key) => ({
      ref: CLAIMS + key,
      expected: null,
      next: record,
    }));
    const atomic = await host.push(updates, { atomic: true });
    expect(updates.map(({ ref }) => kindOf(atomic, ref))).toEqual(['refused', 'refused']);
    expect(fixture.remote(['for-each-ref'])).toBe('');
    const single = await host.push(updates, { atomic: false });
    expect(updates.map(({ ref }) => kindOf(single, ref))).toEqual(['landed', 'refused']);
  });

  it('a claim that changes in the middle of an atomic push leaves the branch where it was', async () => {
    const host = await fixture.open();
    const [mine, theirs] = [await host.writeRecord('{"n":1}'), await host.writeRecord('{"n":2}')];
    const [first, second] = await host.buildCommits(null, [
      draftOf({ a: '1' }),
      draftOf({ b: '1' }),
    ]);
    await push(host, BRANCH, { from: null, to: first! });
    await push(host, `${CLAIMS}theirs`, { from: null, to: theirs });
    await push(host, `${CLAIMS}k`, { from: null, to: mine });
    hook('pre-receive', `unset GIT_QUARANTINE_PATH; git update-ref ${CLAIMS}k ${theirs}`);
    const updates = [
      { ref: BRANCH, expected: first!, next: second! },
      { ref: `${CLAIMS}k`, expected: mine, next: null },
    ];
    const outcome = await host.push(updates, { atomic: true });
    expect(updates.map(({ ref }) => kindOf(outcome, ref))).toEqual(['stale', 'stale']);
    expect(fixture.remote(['rev-parse', BRANCH, `${CLAIMS}k`]).split('\n')).toEqual([
      first,
      theirs,
    ]);
  });

  it('a ref that somebody else holds locked is a lost race, not a refusal', async () => {
    const host = await fixture.open();
    const [first] = await host.buildCommits(null, [draftOf({ a: '1' })]);
    writeFileSync(join(fixture.remoteDir, 'refs/heads/main.lock'), '');
    expect(kindOf(await push(host, BRANCH, { from: null, to: first! }), BRANCH)).toBe('stale');
  });

  it('a remote without atomic pushes refuses them and says so', async () => {
    fixture.remote(['config', 'receive.advertiseAtomic', 'false']);
    const host = await fixture.open();
    const record = await host.writeRecord('{}');
    const outcome = await push(host, `${CLAIMS}k`, { from: null, to: record });
    expect(outcome).toMatchObject({ kind: 'answered' });
    expect(JSON.stringify(outcome.kind === 'answered' ? [...outcome.refs] : [])).toContain(
      'atomic',
    );
    expect(
      (await host.push([{ ref: `${CLAIMS}k`, expected: null, next: record }], { atomic: false }))
        .kind,
    ).toBe('answered');
  });

  it('deletions and rewrites that the remote forbids are refused; refs beside the branch are not concerned', async () => {
    for (const key of ['receive.denyNonFastForwards', 'receive.denyDeletes', 'receive.fsckObjects'])
      fixture.remote(['config', key, 'true']);
    const host = await fixture.open();
    const [first, side] = [
      (await host.buildCommits(null, [draftOf({ a: '1' })]))[0]!,
      (await host.buildCommits(null, [draftOf({ b: '1' })]))[0]!,
    ];
    const [one, two] = [await host.writeRecord('1'), await host.writeRecord('2')];
    const moves: [string, Oid | null, Oid | null][] = [
      [BRANCH, null, first],
      [BRANCH, first, side],
      [BRANCH, first, null],
      [`${CLAIMS}k`, null, one],
      [`${CLAIMS}k`, one, two],
      [`${CLAIMS}k`, two, null],
    ];
    const kinds: string[] = [];
    for (const [ref, from, to] of moves)
      kinds.push(kindOf(await push(host, ref, { from, to }), ref));
    expect(kinds).toEqual(['landed', 'refused', 'refused', 'landed', 'landed', 'landed']);
  });

  it('a server that is silent is given up in time, with every process that waited for it', async () => {
    const server = await startSilentServer();
    servers.push(server);
    const url = `${server.url}/x.git`;
    await (await fixture.open()).writeRecord('{}');
    const host = await fixture.open({
      url,
      allowHttp: true,
      networkMs: 300,
      cacheDir: fixture.cacheDir(),
    });
    const started = performance.now();
    expect(await host.listRefs([])).toMatchObject({
      kind: 'unreachable',
      failure: { reason: 'silent' },
    });
    expect(
      await host.push([{ ref: BRANCH, expected: null, next: oidOf('1'.repeat(40)) }], {
        atomic: true,
      }),
    ).toMatchObject({
      kind: 'unknown',
      failure: { reason: 'silent' },
    });
    expect(performance.now() - started).toBeLessThan(5_000);
    expect(processesNaming(url)).toEqual([]);
  });

  it('a server that falls silent in the middle of a fetch is given up too', async () => {
    let asked = 0;
    const good = await http();
    const writer = await fixture.open({ url: `${good}/remote.git`, allowHttp: true });
    const [first] = await writer.buildCommits(null, [draftOf({ a: '1' })]);
    await push(writer, BRANCH, { from: null, to: first! });
    const url = `${await http({ refuse: (request) => (request.method === 'POST' && asked++ >= 2 ? 'silence' : null) })}/remote.git`;
    const host = await fixture.open({ url, allowHttp: true, networkMs: 2_000 });
    reached(await host.listRefs([]));
    expect((await host.fetch({ tip: first!, records: NONE })).kind).toBe('unreachable');
    expect(processesNaming(url)).toEqual([]);
  });

  it('close ends a call that is under way', async () => {
    const server = await startSilentServer();
    servers.push(server);
    const host = await fixture.open({ url: `${server.url}/x.git`, allowHttp: true });
    const listing = host.listRefs([]);
    await host.close();
    expect((await listing).kind).toBe('unreachable');
    expect(processesNaming(server.url)).toEqual([]);
  });

  it('a git that is missing or too old is one line', async () => {
    await expect(fixture.open({ env: { PATH: '/nonexistent' } })).rejects.toMatchObject({
      code: 'GIT_UNUSABLE',
    });
    const bin = join(fixture.root, 'oldgit');
    mkdirSync(bin);
    writeFileSync(join(bin, 'git'), '#!/bin/sh\necho git version 2.17.1\n', { mode: 0o755 });
    await expect(
      fixture.open({ env: { PATH: `${bin}:${fixture.env['PATH'] ?? ''}` } }),
    ).rejects.toThrow('git 2.17 is too old; git 2.32 or newer is needed');
  });

  it('a cache of another object format is named, not used', async () => {
    const host = await fixture.open();
    await host.writeRecord('{}');
    const cacheDir = fixture.cacheDir();
    expect(readFileSync(join(cacheDir, 'config'), 'utf8')).toContain('bare = true');
    const other = createGitFixture({ format: 'sha256' });
    try {
      const seed = await other.open();
      await push(seed, BRANCH, {
        from: null,
        to: (await seed.buildCommits(null, [draftOf({ a: '1' })]))[0]!,
      });
      const wrong = await other.open({ cacheDir });
      await expect(wrong.listRefs([])).rejects.toMatchObject({ code: 'STATE_UNUSABLE' });
    } finally {
      await other.dispose();
    }
  });

  it('a cache that lost objects is made again', async () => {
    const host = await fixture.open();
    const [first] = await host.buildCommits(null, [draftOf({ a: '1' })]);
    await push(host, BRANCH, { from: null, to: first! });
    reached(await host.fetch({ tip: first!, records: NONE }));
    const cacheDir = fixture.cacheDir();
    await host.close();
    rmSync(join(cacheDir, 'objects', first!.slice(0, 2), first!.slice(2)));
    const again = await fixture.open({ cacheDir });
    reached(await again.fetch({ tip: reached(await again.listRefs([])).tip, records: NONE }));
    expect(await again.diff({ from: null, to: first!, under: '' })).toMatchObject([{ path: 'a' }]);
  });
});

function hook(name: string, body: string): void {
  const path = join(fixture.remoteDir, 'hooks', name);
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
}
