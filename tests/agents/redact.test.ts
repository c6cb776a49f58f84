import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRedactor, hideCredentials, secretsOf } from '../../src/agents/redact.ts';

const redactFor = (env: Record<string, string>) => createRedactor(secretsOf(env));

describe('secret values', () => {
  test.each([
    'ANTHROPIC_API_KEY',
    'GITHUB_TOKEN',
    'DB_PASSWORD',
    'AWS_SECRET_ACCESS_KEY',
    'OPENAI_APIKEY',
    'my_secret',
    'NPM_CONFIG__AUTHTOKEN',
  ])('of %s never appear', (name) => {
    expect(redactFor({ [name]: 'sk-very-secret' })('failed with sk-very-secret!')).toBe(
      'failed with [redacted]!',
    );
  });

  test.each([
    ['HOME', '/home/somebody'],
    ['KEYBOARD', 'german-qwertz'],
    ['SSH_KEY_PATH', '/home/me/.ssh/id'],
    ['API_KEY', 'short'],
  ])('%s=%s is not a secret', (name, value) => {
    expect(redactFor({ [name]: value })(`it is ${value}`)).toBe(`it is ${value}`);
  });

  test('are found although one is the start of another, and in the forms of URLs and JSON', () => {
    const redact = redactFor({ A_TOKEN: 'abcdefgh', B_TOKEN: 'abcdefgh/12 "3"' });
    expect(redact('abcdefgh/12 "3" abcdefgh abcdefgh%2F12%20%223%22 "abcdefgh/12 \\"3\\""')).toBe(
      '[redacted] [redacted] [redacted] "[redacted]"',
    );
  });
});

test.each([
  [`ghp_${'a1'.repeat(18)}`, true],
  [`github_pat_${'a_1'.repeat(20)}`, true],
  [`sk-ant-api03-${'x-Y'.repeat(20)}`, true],
  ['AKIAIOSFODNN7EXAMPLE', true],
  [`eyJ${'a'.repeat(20)}.eyJ${'b'.repeat(30)}.${'c-'.repeat(20)}`, true],
  ['-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz\nAAAA\n-----END', true],
  ['the task-list of sk-learn, npm_config and AKIA', false],
  ['0123456789abcdef0123456789abcdef01234567', false],
])('what looks like a credential is hidden where asked for: %s', (text, isHidden) => {
  const hidden = hideCredentials(createRedactor([]))(`it is ${text}!`);
  expect(hidden.includes('[redacted]')).toBe(isHidden);
  expect(hidden.includes(text)).toBe(!isHidden);
});

describe('URLs', () => {
  test.each([
    ['https://user:token@host/repo.git', 'https://[redacted]@host/repo.git'],
    ['https://ghp_token@host/x', 'https://[redacted]@host/x'],
    ['https://user:p@ss@host/x', 'https://[redacted]@host/x'],
    ['fatal: ssh://git:pw@host: no', 'fatal: ssh://[redacted]@host: no'],
    ['https://host/@scope/package?mail=a@b', 'https://host/@scope/package?mail=a@b'],
    ['git@host:repo and me@example.org', 'git@host:repo and me@example.org'],
  ])('%s', (given, expected) => {
    expect(redactFor({})(given)).toBe(expected);
  });

  test('no user part of any URL survives', () => {
    const part = fc.stringMatching(/^[a-zA-Z0-9!$&'()*+,;=._~%-]{1,40}$/);
    fc.assert(
      fc.property(part, part, (user, password) => {
        expect(redactFor({})(`x https://${user}:${password}@host/x`)).toBe(
          'x https://[redacted]@host/x',
        );
      }),
    );
  });

  test('a megabyte of beginnings of URLs is read in a moment', () => {
    const started = performance.now();
    redactFor({})('a://'.repeat(300_000));
    redactFor({})(`://${'x'.repeat(1_000_000)}`);
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});
