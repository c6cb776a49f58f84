import { describe, expect, test } from 'vitest';
import type { Parsed, ProgramOutput } from '../../src/agents/adapter.ts';
import { ADAPTERS } from '../../src/agents/adapters.ts';

const NOW = Date.parse('2026-11-21T12:00:00Z');

function parse(name: string, output: Partial<ProgramOutput>): Parsed {
  return ADAPTERS[name]!.parse({
    stdout: '',
    stderr: '',
    exitCode: 0,
    signal: null,
    resumed: false,
    nowMs: NOW,
    ...output,
  });
}

const lines = (...records: readonly unknown[]): string =>
  records.map((record) => `${JSON.stringify(record)}\n`).join('');
const answer = (text: string, more: Record<string, unknown> = {}) => ({
  kind: 'answer',
  text,
  ...more,
});
const failure = (kind: string, more: Record<string, unknown> = {}) => ({
  kind: 'failure',
  class: kind,
  ...more,
});
type Row = readonly [
  what: string,
  output: Partial<ProgramOutput>,
  expected: Record<string, unknown>,
];

describe('claude', () => {
  const init = {
    type: 'system',
    subtype: 'init',
    session_id: 's1',
    claude_code_version: '2.1.329',
  };
  const result = (more: Record<string, unknown>) => ({
    type: 'result',
    subtype: 'success',
    is_error: false,
    result: 'hi',
    session_id: 's1',
    total_cost_usd: 0.25,
    usage: {
      input_tokens: 100,
      output_tokens: 7,
      cache_read_input_tokens: 20,
      cache_creation_input_tokens: 3,
    },
    ...more,
  });
  const error = (status: number | null, text: string, more: Record<string, unknown> = {}) => ({
    stdout: lines(
      init,
      result({ is_error: true, api_error_status: status, result: text, ...more }),
    ),
    exitCode: 1,
  });
  const rows: readonly Row[] = [
    [
      'an answer with usage, session and version',
      { stdout: lines(init, result({})) },
      answer('hi', {
        session: 's1',
        version: '2.1.329',
        usage: { tokensIn: 123, tokensOut: 7, costUsd: null },
        total: { session: 's1', costUsd: 0.25 },
      }),
    ],
    [
      'a single JSON object',
      { stdout: JSON.stringify(result({})) },
      answer('hi', { version: null }),
    ],
    [
      'the cost of all of a continued session',
      { stdout: lines(result({ total_cost_usd: 1.5 })), resumed: true },
      answer('hi', { total: { session: 's1', costUsd: 1.5 } }),
    ],
    [
      'no cost that was guessed',
      { stdout: lines(result({ modelUsage: { x: { costBasis: 'unknown' } } })) },
      answer('hi', { total: { session: 's1', costUsd: null } }),
    ],
    [
      'an empty answer is left to the caller',
      { stdout: lines(result({ result: '' })) },
      answer(''),
    ],
    [
      '401',
      error(401, 'Invalid API key · Fix external API key', {
        api_error_type: 'authentication_error',
      }),
      failure('auth'),
    ],
    ['no login', error(null, 'Not logged in · Please run /login'), failure('auth')],
    [
      '429',
      error(429, 'API Error: Request rejected (429)', { api_error_type: 'rate_limit_error' }),
      failure('rate-limit'),
    ],
    [
      '529',
      error(529, 'Overloaded', { api_error_type: 'overloaded_error' }),
      failure('rate-limit'),
    ],
    [
      'no credit',
      error(429, 'Your credit balance is too low to access the API.'),
      failure('usage-limit'),
    ],
    [
      'a used-up subscription, with its end',
      error(429, "You've hit your limit · resets 3pm (UTC)"),
      failure('usage-limit', { resetAtMs: Date.parse('2026-11-21T15:00:00Z') }),
    ],
    [
      'the end of a limit from its event',
      {
        stdout: lines(
          {
            type: 'rate_limit_event',
            rate_limit_info: { status: 'rejected', resetsAt: NOW / 1_000 + 60 },
          },
          result({ is_error: true, result: "You've hit your limit" }),
        ),
        exitCode: 1,
      },
      failure('usage-limit', { resetAtMs: NOW + 60_000 }),
    ],
    [
      'context',
      error(400, 'Prompt is too long · the request is ~250000 tokens'),
      failure('context'),
    ],
    [
      'an unknown model',
      error(404, "There's an issue with the selected model (x)."),
      failure('model'),
    ],
    ['500', error(500, 'API Error: 500'), failure('unavailable')],
    [
      'no network',
      error(null, 'API Error: Connection refused. Check the gateway'),
      failure('unavailable'),
    ],
    [
      'its own limit of turns',
      {
        stdout: lines({
          type: 'result',
          subtype: 'error_max_turns',
          is_error: true,
          usage: { input_tokens: 1, output_tokens: 2 },
        }),
        exitCode: 1,
      },
      failure('crash', {
        detail: 'error_max_turns',
        usage: { tokensIn: 1, tokensOut: 2, costUsd: null },
      }),
    ],
    [
      'status 0 with an error in it',
      { stdout: lines(result({ is_error: true, result: 'broken' })) },
      failure('crash', { detail: 'broken' }),
    ],
    [
      'root',
      {
        stderr: '--dangerously-skip-permissions cannot be used with root/sudo privileges',
        exitCode: 1,
      },
      failure('setup'),
    ],
    ['no result although it ended well', { stdout: lines(init) }, failure('invalid')],
    ['a crash without a word', { exitCode: 134 }, failure('crash', { detail: 'exit status 134' })],
  ];
  test.each(rows)('%s', (_, output, expected) => {
    expect(parse('claude', output)).toMatchObject(expected);
  });
});

describe('codex', () => {
  const started = { type: 'thread.started', thread_id: 't1' };
  const message = (text: string) => ({
    type: 'item.completed',
    item: { type: 'agent_message', text },
  });
  const completed = {
    type: 'turn.completed',
    usage: { input_tokens: 100, cached_input_tokens: 50, output_tokens: 7 },
  };
  const error = (text: string) => ({
    stdout: lines(
      started,
      { type: 'error', message: 'Reconnecting... 1/5' },
      { type: 'turn.failed', error: { message: text } },
    ),
    exitCode: 1,
  });
  const rows: readonly Row[] = [
    [
      'the last message',
      { stdout: lines(started, message('let me see'), message('hi'), completed) },
      answer('hi', { session: 't1', total: { session: 't1', tokensIn: 100, tokensOut: 7 } }),
    ],
    [
      'the usage of all of a continued thread',
      { stdout: lines(started, message('hi'), completed), resumed: true },
      answer('hi', {
        usage: { tokensIn: null, tokensOut: null, costUsd: null },
        total: { session: 't1', tokensIn: 100 },
      }),
    ],
    [
      '401',
      error('unexpected status 401 Unauthorized: Incorrect API key provided.'),
      failure('auth'),
    ],
    ['no key', error('Missing environment variable: `X`.'), failure('auth')],
    [
      '429',
      error('exceeded retry limit, last status: 429 Too Many Requests'),
      failure('rate-limit'),
    ],
    [
      'quota',
      error('Quota exceeded. Check your plan and billing details.'),
      failure('usage-limit'),
    ],
    [
      'a used-up subscription, with its end',
      error(
        "You've hit your usage limit. To get more access now, try again in 3 days 6 hours 57 minutes.",
      ),
      failure('usage-limit', { resetAtMs: NOW + ((3 * 24 + 6) * 60 + 57) * 60_000 }),
    ],
    [
      'context',
      error("Codex ran out of room in the model's context window. Start a new thread"),
      failure('context'),
    ],
    ['an unknown model', error("The model 'm' does not exist"), failure('model')],
    [
      'a cut stream',
      error('stream disconnected before completion: Transport error'),
      failure('unavailable'),
    ],
    ['high demand', error("We're currently experiencing high demand"), failure('unavailable')],
    [
      'no git repository',
      {
        stderr: 'Not inside a trusted directory and --skip-git-repo-check was not specified.',
        exitCode: 1,
      },
      failure('setup'),
    ],
    ['ended well without having completed', { stdout: lines(started) }, failure('invalid')],
  ];
  test.each(rows)('%s', (_, output, expected) => {
    expect(parse('codex', output)).toMatchObject(expected);
  });
});

describe('gemini', () => {
  const tokens = (total: number) => ({
    models: {
      a: {
        tokens: { prompt: total, candidates: total === 0 ? 0 : 5, thoughts: total === 0 ? 0 : 2 },
      },
    },
  });
  const stdout = (more: Record<string, unknown>) =>
    JSON.stringify({ session_id: 's1', response: 'hi', stats: tokens(100), ...more }, null, 2);
  const error = (code: number, message: string, exitCode: number) => ({
    stderr: `Warning: no ripgrep\nError: x\n    at f (file.js:1:1) {\n  a: 1\n}\n${JSON.stringify({ session_id: 's1', error: { type: 'Error', message, code } }, null, 2)}\n`,
    exitCode,
  });
  const rows: readonly Row[] = [
    [
      'an answer',
      { stdout: stdout({}) },
      answer('hi', { session: 's1', usage: { tokensIn: 100, tokensOut: 7, costUsd: null } }),
    ],
    [
      'an answer that was cut off with status 0',
      { stdout: stdout({ stats: tokens(0) }) },
      failure('unavailable'),
    ],
    ['401', error(401, 'Request had invalid authentication credentials.', 145), failure('auth')],
    ['no login', error(41, 'Please set an Auth method', 41), failure('auth')],
    [
      '429',
      error(429, 'Resource has been exhausted (e.g. check quota). Suggested retry after 20s.', 173),
      failure('rate-limit', { resetAtMs: NOW + 20_000 }),
    ],
    [
      'quota',
      error(429, 'You have exhausted your daily quota on this model.', 173),
      failure('usage-limit'),
    ],
    [
      'context',
      error(
        400,
        'The input token count (2000000) exceeds the maximum number of tokens allowed',
        144,
      ),
      failure('context'),
    ],
    [
      'an unknown model',
      error(1, 'models/x is not found for API version v1beta: 404', 1),
      failure('model'),
    ],
    [
      '500 by the exit status alone',
      { stderr: 'something', exitCode: 244 },
      failure('unavailable'),
    ],
    ['401 by the exit status alone', { stderr: 'something', exitCode: 145 }, failure('auth')],
    ['a folder that is not trusted', error(55, 'This workspace', 55), failure('setup')],
    [
      'an empty answer',
      {
        stdout: stdout({
          error: { type: 'x', message: 'The model returned an empty response with no text' },
        }),
      },
      failure('empty'),
    ],
    [
      'a message that is JSON itself',
      error(429, '{"error":{"message":"Too fast."}}', 173),
      failure('rate-limit', { detail: 'Too fast.' }),
    ],
    ['nothing at all', {}, failure('invalid')],
  ];
  test.each(rows)('%s', (_, output, expected) => {
    expect(parse('gemini', output)).toMatchObject(expected);
  });
});

describe('qwen', () => {
  const stdout = (more: Record<string, unknown>) =>
    JSON.stringify([
      { type: 'system', subtype: 'init', qwen_code_version: '0.24.4' },
      {
        type: 'result',
        subtype: 'success',
        is_error: false,
        result: 'hi',
        session_id: 's1',
        usage: { input_tokens: 100, output_tokens: 7 },
        ...more,
      },
    ]);
  const error = (message: string) => ({
    stdout: stdout({
      subtype: 'error_during_execution',
      is_error: true,
      result: undefined,
      error: { message },
    }),
    exitCode: 1,
  });
  const rows: readonly Row[] = [
    [
      'an answer',
      { stdout: stdout({}) },
      answer('hi', {
        session: 's1',
        version: '0.24.4',
        usage: { tokensIn: 100, tokensOut: 7, costUsd: null },
      }),
    ],
    ['401', error('[API Error: 401 Incorrect API key provided.]'), failure('auth')],
    ['no key', error('Missing API key for OpenAI-compatible auth.'), failure('auth')],
    [
      'context',
      error("[API Error: 400 This model's maximum context length is 128000 tokens.]"),
      failure('context'),
    ],
    [
      'an error told as a success',
      { stdout: stdout({ result: '[API Error: 401 Incorrect API key provided.]' }) },
      failure('auth'),
    ],
    [
      'an answer that was cut off, told as a success',
      {
        stdout: stdout({
          result: 'half of\nthe\n[API Error: terminated (cause: other side closed)]',
        }),
      },
      failure('unavailable'),
    ],
    [
      'an answer that speaks of such an error',
      { stdout: stdout({ result: 'it prints [API Error: 401] and ends' }) },
      answer('it prints [API Error: 401] and ends'),
    ],
    [
      'its wall time',
      { stderr: '{"error":"FatalBudgetExceededError"}', exitCode: 55 },
      failure('timeout'),
    ],
    ['no JSON', { stdout: 'oops' }, failure('invalid')],
  ];
  test.each(rows)('%s', (_, output, expected) => {
    expect(parse('qwen', output)).toMatchObject(expected);
  });
});

describe('opencode', () => {
  const sessionID = 'ses_1';
  const text = (said: string) => ({ type: 'text', sessionID, part: { text: said } });
  const start = { type: 'step_start', sessionID };
  const finish = {
    type: 'step_finish',
    sessionID,
    part: {
      tokens: { input: 90, output: 5, reasoning: 2, cache: { read: 10, write: 0 } },
      cost: 0.5,
    },
  };
  const error = (name: string, data: Record<string, unknown>) => ({
    stdout: lines({ type: 'error', sessionID, error: { name, data } }),
    exitCode: 1,
  });
  const rows: readonly Row[] = [
    [
      'the last step that says something, and the sum of all',
      { stdout: lines(start, text('let me see'), finish, start, text('one'), text('two'), finish) },
      answer('one\ntwo', {
        session: sessionID,
        usage: { tokensIn: 200, tokensOut: 14, costUsd: 1 },
      }),
    ],
    [
      '401',
      error('APIError', { message: 'Incorrect API key provided.', statusCode: 401 }),
      failure('auth', { detail: 'APIError: Incorrect API key provided.' }),
    ],
    [
      '429',
      error('APIError', {
        message: 'Rate limit reached for m.',
        statusCode: 429,
        isRetryable: true,
      }),
      failure('rate-limit'),
    ],
    ['context', error('ContextOverflowError', { message: 'too long' }), failure('context')],
    [
      'an unknown model',
      error('UnknownError', { message: 'Unexpected server error.' }),
      failure('unavailable'),
    ],
    [
      'an error with status 0',
      { ...error('APIError', { message: 'x', statusCode: 500 }), exitCode: 0 },
      failure('unavailable'),
    ],
    ['nothing', {}, failure('invalid')],
  ];
  test.each(rows)('%s', (_, output, expected) => {
    expect(parse('opencode', output)).toMatchObject(expected);
  });
});

describe('pi', () => {
  const session = { type: 'session', id: 's1' };
  const message = (more: Record<string, unknown>) => ({
    type: 'message_end',
    message: {
      role: 'assistant',
      content: [{ type: 'text', text: 'hi' }],
      stopReason: 'stop',
      usage: { input: 90, output: 7, cacheRead: 10, cost: { total: 0.1 } },
      ...more,
    },
  });
  const error = (errorMessage: string) => ({
    stdout: lines(session, message({ content: [], stopReason: 'error', errorMessage })),
  });
  const rows: readonly Row[] = [
    [
      'an answer',
      { stdout: lines(session, message({})) },
      answer('hi', { session: 's1', usage: { tokensIn: 100, tokensOut: 7, costUsd: 0.1 } }),
    ],
    [
      'the usage of all turns',
      { stdout: lines(session, message({ content: [] }), message({})) },
      answer('hi', { usage: { tokensIn: 200, tokensOut: 14, costUsd: 0.2 } }),
    ],
    [
      '401 with status 0',
      error('401: {"error":{"message":"Incorrect API key provided."}}'),
      failure('auth', { detail: '401: Incorrect API key provided.' }),
    ],
    ['429 with status 0', error('429 Rate limit reached'), failure('rate-limit')],
    [
      'context with status 0',
      error("400 This model's maximum context length is 128000 tokens."),
      failure('context'),
    ],
    ['a cut stream with status 0', error('terminated'), failure('unavailable')],
    ['no key', { stderr: 'No API key found for anthropic.', exitCode: 1 }, failure('auth')],
    ['nothing', { stdout: lines(session) }, failure('invalid')],
  ];
  test.each(rows)('%s', (_, output, expected) => {
    expect(parse('pi', output)).toMatchObject(expected);
  });
});

describe('copilot', () => {
  const message = (content: string) => ({ type: 'assistant.message', data: { content } });
  const result = (exitCode: number) => ({ type: 'result', sessionId: 's1', exitCode });
  const error = (errorType: string, text: string, statusCode?: number) => ({
    stdout: lines(
      { type: 'session.error', data: { errorType, message: text, statusCode } },
      result(1),
    ),
    exitCode: 1,
  });
  const rows: readonly Row[] = [
    [
      'the last message',
      { stdout: lines(message('let me see'), message('hi'), result(0)) },
      answer('hi', { session: 's1' }),
    ],
    [
      '401',
      error('authentication', 'Authentication failed with provider (HTTP 401).', 401),
      failure('auth'),
    ],
    [
      'no login',
      { stderr: 'Error: No authentication information found.', exitCode: 1 },
      failure('auth'),
    ],
    [
      '429',
      error('rate_limit', 'Failed to get response from the AI model; Last error: 429'),
      failure('rate-limit'),
    ],
    [
      'context',
      error('query', "400 This model's maximum context length is 128000 tokens."),
      failure('context'),
    ],
    [
      'an unknown model',
      error('query', "Model 'm' not found on provider at x (HTTP 404)."),
      failure('model'),
    ],
    [
      'an empty answer',
      error('query', 'No response was returned. Send your message again to retry.'),
      failure('empty'),
    ],
    [
      'a cut stream',
      error(
        'query',
        'Failed to get response from the AI model; unexpected EOF during chunk size line',
      ),
      failure('unavailable'),
    ],
    ['status 0 without a result', { stdout: lines(message('hi')) }, failure('invalid')],
  ];
  test.each(rows)('%s', (_, output, expected) => {
    expect(parse('copilot', output)).toMatchObject(expected);
  });
});

describe('droid', () => {
  const stdout = (more: Record<string, unknown>) =>
    JSON.stringify({
      type: 'result',
      subtype: 'success',
      is_error: false,
      result: 'hi',
      usage: { input_tokens: 100, output_tokens: 7 },
      ...more,
    });
  const rows: readonly Row[] = [
    [
      'an answer, whose session cannot be continued',
      { stdout: stdout({}) },
      answer('hi', { session: null, usage: { tokensIn: 100, tokensOut: 7, costUsd: null } }),
    ],
    [
      'any failure',
      {
        stdout: stdout({ subtype: 'failure', is_error: true, result: 'Exec failed' }),
        exitCode: 1,
      },
      failure('crash', { detail: 'Exec failed' }),
    ],
    [
      'no login',
      { stderr: 'Authentication failed. Please log in using /login', exitCode: 1 },
      failure('auth'),
    ],
    ['status 0 on TERM, with nothing', {}, failure('invalid')],
  ];
  test.each(rows)('%s', (_, output, expected) => {
    expect(parse('droid', output)).toMatchObject(expected);
  });
});

test.each([
  [
    'claude',
    lines({
      type: 'result',
      subtype: 'success',
      is_error: false,
      result: 'The server said 401 Unauthorized and 429.',
    }),
  ],
  [
    'droid',
    JSON.stringify({
      type: 'result',
      subtype: 'success',
      is_error: false,
      result: 'The server said 401 Unauthorized and 429.',
    }),
  ],
  [
    'qwen',
    JSON.stringify([
      {
        type: 'result',
        subtype: 'success',
        is_error: false,
        result: 'The server said 401 Unauthorized and 429.',
      },
    ]),
  ],
])('%s that crashes after an answer has answered', (name, stdout) => {
  expect(parse(name, { stdout, exitCode: null, signal: 'SIGTERM' })).toMatchObject(
    answer('The server said 401 Unauthorized and 429.'),
  );
});
