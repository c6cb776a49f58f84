/** The first complete, successful result is the answer, whatever the program does after it. */
import { describe, expect, test } from 'vitest';
import { ADAPTERS } from '../../src/agents/adapters.ts';
import type { ModelEntry } from '../../src/protocol/models.ts';
import { entryOf, running, useAttempts } from '../support/agents/attempts.ts';

const { attempt, run } = useAttempts();

interface Script {
  readonly out?: string;
  readonly err?: string;
  readonly code?: number;
  readonly big?: number;
  readonly of?: string;
  readonly hang?: boolean;
  readonly unless?: string;
  readonly then?: Script;
}

const lines = (...records: readonly unknown[]): string =>
  records.map((record) => `${JSON.stringify(record)}\n`).join('');
const playing = (adapter: string, script: Script, more: object = {}): ModelEntry =>
  entryOf({ adapter, command: running('plays-cli', JSON.stringify(script)), ...more });

const result = (text: string, more: object = {}) => ({
  ...{ type: 'result', subtype: 'success', is_error: false, result: text, session_id: 's1' },
  ...more,
});
const says = (text: string, more: object = {}) => ({
  ...{ type: 'assistant', parent_tool_use_id: null, ...more },
  message: { content: [{ type: 'text', text }] },
});
const item = (text: string) => ({ type: 'item.completed', item: { type: 'agent_message', text } });
const turn = { type: 'turn.completed', usage: { input_tokens: 1, output_tokens: 1 } };
const gemini = (response: string, tokens = 1) => ({
  ...{ session_id: 's1', response },
  stats: { models: { m: { tokens: { prompt: 1, candidates: tokens, thoughts: 0 } } } },
});
const stop = (text: string) => ({
  type: 'message_end',
  message: { role: 'assistant', content: [{ type: 'text', text }], stopReason: 'stop' },
});
const step = (reason: string) => ({ type: 'step_finish', sessionID: 's1', part: { reason } });
const part = (text: string) => ({ type: 'text', sessionID: 's1', part: { text } });
const copilot = [
  { type: 'assistant.message', data: { content: 'hi' } },
  { type: 'result', sessionId: 's1', exitCode: 0 },
];

/** What each program says when its answer is whole. */
const WHOLE: readonly (readonly [string, string])[] = [
  ['claude', lines(result('hi'))],
  ['codex', lines({ type: 'thread.started', thread_id: 't' }, item('hi'), turn)],
  ['gemini', JSON.stringify(gemini('hi'), null, 2)],
  ['qwen', JSON.stringify([result('hi')])],
  ['droid', JSON.stringify(result('hi'))],
  ['opencode', lines(part('hi'), step('stop'))],
  ['pi', lines({ type: 'session', id: 's1' }, stop('hi'))],
  ['copilot', lines(...copilot)],
];

describe.each(WHOLE)('%s has answered', (adapter, out) => {
  test.each<readonly [string, Script]>([
    ['hangs, until it is ended', { hang: true }],
    ['ends with a status', { code: 1 }],
    ['crashes with words of an error', { code: 134, err: 'Error: 401 Unauthorized' }],
  ])('and %s', async (_, after) => {
    const entry = playing(adapter, { out, ...after }, { timeout: '3s', 'idle-timeout': '2s' });
    expect(await run(attempt(entry), { lingerMs: 50 })).toMatchObject({
      kind: 'answered',
      text: 'hi',
    });
  });

  test('between lines that are not JSON', async () => {
    const noisy = `Loaded credentials [1] {of: me}\n${out}\nUpdate available! {2.0}\n`;
    expect(await run(attempt(playing(adapter, { out: noisy })))).toMatchObject({ text: 'hi' });
  });
});

describe('of several results', () => {
  const parsed = (name: string, stdout: string, exitCode: number | null = 0) =>
    ADAPTERS[name]!.parse({
      ...{ stdout, exitCode, stderr: '', signal: null, resumed: false, nowMs: 0 },
    });
  test.each<readonly [string, string, string]>([
    [
      'a second one is about a task in the background',
      'claude',
      lines(result('hi'), result('done', { origin: { kind: 'task-notification' } })),
    ],
    ['an error follows', 'claude', lines(result('hi'), result('Overloaded', { is_error: true }))],
    ['an error came before', 'claude', lines(result('x', { is_error: true }), result('hi'))],
    ['an empty one came before', 'claude', lines(result(''), result('hi'))],
    ['the words came before an empty one', 'claude', lines(says('hi'), result(''))],
    [
      'an agent that was sent out has spoken last',
      'claude',
      lines(says('hi'), says('sub', { parent_tool_use_id: 't1' }), result('')),
    ],
    [
      'the record stands behind a notice without a line end',
      'claude',
      `Warning: low disk{"a":1}${lines(result('hi'))}`,
    ],
    [
      'a turn fails after one that ended',
      'codex',
      lines(item('hi'), turn, { type: 'turn.failed' }),
    ],
    ['words follow the end', 'codex', lines(item('hi'), turn, item('bye'), turn)],
    ['there are two', 'gemini', `${JSON.stringify(gemini('hi'))}\n${JSON.stringify(gemini('b'))}`],
    ['an error follows', 'gemini', `${JSON.stringify(gemini('hi'))}\n{"error":{"code":500}}`],
    ['there are two', 'qwen', JSON.stringify([result('hi'), result('b')])],
    [
      'an error follows',
      'pi',
      lines(stop('hi'), {
        type: 'message_end',
        message: { role: 'assistant', stopReason: 'error' },
      }),
    ],
    ['an error was overcome', 'copilot', lines({ type: 'session.error', data: {} }, ...copilot)],
  ])('%s: %s', (_, name, stdout) => {
    expect(parsed(name, stdout)).toMatchObject({ kind: 'answer', text: 'hi' });
    expect(parsed(name, stdout, null)).toMatchObject({ kind: 'answer', text: 'hi' });
  });
});

test('lines that are not kept do not count, however long they are', async () => {
  const of = '{"type":"user","message":{"content":"BIG"}}';
  const entry = playing('claude', { big: 12_000_000, of, out: lines(result('hi')) });
  expect(await run(attempt(entry))).toMatchObject({ kind: 'answered', text: 'hi' });
});

test('an answer that is too long for the limit is said to be', async () => {
  const of = JSON.stringify(result('BIG'));
  const entry = playing('claude', { big: 12_000_000, of }, { 'output-bytes-max': 65_536 });
  expect(await run(attempt(entry))).toMatchObject({ kind: 'failed', class: 'too-large' });
});

test.each(['Prompt is too long', 'No conversation found with session ID: old'])(
  'a session that says "%s" is not continued, and the prompt is asked once more without it',
  async (words) => {
    const entry = playing('claude', {
      ...{ unless: '--resume', out: lines(result('again')) },
      then: { out: lines(result(words, { is_error: true })), code: 1 },
    });
    expect(await run(attempt(entry, { session: 'old' }))).toMatchObject({ text: 'again' });
  },
);

test('what is too long without a session stays so', async () => {
  const entry = playing('claude', { out: lines(result('Prompt is too long', { is_error: true })) });
  expect(await run(attempt(entry))).toMatchObject({ kind: 'failed', class: 'context' });
});
