/**
 * What programs that no test has run are called with, word for word, and how an answer is read that
 * looks as their documentation says.
 */
import { describe, expect, test } from 'vitest';
import type { Mode, ProgramOutput } from '../../src/agents/adapter.ts';
import { ADAPTERS } from '../../src/agents/adapters.ts';
import { entryOf } from '../support/agents/attempts.ts';

interface Golden {
  readonly mode: Mode;
  readonly model?: string;
  readonly session?: string;
  readonly args: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Null: nothing goes to stdin, the prompt is in `prompt.md`. */
  readonly input: string | null;
}

const AIDER =
  '--message-file /scratch/prompt.md --chat-history-file /scratch/chat.md --input-history-file /scratch/input --yes-always --no-git ' +
  '--no-auto-commits --no-stream --no-pretty --no-check-update --no-show-model-warnings --analytics-disable --no-detect-urls ' +
  '--no-suggest-shell-commands';
const AGY = '--input-format stream-json --output-format stream-json --disable-slash-commands';
/** A prompt that some programs would act on, as they get it. */
const SAID = 'Be terse.\n\nFrom ada: see @notes.txt';
const APART = 'Be terse.\n\nFrom ada: see @\u200bnotes.txt';

const golden: readonly (readonly [name: string, expected: Golden])[] = [
  ['cursor-agent', { mode: 'read', args: '-p --output-format json', input: APART }],
  [
    'cursor-agent',
    {
      mode: 'write',
      model: 'gpt-5',
      session: 's1',
      args: '-p --output-format json --model gpt-5 --resume s1 --force',
      input: APART,
    },
  ],
  ['amp', { mode: 'read', args: '-x --stream-json', input: APART }],
  [
    'amp',
    {
      mode: 'write',
      session: 'T-1',
      args: 'threads continue T-1 -x --stream-json --dangerously-allow-all',
      input: APART,
    },
  ],
  [
    'auggie',
    { mode: 'write', args: '-p --quiet --output-format json -if /scratch/prompt.md', input: null },
  ],
  [
    'auggie',
    {
      mode: 'write',
      model: 'sonnet',
      session: 's1',
      args: '-p --quiet --output-format json -if /scratch/prompt.md --model sonnet --resume s1',
      input: null,
    },
  ],
  [
    'goose',
    {
      mode: 'chat',
      args: 'run -i - -q --output-format json --no-session',
      env: { GOOSE_DISABLE_KEYRING: '1', GOOSE_MODE: 'chat' },
      input: APART,
    },
  ],
  [
    'goose',
    {
      mode: 'write',
      model: 'openrouter/qwen/qwen3',
      args: 'run -i - -q --output-format json --no-session --provider openrouter --model qwen/qwen3',
      env: { GOOSE_DISABLE_KEYRING: '1', GOOSE_MODE: 'auto' },
      input: APART,
    },
  ],
  ['aider', { mode: 'read', args: `${AIDER} --chat-mode ask --dry-run`, input: null }],
  ['aider', { mode: 'write', model: 'sonnet', args: `${AIDER} --model sonnet`, input: null }],
  ['llm', { mode: 'chat', args: '--no-stream', input: SAID }],
  ['llm', { mode: 'chat', model: 'gpt-4.1', args: '-m gpt-4.1 --no-stream', input: SAID }],
  ['ollama', { mode: 'chat', model: 'qwen3:8b', args: 'run qwen3:8b', input: SAID }],
  [
    'agy',
    {
      mode: 'read',
      args: `${AGY} --mode plan`,
      input: `{"event":"user","message":{"role":"user","content":${JSON.stringify(APART)}}}\n`,
    },
  ],
  [
    'agy',
    {
      mode: 'write',
      model: 'pro',
      session: 'c1',
      args: `${AGY} --model pro --conversation c1 --dangerously-skip-permissions`,
      input: `{"event":"user","message":{"role":"user","content":${JSON.stringify(APART)}}}\n`,
    },
  ],
];

describe('is called with these words and no others:', () => {
  test.each(golden)('%s $mode', (name, { mode, model, session, args, env, input }) => {
    const invocation = ADAPTERS[name]!.invoke({
      entry: entryOf({ adapter: name, ...(model === undefined ? {} : { model }) }),
      mode,
      message: 'From ada: see @notes.txt',
      prompt: 'From ada: see @notes.txt',
      persona: 'Be terse.\n',
      session: session ?? null,
      scratch: '/scratch',
      directory: '/own',
      ground: 'own',
    });
    const file = name === 'aider' ? SAID : APART;
    expect(invocation).toEqual({
      kind: 'invocation',
      program: name,
      args: args.split(' '),
      env: env ?? {},
      files: input === null ? { 'prompt.md': file } : {},
      input: input ?? '',
    });
  });

  test('every program that was not run is in this list', () => {
    const unverified = Object.values(ADAPTERS).filter(({ verified }) => !verified);
    expect([...new Set(golden.map(([name]) => name))].sort()).toEqual(
      unverified.map(({ name }) => name).sort(),
    );
  });

  test.each(['aider', 'auggie'])(
    '%s, whose prompt is in a file, finds no command of its own at its beginning',
    (name) => {
      for (const prompt of ['/run id', '!id', '  /drop', '@x'])
        expect(
          ADAPTERS[name]!.invoke({
            entry: entryOf({ adapter: name }),
            mode: 'write',
            message: prompt,
            prompt,
            persona: null,
            session: null,
            scratch: '/scratch',
            directory: '/own',
            ground: 'own',
          }),
        ).toMatchObject({ files: { 'prompt.md': expect.stringMatching(/^Message:\n/) as string } });
    },
  );
});

describe('an answer is read', () => {
  const usage = (
    tokensIn: number | null,
    tokensOut: number | null,
    costUsd: number | null = null,
  ) => ({ tokensIn, tokensOut, costUsd });
  const lines = (...records: readonly unknown[]): string =>
    records.map((record) => `${JSON.stringify(record)}\n`).join('');
  const result = {
    type: 'result',
    subtype: 'success',
    is_error: false,
    duration_ms: 5,
    result: 'hi\nyou',
    session_id: 's1',
  };
  const rows: readonly (readonly [name: string, stdout: string, expected: object])[] = [
    [
      'cursor-agent',
      JSON.stringify({ ...result, duration_api_ms: 4, request_id: 'r1' }),
      { session: 's1', usage: usage(null, null) },
    ],
    [
      'amp',
      lines(
        { type: 'system', subtype: 'init', session_id: 'T-1', tools: [] },
        {
          type: 'assistant',
          message: { role: 'assistant', content: [{ type: 'text', text: 'hm' }] },
          session_id: 'T-1',
        },
        { ...result, session_id: 'T-1', usage: { input_tokens: 9, output_tokens: 3 } },
      ),
      { session: 'T-1', usage: usage(9, 3) },
    ],
    ['auggie', JSON.stringify(result), { session: 's1', usage: usage(null, null) }],
    [
      'goose',
      JSON.stringify({
        messages: [
          { role: 'user', content: [{ type: 'text', text: 'hello' }] },
          { role: 'assistant', content: [{ type: 'text', text: 'hi\nyou' }] },
        ],
        metadata: { total_tokens: 12 },
      }),
      { session: null, usage: usage(null, null) },
    ],
    [
      'aider',
      'Aider v0.86.1\nModel: sonnet\nRepo-map: disabled\nhi\nyou\nTokens: 1.2k sent, 10 received.\n',
      { version: '0.86.1' },
    ],
    ['llm', 'hi\nyou\n', { session: null }],
    ['ollama', 'hi\nyou\n\n', { session: null }],
    [
      'agy',
      lines(
        { event: 'step_update', step_update: { text_delta: 'hi' } },
        {
          event: 'result',
          result: {
            status: 'SUCCESS',
            response: 'hi\nyou',
            conversation_id: 'c1',
            usage: { input_tokens: 5, output_tokens: 2, thinking_tokens: 1 },
          },
        },
      ),
      { session: 'c1', usage: usage(5, 3) },
    ],
  ];
  const parse = (name: string, output: Partial<ProgramOutput>) =>
    ADAPTERS[name]!.parse({
      stdout: '',
      stderr: '',
      exitCode: 0,
      signal: null,
      resumed: false,
      nowMs: 0,
      ...output,
    });

  test.each(rows)('of %s', (name, stdout, expected) => {
    const parsed = parse(name, { stdout });
    expect(parsed).toMatchObject({ kind: 'answer', ...expected });
    expect(parsed.kind === 'answer' && parsed.text.trim()).toBe('hi\nyou');
  });

  test.each(rows)('of %s, but not when its status says that it failed', (name, stdout) => {
    expect(parse(name, { stdout, exitCode: 1 }).kind).toBe('failure');
  });

  test('there is a row for every program that was not run', () => {
    expect(rows.map(([name]) => name).sort()).toEqual(
      Object.values(ADAPTERS)
        .flatMap(({ name, verified }) => (verified ? [] : [name]))
        .sort(),
    );
  });
});
