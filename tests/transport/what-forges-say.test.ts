/**
 * What each forge answers when it does not take a push, said by a scripted remote: whatever it is,
 * the person reads the server's words, and the class comes from flags, statuses and records before
 * it comes from words.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type PushOutcome,
  type RefUpdate,
  type Repository,
  TIP_ALONE,
} from '../../src/transport/repository.ts';
import { WORDS_CHARS_MAX } from '../../src/transport/server-words.ts';
import { createGitFixture, draftOf, type GitFixture, reached } from '../support/git-fixture.ts';
import { type Page, startHttpRemote, type TestServer } from '../support/http-remote.ts';
import { writeHook, writeSsh } from '../support/scripted-remote.ts';

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

const BRANCH = 'refs/heads/main';

async function pushTo(host: Repository): Promise<PushOutcome> {
  const [first] = await host.buildCommits(null, [draftOf({ a: '1' })]);
  const update: RefUpdate = { ref: BRANCH, expected: null, next: first ?? null };
  return host.push([update], { atomic: true });
}

/** `class: words`, or `refused: words` when the remote judged the ref. */
function tell(outcome: PushOutcome): string {
  if (outcome.kind === 'unknown') return `${outcome.failure.reason}: ${outcome.failure.line}`;
  const result = outcome.refs.get(BRANCH);
  return result === undefined || result.kind === 'landed'
    ? (result?.kind ?? 'nothing')
    : `${result.kind}: ${result.line}`;
}

const HUNG_UP = 'Please make sure you have the correct access rights';

describe('over ssh', () => {
  it.each([
    [
      'GitHub: read-only deploy key',
      ['ERROR: The key you are authenticating with has been marked as read only.'],
      'forbidden: ERROR: The key you are authenticating with has been marked as read only.',
    ],
    [
      'GitHub: archived',
      ['ERROR: This repository was archived so it is read-only.'],
      'forbidden: ERROR: This repository was archived so it is read-only.',
    ],
    [
      'GitHub: wrong user',
      ['ERROR: Permission to o/r.git denied to bob.'],
      'forbidden: ERROR: Permission to o/r.git denied to bob.',
    ],
    ['GitHub: no such repository', ['ERROR: Repository not found.'], 'missing: ERROR: Repo'],
    [
      'GitLab: not allowed, framed',
      [
        'remote: ',
        'remote: ========================================================================',
        'remote: ',
        'remote: ERROR: You are not allowed to push code to this project.',
        'remote: ',
        'remote: ========================================================================',
        'remote: ',
      ],
      'forbidden: ERROR: You are not allowed to push code to this project.',
    ],
    [
      'GitLab: too many calls',
      [
        'remote: ',
        'remote: ERROR: This endpoint has been requested too many times. Try again later.',
      ],
      'limited: ERROR: This endpoint has been requested too many times.',
    ],
    [
      'Gitea: no write access',
      ['Gitea: Unauthorized', 'User: bob does not have sufficient access to o/r.git'],
      'forbidden: Gitea: Unauthorized / User: bob does not',
    ],
    [
      'Forgejo: archived',
      ['Forgejo: repo is archived', 'Repo: o/r.git is archived and read-only'],
      'forbidden: Forgejo: repo is archived / Repo: o/r.git',
    ],
    [
      'Bitbucket: access key',
      ['Unauthorized', 'repository access denied. access via a deployment key is read-only.'],
      'auth: Unauthorized / repository access denied.',
    ],
    [
      'Azure: no permission',
      ["remote: TF401027: You need the Git 'GenericContribute' permission to perform this action."],
      "forbidden: TF401027: You need the Git 'GenericContribute' permission",
    ],
    [
      'gitolite: denied',
      ['FATAL: W any r alice DENIED by fallthru', '(or you mis-spelled the reponame)'],
      'forbidden: FATAL: W any r alice DENIED by fallthru / (or you mis-spelled the reponame)',
    ],
    [
      'sshd: too many connections',
      ['kex_exchange_identification: read: Connection reset by peer'],
      'refused: kex_exchange_identification: read: Connection reset by peer',
    ],
    [
      'ssh: changed host key',
      [
        '@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@',
        '@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @',
        '@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@',
        `SHA256:${'A'.repeat(43)}.`,
        `  ssh-keygen -f "/home/ada/.ssh/known_hosts" -R "[h]:2222"`,
        'Host key verification failed.',
      ],
      `host-key: the server has another host key than the one this machine knows (SHA256:${'A'.repeat(43)}): ask its operator; if the new one is right: ssh-keygen -R '[h]:2222'`,
    ],
    ['ssh: wrong key', ['git@h: Permission denied (publickey).'], 'auth: git@h: Permission denied'],
    [
      'somebody nobody has heard of',
      ['** WARNING: this session may be recorded **', 'Nix da, heute ist Feiertag.'],
      'unknown: Nix da, heute ist Feiertag.',
    ],
  ])('%s', async (_, says, expected) => {
    const command = writeSsh(fixture, { says, exit: 1, pushesOnly: true });
    const env = { ...fixture.env, GIT_SSH_COMMAND: command };
    const host = await fixture.open({ url: `ssh://h${fixture.remoteDir}`, env });
    const told = tell(await pushTo(host));
    expect(told).toContain(expected);
    expect(told).not.toContain(HUNG_UP);
    expect(await host.listRefs([])).toMatchObject({ kind: 'reached' });
  });

  it.each([
    [
      'an error packet',
      '0028ERR the service is closed on Sundays',
      'unknown: the service is closed',
    ],
    [
      'a banner where git was expected',
      'Welcome to host h!\n',
      'not-git: the answer does not come from a git',
    ],
  ])('%s', async (_, answers, expected) => {
    const command = writeSsh(fixture, { says: [], answers, exit: 1, pushesOnly: true });
    const env = { ...fixture.env, GIT_SSH_COMMAND: command };
    const host = await fixture.open({ url: `ssh://h${fixture.remoteDir}`, env });
    expect(tell(await pushTo(host))).toContain(expected);
  });
});

describe('a look that brings what it finds', () => {
  const CASES: readonly [string, { says?: string[]; answers?: string }][] = [
    ['GitHub: no such repository', { says: ['ERROR: Repository not found.'] }],
    ['GitLab: too many calls', { says: ['remote: ', 'remote: ERROR: requested too many times.'] }],
    ['ssh: wrong key', { says: ['git@h: Permission denied (publickey).'] }],
    ['sshd: too many connections', { says: ['kex_exchange_identification: Connection reset'] }],
    ['somebody nobody has heard of', { says: ['Nix da, heute ist Feiertag.'] }],
    ['an error packet', { answers: '0028ERR the service is closed on Sundays' }],
    ['a banner where git was expected', { answers: 'Welcome to host h!\n' }],
    ['nothing at all', {}],
  ];
  it.each(CASES)('fails in the same words over ssh: %s', async (_, { says = [], answers = '' }) => {
    const env = {
      ...fixture.env,
      GIT_SSH_COMMAND: writeSsh(fixture, { says: [], exit: null }),
    };
    const host = await fixture.open({ url: `ssh://h${fixture.remoteDir}`, env });
    await pushTo(host);
    const { tip } = reached(await host.listRefs([]));
    reached(await host.fetch({ tip, records: new Map() }));
    expect(reached(await host.listRefs([], TIP_ALONE)).brought).toEqual(new Set());
    writeSsh(fixture, { says, answers, exit: 1 });
    const plain = await host.listRefs([]);
    expect(plain.kind).toBe('unreachable');
    expect(await host.listRefs([], TIP_ALONE)).toEqual(plain);
  });

  it.each([[401], [403], [404], [429], [503], [200]])(
    'fails in the same words over http: %i',
    async (status) => {
      let page: Page | null = null;
      const options = { root: fixture.root, env: fixture.env, refuse: () => page };
      const server = await startHttpRemote(options);
      servers.push(server);
      const host = await fixture.open({ url: `${server.url}/remote.git`, allowHttp: true });
      await pushTo(host);
      const { tip } = reached(await host.listRefs([]));
      reached(await host.fetch({ tip, records: new Map() }));
      expect(reached(await host.listRefs([], TIP_ALONE)).brought).toEqual(new Set());
      page = { status, body: 'Come back later.\n' };
      const plain = await host.listRefs([]);
      expect(plain.kind).toBe('unreachable');
      expect(await host.listRefs([], TIP_ALONE)).toEqual(plain);
    },
  );
});

const HTML = '<html><head><title>Sign in</title></head></html>';

describe('over http', () => {
  const DISCOVERY: readonly [string, Page, string][] = [
    [
      'GitHub: wrong user',
      { status: 403, body: 'Permission to o/r.git denied to bob.\n' },
      'forbidden: HTTP 403: Permission to o/r.git denied to bob.',
    ],
    [
      'GitHub: secondary rate limit, as 403',
      { status: 403, body: 'You have exceeded a secondary rate limit.\n' },
      'limited: HTTP 403: You have exceeded a secondary rate limit.',
    ],
    [
      'GitLab: rate limit',
      { status: 429, body: 'Retry later\n', headers: { 'retry-after': '60' } },
      'limited: HTTP 429: Retry later',
    ],
    [
      'a rate limit in other words',
      { status: 429, body: 'Langsamer bitte' },
      'limited: HTTP 429: Lang',
    ],
    ['gone', { status: 410, body: 'moved out\n' }, 'missing: HTTP 410: moved out'],
    ['maintenance as a page', { status: 503, body: HTML, type: 'text/html' }, 'unavailable: '],
    [
      'captive portal',
      { status: 200, body: HTML, type: 'text/html' },
      'not-git: the answer does not come from a git',
    ],
    [
      'captive portal by redirection',
      { status: 302, body: '', headers: { location: '/login/now' } },
      'not-git: the answer does not come from a git server',
    ],
  ];

  it.each(DISCOVERY)('%s, before anything was sent', async (_, page, expected) => {
    const isPush = (path: string): boolean => path.includes('git-receive-pack');
    const login: Page = { status: 200, body: HTML, type: 'text/html' };
    const url = await serve(({ url: path = '' }) =>
      path.startsWith('/login') ? login : isPush(path) ? page : null,
    );
    expect(tell(await pushTo(await fixture.open({ url, allowHttp: true })))).toContain(expected);
  });

  const REQUEST: readonly [string, Page, string][] = [
    ['size limit', { status: 413, body: 'too large' }, 'forbidden: HTTP 413'],
    ['rate limit', { status: 429, body: 'later' }, 'limited: HTTP 429'],
    ['login after all', { status: 401, body: '' }, 'auth: '],
    ['trouble of the server', { status: 500, body: '' }, 'unavailable: HTTP 500'],
    ['a page for a pack', { status: 200, body: HTML, type: 'text/html' }, 'not-git: '],
  ];

  it.each(REQUEST)('%s, when the pack was sent', async (_, page, expected) => {
    const isPack = (method = '', path = ''): boolean =>
      method === 'POST' && path.includes('git-receive-pack');
    const url = await serve((request) => (isPack(request.method, request.url) ? page : null));
    expect(tell(await pushTo(await fixture.open({ url, allowHttp: true })))).toContain(expected);
  });

  async function serve(refuse: NonNullable<Parameters<typeof startHttpRemote>[0]['refuse']>) {
    const server = await startHttpRemote({ root: fixture.root, env: fixture.env, refuse });
    servers.push(server);
    return `${server.url}/remote.git`;
  }
});

describe('by a hook', () => {
  it.each([
    [
      'GitHub: rule violations',
      [
        'error: GH013: Repository rule violations found for refs/heads/main.',
        'Review all repository rules at https://github.com/o/r/rules',
        '',
        '- Commits must have verified signatures.',
      ],
      'pre-receive hook declined: error: GH013: Repository rule violations found for refs/heads/main. / Review all',
    ],
    [
      'GitLab: push rule',
      ['GitLab: Commit message does not follow the pattern'],
      'pre-receive hook declined: GitLab: Commit message does not follow',
    ],
    [
      'Azure: a pull request is needed',
      ['TF402455: Pushes to this branch are not permitted; you must use a pull request.'],
      'TF402455: Pushes to this branch',
    ],
    ['quota', ['error: your quota of 1 GiB is used up'], 'error: your quota of 1 GiB is used up'],
    ['silence', [], 'refused: pre-receive hook declined'],
  ])('%s', async (_, says, expected) => {
    writeHook(fixture, 'pre-receive', { says, exit: 1 });
    const told = tell(await pushTo(await fixture.open()));
    expect(told).toMatch(/^refused: /);
    expect(told).toContain(expected);
  });

  it('says it in one bounded line without control codes, credentials or hidden characters', async () => {
    const says = [
      '\u001b[31mred\u001b[0m \u001b]0;title\u0007 and \u202ebackwards\u200b',
      'see https://bob:s3cret@forge/x',
      'x'.repeat(10_000),
    ];
    writeHook(fixture, 'pre-receive', { says, exit: 1 });
    const told = tell(await pushTo(await fixture.open()));
    expect(told).toMatch(/declined: red and backwards \/ see https:\/\/forge\/x \/ x+…$/);
    expect(told).toHaveLength('refused: '.length + WORDS_CHARS_MAX);
  });

  it('a size limit of plain git is a refusal in its words', async () => {
    fixture.remote(['config', 'receive.maxInputSize', '10']);
    expect(tell(await pushTo(await fixture.open()))).toBe(
      'refused: unpacker error: fatal: pack exceeds maximum allowed size',
    );
  });
});
