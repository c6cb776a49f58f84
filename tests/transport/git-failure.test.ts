import { describe, expect, it } from 'vitest';
import type { Oid } from '../../src/base/ids.ts';
import { isHttpUrl, buildEnvironment } from '../../src/transport/git-environment.ts';
import { judgeFailure } from '../../src/transport/git-failure.ts';
import { judgePush } from '../../src/transport/judge-push.ts';
import { redact } from '../../src/transport/server-words.ts';
import type { GitResult } from '../../src/transport/git-runner.ts';
import type { RefUpdate } from '../../src/transport/repository.ts';

const OID = 'a'.repeat(40) as Oid;

function resultOf(
  more: Partial<Omit<GitResult, 'stdout'>> & { readonly stdout?: string },
): GitResult {
  return {
    ended: 'exited',
    code: 128,
    stderr: '',
    ...more,
    stdout: Buffer.from(more.stdout ?? ''),
  };
}

describe('why a remote did not answer', () => {
  it.each([
    ['fatal: unable to access: Could not resolve host: x', 'dns'],
    [
      'ssh: Could not resolve hostname x: Name or service not known\nfatal: Could not read from remote repository.',
      'dns',
    ],
    [
      'ssh: connect to host h port 22: Connection refused\nfatal: Could not read from remote repository.',
      'refused',
    ],
    [
      "fatal: unable to access 'https://h/': Failed to connect to h port 443: Couldn't connect to server",
      'refused',
    ],
    ['Host key verification failed.\nfatal: Could not read from remote repository.', 'host-key'],
    [
      '@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.',
      'host-key',
    ],
    [
      'git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.',
      'auth',
    ],
    ["fatal: could not read Username for 'https://h': terminal prompts disabled", 'auth'],
    ["remote: Invalid credentials\nfatal: Authentication failed for 'https://h/'", 'auth'],
    ["fatal: unable to access 'https://h/': The requested URL returned error: 403", 'forbidden'],
    ['ERROR: Permission to o/r.git denied to deploy-key', 'forbidden'],
    ["remote: Repository not found.\nfatal: repository 'https://h/r.git/' not found", 'missing'],
    [
      "fatal: '/x.git' does not appear to be a git repository\nfatal: Could not read from remote repository.",
      'missing',
    ],
    ['ssh: connect to host h port 22: Connection timed out', 'timeout'],
    [
      'error: RPC failed; curl 28 Operation too slow. Less than 1000 bytes/sec transferred the last 20 seconds',
      'timeout',
    ],
    ['error: unable to write file: No space left on device', 'disk-full'],
    ["fatal: transport 'ext' not supported", 'unsupported'],
    ['something nobody has seen', 'unknown'],
    ['', 'unknown'],
  ])('%j is %s', (stderr, reason) => {
    const failure = judgeFailure(resultOf({ stderr }));
    expect(failure.reason).toBe(reason);
    expect(failure.line).toMatch(/^[^\n]{5,500}$/);
  });

  it('is one line without passwords, terminal codes or the blame of the first word', () => {
    const failure = judgeFailure(
      resultOf({
        stderr:
          "fatal: unable to access 'https://me:tok3n@h/r.git/': \u001b[31mCould not resolve host: h\nmore",
      }),
    );
    expect(failure.line).toBe("unable to access 'https://h/r.git/': Could not resolve host: h");
    expect(redact('ssh://u:p@h and https://only-token@h/x Authorization: Basic abc')).toBe(
      'ssh://h and https://h/x Authorization: …',
    );
  });

  it('a call that was cut off says so, whatever it wrote', () => {
    expect(
      judgeFailure(resultOf({ ended: 'timeout', stderr: 'Could not resolve host' })).reason,
    ).toBe('silent');
  });
});

describe('what became of a push', () => {
  const updates: readonly RefUpdate[] = ['refs/heads/main', 'refs/crosstalk/claims/k'].map(
    (ref) => ({ ref, expected: OID, next: null }),
  );
  const kinds = (more: Parameters<typeof resultOf>[0]): unknown => {
    const outcome = judgePush(resultOf({ code: 1, ...more }), updates);
    return outcome.kind === 'unknown'
      ? `unknown ${outcome.failure.reason}`
      : [...outcome.refs.values()].map(({ kind }) => kind);
  };
  const told = (first: string, second: string): string => `To x\n${first}\n${second}\nDone\n`;
  const main = (flag: string, text: string): string => `${flag}\t${OID}:refs/heads/main\t${text}`;
  const claim = (flag: string, text: string): string =>
    `${flag}\t:refs/crosstalk/claims/k\t${text}`;

  it.each([
    [main(' ', 'aaa..bbb'), claim('-', '[deleted]'), ['landed', 'landed']],
    [main('=', '[up to date]'), claim('*', '[new reference]'), ['landed', 'landed']],
    [
      main('!', '[rejected] (stale info)'),
      claim('!', '[rejected] (atomic push failed)'),
      ['stale', 'stale'],
    ],
    [
      main('!', '[remote rejected] (atomic transaction failed)'),
      claim('!', '[remote rejected] (atomic transaction failed)'),
      ['stale', 'stale'],
    ],
    [
      main('!', '[remote rejected] (failed to update ref)'),
      claim('-', '[deleted]'),
      ['stale', 'landed'],
    ],
    [
      main('!', '[remote rejected] (pre-receive hook declined)'),
      claim('!', '[remote rejected] (atomic push failure)'),
      ['refused', 'refused'],
    ],
    [
      main('!', '[remote rejected] (protected branch hook declined)'),
      claim('-', '[deleted]'),
      ['refused', 'landed'],
    ],
    [
      main('!', '[remote rejected] (non-fast-forward)'),
      claim('!', '[remote rejected] (deletion prohibited)'),
      ['refused', 'refused'],
    ],
  ])('%j with %j', (first, second, expected) => {
    expect(kinds({ stdout: told(first, second) })).toEqual(expected);
  });

  it('is unknown when one ref has no line, or the remote did not report it', () => {
    expect(kinds({ stdout: `To x\n${main(' ', 'aaa..bbb')}\n` })).toBe('unknown unknown');
    const unreported = '[remote failure] (remote failed to report status)';
    expect(
      kinds({
        stdout: told(main('!', unreported), claim('-', '[deleted]')),
        stderr: 'Connection reset by peer',
      }),
    ).toBe('unknown refused');
    expect(kinds({ ended: 'timeout', code: null })).toBe('unknown silent');
    expect(kinds({ stderr: 'fatal: the remote end hung up unexpectedly' })).toBe('unknown unknown');
  });

  it('is an answer when the remote takes no atomic pushes', () => {
    expect(
      kinds({ code: 128, stderr: 'fatal: the receiving end does not support --atomic push' }),
    ).toEqual(['refused', 'refused']);
  });
});

describe('what git is told', () => {
  const rules = {
    env: {
      PATH: '/bin',
      HOME: '/h',
      SSH_AUTH_SOCK: '/s',
      SECRET: 'x',
      GIT_DIR: '/evil',
      https_proxy: 'p',
    },
    allowHttp: false,
    sshCommand: null,
  };

  it('the environment holds what is listed and nothing else of the process', () => {
    const local = buildEnvironment(rules, false);
    expect(local).toMatchObject({
      PATH: '/bin',
      HOME: '/h',
      LC_ALL: 'C',
      GIT_ALLOW_PROTOCOL: 'https:ssh:file',
      GIT_TERMINAL_PROMPT: '0',
    });
    expect(
      Object.keys(local).filter((name) =>
        ['SECRET', 'GIT_DIR', 'SSH_AUTH_SOCK', 'https_proxy'].includes(name),
      ),
    ).toEqual([]);
    expect(buildEnvironment(rules, true)).toMatchObject({ SSH_AUTH_SOCK: '/s', https_proxy: 'p' });
  });

  it("keeps the user's ssh command and never lets it ask", () => {
    expect(buildEnvironment({ ...rules, sshCommand: 'ssh -i key' }, true)['GIT_SSH_COMMAND']).toBe(
      'ssh -i key -oBatchMode=yes',
    );
    expect(
      buildEnvironment({ ...rules, sshCommand: 'plink -batch' }, true)['GIT_SSH_COMMAND'],
    ).toBe('plink -batch');
    expect(buildEnvironment(rules, true)['GIT_SSH_COMMAND']).toContain('-oBatchMode=yes');
  });

  it('tells the ways to a remote apart', () => {
    expect(['ssh://h/x', 'http://h/x', 'https://h/x'].map(isHttpUrl)).toEqual([false, true, true]);
  });
});
