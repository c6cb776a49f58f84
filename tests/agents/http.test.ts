import { afterEach, describe, expect, test } from 'vitest';
import { ADAPTERS, SERVICES } from '../../src/agents/adapters.ts';
import type { AttemptOutcome, AttemptRequest } from '../../src/agents/agent.ts';
import { entryOf, useAttempts } from '../support/agents/attempts.ts';
import {
  startLlmEndpoint,
  type Answer,
  type LlmEndpoint,
  type Question,
} from '../support/llm-endpoint.ts';

const KEY = 'sk-test-0123456789abcdef';
const { attempt, run } = useAttempts();
const endpoints: LlmEndpoint[] = [];

afterEach(async () => {
  await Promise.all(endpoints.splice(0).map((endpoint) => endpoint.close()));
});

async function serve(answer: Answer | ((question: Question) => Answer)): Promise<LlmEndpoint> {
  const endpoint = await startLlmEndpoint(typeof answer === 'function' ? answer : () => answer);
  endpoints.push(endpoint);
  return endpoint;
}

interface Asking {
  readonly api?: 'openai' | 'anthropic';
  readonly options?: Readonly<Record<string, unknown>>;
  readonly entry?: Readonly<Record<string, unknown>>;
  readonly request?: Partial<AttemptRequest>;
  readonly env?: Readonly<Record<string, string>>;
}

function ask(
  url: string,
  { api = 'openai', options, entry, request, env }: Asking = {},
): Promise<AttemptOutcome> {
  const base = api === 'openai' ? `${url}/v1` : url;
  const model = entryOf({
    adapter: 'http',
    model: 'm-1',
    options: { api, 'base-url': base, 'key-env': 'MY_KEY', ...options },
    ...entry,
  });
  return run(attempt(model, request), {
    adapters: ADAPTERS,
    services: SERVICES,
    operatorEnv: { MY_KEY: KEY, ...env },
  });
}

const detailOf = (outcome: AttemptOutcome): string =>
  outcome.kind === 'failed' ? outcome.detail : `it ${outcome.kind}`;

describe.each(['openai', 'anthropic'] as const)('an endpoint that speaks %s', (api) => {
  test('answers, with what was used, while the text is shown line by line', async () => {
    const endpoint = await serve({
      kind: 'text',
      text: 'first line\nsecond line, grüße 🦊',
      tokens: [100, 7],
    });
    const shown: string[] = [];
    const outcome = await ask(endpoint.url, {
      api,
      request: {
        persona: 'You are terse.',
        prompt: 'Hello?',
        onOutput: (text) => shown.push(text),
      },
    });
    expect(outcome).toMatchObject({
      kind: 'answered',
      text: 'first line\nsecond line, grüße 🦊',
      session: null,
      usage: { tokensIn: 100, tokensOut: 7 },
    });
    expect(shown).toEqual(['first line\n', 'second line, grüße 🦊']);
    expect(endpoint.questions).toMatchObject([
      {
        key: KEY,
        model: 'm-1',
        user: 'Hello?',
        system: expect.stringContaining('terse') as string,
        streams: true,
      },
    ]);
  });

  test('gets a prompt of 300 kB whole', async () => {
    const endpoint = await serve((question) => ({ kind: 'text', text: `${question.user.length}` }));
    expect(
      await ask(endpoint.url, { api, request: { prompt: 'x'.repeat(300_000) } }),
    ).toMatchObject({ text: '300000' });
  });

  test.each<[string, Answer & { kind: 'error' }, string]>([
    ['a refused key', { kind: 'error', status: 401 }, 'auth'],
    ['a rate limit', { kind: 'error', status: 429, retryAfterS: 90 }, 'rate-limit'],
    ['an empty quota', { kind: 'error', status: 429, says: 'quota' }, 'usage-limit'],
    ['a prompt that is too long', { kind: 'error', status: 400, says: 'context' }, 'context'],
    ['an unknown model', { kind: 'error', status: 404 }, 'model'],
    ['a broken server', { kind: 'error', status: 500 }, 'unavailable'],
  ])('tells of %s', async (_, answer, failure) => {
    const outcome = await ask((await serve(answer)).url, { api });
    expect(outcome).toMatchObject({ kind: 'failed', class: failure });
    expect(detailOf(outcome)).toContain(`HTTP ${answer.status}`);
  });

  test('tells when a rate limit ends', async () => {
    const outcome = await ask((await serve({ kind: 'error', status: 429, retryAfterS: 90 })).url, {
      api,
    });
    const inMs = (outcome.kind === 'failed' ? (outcome.resetAtMs ?? 0) : 0) - Date.now();
    expect(inMs).toBeGreaterThan(80_000);
    expect(inMs).toBeLessThanOrEqual(90_000);
  });

  test('fails as unavailable when the stream is cut', async () => {
    const outcome = await ask(
      (await serve({ kind: 'cut', text: 'half of this is never said' })).url,
      { api },
    );
    expect(outcome).toMatchObject({
      kind: 'failed',
      class: 'unavailable',
      detail: expect.stringContaining('middle') as string,
    });
  });

  test('is left when it says nothing for too long', async () => {
    const endpoint = await serve({ kind: 'stall', text: 'half of this is never said' });
    const outcome = await ask(endpoint.url, { api, entry: { 'idle-timeout': '300ms' } });
    expect(outcome).toMatchObject({ kind: 'failed', class: 'idle' });
    await expect.poll(() => endpoint.aborted()).toBe(1);
  });

  test('is left at the wall limit', async () => {
    const endpoint = await serve({ kind: 'stall', text: 'half of this is never said' });
    expect(await ask(endpoint.url, { api, entry: { timeout: '300ms' } })).toMatchObject({
      kind: 'failed',
      class: 'timeout',
    });
  });

  test('is left when the attempt is stopped, and what it said is kept', async () => {
    const endpoint = await serve({
      kind: 'stall',
      text: 'a line that came\nand a line that comes never at all',
    });
    const stop = new AbortController();
    const outcome = await ask(endpoint.url, {
      api,
      request: { signal: stop.signal, onOutput: () => stop.abort() },
    });
    expect(outcome).toMatchObject({
      kind: 'stopped',
      textSoFar: expect.stringContaining('a line that came\n') as string,
    });
  });

  test('is cut off when it says too much', async () => {
    const endpoint = await serve({ kind: 'text', text: 'x'.repeat(5_000) });
    expect(await ask(endpoint.url, { api, entry: { 'output-bytes-max': 1_000 } })).toMatchObject({
      kind: 'failed',
      class: 'too-large',
    });
  });

  test('is not followed to another address', async () => {
    const other = await serve({ kind: 'text', text: 'the key arrived' });
    const outcome = await ask(
      (await serve({ kind: 'redirect', to: `${other.url}/v1/chat/completions?secret=1` })).url,
      { api },
    );
    expect(outcome).toMatchObject({
      kind: 'failed',
      class: 'setup',
      detail: expect.stringContaining('base-url') as string,
    });
    expect(detailOf(outcome)).not.toContain('secret=1');
    expect(other.questions).toEqual([]);
  });
});

describe('an entry', () => {
  test('that nobody listens for fails as unavailable', async () => {
    const endpoint = await serve({ kind: 'text', text: 'x' });
    await endpoint.close();
    expect(await ask(endpoint.url)).toMatchObject({
      kind: 'failed',
      class: 'unavailable',
      detail: expect.stringContaining('ECONNREFUSED') as string,
    });
  });

  test('whose key is not set fails as auth and names the key', async () => {
    const outcome = await ask('http://127.0.0.1:9', { options: { 'key-env': 'NO_SUCH_KEY' } });
    expect(outcome).toMatchObject({
      kind: 'failed',
      class: 'auth',
      detail: expect.stringContaining('NO_SUCH_KEY') as string,
    });
  });

  test('sends the usual key to no address of its own', async () => {
    const endpoint = await serve((question) => ({ kind: 'text', text: `key "${question.key}"` }));
    const outcome = await ask(endpoint.url, {
      options: { 'key-env': undefined },
      env: { OPENAI_API_KEY: KEY },
    });
    expect(outcome).toMatchObject({ text: 'key ""' });
  });

  test('shows its key in no error, whatever the other side says', async () => {
    const endpoint = await serve({ kind: 'text', text: `Incorrect API key provided: ${KEY}` });
    const outcome = await ask(endpoint.url);
    expect(JSON.stringify(outcome)).not.toContain(KEY);
    const broken = await ask(endpoint.url, { env: { MY_KEY: `${KEY}\nx` } });
    expect(broken).toMatchObject({ kind: 'failed', class: 'auth' });
    expect(JSON.stringify(broken)).not.toContain(KEY);
  });

  test('with prices tells what an answer cost', async () => {
    const endpoint = await serve({ kind: 'text', text: 'x', tokens: [1_000_000, 500_000] });
    const outcome = await ask(endpoint.url, {
      options: { 'usd-per-million-in': 3, 'usd-per-million-out': 15 },
    });
    expect(outcome).toMatchObject({ usage: { costUsd: 10.5 } });
  });

  test.each<[string, Asking, string]>([
    ['an unknown way to ask', { options: { api: 'smoke' } }, '"api"'],
    [
      'an address with a password',
      { options: { 'base-url': 'https://me:secret@example.org/v1' } },
      '"base-url"',
    ],
    ['an address that is none', { options: { 'base-url': 'ftp://example.org' } }, '"base-url"'],
    ['a limit that is none', { options: { 'max-tokens': 0 } }, '"max-tokens"'],
    ['a program', { entry: { command: ['cat'] } }, 'starts no program'],
    ['an unknown option', { options: { baseurl: 'x' } }, 'unknown option "baseurl"'],
    ['a mode that it has not', { options: { mode: 'write' } }, '"mode" must be one of chat'],
  ])('with %s is refused before anything is sent', async (_, asking, words) => {
    const outcome = await ask('http://127.0.0.1:9', asking);
    expect(outcome).toMatchObject({
      kind: 'failed',
      class: 'setup',
      detail: expect.stringContaining(words) as string,
    });
  });

  test('asks for at most as many tokens as it says', async () => {
    const endpoint = await serve((question) => ({
      kind: 'text',
      text: String(question.tokensMax),
    }));
    expect(await ask(endpoint.url, { options: { 'max-tokens': 77 } })).toMatchObject({
      text: '77',
    });
    expect(await ask(endpoint.url, { api: 'anthropic' })).toMatchObject({ text: '8192' });
  });
});
