import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { classOf } from '../../src/agents/failure-signs.ts';
import { parseReset } from '../../src/agents/limit-reset.ts';
import { NOW } from './wordings.ts';

// Times without a zone are those of the machine.
beforeAll(() => {
  vi.stubEnv('TZ', 'UTC');
});
afterAll(() => {
  vi.unstubAllEnvs();
});

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
    [`SyntaxError: Unexpected token '<', "<!DOCTYPE "... is not valid JSON`, null],
    ["ENOENT: no such file or directory, open '/home/a/session.json'", null],
    ["EACCES: permission denied, open '/x/y'", null],
    ['ENOSPC: no space left on device, write', null],
    ['JavaScript heap out of memory', null],
    ['    at run (/x/main.js:429:11)', null],
    ['error on line 401 of file x', null],
    ['Reached max turns (5)', null],
    ['Maximum call stack size exceeded', null],
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
    ['resets 20261203T070000Z', '2026-12-03T07:00:00Z'],
    ['try again in 1 day, 3:20:00', '2026-12-01T15:20:00Z'],
    ['resets 3/12/2026', '2026-12-03T00:00:00Z'],
    ['resets 03.12.2026 um 07:00 Uhr', '2026-12-03T07:00:00Z'],
    ['resets 03.12.2026 07:00', '2026-12-03T07:00:00Z'],
    ['resets 2026-12-03 07:00 AM (PST)', '2026-12-03T15:00:00Z'],
    ['resets 12/3/26, 7:00 AM', '2026-12-03T07:00:00Z'],
    ['resets Dezember 3, 07:00', '2026-12-03T07:00:00Z'],
    ['setzt sich am 3. Dezember um 07:00 zurück (resets 3. Dez., 07:00)', '2026-12-03T07:00:00Z'],
    ['se réinitialise le 3 décembre à 07:00 (resets 3 déc. 07:00)', '2026-12-03T07:00:00Z'],
    ['se restablece el 3 de diciembre (resets 3 dic 07:00)', '2026-12-03T07:00:00Z'],
    ['重置时间 resets 2026年12月3日 07:00', '2026-12-03T07:00:00Z'],
    ['Versuchen Sie es in 2 Stunden erneut', '2026-11-30T14:00:00Z'],
    ['Réessayez dans 20 minutes', '2026-11-30T12:20:00Z'],
    ['regain access on 2026-12-01 at 00:00 UTC', '2026-12-01T00:00:00Z'],
    ['cooldown: 300s', '2026-11-30T12:05:00Z'],
    ['cool down for 5 minutes', '2026-11-30T12:05:00Z'],
    ['quotaResetDelay":"1h2m3.5s"', '2026-11-30T13:02:03.5Z'],
    ['"nextResetTime":1796126400000', '2026-12-01T12:00:00Z'],
  ])('%s, in another form or language', (text, end) => {
    expect(new Date(parseReset(text, Date.parse(NOW)) ?? 0)).toEqual(new Date(end));
  });

  test.each([
    'You can retry your request, request ID 1-2',
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
