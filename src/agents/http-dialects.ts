/**
 * The two ways in which providers are asked over HTTP: OpenAI's chat completions, which most speak,
 * and Anthropic's messages. Pure.
 */
import type { Usage } from './agent.ts';
import { at, blockText, listAt, numberAt, sum, textAt, type JsonRecord } from './json-values.ts';

/** What is asked for. */
export interface Ask {
  readonly model: string;
  readonly prompt: string;
  readonly persona: string | null;
  readonly tokensMax: number | null;
}

/** What one event, or a whole answer, says. */
export interface Told {
  readonly text?: string;
  readonly usage?: Usage;
  /** The words of an error. */
  readonly error?: string;
  /** Why the answer ends; absent while it continues. */
  readonly stop?: string;
}

/** How one kind of provider is asked and understood. */
export interface Dialect {
  readonly baseUrl: string;
  readonly keyName: string;
  readonly url: (base: string) => string;
  readonly headers: (key: string | null) => Readonly<Record<string, string>>;
  readonly body: (ask: Ask, base: string) => JsonRecord;
  readonly event: (event: JsonRecord) => Told;
  readonly whole: (answer: JsonRecord) => Told;
  /** What `stop` says when the answer was cut off by the limit of tokens. */
  readonly cutOff: string;
}

/** Anthropic wants a limit; its models of today may all say this much. */
const ANTHROPIC_TOKENS = 8_192;

const openai: Dialect = {
  baseUrl: 'https://api.openai.com/v1',
  keyName: 'OPENAI_API_KEY',
  url: (base) => `${base}/chat/completions`,
  headers: (key) => (key === null ? {} : { authorization: `Bearer ${key}` }),
  body: ({ model, prompt, persona, tokensMax }, base) => ({
    model,
    messages: [
      ...(persona === null ? [] : [{ role: 'system', content: persona }]),
      { role: 'user', content: prompt },
    ],
    stream: true,
    stream_options: { include_usage: true },
    // Its inventor has given this key another name; the others have not.
    ...(tokensMax === null
      ? {}
      : { [base === openai.baseUrl ? 'max_completion_tokens' : 'max_tokens']: tokensMax }),
  }),
  event: (event) => tellOpenai(event, 'delta'),
  whole: (answer) => tellOpenai(answer, 'message'),
  cutOff: 'length',
};

function tellOpenai(record: JsonRecord, part: 'delta' | 'message'): Told {
  const [choice] = listAt(record, 'choices');
  const usage = at(record, 'usage');
  const error = errorOf(record);
  const stop = textAt(choice, 'finish_reason');
  return {
    text: blockText(at(choice, part, 'content')),
    ...(usage == null
      ? {}
      : {
          usage: {
            tokensIn: numberAt(usage, 'prompt_tokens'),
            tokensOut: numberAt(usage, 'completion_tokens'),
            costUsd: numberAt(usage, 'cost'),
          },
        }),
    ...(error === null ? {} : { error }),
    ...(stop === null ? {} : { stop }),
  };
}

const anthropic: Dialect = {
  baseUrl: 'https://api.anthropic.com',
  keyName: 'ANTHROPIC_API_KEY',
  url: (base) => (base.endsWith('/v1') ? `${base}/messages` : `${base}/v1/messages`),
  headers: (key) => ({
    'anthropic-version': '2023-06-01',
    ...(key === null ? {} : { 'x-api-key': key }),
  }),
  body: ({ model, prompt, persona, tokensMax }) => ({
    model,
    max_tokens: tokensMax ?? ANTHROPIC_TOKENS,
    ...(persona === null ? {} : { system: persona }),
    messages: [{ role: 'user', content: prompt }],
    stream: true,
  }),
  event: (event) => {
    switch (event['type']) {
      case 'message_start':
        return { usage: anthropicUsage(at(event, 'message', 'usage')) };
      case 'content_block_delta':
        return { text: textAt(event, 'delta', 'text') ?? '' };
      case 'message_delta': {
        const stop = textAt(event, 'delta', 'stop_reason');
        return { usage: anthropicUsage(at(event, 'usage')), ...(stop === null ? {} : { stop }) };
      }
      case 'error':
        return { error: errorOf(event) ?? 'an error without a message' };
      default:
        return {};
    }
  },
  whole: (answer) => {
    const error = errorOf(answer);
    const stop = textAt(answer, 'stop_reason');
    return {
      text: blockText(at(answer, 'content')),
      usage: anthropicUsage(at(answer, 'usage')),
      ...(error === null ? {} : { error }),
      ...(stop === null ? {} : { stop }),
    };
  },
  cutOff: 'max_tokens',
};

function anthropicUsage(usage: unknown): Usage {
  const input = ['input_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens'].map(
    (key) => numberAt(usage, key),
  );
  return { tokensIn: sum(input), tokensOut: numberAt(usage, 'output_tokens'), costUsd: null };
}

function errorOf(record: JsonRecord): string | null {
  const error = at(record, 'error');
  if (error == null) return null;
  const parts = [
    textAt(error, 'type'),
    textAt(error, 'code'),
    textAt(error, 'message') ?? (typeof error === 'string' ? error : null),
  ];
  return (
    [...new Set(parts.filter((part) => part !== null))].join(': ') || 'an error without a message'
  );
}

/** By the name that `api:` gives. */
export const DIALECTS: Readonly<Record<string, Dialect>> = { openai, anthropic };

/** The later value counts, unless it is empty. */
export function mergeUsage(before: Usage, after: Usage | undefined): Usage {
  return {
    tokensIn: after?.tokensIn ?? before.tokensIn,
    tokensOut: after?.tokensOut ?? before.tokensOut,
    costUsd: after?.costUsd ?? before.costUsd,
  };
}
