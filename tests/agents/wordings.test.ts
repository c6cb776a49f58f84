import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { ADAPTERS } from '../../src/agents/adapters.ts';
import { NOW, type Wording, WORDINGS } from './wordings.ts';

const nowMs = Date.parse(NOW);

// Times without a zone are those of the machine.
beforeAll(() => {
  vi.stubEnv('TZ', 'UTC');
});
afterAll(() => {
  vi.unstubAllEnvs();
});
const line = (...records: readonly unknown[]): string =>
  records.map((record) => `${JSON.stringify(record)}\n`).join('');

/** Each program's own form of an error with such words, and its exit status. */
const FORMS: Readonly<Record<string, (text: string) => readonly [string, string, number]>> = {
  claude: (result) => [
    line({ type: 'result', subtype: 'success', is_error: true, result, session_id: 's' }),
    '',
    1,
  ],
  codex: (message) => [line({ type: 'turn.failed', error: { message } }), '', 1],
  gemini: (message) => ['', `${JSON.stringify({ error: { message } }, null, 2)}\n`, 1],
  qwen: (message) => [
    JSON.stringify([{ type: 'result', subtype: 'error_during_execution', error: { message } }]),
    '',
    1,
  ],
  opencode: (message) => [
    line({ type: 'error', error: { name: 'APIError', data: { message } } }),
    '',
    1,
  ],
  pi: (errorMessage) => [
    line({
      type: 'message_end',
      message: { role: 'assistant', content: [], stopReason: 'error', errorMessage },
    }),
    '',
    0,
  ],
  copilot: (message) => [line({ type: 'session.error', data: { message } }), '', 1],
  droid: (result) => [
    JSON.stringify({ type: 'result', subtype: 'failure', is_error: true, result }),
    '',
    1,
  ],
};

const withEnd = ([kind, text, ends]: Wording) => [kind, text, ends ?? null] as const;

describe.each(Object.entries(WORDINGS))('%s says', (name, wordings) => {
  test.each(wordings.map(withEnd))('%s: %s', (kind, text, ends) => {
    const [stdout, stderr, exitCode] = FORMS[name]!(text);
    const parsed = ADAPTERS[name]!.parse({
      ...{ stdout, stderr, exitCode, signal: null },
      ...{ resumed: false, nowMs },
    });
    expect(parsed).toMatchObject({ kind: 'failure', class: kind });
    const resetAtMs = parsed.kind === 'failure' ? parsed.resetAtMs : null;
    expect(resetAtMs === null ? undefined : new Date(resetAtMs).toISOString()).toBe(
      ends === null ? undefined : new Date(ends).toISOString(),
    );
  });
});
