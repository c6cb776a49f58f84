/**
 * What servers print when they refuse, by what it is about: the class decides how long a host
 * waits and whether a person is told, and the words reach the person whoever said them.
 */
import { describe, expect, it } from 'vitest';
import type { RemoteFailure } from '../../src/transport/repository.ts';
import { judgeFailure } from '../../src/transport/git-failure.ts';
import { judgePush } from '../../src/transport/judge-push.ts';

type Row = readonly [who: string, stderr: string, reason: RemoteFailure['reason'], words: string];

const HUNG_UP =
  'fatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.\n';
const ssh = (...lines: readonly string[]): string => `${lines.join('\n')}\n${HUNG_UP}`;
const http = (status: number, ...lines: readonly string[]): string =>
  `${lines.map((line) => `remote: ${line}\n`).join('')}fatal: unable to access 'https://h/o/r.git/': The requested URL returned error: ${status}\n`;
const git = (line: string): string => `fatal: unable to access 'https://h/o/r.git/': ${line}\n`;

const ended = (stderr: string, stdout = '') => ({
  ...{ ended: 'exited' as const, code: 128, signal: null },
  ...{ stdout: Buffer.from(stdout), stderr },
});

describe.each<readonly [string, readonly Row[]]>([
  [
    'a key or user that may only read',
    [
      [
        'GitHub',
        ssh('ERROR: The key you are authenticating with has been marked as read only.'),
        'forbidden',
        'marked as read only',
      ],
      [
        'GitLab',
        ssh('remote: ERROR: This deploy key does not have write access to this project.'),
        'forbidden',
        'does not have write access',
      ],
      [
        'GitLab',
        http(403, 'You are not allowed to push code to this project.'),
        'forbidden',
        'not allowed to push code',
      ],
      [
        'Gitea',
        ssh('Gitea: Unauthorized', 'Deploy Key: 7:ci is not authorized to write to o/r.'),
        'forbidden',
        'is not authorized to write',
      ],
      [
        'Bitbucket',
        ssh('repository access denied. access via a deployment key is read-only.'),
        'auth',
        'is read-only',
      ],
      [
        'Bitbucket',
        http(403, 'Your credentials lack one or more required privilege scopes.'),
        'forbidden',
        'lack one or more required privilege',
      ],
      [
        'Azure',
        ssh(
          "remote: TF401027: You need the Git 'GenericContribute' permission to perform this action.",
        ),
        'forbidden',
        'TF401027',
      ],
      [
        'gitolite',
        ssh('FATAL: W any r alice DENIED by refs/.*', '(or you mis-spelled the reponame)'),
        'forbidden',
        'DENIED by',
      ],
      [
        'Gerrit',
        ssh('fatal: remote error: access denied or repository not exported: /r.git'),
        'auth',
        'access denied or repository not exported',
      ],
      [
        'SourceHut',
        ssh('You do not have access to this repository.'),
        'forbidden',
        'not have access',
      ],
      [
        'CodeCommit',
        http(403, 'User: arn:aws:iam::1:user/a is not authorized to perform: codecommit:GitPush'),
        'forbidden',
        'is not authorized to perform',
      ],
      [
        'plain git',
        ssh('error: remote unpack failed: unable to create temporary object directory'),
        'forbidden',
        'unable to create temporary object directory',
      ],
      [
        'git daemon',
        'fatal: remote error: service not enabled: /r.git\n',
        'forbidden',
        'service not enabled',
      ],
    ],
  ],
  [
    'archived, locked or moved',
    [
      [
        'GitHub',
        http(403, 'This repository was archived so it is read-only.'),
        'forbidden',
        'archived',
      ],
      [
        'GitHub',
        ssh(
          'ERROR: Repository access blocked',
          'Access to this repository has been disabled by GitHub staff.',
        ),
        'forbidden',
        'disabled by GitHub staff',
      ],
      [
        'GitLab',
        ssh("remote: ERROR: You can't push code to a read-only GitLab instance."),
        'forbidden',
        'read-only GitLab instance',
      ],
      [
        'GitLab',
        ssh('remote: ERROR: The repository is temporarily read-only. Please try again later.'),
        'unavailable',
        'temporarily read-only',
      ],
      [
        'Forgejo',
        ssh('Forgejo: repo is archived', 'Repo: o/r is archived and read-only'),
        'forbidden',
        'archived',
      ],
      [
        'Bitbucket',
        http(403, 'This repository is in read only mode, as the workspace is over its user limit.'),
        'forbidden',
        'read only mode',
      ],
      ['Gitea', http(503, 'Gitea is in maintenance mode'), 'unavailable', 'maintenance'],
      [
        'Codeberg',
        git('The requested URL returned error: 502'),
        'unavailable',
        'HTTP 502: Bad Gateway',
      ],
      ['GitHub', ssh('ERROR: Repository not found.'), 'missing', 'Repository not found'],
      [
        'GitLab',
        ssh(
          "remote: ERROR: The project you were looking for could not be found or you don't have permission to view it.",
        ),
        'missing',
        'could not be found',
      ],
      ['Bitbucket', ssh('conq: repository does not exist.'), 'missing', 'does not exist'],
      [
        'plain git',
        ssh("fatal: '/srv/r.git' does not appear to be a git repository"),
        'missing',
        'does not appear',
      ],
    ],
  ],
  [
    'called too often',
    [
      [
        'GitHub',
        http(403, 'You have exceeded a secondary rate limit.'),
        'limited',
        'secondary rate limit',
      ],
      [
        'GitHub',
        http(429, 'Your account has been temporarily locked'),
        'limited',
        'temporarily locked',
      ],
      [
        'GitLab',
        ssh('remote: ERROR: This endpoint has been requested too many times. Try again later.'),
        'limited',
        'too many times',
      ],
      ['GitLab', http(429, 'Retry later'), 'limited', 'Retry later'],
      [
        'Bitbucket',
        http(429, 'Rate limit for this resource has been exceeded'),
        'limited',
        'Rate limit',
      ],
      [
        'Azure',
        ssh(
          'remote: TF400733: The request has been canceled: Request was blocked due to exceeding usage of resource',
        ),
        'limited',
        'exceeding usage',
      ],
      ['Gitee', ssh('You have sent too many requests, slow down.'), 'limited', 'too many requests'],
      ['sshd', ssh('Exceeded MaxStartups'), 'limited', 'MaxStartups'],
      [
        'sshd',
        ssh('kex_exchange_identification: Connection closed by remote host'),
        'refused',
        'kex_exchange',
      ],
    ],
  ],
  [
    'room that is used up',
    [
      [
        'GitLab',
        ssh(
          'remote: ERROR: Your push has been rejected, because this repository has exceeded its size limit of 10 GB by 1 MB.',
        ),
        'disk-full',
        'exceeded its size limit',
      ],
      [
        'Bitbucket',
        ssh('remote: Repository size is over the limit of 4 GB, pushes are refused'),
        'disk-full',
        'over the limit',
      ],
      ['GitHub', ssh('ERROR: your account has exceeded its LFS data quota'), 'disk-full', 'quota'],
      [
        'plain git',
        ssh('error: unable to write loose object file: No space left on device'),
        'disk-full',
        'No space left',
      ],
      ['plain git', ssh('fatal: write error: Disk quota exceeded'), 'disk-full', 'quota exceeded'],
    ],
  ],
  [
    'who is on the way',
    [
      [
        'expired certificate',
        git('SSL certificate problem: certificate has expired'),
        'certificate',
        'has expired',
      ],
      [
        'own certificate',
        git('server certificate verification failed. CAfile: none CRLfile: none'),
        'certificate',
        'verification failed',
      ],
      [
        'own certificate',
        git('SSL certificate problem: self-signed certificate in certificate chain'),
        'certificate',
        'self-signed',
      ],
      [
        'other name',
        git("SSL: no alternative certificate subject name matches target host name 'h'"),
        'certificate',
        'no alternative',
      ],
      [
        'other name, GnuTLS',
        git("SSL: certificate subject name (o.example) does not match target host name 'h'"),
        'certificate',
        'o.example',
      ],
      [
        'macOS',
        git('SSL peer certificate or SSH remote key was not OK'),
        'certificate',
        'was not OK',
      ],
      ['proxy', git('Received HTTP code 407 from proxy after CONNECT'), 'auth', '407'],
      ['proxy', git('Could not resolve proxy: proxy.corp'), 'dns', 'resolve proxy'],
      [
        'captive portal',
        'fatal: unable to update url base from redirection:\n  asked for: https://h/o/r.git/info/refs\n   redirect: https://login.hotel/\n',
        'not-git',
        'redirection',
      ],
      ['login page', git('Maximum (20) redirects followed'), 'not-git', 'redirects followed'],
      [
        'login page',
        'fatal: https://h/o/r.git/info/refs not valid: is this a git repository?\n',
        'not-git',
        'is this a git repository',
      ],
      [
        'no credentials over https',
        "error: unable to read askpass response from '/bin/false'\nfatal: could not read Username for 'https://h': terminal prompts disabled\n",
        'auth',
        'could not read Username',
      ],
      [
        'changed host key',
        ssh(
          '@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @',
          'Host key verification failed.',
        ),
        'host-key',
        "the server has another host key than the one this machine knows: ask its operator; if the new one is right: ssh-keygen -R 'HOST'",
      ],
      [
        'old host key',
        ssh(
          'Unable to negotiate with 10.0.0.1 port 22: no matching host key type found. Their offer: ssh-rsa',
        ),
        'host-key',
        'no matching host key',
      ],
      [
        'unknown host',
        ssh(
          'No ED25519 host key is known for h and you have requested strict checking.',
          'Host key verification failed.',
        ),
        'host-key',
        'Host key verification',
      ],
      ['no key', ssh('git@h: Permission denied (publickey).'), 'auth', 'publickey'],
      [
        'key with a passphrase',
        ssh(
          'Load key "/k": incorrect passphrase supplied to decrypt private key',
          'git@h: Permission denied (publickey).',
        ),
        'auth',
        'passphrase',
      ],
      [
        'too open key',
        ssh("Permissions 0644 for '/k' are too open.", 'git@h: Permission denied (publickey).'),
        'auth',
        'too open',
      ],
      [
        'too many keys',
        ssh('Received disconnect from 10.0.0.1 port 22:2: Too many authentication failures'),
        'auth',
        'Too many authentication',
      ],
      [
        'password',
        git("could not read Username for 'https://h': terminal prompts disabled"),
        'auth',
        'could not read Username',
      ],
      [
        'GitHub',
        http(
          401,
          'Invalid username or token. Password authentication is not supported for Git operations.',
        ),
        'auth',
        'Invalid username or token',
      ],
      [
        'GitHub',
        http(403, "The 'o' organization has enabled or enforced SAML SSO."),
        'forbidden',
        'SAML SSO',
      ],
      [
        'GitLab',
        http(
          403,
          'HTTP Basic: Access denied. If a password was provided for Git authentication, the password was incorrect',
        ),
        'forbidden',
        'Access denied',
      ],
      [
        'no way',
        git('Failed to connect to h port 443 after 7 ms: Connection refused'),
        'refused',
        'Connection refused',
      ],
      ['no name', git('Could not resolve host: h'), 'dns', 'resolve host'],
      [
        'no name',
        ssh('ssh: Could not resolve hostname h: Name or service not known'),
        'dns',
        'resolve hostname',
      ],
      [
        'slow',
        git('Operation too slow. Less than 1000 bytes/sec transferred the last 20 seconds'),
        'timeout',
        'too slow',
      ],
      ['slow', ssh('ssh: connect to host h port 22: Connection timed out'), 'timeout', 'timed out'],
      [
        'cut off',
        'error: RPC failed; curl 92 HTTP/2 stream 5 was not closed cleanly: CANCEL (err 8)\nfatal: the remote end hung up unexpectedly\n',
        'refused',
        'not closed cleanly',
      ],
      ['cut off', 'fatal: the remote end hung up unexpectedly\n', 'unknown', 'hung up'],
      [
        'cut off',
        git('GnuTLS recv error (-110): The TLS connection was non-properly terminated.'),
        'refused',
        'non-properly terminated',
      ],
    ],
  ],
  [
    'in words that say it in another way',
    [
      ['Azure', ssh('remote: TF401410: Repository r is disabled.'), 'forbidden', 'is disabled'],
      [
        'Azure',
        ssh(
          'remote: TF402462: The push was rejected because its size is greater than the 5120 MB limit',
        ),
        'disk-full',
        'TF402462',
      ],
      ['Forgejo', http(413, 'quota exceeded for user o'), 'disk-full', 'quota'],
      ['Gitea', ssh('Gitea: Unknown key', 'remote: Invalid key'), 'auth', 'Unknown key'],
      ['Gitea', ssh('Gitea: Cannot find repository: o/r'), 'missing', 'Cannot find'],
      [
        'Gitea',
        ssh('Gitea: Internal Server Error', 'remote: Internal Server Connection Error'),
        'unavailable',
        'Connection Error',
      ],
      [
        'GitHub',
        ssh("ERROR: The `acme' organization has enabled or enforced SAML SSO."),
        'forbidden',
        'SAML',
      ],
      [
        'GitHub',
        ssh('ERROR: Your account is suspended. Please check your email.'),
        'forbidden',
        'suspended',
      ],
      [
        'GitHub',
        ssh("ERROR: The 'acme' organization requires a valid SSH certificate."),
        'auth',
        'SSH certificate',
      ],
      [
        'GitHub',
        ssh('remote: refusing to allow an OAuth App to create or update workflow `x.yml`'),
        'forbidden',
        'refusing',
      ],
      [
        'GitHub',
        ssh('remote: error: GH007: Your push would publish a private email address.'),
        'forbidden',
        'GH007',
      ],
      [
        'GitLab',
        ssh('remote: ERROR: OTP verification is required to access the repository.'),
        'auth',
        'OTP',
      ],
      ['GitLab', ssh('remote: ERROR: Internal API unreachable'), 'unavailable', 'unreachable'],
      ['GitLab', ssh('remote: GitLab: Internal API error (502)'), 'unavailable', '502'],
      ['GitLab', ssh('remote: ERROR: Your account has been blocked.'), 'forbidden', 'blocked'],
      [
        'GitLab',
        ssh('remote: ERROR: Your account has been deactivated by your administrator.'),
        'auth',
        'deactivated',
      ],
      ['GitLab', ssh('remote: ERROR: Your password expired.'), 'auth', 'expired'],
      [
        'GitLab',
        ssh('remote: ERROR: You (@a) must accept the Terms of Service.'),
        'forbidden',
        'Terms',
      ],
      [
        'GitLab',
        ssh('remote: ERROR: The git server, Gitaly, is not available at this time.'),
        'unavailable',
        'Gitaly',
      ],
      [
        'GitLab',
        ssh('remote: ERROR: this repository has exceeded the allocated storage for your project.'),
        'disk-full',
        'storage',
      ],
      [
        'gitolite',
        ssh('FATAL: writes are disabled: site is down for maintenance'),
        'unavailable',
        'maintenance',
      ],
      ['locked', http(423, 'Repository is locked for maintenance'), 'unavailable', 'HTTP 423'],
      [
        'Bitbucket',
        ssh('remote: Too many SSH connections. Please try again in 30 seconds'),
        'limited',
        'Too many',
      ],
      [
        'cut off',
        'error: RPC failed; curl 16 Error in the HTTP2 framing layer\nfatal: the remote end hung up unexpectedly\n',
        'refused',
        'framing',
      ],
      [
        'cut off',
        'error: RPC failed; curl 18 transfer closed with outstanding read data remaining\nfatal: early EOF\nfatal: fetch-pack: invalid index-pack output\n',
        'refused',
        'transfer closed',
      ],
      [
        'cut off',
        git('OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to h:443'),
        'refused',
        'SSL_ERROR',
      ],
      [
        'no TLS there',
        git('TLS connect error: error:0A00010B:SSL routines::wrong version number'),
        'refused',
        'wrong version',
      ],
      ['no TLS there', git('gnutls_handshake() failed: Handshake failed'), 'refused', 'handshake'],
      [
        'own certificate',
        git('error:0A000418:SSL routines::tlsv1 alert unknown ca'),
        'certificate',
        'unknown ca',
      ],
      [
        'client certificate',
        git('error:0A00045C:SSL routines::tlsv13 alert certificate required'),
        'certificate',
        'required',
      ],
      [
        'Windows',
        git('schannel: SEC_E_UNTRUSTED_ROOT (0x80090325) - not trusted.'),
        'certificate',
        'UNTRUSTED',
      ],
      ['no file', git('error setting certificate file: /x.pem'), 'certificate', '/x.pem'],
      ['proxy', git('CONNECT tunnel failed, response 407'), 'auth', '407'],
      ['proxy', git('CONNECT tunnel failed, response 403'), 'forbidden', '403'],
      ['proxy', git('Received HTTP code 503 from proxy after CONNECT'), 'unavailable', '503'],
      ['proxy', git('Proxy CONNECT aborted'), 'refused', 'aborted'],
      [
        'proxy of ssh',
        ssh(
          'nc: Proxy error: "HTTP/1.1 407 Proxy Authentication Required"',
          'Connection closed by UNKNOWN port 65535',
        ),
        'auth',
        '407',
      ],
      [
        'old server',
        ssh('Unable to negotiate with 10.0.0.1 port 22: no matching key exchange method found.'),
        'unsupported',
        'key exchange',
      ],
    ],
  ],
])('%s', (_, rows) => {
  it.each(rows)('%s: %j is %s', (...[, stderr, reason, words]) => {
    const judged = judgeFailure(ended(stderr));
    expect([judged.reason, judged.line]).toEqual([reason, expect.stringContaining(words)]);
    expect(judged.line).not.toContain('\n');
  });
});

describe('a ref that is refused is refused, in words that reach the person', () => {
  const REF = 'refs/heads/main';
  it.each([
    [
      'protected branch',
      '[remote rejected] (protected branch hook declined)',
      'error: GH006: Protected branch update failed for refs/heads/main.',
    ],
    [
      'required signature',
      '[remote rejected] (push declined due to repository rule violations)',
      'error: GH013: Commits must have verified signatures.',
    ],
    [
      'GitLab protected',
      '[remote rejected] (pre-receive hook declined)',
      'GitLab: You are not allowed to push code to protected branches on this project.',
    ],
    [
      'GitLab unsigned',
      '[remote rejected] (pre-receive hook declined)',
      'GitLab: Commit must be signed with a GPG key',
    ],
    [
      'GitLab e-mail',
      '[remote rejected] (pre-receive hook declined)',
      "GitLab: Author's email 'opus@mbp.crosstalk' does not follow the pattern",
    ],
    [
      'push protection',
      '[remote rejected] (push declined due to repository rule violations)',
      'error: GH009: Secrets detected! This push failed.',
    ],
    [
      'large file',
      '[remote rejected] (pre-receive hook declined)',
      'error: GH001: Large files detected.',
    ],
    [
      'Bitbucket',
      '[remote rejected] (pre-receive hook declined)',
      'Branch main can only be modified through pull requests.',
    ],
    ['Gerrit', '[remote rejected] (prohibited by Gerrit: not permitted: update)', ''],
    ['hidden refs', '[remote rejected] (deny updating a hidden ref)', ''],
    ['custom refs', '[remote rejected] (refusing to create funny ref)', ''],
    [
      'GitHub hidden',
      '[remote rejected] (failed to update reference. Hidden refs are read only)',
      '',
    ],
    ['deletion', '[remote rejected] (deletion prohibited)', ''],
    ['current branch', '[remote rejected] (branch is currently checked out)', ''],
    ['no fast-forward', '[remote rejected] (non-fast-forward)', ''],
    ['unpacker', '[remote rejected] (unpacker error)', 'fatal: pack exceeds maximum allowed size'],
    ['shallow', '[remote rejected] (shallow update not allowed)', ''],
    ['Azure', '[remote rejected] (TF402455: Pushes to this branch are not permitted)', ''],
    ['quarantine', '[remote rejected] (unable to migrate objects to permanent storage)', ''],
  ])('%s', (_, summary, words) => {
    const stdout = `To h\n!\t0123:${REF}\t${summary}\nDone\n`;
    const stderr = words === '' ? '' : `remote: ${words}        \n`;
    const told = judgePush(ended(stderr, stdout), [
      { ref: REF, expected: null, next: '0'.repeat(40) as never },
    ]);
    const result = told.kind === 'answered' ? told.refs.get(REF) : null;
    expect(result).toMatchObject({
      kind: 'refused',
      line: expect.stringContaining(words) as string,
    });
  });

  it.each([
    [
      'a lock',
      '[remote rejected] (failed to update ref)',
      "error: cannot lock ref 'refs/heads/main': File exists",
    ],
    [
      'another push',
      "[remote rejected] (cannot lock ref 'refs/heads/main': is at 0123 but expected 4567)",
      '',
    ],
    ['slow replication', '[remote rejected] (incorrect old value provided)', ''],
    ['a race', '[rejected] (stale info)', ''],
    ['a race', '[rejected] (fetch first)', ''],
    [
      'Azure',
      '[remote rejected] (TF401028: The reference has already been updated by another client)',
      '',
    ],
    [
      'GitLab',
      '[remote rejected] (failed to update ref: reference update: state update to "prepare" failed)',
      '',
    ],
    ['Gerrit', '[remote rejected] (LOCK_FAILURE)', ''],
    ['Gerrit', '[remote rejected] (transaction aborted)', ''],
    ['GitLab', '[remote rejected] (reference already exists)', ''],
  ])('%s is only told by a look', (_, summary, words) => {
    const stdout = `To h\n!\t0123:${REF}\t${summary}\nDone\n`;
    const told = judgePush(ended(words === '' ? '' : `remote: ${words}\n`, stdout), [
      { ref: REF, expected: null, next: '0'.repeat(40) as never },
    ]);
    expect(told.kind === 'answered' && told.refs.get(REF)).toMatchObject({ kind: 'stale' });
  });
});
