import { describe, expect, test } from 'vitest';
import { classOf } from '../../src/agents/failure-signs.ts';
import { parseReset } from '../../src/agents/limit-reset.ts';

describe('words for a failure', () => {
  test.each([
    ['Error code: 429 - insufficient_quota', 'usage-limit'],
    ['Claude AI usage limit reached|1760000000', 'usage-limit'],
    ['401: {"error":"x"}', 'auth'],
    ['invalid x-api-key', 'auth'],
    ['HTTP 503 Service Unavailable', 'unavailable'],
    ['SocketError: other side closed', 'unavailable'],
    ['getaddrinfo EAI_AGAIN api.example.org', 'unavailable'],
    ['error: unknown option --tools', 'setup'],
    ['it took 512 ms and 4010 tokens', null],
    ['', null],
  ])('%s is %s', (text, expected) => {
    expect(classOf(text, {})).toBe(expected);
  });

  test.each([
    [401, 'auth'],
    [402, 'usage-limit'],
    [404, 'model'],
    [413, 'context'],
    [429, 'rate-limit'],
    [503, 'unavailable'],
    [400, null],
  ])('the status %d alone is %s', (status, expected) => {
    expect(classOf('oops', { status })).toBe(expected);
  });

  test('say more than the status', () => {
    expect(classOf('You exceeded your current quota', { status: 429 })).toBe('usage-limit');
    expect(classOf('maximum context length is 128000', { status: 400 })).toBe('context');
  });
});

describe('the end of a limit', () => {
  const now = Date.parse('2026-11-21T12:00:00Z');
  const at = (iso: string) => Date.parse(iso);
  test.each([
    ['usage limit reached|1795300000', 1_795_300_000_000],
    ['"resetsAt":1795300000', 1_795_300_000_000],
    ['resets at 2026-11-21T15:30:00Z', at('2026-11-21T15:30:00Z')],
    ['Retry-After: 30', now + 30_000],
    ['"retryDelay": "12.5s"', now + 12_500],
    ['Please try again in 1m30s.', now + 90_000],
    ['try again in 250ms', now + 250],
    ['resets in 2 hours, 5 minutes and 1 second', now + (2 * 3_600 + 5 * 60 + 1) * 1_000],
    ["You've hit your limit · resets 3pm (America/Los_Angeles)", at('2026-11-21T23:00:00Z')],
    ['resets at 4:30am (UTC)', at('2026-11-22T04:30:00Z')],
    ['resets 12am (UTC)', at('2026-11-22T00:00:00Z')],
  ])('%s', (text, expected) => {
    expect(parseReset(text, now)).toBe(expected);
  });

  test.each([
    '',
    'try again later',
    'usage limit reached|1000000000',
    'resets 3pm (No/Where)',
    'wait 3 fortnights',
    'retry after 9999 days',
    'version 1795300000',
  ])('%j tells none', (text) => {
    expect(parseReset(text, now)).toBeNull();
  });
});
