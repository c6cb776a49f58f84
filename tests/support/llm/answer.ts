/** What an endpoint answers, in each provider's own form: whole, or as the events of a stream. */
import type { Question, Wire } from './question.ts';

type Call = {
  readonly kind: 'tool';
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
};
interface Spoken {
  readonly text: string;
  readonly tokens?: readonly [input: number, output: number];
}

/**
 * What to answer. `cut`: half of the text, then the connection ends. `stall`: half of the text,
 * then nothing more.
 */
export type Answer =
  | ({ readonly kind: 'text' | 'cut' | 'stall' } & Spoken)
  | Call
  | {
      readonly kind: 'error';
      readonly status: number;
      readonly says?: 'quota' | 'context' | 'reset';
      readonly retryAfterS?: number;
    }
  | { readonly kind: 'redirect'; readonly to: string };

export type Said = ({ readonly kind: 'text' } & Spoken) | Call;

/** One answer in a provider's form. */
export interface Framed {
  readonly whole: unknown;
  /**
   * The stream, event by event: what comes before the text, the text in pieces, and what comes
   * after it.
   */
  readonly head: readonly string[];
  readonly pieces: readonly string[];
  readonly tail: readonly string[];
}

type Event = Readonly<Record<string, unknown>>;
const data = (event: Event): string => `data: ${JSON.stringify(event)}\n\n`;
const named = (event: Event & { readonly type: string }): string =>
  `event: ${event.type}\n${data(event)}`;
const PIECE = 12;
const CREATED = 1_700_000_000;

/** The answer to a question as its provider writes it. */
export function frame(question: Question, said: Said): Framed {
  return FRAMES[question.wire](question, said);
}

function tokensOf(question: Question, said: Said): readonly [number, number] {
  const guessed = [question.raw.length, said.kind === 'text' ? said.text.length : 40].map(
    (length) => Math.ceil(length / 4),
  );
  return (said.kind === 'text' ? said.tokens : undefined) ?? [guessed[0] ?? 0, guessed[1] ?? 0];
}

function piecesOf(said: Said): readonly string[] {
  const text = said.kind === 'text' ? said.text : JSON.stringify(said.input);
  return Array.from({ length: Math.ceil(text.length / PIECE) }, (_, index) =>
    text.slice(index * PIECE, (index + 1) * PIECE),
  );
}

const FRAMES: Readonly<Record<Wire, (question: Question, said: Said) => Framed>> = {
  anthropic: (question, said) => {
    const [input_tokens, output_tokens] = tokensOf(question, said);
    const usage = {
      input_tokens,
      output_tokens,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
    };
    const isTool = said.kind === 'tool';
    const block = isTool
      ? { type: 'tool_use', id: 'toolu_1', name: said.name, input: {} }
      : { type: 'text', text: '' };
    const message = {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: question.model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
    };
    const stop = { stop_reason: isTool ? 'tool_use' : 'end_turn', stop_sequence: null };
    return {
      whole: {
        ...message,
        ...stop,
        usage,
        content: [isTool ? { ...block, input: said.input } : { type: 'text', text: said.text }],
      },
      head: [
        named({
          type: 'message_start',
          message: { ...message, usage: { ...usage, output_tokens: 1 } },
        }),
        named({ type: 'content_block_start', index: 0, content_block: block }),
      ],
      pieces: piecesOf(said).map((piece) =>
        named({
          type: 'content_block_delta',
          index: 0,
          delta: isTool
            ? { type: 'input_json_delta', partial_json: piece }
            : { type: 'text_delta', text: piece },
        }),
      ),
      tail: [
        named({ type: 'content_block_stop', index: 0 }),
        named({ type: 'message_delta', delta: stop, usage }),
        named({ type: 'message_stop' }),
      ],
    };
  },
  chat: (question, said) => {
    const [prompt_tokens, completion_tokens] = tokensOf(question, said);
    const usage = {
      prompt_tokens,
      completion_tokens,
      total_tokens: prompt_tokens + completion_tokens,
    };
    const base = { id: 'chatcmpl-1', created: CREATED, model: question.model };
    const chunk = (delta: Event, finish_reason: string | null = null): string =>
      data({
        ...base,
        object: 'chat.completion.chunk',
        choices: [{ index: 0, delta, finish_reason }],
      });
    const isTool = said.kind === 'tool';
    const call = (given: string) =>
      isTool
        ? [{ id: 'call_1', type: 'function', function: { name: said.name, arguments: given } }]
        : [];
    const message = isTool
      ? { role: 'assistant', content: null, tool_calls: call(JSON.stringify(said.input)) }
      : { role: 'assistant', content: said.text };
    const finish_reason = isTool ? 'tool_calls' : 'stop';
    return {
      whole: {
        ...base,
        object: 'chat.completion',
        usage,
        choices: [{ index: 0, finish_reason, message }],
      },
      head: [
        chunk(
          isTool
            ? {
                role: 'assistant',
                content: null,
                tool_calls: call('').map((one) => ({ index: 0, ...one })),
              }
            : { role: 'assistant', content: '' },
        ),
      ],
      pieces: piecesOf(said).map((piece) =>
        chunk(
          isTool
            ? { tool_calls: [{ index: 0, function: { arguments: piece } }] }
            : { content: piece },
        ),
      ),
      tail: [
        chunk({}, finish_reason),
        data({ ...base, object: 'chat.completion.chunk', choices: [], usage }),
        'data: [DONE]\n\n',
      ],
    };
  },
  responses: (question, said) => {
    const [input_tokens, output_tokens] = tokensOf(question, said);
    const usage = {
      ...{ input_tokens, output_tokens, total_tokens: input_tokens + output_tokens },
      input_tokens_details: { cached_tokens: 0 },
      output_tokens_details: { reasoning_tokens: 0 },
    };
    const base = {
      id: 'resp_1',
      object: 'response',
      created_at: CREATED,
      model: question.model,
      status: 'in_progress',
      output: [],
      error: null,
    };
    const isTool = said.kind === 'tool';
    const part = { type: 'output_text', text: isTool ? '' : said.text, annotations: [] };
    const given = isTool ? JSON.stringify(said.input) : '';
    const item = isTool
      ? {
          type: 'function_call',
          id: 'fc_1',
          call_id: 'call_1',
          name: said.name,
          arguments: given,
          status: 'completed',
        }
      : { type: 'message', id: 'msg_1', role: 'assistant', status: 'completed', content: [part] };
    const at = { item_id: item.id, output_index: 0 };
    const done = { ...base, status: 'completed', output: [item], usage };
    const begun = {
      ...item,
      status: 'in_progress',
      ...(isTool ? { arguments: '' } : { content: [] }),
    };
    return {
      whole: done,
      head: [
        named({ type: 'response.created', response: base }),
        named({ type: 'response.output_item.added', output_index: 0, item: begun }),
        ...(isTool
          ? []
          : [
              named({
                type: 'response.content_part.added',
                ...at,
                content_index: 0,
                part: { ...part, text: '' },
              }),
            ]),
      ],
      pieces: piecesOf(said).map((delta) =>
        named(
          isTool
            ? { type: 'response.function_call_arguments.delta', ...at, delta }
            : { type: 'response.output_text.delta', ...at, content_index: 0, delta },
        ),
      ),
      tail: [
        named(
          isTool
            ? { type: 'response.function_call_arguments.done', ...at, arguments: given }
            : { type: 'response.output_text.done', ...at, content_index: 0, text: part.text },
        ),
        named({ type: 'response.output_item.done', output_index: 0, item }),
        named({ type: 'response.completed', response: done }),
      ],
    };
  },
  gemini: (question, said) => {
    const [promptTokenCount, candidatesTokenCount] = tokensOf(question, said);
    const usageMetadata = {
      promptTokenCount,
      candidatesTokenCount,
      totalTokenCount: promptTokenCount + candidatesTokenCount,
    };
    const answer = (parts: readonly unknown[], more: Event = {}): Event => ({
      candidates: [{ index: 0, content: { role: 'model', parts }, ...more }],
      modelVersion: question.model,
    });
    const parts =
      said.kind === 'tool'
        ? [{ functionCall: { name: said.name, args: said.input } }]
        : [{ text: said.text }];
    const end = { finishReason: 'STOP' };
    return {
      whole: { ...answer(parts, end), usageMetadata },
      head: [],
      pieces: said.kind === 'tool' ? [] : piecesOf(said).map((text) => data(answer([{ text }]))),
      tail: [
        data({ ...answer(said.kind === 'tool' ? parts : [{ text: '' }], end), usageMetadata }),
      ],
    };
  },
};

const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  404: 'not_found_error',
  429: 'rate_limit_error',
};
const OPENAI_CODES: Readonly<Record<number, string>> = {
  401: 'invalid_api_key',
  404: 'model_not_found',
  429: 'rate_limit_exceeded',
};
const GEMINI_STATUS: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  429: 'RESOURCE_EXHAUSTED',
};
const WORDS: Readonly<Record<number, string>> = {
  401: 'invalid x-api-key',
  404: 'The model does not exist',
  429: 'Rate limit reached',
  500: 'Internal server error',
};

/** Seconds until the limit of `says: 'reset'` ends. */
export const RESET_S = 12_000;
const RESET = 'You have hit your usage limit. Please try again in 3 hours 20 minutes.';

/** An error's body as the provider of the question writes it. */
export function frameError(question: Question, error: Extract<Answer, { kind: 'error' }>): unknown {
  const { status, says } = error;
  const plain = WORDS[status] ?? 'something failed';
  if (question.wire === 'anthropic') {
    const special = {
      quota: 'Your credit balance is too low to access the API',
      context: 'prompt is too long: 250000 tokens > 200000 maximum',
      reset: RESET,
    };
    const type = ANTHROPIC_TYPES[status] ?? (status >= 500 ? 'api_error' : 'invalid_request_error');
    return { type: 'error', error: { type, message: says === undefined ? plain : special[says] } };
  }
  const quota = 'You exceeded your current quota, please check your plan and billing details.';
  if (question.wire === 'gemini') {
    const context = 'The input token count exceeds the maximum number of tokens allowed (1048576).';
    return {
      error: {
        code: status,
        message: says === undefined ? plain : { quota, context, reset: RESET }[says],
        status: GEMINI_STATUS[status] ?? 'INTERNAL',
      },
    };
  }
  const context =
    "This model's maximum context length is 128000 tokens. Your messages resulted in 250000 tokens.";
  const codes = {
    quota: 'insufficient_quota',
    context: 'context_length_exceeded',
    reset: 'usage_limit_reached',
  };
  const code = says === undefined ? (OPENAI_CODES[status] ?? null) : codes[says];
  const reset =
    says === 'reset'
      ? { resets_at: Math.floor(Date.now() / 1_000) + RESET_S, plan_type: 'plus' }
      : {};
  const message = says === undefined ? plain : { quota, context, reset: RESET }[says];
  return { error: { message, type: code ?? 'server_error', param: null, code, ...reset } };
}
