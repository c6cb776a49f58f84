/** What a client asks an endpoint, read from each provider's own form into one. */
import {
  at,
  listAt,
  parseRecord,
  textAt,
  type JsonRecord,
} from '../../../src/agents/json-values.ts';

export type Wire = 'anthropic' | 'chat' | 'responses' | 'gemini';

/** One turn of a conversation. */
export interface Turn {
  readonly role: string;
  readonly text: string;
}

/** One request. */
export interface Question {
  readonly wire: Wire;
  readonly path: string;
  readonly model: string;
  readonly streams: boolean;
  /** The key that came along; empty when there was none. */
  readonly key: string;
  readonly system: string;
  readonly turns: readonly Turn[];
  /** The text of the last turn of the user. */
  readonly user: string;
  /** What the last tool gave, when the request brings it. */
  readonly toolResult: string | null;
  readonly tools: readonly string[];
  /** The most tokens of an answer, if it says so. */
  readonly tokensMax: unknown;
  /** Every byte of the request. */
  readonly raw: string;
}

const ROUTES: readonly (readonly [RegExp, Wire])[] = [
  [/\/messages$/, 'anthropic'],
  [/\/chat\/completions$/, 'chat'],
  [/\/responses$/, 'responses'],
  [/\/models\/[^/]+:(?:streamG|g)enerateContent$/, 'gemini'],
];

/** The form that a path speaks, or null for paths that ask for no answer. */
export function wireOf(path: string): Wire | null {
  return ROUTES.find(([route]) => route.test(path))?.[1] ?? null;
}

/** A request in one form for all. */
export function readQuestion(
  wire: Wire,
  request: { readonly path: string; readonly key: string; readonly raw: string },
): Question {
  const body = parseRecord(request.raw) ?? {};
  const all = turnsOf(wire, body);
  const system = all.filter(({ role }) => role === 'system' || role === 'developer');
  const turns = all.filter((turn) => !system.includes(turn));
  const last = turns.at(-1);
  return {
    ...request,
    wire,
    model: textAt(body, 'model') ?? /models\/([^/:]+):/.exec(request.path)?.[1] ?? '',
    streams: wire === 'gemini' ? request.path.includes(':stream') : body['stream'] === true,
    system: [systemOf(wire, body), ...system.map(({ text }) => text)].join('\n'),
    turns,
    user: turns.findLast(({ role }) => role === 'user')?.text ?? '',
    toolResult: last?.role === 'tool' ? last.text : null,
    tools: listAt(body, 'tools').flatMap(
      (tool) => textAt(tool, 'name') ?? textAt(tool, 'function', 'name') ?? [],
    ),
    tokensMax: body['max_tokens'] ?? body['max_completion_tokens'],
  };
}

function systemOf(wire: Wire, body: JsonRecord): string {
  if (wire === 'anthropic') return textIn(body['system']);
  if (wire === 'responses') return textIn(body['instructions']);
  return wire === 'gemini' ? textIn(at(body, 'systemInstruction', 'parts')) : '';
}

function turnsOf(wire: Wire, body: JsonRecord): readonly Turn[] {
  if (wire === 'responses') {
    const input = body['input'];
    return typeof input === 'string'
      ? [{ role: 'user', text: input }]
      : listAt(body, 'input').map(responsesTurn);
  }
  const items = listAt(body, wire === 'gemini' ? 'contents' : 'messages');
  return items.map((item) => {
    const content = wire === 'gemini' ? at(item, 'parts') : at(item, 'content');
    const isResult =
      Array.isArray(content) &&
      content.some(
        (part) =>
          textAt(part, 'type') === 'tool_result' || at(part, 'functionResponse') !== undefined,
      );
    return { role: isResult ? 'tool' : (textAt(item, 'role') ?? 'user'), text: textIn(content) };
  });
}

function responsesTurn(item: unknown): Turn {
  const type = textAt(item, 'type') ?? 'message';
  if (type === 'function_call_output') return { role: 'tool', text: textIn(at(item, 'output')) };
  return {
    role: type === 'message' ? (textAt(item, 'role') ?? 'user') : type,
    text: textIn(at(item, 'content')),
  };
}

/** All text below a value, block by block. */
function textIn(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value))
    return value
      .map(textIn)
      .filter((text) => text !== '')
      .join('\n');
  const inner =
    at(value, 'text') ??
    at(value, 'content') ??
    at(value, 'functionResponse', 'response', 'output');
  return inner === undefined ? '' : textIn(inner);
}
