/** One answer and one refusal of each program, in whatever shape its output arrives. */
import { describe, expect, test } from 'vitest';
import { ADAPTERS } from '../../src/agents/adapters.ts';
import { cleanOutput } from '../../src/agents/clean-output.ts';
import { NOW } from './wordings.ts';

type Records = readonly unknown[];
const TEXT = 'grüße';
const LIMIT = "You've hit your weekly limit · resets Dec 3, 7am (Europe/Zurich)";
const result = { type: 'result', session_id: 's', usage: { input_tokens: 1, output_tokens: 2 } };

const SAID: Readonly<Record<string, readonly [answer: Records, refusal: Records]>> = {
  claude: [
    [
      { type: 'system', subtype: 'init', session_id: 's', tools: [] },
      { ...result, subtype: 'success', is_error: false, result: TEXT, modelUsage: {} },
    ],
    [{ ...result, subtype: 'success', is_error: true, api_error_status: 429, result: LIMIT }],
  ],
  codex: [
    [
      { type: 'thread.started', thread_id: 't' },
      { type: 'item.completed', item: { type: 'agent_message', text: TEXT } },
      { type: 'turn.completed', usage: {} },
    ],
    [
      { type: 'error', message: 'Reconnecting' },
      { type: 'turn.failed', error: { message: LIMIT } },
    ],
  ],
  gemini: [
    [{ response: TEXT, stats: { models: { m: { tokens: { prompt: 1, candidates: 2 } } } } }],
    [{ session_id: 's', error: { type: 'Error', message: LIMIT, code: 429 } }],
  ],
  qwen: [
    [{ ...result, subtype: 'success', is_error: false, result: TEXT }],
    [{ type: 'result', subtype: 'error_during_execution', error: { message: LIMIT } }],
  ],
  opencode: [
    [
      { type: 'step_start', sessionID: 's' },
      { type: 'text', sessionID: 's', part: { text: TEXT } },
      { type: 'step_finish', sessionID: 's', part: { reason: 'stop', tokens: {} } },
    ],
    [{ type: 'error', error: { name: 'APIError', data: { message: LIMIT, statusCode: 429 } } }],
  ],
  pi: [
    [
      {
        type: 'message_end',
        message: { role: 'assistant', content: [{ type: 'text', text: TEXT }], stopReason: 'stop' },
      },
      { type: 'agent_end' },
    ],
    [
      {
        type: 'message_end',
        message: { role: 'assistant', content: [], stopReason: 'error', errorMessage: LIMIT },
      },
    ],
  ],
  copilot: [
    [
      { type: 'assistant.message', data: { content: TEXT } },
      { type: 'result', sessionId: 's', exitCode: 0, usage: {} },
    ],
    [{ type: 'session.error', data: { errorType: 'rate_limit', message: LIMIT } }],
  ],
  droid: [
    [{ ...result, subtype: 'success', is_error: false, result: TEXT }],
    [{ type: 'result', subtype: 'failure', is_error: true, result: LIMIT }],
  ],
};

const lines = (records: Records, spaces?: number, end = '\n'): string =>
  records
    .map((record) => JSON.stringify(record, null, spaces) + '\n')
    .join('')
    .replaceAll('\n', end);

const SHAPES: readonly (readonly [string, (records: Records) => string])[] = [
  ['a line each', (records) => lines(records)],
  ['no end of the last line', (records) => lines(records).trimEnd()],
  ['a byte order mark', (records) => `\uFEFF${lines(records)}`],
  ['ends of lines as on Windows', (records) => lines(records, undefined, '\r\n')],
  ['colours', (records) => `\u001b[?25l\u001b[32m${lines(records)}\u001b[0m\u001b[?25h`],
  ['spread over lines', (records) => lines(records, 2)],
  ['spread over lines as on Windows', (records) => lines(records, 2, '\r\n')],
  ['a list', (records) => `${JSON.stringify(records)}\n`],
  ['a list that is spread over lines', (records) => `${JSON.stringify(records, null, 2)}\n`],
  ['a log before each', (records) => lines(records).replace(/^(?=.)/gm, '[12:00:00] ')],
  ['other words around it', (records) => `Warning: {old} [x]\n${lines(records)}bye {\n`],
  ['twice', (records) => lines(records).repeat(2)],
  ['the beginning of another one after it', (records) => `${lines(records)}{"type":"resu`],
];
const OPENINGS = '{\n'.repeat(20_000);

describe.each(Object.entries(SAID))('%s', (name, [answer, refusal]) => {
  const parse = (stdout: string, exitCode: number | null, stderr = '') =>
    ADAPTERS[name]!.parse({
      ...{ stdout: cleanOutput(Buffer.from(stdout)).text, stderr, exitCode },
      ...{ signal: exitCode === null ? 'SIGKILL' : null, resumed: false, nowMs: Date.parse(NOW) },
    });

  test.each(SHAPES)('is understood with %s, however it ends', (_, shape) => {
    for (const exitCode of [0, 1, 137, null])
      expect(parse(shape(answer), exitCode, 'rate limit\n')).toMatchObject({
        kind: 'answer',
        text: expect.stringMatching(/^grüße\s*$/) as string,
      });
    const at = Date.parse('2026-12-03T06:00:00Z');
    const limit = { kind: 'failure', class: 'usage-limit', resetAtMs: at };
    expect(parse(shape(refusal), 1)).toMatchObject(limit);
    expect(parse('', 0, shape(refusal))).toMatchObject(limit);
  });

  test('is read in linear time where many lines look like the beginning of one', () => {
    expect(parse(`${OPENINGS}}\n`, 1).kind).toBe('failure');
  });
});
