/** Agents that speak ACP, played by a program that is talked with. */
import { describe, expect, test } from 'vitest';
import { entryOf, running, useAttempts } from '../support/agents/attempts.ts';

const { attempt, run } = useAttempts();

const playing = (script: object, more: object = {}) =>
  entryOf({
    adapter: 'acp',
    command: running('plays-acp', JSON.stringify(script)),
    ...{ timeout: '20s', ...more },
  });
const asked = (script: object, more: object = {}, request: object = {}) =>
  run(attempt(playing(script, more), request));
const chunk = (text: string, more: object = {}) => ({
  ...{ sessionUpdate: 'agent_message_chunk', content: { type: 'text', text } },
  ...more,
});
const tool = { sessionUpdate: 'tool_call', title: 'Read a.txt' };
const permission = (...kinds: readonly string[]) => ({
  method: 'session/request_permission',
  params: {
    toolCall: { title: 'touch x', kind: 'execute', rawInput: { command: 'touch x' } },
    options: kinds.map((kind) => ({ kind, optionId: `o-${kind}` })),
  },
});
const WRITE = { effects: 'external', options: { mode: 'write' } };

describe('an agent is asked', () => {
  test('after it was put into a mode that only reads, and is ended by the end of its stdin', async () => {
    const outcome = await asked({}, {}, { prompt: 'Message:\nhi', persona: 'terse' });
    expect(outcome).toMatchObject({
      kind: 'answered',
      text: 'heard: initialize session/new session/set_mode=plan session/prompt; prompt: terse\n\nMessage:\nhi',
      session: 's1',
      agent: 'acp played 1.0',
    });
  });

  test('in a mode that asks when it may write', async () => {
    expect(await asked({}, WRITE)).toMatchObject({
      text: expect.stringContaining('session/set_mode=default') as string,
    });
  });

  test.each([
    [
      'its own name for a mode',
      { sessionId: 's1', modes: { availableModes: [{ id: 'x://m#plan' }] } },
      {},
      'set_mode=x://m#plan',
    ],
    [
      'the mode that the entry names',
      { sessionId: 's1', modes: { availableModes: [{ id: 'look' }] } },
      { 'session-mode': 'look' },
      'set_mode=look',
    ],
    [
      'an option of the session',
      {
        sessionId: 's1',
        configOptions: [
          { id: 'mode', category: 'mode', options: [{ value: 'build' }, { value: 'plan' }] },
        ],
      },
      {},
      'session/set_config_option session/prompt',
    ],
    [
      'none, when the entry says that it asks',
      { sessionId: 's1' },
      { asks: true },
      'session/new session/prompt',
    ],
  ])('with %s', async (...[, session, options, heard]) => {
    expect(await asked({ session }, { options })).toMatchObject({
      text: expect.stringContaining(heard) as string,
    });
  });

  test.each([
    ['no modes', { sessionId: 's1' }],
    ['unknown modes', { sessionId: 's1', modes: { availableModes: [{ id: 'auto' }] } }],
  ])('only when it is known what it does: %s', async (_, session) => {
    expect(await asked({ session })).toMatchObject({ kind: 'failed', class: 'setup' });
  });

  test('with its model', async () => {
    expect(await asked({}, { model: 'big' })).toMatchObject({
      text: expect.stringContaining('session/set_model session/prompt') as string,
    });
  });

  test('with the servers that the entry names, and none without', async () => {
    const options = { 'mcp-servers': { files: ['npx', 'files-mcp'] } };
    expect(await asked({}, { options })).toMatchObject({
      text: expect.stringContaining('session/new+files:npx,files-mcp session/set_mode') as string,
    });
    expect(await asked({}, { options: { 'mcp-servers': { files: 'npx' } } })).toMatchObject({
      ...{ kind: 'failed', class: 'setup' },
      detail: expect.stringContaining('"files" is text "npx"; expected') as string,
    });
  });

  test('and given up when it does not answer before it has its prompt', async () => {
    const mute = attempt(playing({ mute: 'initialize' }));
    expect(await run(mute, { openingMs: 200, lingerMs: 50 })).toMatchObject({
      ...{ kind: 'failed', class: 'setup' },
      detail: expect.stringContaining('has not answered "initialize"') as string,
    });
  });

  test('although it also prints what is not JSON', async () => {
    expect(await asked({ noise: 'Loaded cached credentials.' })).toMatchObject({
      kind: 'answered',
    });
  });

  test('and ended although it does not end with its stdin', async () => {
    expect(await run(attempt(playing({ stays: true })), { lingerMs: 50 })).toMatchObject({
      kind: 'answered',
    });
  });
});

describe('the answer', () => {
  test.each<readonly [string, object, string]>([
    ['is all pieces in a row', { updates: [chunk('a'), chunk('b')] }, 'ab'],
    ['is what was said after tools', { updates: [chunk('let me see'), tool, chunk('hi')] }, 'hi'],
    ['is what was said before them, when nothing follows', { updates: [chunk('hi'), tool] }, 'hi'],
    [
      'has no thoughts in it',
      { updates: [chunk('hm', { sessionUpdate: 'agent_thought_chunk' }), chunk('hi')] },
      'hi',
    ],
    [
      'has no notices of codex in it',
      { name: 'codex-acp', updates: [chunk('Model warning'), chunk('hi', { messageId: 'm' })] },
      'hi',
    ],
    [
      'has no notices of gemini in it',
      { name: 'gemini-cli', updates: [chunk('[MODE_UPDATE] plan'), chunk('hi')] },
      'hi',
    ],
    [
      'has no notices of copilot in it',
      {
        name: 'Copilot',
        result: { usage: { outputTokens: 1 } },
        updates: [chunk('Info: x'), chunk('hi')],
      },
      'hi',
    ],
  ])('%s', async (_, script, text) => {
    expect(await asked(script)).toMatchObject({ kind: 'answered', text });
  });

  test.each<readonly [string, object, readonly [number | null, number | null]]>([
    [
      'of the result',
      {
        result: {
          usage: { inputTokens: 5, cachedReadTokens: 4, outputTokens: 2, thoughtTokens: 1 },
        },
      },
      [9, 3],
    ],
    [
      'of a quota',
      { result: { _meta: { quota: { token_count: { input_tokens: 5, output_tokens: 2 } } } } },
      [5, 2],
    ],
    [
      'of a last piece',
      {
        updates: [
          chunk('hi'),
          chunk('', { _meta: { usage: { inputTokens: 5, outputTokens: 2 } } }),
        ],
      },
      [5, 2],
    ],
    [
      'that cannot be',
      { result: { usage: { inputTokens: -5, outputTokens: 1e300 } } },
      [null, null],
    ],
  ])('has tokens %s', async (_, script, [tokensIn, tokensOut]) => {
    expect(await asked(script)).toMatchObject({ usage: { tokensIn, tokensOut } });
  });

  test('costs what the session cost since the last one', async () => {
    const sums = new Map([['s0', { tokensIn: null, tokensOut: null, costUsd: 0.5 }]]);
    const totals = {
      read: (session: string) => Promise.resolve(sums.get(session) ?? null),
      write: () => Promise.resolve(),
    };
    const updates = [
      { sessionUpdate: 'usage_update', used: 1, cost: { amount: 0.75, currency: 'USD' } },
      chunk('hi'),
    ];
    const can = { sessionCapabilities: { resume: {} } };
    const modes = { refuses: {}, updates, can };
    const entry = playing(modes, { options: { asks: true } });
    expect(await run(attempt(entry, { session: 's0' }), { totals })).toMatchObject({
      session: 's0',
      usage: { costUsd: 0.25 },
    });
    expect(await run(attempt(entry), { totals })).toMatchObject({ usage: { costUsd: 0.75 } });
  });
});

describe('a session is continued', () => {
  const resume = { sessionCapabilities: { resume: {} }, loadSession: true };
  const more = { options: { asks: true } };
  const session = 's0';
  test.each<readonly [string, object, string]>([
    ['by resume, where there is one', { can: resume }, 'initialize session/resume session/prompt'],
    ['by load', { can: { loadSession: true } }, 'initialize session/load session/prompt'],
    ['by nothing, where neither is', {}, 'initialize session/new'],
    [
      'by nothing with gemini',
      { can: { loadSession: true }, name: 'gemini' },
      'initialize session/new',
    ],
    [
      'again, when it is gone',
      { can: resume, refuses: { 'session/resume': { code: -32_002, message: 'not found' } } },
      'initialize session/resume session/new',
    ],
  ])('%s', async (_, script, heard) => {
    expect(await asked(script, more, { session })).toMatchObject({
      text: expect.stringContaining(`heard: ${heard}`) as string,
    });
  });
});

describe('what an agent asks for', () => {
  test.each<readonly [string, object, object, object]>([
    [
      'is not given to one that reads, once',
      {},
      permission('allow_once', 'allow_always', 'reject_once'),
      { outcome: { outcome: 'selected', optionId: 'o-reject_once' } },
    ],
    [
      'is cancelled where it cannot be rejected once',
      {},
      permission('allow_once', 'reject_always'),
      { outcome: { outcome: 'cancelled' } },
    ],
    [
      'is given to one that writes, once',
      WRITE,
      permission('allow_always', 'allow_once', 'reject_once'),
      { outcome: { outcome: 'selected', optionId: 'o-allow_once' } },
    ],
    [
      'is never given for ever',
      WRITE,
      permission('allow_always'),
      { outcome: { outcome: 'cancelled' } },
    ],
  ])('%s', async (...[, more, asks, got]) => {
    expect(await asked({ asks, updates: [] }, more)).toMatchObject({
      text: `got: ${JSON.stringify(got)}`,
    });
  });

  test.each([
    [true, { outcome: 'selected', optionId: 'o-allow_once' }],
    [false, { outcome: 'selected', optionId: 'o-reject_once' }],
  ])('is what a person says where its entry asks one: %s', async (says, outcome) => {
    const heard: unknown[] = [];
    const onAsk = (what: unknown) => {
      heard.push(what);
      return Promise.resolve(says);
    };
    const asks = permission('allow_always', 'allow_once', 'reject_once');
    const permissions = { effects: 'external', permissions: 'ask', options: { mode: 'write' } };
    expect(await asked({ asks, updates: [] }, permissions, { onAsk })).toMatchObject({
      text: `got: ${JSON.stringify({ outcome })}`,
    });
    expect(heard).toEqual([
      { title: 'touch x', kind: 'execute', input: '{\n  "command": "touch x"\n}' },
    ]);
  });

  test('is not asked for where saying yes once is not offered, or a secret would be shown', async () => {
    const onAsk = () => Promise.reject(new Error('nobody is to be asked'));
    const permissions = { effects: 'external', permissions: 'ask' };
    const forEver = permission('allow_always', 'reject_once');
    const secret = permission('allow_once', 'reject_once');
    secret.params.toolCall.rawInput.command = 'curl https://ada:secret@example.org';
    for (const asks of [forEver, secret])
      expect(await asked({ asks, updates: [] }, permissions, { onAsk })).toMatchObject({
        text: expect.stringContaining('o-reject_once') as string,
      });
  });

  test.each(['fs/read_text_file', 'fs/write_text_file', 'terminal/create', 'x/y'])(
    '%s is not there',
    async (method) => {
      const asks = { method, params: { path: '/etc/passwd' } };
      expect(await asked({ asks, updates: [] })).toMatchObject({ text: 'got: -32601' });
    },
  );

  test('is told exactly when the turn ends because of it', async () => {
    const outcome = await asked({
      asks: permission('reject_once'),
      updates: [],
      stop: 'cancelled',
    });
    expect(outcome).toMatchObject({
      kind: 'failed',
      class: 'refused',
      detail: 'it asked to "touch x, execute": {"command":"touch x"}, which nobody allowed',
    });
  });
});

describe('a failure', () => {
  const error = (code: number, message: string, data?: unknown) => ({
    error: { code, message, data },
  });
  test.each<readonly [string, object, string]>([
    ['another version', { version: 2 }, 'setup'],
    [
      'no login at its session',
      { refuses: { 'session/new': { code: -32_000, message: 'Authentication required' } } },
      'auth',
    ],
    [
      'no such mode',
      { refuses: { 'session/set_mode': { code: -32_602, message: 'no' } } },
      'invalid',
    ],
    ['401', error(-32_000, 'nope'), 'auth'],
    [
      'a limit by its kind',
      error(-32_603, 'Internal error', { errorKind: 'rate_limit' }),
      'rate-limit',
    ],
    [
      'a quota by its code',
      error(-32_603, 'Internal error', { codexErrorInfo: 'usageLimitExceeded' }),
      'usage-limit',
    ],
    ['a status as code', error(429, 'slow'), 'rate-limit'],
    [
      'a status in the details',
      error(-32_603, 'Internal error', { details: '401 Incorrect API key' }),
      'auth',
    ],
    ['context', error(-32_603, 'Prompt is too long'), 'context'],
    ['a server', error(-32_603, 'Internal error', { errorKind: 'server_error' }), 'unavailable'],
    [
      'a pair of pieces, then an error',
      { ...error(500, 'terminated'), updates: [chunk('a'), chunk('a')] },
      'unavailable',
    ],
    ['a refusal', { stop: 'refusal' }, 'refused'],
    ['a turn that ends as cancelled by nobody', { stop: 'cancelled' }, 'refused'],
    ['a cut', { stop: 'max_tokens' }, 'too-large'],
    ['no words', { updates: [] }, 'empty'],
    [
      'a limit that is only a notice',
      { name: 'codex-acp', updates: [chunk("You've hit your usage limit. Try again in 2 hours.")] },
      'usage-limit',
    ],
    [
      'words without tokens, where they are counted',
      {
        name: 'OpenCode',
        result: { usage: { outputTokens: 0 } },
        updates: [chunk('401 Unauthorized')],
      },
      'auth',
    ],
  ])('%s', async (_, script, kind) => {
    expect(await asked(script)).toMatchObject({ kind: 'failed', class: kind });
  });

  test('a program that ends before it answers', async () => {
    const entry = entryOf({ adapter: 'acp', command: ['sh', '-c', 'exit 3'], timeout: '20s' });
    expect(await run(attempt(entry))).toMatchObject({ kind: 'failed', class: 'crash' });
  });

  test('no program', async () => {
    expect(await run(attempt(entryOf({ adapter: 'acp' })))).toMatchObject({
      kind: 'failed',
      class: 'setup',
    });
  });
});

describe('an agent at work', () => {
  const updates = [chunk('so far')];
  test('is told to stop, and stops', async () => {
    const stop = new AbortController();
    const onOutput = (text: string): void => {
      if (text === 'so far') stop.abort();
    };
    const entry = playing({ works: true, updates });
    expect(await run(attempt(entry, { signal: stop.signal, onOutput }))).toEqual({
      kind: 'stopped',
      textSoFar: 'so far',
      durationMs: expect.any(Number) as number,
    });
  });

  test('is ended at its limit of time', async () => {
    expect(await asked({ works: true, updates }, { timeout: '1s' })).toMatchObject({
      kind: 'failed',
      class: 'timeout',
    });
  });
});
