/** What a conversation over ACP came to: an answer, or a failure of a known class. Pure. */
import type { Parsed, ProgramOutput, SessionTotal } from './adapter.ts';
import { NO_USAGE } from './adapter.ts';
import type { FailureClass, PermissionAsked, Usage } from './agent.ts';
import { isBlank, oneLine } from './clean-output.ts';
import { failureFrom, signsIn } from './failure-signs.ts';
import { at, listAt, numberAt, sum, textAt, type JsonRecord } from './json-values.ts';

/** What was heard, in the end. */
export interface Heard {
  readonly session: string | null;
  readonly version: string | null;
  /** The model's words since it last used a tool; before that, if it then said nothing. */
  readonly text: string;
  /** Notices of the program among them. */
  readonly notices: string;
  /** The result of the prompt. */
  readonly result: JsonRecord | null;
  /** The error that ended the conversation. */
  readonly error: JsonRecord | null;
  /** Why the conversation was not begun. */
  readonly refusal: { readonly class: FailureClass; readonly why: string } | null;
  /** What it asked for and was not given. */
  readonly denied: readonly string[];
  readonly tokens: Usage;
  readonly costUsd: number | null;
  readonly countsTokens: boolean;
}

const ASKED_MAX = 300;

/** The outcome of a conversation that has ended. */
export function outcomeOf(heard: Heard, output: ProgramOutput): Parsed {
  const spent = usageOf(heard);
  const fail = (kind: FailureClass, detail: string): Parsed => ({
    ...{ kind: 'failure', class: kind, detail, resetAtMs: null },
    ...spent,
  });
  if (heard.refusal !== null) return fail(heard.refusal.class, heard.refusal.why);
  if (heard.error !== null) return ofError(heard.error, { heard, output, spent });
  const stop = textAt(heard.result, 'stopReason');
  if (stop === null) {
    const said = [output.stdout, heard.notices, output.stderr].join('\n').trim();
    return failureFrom(
      { text: said, ...spent, fallback: output.exitCode === 0 ? 'invalid' : 'crash' },
      output,
    );
  }
  const asked =
    heard.denied.length === 0
      ? ''
      : `it asked to ${heard.denied.join('; then to ')}, which nobody allowed`;
  if (stop === 'refusal') return fail('refused', 'the model refused to answer');
  if (stop === 'cancelled')
    return fail('refused', asked === '' ? 'it ended its turn as cancelled' : asked);
  if (stop === 'max_tokens') return fail('too-large', 'the answer was cut off at the token limit');
  const isSilent = isBlank(heard.text) || (heard.countsTokens && spent.usage.tokensOut === 0);
  if (stop === 'end_turn' && !isSilent)
    return {
      kind: 'answer',
      text: heard.text,
      session: heard.session,
      version: heard.version,
      ...spent,
    };
  if (asked !== '') return fail('refused', asked);
  const words = [
    heard.notices,
    isSilent ? heard.text : '',
    stop === 'end_turn' ? '' : `stopped: ${stop}`,
  ];
  return failureFrom(
    {
      text: words.join('\n').trim() || 'it ended its turn without an answer',
      ...spent,
      fallback: stop === 'end_turn' ? 'empty' : 'crash',
    },
    output,
  );
}

interface Erring {
  readonly heard: Heard;
  readonly output: ProgramOutput;
  readonly spent: { readonly usage: Usage; readonly total?: SessionTotal };
}

const AUTH_REQUIRED = -32_000;
const INVALID = [-32_600, -32_601, -32_602, -32_700];

function ofError(error: JsonRecord, { heard, output, spent }: Erring): Parsed {
  const code = numberAt(error, 'code') ?? 0;
  const data = at(error, 'data');
  const said = [
    textAt(error, 'message') ?? '',
    typeof data === 'string' ? data : data === undefined ? '' : JSON.stringify(data),
    heard.notices,
  ].filter((part) => part !== '');
  const status = code >= 400 && code < 600 ? code : null;
  return failureFrom(
    {
      text: said.join(' · '),
      status: code === AUTH_REQUIRED ? 401 : status,
      codes: signsIn([error]).codes,
      ...spent,
      fallback: INVALID.includes(code) ? 'invalid' : 'unavailable',
    },
    output,
  );
}

/** What an agent wants to do, for people: title, kind and the exact input. */
export function describeAsked(params: unknown): string {
  const call = at(params, 'toolCall');
  const input = at(call, 'rawInput');
  const what = [textAt(call, 'title'), textAt(call, 'kind')].filter((part) => part !== null);
  const exact = input === undefined ? '' : `: ${JSON.stringify(input)}`;
  return oneLine(`"${what.join(', ') || 'something'}"${exact}`, ASKED_MAX);
}

/** The same, whole: what a person is asked about. */
export function readAsked(params: unknown): PermissionAsked {
  const call = at(params, 'toolCall');
  // Some show what they would write only as a change beside the input.
  const content = listAt(call, 'content').filter((item) => textAt(item, 'type') === 'diff');
  const input = at(call, 'rawInput');
  const exact = content.length === 0 ? input : { input, content };
  return {
    title: textAt(call, 'title') ?? 'something',
    kind: textAt(call, 'kind'),
    input: exact === undefined ? null : JSON.stringify(exact, null, 2),
  };
}

/** Tokens of a turn, in any of the places and spellings seen. */
export function tokensIn(record: unknown): Usage {
  const first = (...keys: readonly string[]) =>
    keys.map((key) => numberAt(record, key)).find((value) => value !== null) ?? null;
  return {
    tokensIn: sum([
      first('inputTokens', 'input_tokens', 'promptTokens'),
      first('cachedReadTokens', 'cached_read_tokens'),
      first('cachedWriteTokens', 'cached_write_tokens'),
    ]),
    tokensOut: sum([
      first('outputTokens', 'output_tokens', 'completionTokens'),
      first('thoughtTokens', 'thought_tokens'),
    ]),
    costUsd: null,
  };
}

/** Tokens are those of the turn; the cost is that of the whole session. */
function usageOf(heard: Heard): { readonly usage: Usage; readonly total?: SessionTotal } {
  const places = [
    at(heard.result, 'usage'),
    at(heard.result, '_meta', 'quota', 'token_count'),
    at(heard.result, '_meta', 'usage'),
  ];
  const told = places.map(tokensIn).find(({ tokensOut }) => tokensOut !== null);
  const usage = told ?? heard.tokens;
  return heard.session === null || heard.costUsd === null
    ? { usage }
    : { usage, total: { ...NO_USAGE, session: heard.session, costUsd: heard.costUsd } };
}
