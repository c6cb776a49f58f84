/**
 * `adapter: http`: a provider's own endpoint, for hosts without any agent program. `options:` are
 * `api` (openai or anthropic), `base-url`, `key-env` (the name of the key in the dispatcher's
 * environment), `max-tokens`, and `usd-per-million-in` / `-out` for providers that do not report
 * what an answer cost. The default key goes to the default address only: an entry with an address
 * of its own names its key, or sends none.
 */
import { ownValue } from '../base/own-value.ts';
import { MINUTE, parseIso, SECOND } from '../base/clock.ts';
import type { ModelEntry } from '../protocol/models.ts';
import { describe } from '../protocol/yaml.ts';
import { NO_USAGE, optionText, type Parsed } from './adapter.ts';
import type { FailureClass, Usage } from './agent.ts';
import type { OperatorEnv } from './agent-env.ts';
import { failureFrom } from './failure-signs.ts';
import { DIALECTS, mergeUsage, type Dialect, type Told } from './http-dialects.ts';
import { exchange, type ExchangeEnd } from './http-exchange.ts';
import { parseRecord } from './json-values.ts';
import { parseReset } from './limit-reset.ts';
import type { Service, ServiceRequest } from './service.ts';

const MILLION = 1_000_000;
/** The parts of a server's error that are read. */
const ERROR_TEXT_MAX = 4_000;

/** The adapter for endpoints of providers. */
export const http: Service = {
  name: 'http',
  options: [
    'api',
    'base-url',
    'key-env',
    'max-tokens',
    'usd-per-million-in',
    'usd-per-million-out',
  ],
  modes: ['chat'],
  secrets: (entry, env) => {
    const name = keyName(entry);
    const key = name === null ? undefined : ownValue(env, name);
    return key === undefined || key.trim() === '' ? [] : [...new Set([key, key.trim()])];
  },
  ask,
};

/** Everything that an entry says about how to ask. */
interface Target {
  readonly dialect: Dialect;
  /** Without a slash at its end. */
  readonly base: string;
  readonly url: URL;
  readonly key: string | null;
  readonly model: string;
  readonly tokensMax: number | null;
}

async function ask(request: ServiceRequest): Promise<Parsed> {
  const target = readTarget(request.entry, request.operatorEnv);
  if ('why' in target) return refusal(target.class, target.why);
  const said: { text: string[]; usage: Usage; error: string | null; stop: string | null } = {
    text: [],
    usage: NO_USAGE,
    error: null,
    stop: null,
  };
  const hear = (told: Told): void => {
    if (told.text !== undefined && told.text !== '') {
      said.text.push(told.text);
      request.onText(told.text);
    }
    said.usage = mergeUsage(said.usage, told.usage);
    // What comes after the end of an answer takes nothing from it.
    if (said.stop === null) said.error ??= told.error ?? null;
    said.stop = told.stop ?? said.stop;
  };
  const { dialect, base, url, key, model, tokensMax } = target;
  const end = await exchange({
    url,
    headers: {
      ...dialect.headers(key),
      accept: 'text/event-stream, application/json',
      'user-agent': 'crosstalkd',
    },
    body: JSON.stringify(
      dialect.body({ model, prompt: request.prompt, persona: request.persona, tokensMax }, base),
    ),
    signal: request.signal,
    onActivity: request.onActivity,
    onEvent: (data) => {
      const event = parseRecord(data);
      if (event !== null) hear(dialect.event(event));
    },
  });
  if (request.signal.aborted) return refusal('timeout', 'ended from here');
  const answer =
    end.kind === 'response' && end.status === 200 && end.text !== '' ? parseRecord(end.text) : null;
  if (answer !== null) hear(dialect.whole(answer));
  const usage = withCost(said.usage, request.entry);
  return classifyEnd(end, {
    ...said,
    text: said.text.join(''),
    usage,
    dialect,
    nowMs: request.clock.wallMs(),
  });
}

interface Heard {
  readonly text: string;
  readonly usage: Usage;
  readonly error: string | null;
  readonly stop: string | null;
  readonly dialect: Dialect;
  readonly nowMs: number;
}

function classifyEnd(end: ExchangeEnd, heard: Heard): Parsed {
  const { usage, nowMs } = heard;
  if (end.kind === 'no-response') return fail(end.why, { fallback: 'unavailable', nowMs });
  const resetAtMs = resetOf(end.header, nowMs);
  if (end.status >= 300 && end.status < 400)
    return refusal('setup', describeRedirect(end.header('location')));
  if (end.status !== 200) {
    const record = parseRecord(end.text);
    const words =
      (record === null ? null : heard.dialect.whole(record).error) ??
      end.text.slice(0, ERROR_TEXT_MAX);
    return fail(`HTTP ${end.status}: ${words}`, {
      status: end.status,
      resetAtMs,
      usage,
      fallback: 'setup',
      nowMs,
    });
  }
  if (heard.error !== null)
    return fail(heard.error, { resetAtMs, usage, fallback: 'unavailable', nowMs });
  if (heard.stop === heard.dialect.cutOff)
    return {
      ...refusal(
        'too-large',
        'the answer was cut off at the token limit; "max-tokens" in "options:" raises it',
      ),
      usage,
    };
  if (heard.stop === null && (!end.whole || heard.text !== ''))
    return { ...refusal('unavailable', 'the stream ended in the middle of the answer'), usage };
  if (heard.stop === null)
    return {
      ...refusal('invalid', 'the answer is not in the format that "api:" names'),
      usage,
    };
  return { kind: 'answer', text: heard.text, session: null, usage, version: null };
}

interface Failing {
  readonly fallback: FailureClass;
  readonly nowMs: number;
  readonly status?: number;
  readonly resetAtMs?: number | null;
  readonly usage?: Usage;
}

function fail(text: string, { nowMs, ...said }: Failing): Parsed {
  const output = { stdout: '', stderr: '', exitCode: null, signal: null, resumed: false, nowMs };
  return failureFrom({ text, ...said }, output);
}

function refusal(kind: FailureClass, detail: string): Parsed & { readonly kind: 'failure' } {
  return { kind: 'failure', class: kind, detail, resetAtMs: null, usage: NO_USAGE };
}

/** Without what stands behind `?`, which may be a secret of theirs. */
function describeRedirect(location: string | null): string {
  const where = location === null ? 'another address' : (location.split(/[?#]/)[0] ?? '');
  return `it redirects to ${where}, which is not followed; write the final address as "base-url"`;
}

/**
 * When the limit ends: `retry-after` in seconds or as a date, or what the providers have for it.
 */
function resetOf(header: (name: string) => string | null, nowMs: number): number | null {
  const after = header('retry-after') ?? '';
  if (/^\d+(\.\d+)?$/.test(after)) return nowMs + Number(after) * SECOND;
  const date = after === '' ? Number.NaN : Date.parse(after);
  if (!Number.isNaN(date)) return date;
  const unified = Number(header('anthropic-ratelimit-unified-reset') ?? Number.NaN);
  if (unified * SECOND > nowMs) return unified * SECOND;
  for (const [left, reset] of RESET_HEADERS) {
    if (header(left) !== '0') continue;
    const said = header(reset) ?? '';
    const ms = parseIso(said) ?? parseReset(`resets in ${said}`, nowMs);
    if (ms !== null && ms > nowMs - MINUTE) return ms;
  }
  return null;
}

const RESET_HEADERS = ['requests', 'tokens'].flatMap((what) => [
  [`x-ratelimit-remaining-${what}`, `x-ratelimit-reset-${what}`],
  [`anthropic-ratelimit-${what}-remaining`, `anthropic-ratelimit-${what}-reset`],
]) as readonly (readonly [string, string])[];

function withCost(usage: Usage, entry: ModelEntry): Usage {
  const [perIn, perOut] = ['usd-per-million-in', 'usd-per-million-out'].map((key) =>
    Number(optionText(entry, key) ?? Number.NaN),
  );
  if (
    usage.costUsd !== null ||
    perIn === undefined ||
    perOut === undefined ||
    Number.isNaN(perIn + perOut)
  )
    return usage;
  if (usage.tokensIn === null || usage.tokensOut === null) return usage;
  return { ...usage, costUsd: (usage.tokensIn * perIn + usage.tokensOut * perOut) / MILLION };
}

type Refused = { readonly why: string; readonly class: FailureClass };

function readTarget(entry: ModelEntry, env: OperatorEnv): Target | Refused {
  const api = optionText(entry, 'api') ?? 'openai';
  const dialect = ownValue(DIALECTS, api);
  if (dialect === undefined)
    return refuse(`"api" is ${describe(api)}; expected ${Object.keys(DIALECTS).join(' or ')}`);
  if (entry.model === null)
    return refuse('"adapter: http" needs "model:", the provider\'s name for the model');
  if (entry.command.length + entry.wrapper.length > 0)
    return refuse('"adapter: http" starts no program: remove "command" and "wrapper"');
  const base = (optionText(entry, 'base-url') ?? dialect.baseUrl).replace(/(?<!\/)\/+$/, '');
  const url = parseUrl(dialect.url(base));
  if (url === null)
    return refuse(
      `"base-url" is ${describe(entry.options['base-url'])}; expected https://… or http://…, without a user`,
    );
  const tokens = entry.options['max-tokens'] ?? null;
  if (
    tokens !== null &&
    !(typeof tokens === 'number' && Number.isSafeInteger(tokens) && tokens > 0)
  )
    return refuse(`"max-tokens" is ${describe(tokens)}; expected a whole number above zero`);
  const name = keyName(entry);
  const key = name === null ? null : (ownValue(env, name) ?? '').trim();
  if (key === '')
    return { class: 'auth', why: `${name ?? ''} is not set where the dispatcher runs` };
  // A header takes no other characters, and what the platform says of them would show the key.
  if (key !== null && !/^[\x21-\x7e]+$/.test(key))
    return {
      class: 'auth',
      why: `the value of ${name ?? ''} is not a key: it contains spaces or other invalid characters`,
    };
  return { dialect, base, url, key, model: entry.model, tokensMax: tokens };
}

function refuse(why: string): Refused {
  return { class: 'setup', why };
}

/** The name of the key that goes along, or null for none. */
function keyName(entry: ModelEntry): string | null {
  const named = optionText(entry, 'key-env');
  if (named !== null || entry.options['base-url'] !== undefined) return named;
  return DIALECTS[optionText(entry, 'api') ?? 'openai']?.keyName ?? null;
}

function parseUrl(text: string): URL | null {
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  const plain =
    (url.protocol === 'https:' || url.protocol === 'http:') &&
    url.username === '' &&
    url.password === '';
  return plain ? url : null;
}
