/**
 * The client's side of one conversation over ACP: lines in, lines out. It is *greeting*
 * (initialize), *opening* (a session is begun or continued), *setting* (its mode, then its model),
 * *asking* (the prompt is with the agent) and *done*. It waits for nothing and starts nothing: time
 * and the process belong to run-process.ts. Requests go out one at a time.
 */
import { formatDuration } from '../base/duration.ts';
import { serversOf } from './acp-servers.ts';
import { chooseMode, chooseModel, type Setting } from './acp-modes.ts';
import { describeAsked, type Heard, outcomeOf, readAsked, tokensIn } from './acp-outcome.ts';
import { type Quirks, quirksOf } from './acp-quirks.ts';
import {
  asksPerson,
  type Heeded,
  NO_USAGE,
  optionText,
  type InvocationRequest,
  type Talk,
} from './adapter.ts';
import type { FailureClass } from './agent.ts';
import { isBlank } from './clean-output.ts';
import { at, listAt, numberAt, parseRecord, textAt, type JsonRecord } from './json-values.ts';

const VERSION = 1;
const METHOD_NOT_FOUND = { code: -32_601, message: 'this client offers no such method' };
/** What is asked for in which phase, before the prompt. */
const OPENING: Readonly<Record<State['phase'], string | null>> = {
  greeting: 'initialize',
  opening: 'session/new',
  setting: 'session/set_mode',
  asking: null,
  done: null,
};
/** Most denied requests of an agent that are listed. */
const DENIED_MAX = 5;

interface State {
  phase: 'greeting' | 'opening' | 'setting' | 'asking' | 'done';
  lastId: number;
  lastAsk: number;
  quirks: Quirks;
  canContinue: 'session/resume' | 'session/load' | null;
  /** Settings that are still to be made before the prompt. */
  settings: Setting[];
  session: string | null;
  version: string | null;
  /** The answer: a new part begins whenever a tool is used. */
  parts: string[];
  notices: string[];
  denied: string[];
  /** Permissions that a person is asked for, by their number: the request and what it holds. */
  open: Map<number, { readonly id: unknown; readonly params: unknown }>;
  asks: Heeded['asks'][number][];
  tokens: Heard['tokens'];
  costUsd: number | null;
  result: JsonRecord | null;
  error: JsonRecord | null;
  refusal: Heard['refusal'];
  /** Lines to be sent, and words to be shown, since the last line was heard. */
  sent: string[];
  shown: string;
}

interface Given {
  readonly request: InvocationRequest;
  readonly prompt: string;
}

/** A conversation about one prompt. */
export function createAcpTalk(request: InvocationRequest, prompt: string): Talk {
  const given = { request, prompt };
  const state: State = {
    ...{ phase: 'greeting', lastId: 0, lastAsk: 0, quirks: {}, canContinue: null, settings: [] },
    ...{ session: null, version: null, parts: [''], notices: [], denied: [] },
    ...{ open: new Map<never, never>(), asks: [] },
    ...{ tokens: NO_USAGE, costUsd: null, result: null, error: null, refusal: null },
    ...{ sent: [], shown: '' },
  };
  const heard = () => {
    const { sent: send, shown, asks } = state;
    Object.assign(state, { sent: [], shown: '', asks: [] });
    return { send, show: shown === '' ? null : shown, ends: state.phase === 'done', asks };
  };
  return {
    begin: () => {
      ask(state, 'initialize', {
        protocolVersion: VERSION,
        clientInfo: { name: 'crosstalkd', version: '1' },
        clientCapabilities: { fs: { readTextFile: false, writeTextFile: false }, terminal: false },
      });
      return heard().send;
    },
    opening: () => OPENING[state.phase],
    giveUp: (afterMs) =>
      refuse(
        state,
        'setup',
        `it has not answered "${OPENING[state.phase] ?? '?'}" for ${formatDuration(afterMs)}`,
      ),
    hear: (line) => {
      const record = parseRecord(line);
      if (record !== null && state.phase !== 'done') hearRecord(state, record, given);
      return heard();
    },
    decide: (ask, isAllowed) => {
      const asked = state.open.get(ask);
      if (asked !== undefined && state.phase === 'asking') decide(state, asked, isAllowed);
      state.open.delete(ask);
      return heard().send;
    },
    cancel: () => {
      for (const { id } of state.open.values())
        send(state, { id, result: { outcome: { outcome: 'cancelled' } } });
      state.open.clear();
      if (state.phase === 'asking')
        send(state, { method: 'session/cancel', params: { sessionId: state.session } });
      return heard().send;
    },
    parse: (output) =>
      outcomeOf(
        {
          ...state,
          text: state.parts.findLast((part) => !isBlank(part)) ?? '',
          notices: state.notices.join('\n'),
          countsTokens: state.quirks.countsTokens === true,
        },
        output,
      ),
  };
}

function send(state: State, message: object): void {
  state.sent.push(JSON.stringify({ jsonrpc: '2.0', ...message }));
}

function ask(state: State, method: string, params: object): void {
  state.lastId += 1;
  send(state, { id: state.lastId, method, params });
}

function hearRecord(state: State, record: JsonRecord, given: Given): void {
  const method = textAt(record, 'method');
  const id = record['id'];
  if (method !== null && id !== undefined) answerRequest(state, { method, id, record }, given);
  else if (method === 'session/update') hearUpdate(state, at(record, 'params', 'update'));
  // Only the last request is open; other answers are to nothing.
  else if (method === null && id === state.lastId) hearAnswer(state, record, given);
}

function hearAnswer(state: State, record: JsonRecord, given: Given): void {
  const error = at(record, 'error') as JsonRecord | undefined;
  const result = (at(record, 'result') ?? {}) as JsonRecord;
  if (error !== undefined) hearError(state, error, given);
  else if (state.phase === 'greeting') greet(state, result, given);
  else if (state.phase === 'opening') opened(state, result, given);
  else if (state.phase === 'setting') goOn(state, given);
  else {
    state.result = result;
    state.phase = 'done';
  }
}

function hearError(state: State, error: JsonRecord, given: Given): void {
  // A session that cannot be continued is started over: the prompt holds the thread.
  if (state.phase === 'opening' && state.canContinue !== null) {
    state.canContinue = null;
    openSession(state, given);
    return;
  }
  state.error = error;
  state.phase = 'done';
}

function refuse(state: State, kind: FailureClass, why: string): void {
  state.refusal = { class: kind, why };
  state.phase = 'done';
}

function greet(state: State, result: JsonRecord, given: Given): void {
  const version = numberAt(result, 'protocolVersion');
  if (version !== VERSION) {
    refuse(
      state,
      'setup',
      `it speaks version ${version ?? 'unknown'} of ACP; ${VERSION} is needed`,
    );
    return;
  }
  const name = textAt(result, 'agentInfo', 'name') ?? '';
  state.quirks = quirksOf(name);
  state.version = [name, textAt(result, 'agentInfo', 'version')].filter(Boolean).join(' ') || null;
  const can = at(result, 'agentCapabilities');
  if (given.request.session !== null)
    state.canContinue =
      at(can, 'sessionCapabilities', 'resume') != null
        ? 'session/resume'
        : at(can, 'loadSession') === true && state.quirks.cannotLoad !== true
          ? 'session/load'
          : null;
  openSession(state, given);
}

function openSession(state: State, { request }: Given): void {
  const place = { cwd: request.directory, mcpServers: serversOf(request.entry) };
  state.phase = 'opening';
  if (state.canContinue === null) ask(state, 'session/new', place);
  else ask(state, state.canContinue, { sessionId: request.session, ...place });
}

function opened(state: State, result: JsonRecord, given: Given): void {
  const { entry, mode, session } = given.request;
  state.session = textAt(result, 'sessionId') ?? (state.canContinue === null ? null : session);
  if (state.session === null) {
    refuse(state, 'invalid', 'it began a session without an id');
    return;
  }
  const chosen = chooseMode(result, {
    // An agent that only reads has nothing to ask for.
    mode: asksPerson(given.request) ? 'write' : mode,
    named: optionText(entry, 'session-mode'),
    asks: entry.options['asks'] === true,
  });
  if (chosen.kind === 'refused') {
    refuse(state, 'setup', chosen.why);
    return;
  }
  state.settings = [
    ...(chosen.kind === 'set' ? [chosen.setting] : []),
    ...(entry.model === null ? [] : [chooseModel(result, entry.model)]),
  ];
  state.phase = 'setting';
  goOn(state, given);
}

/** The next setting, or the prompt when all are made. */
function goOn(state: State, { prompt }: Given): void {
  const next = state.settings.shift();
  if (next !== undefined) {
    ask(state, next.method, { sessionId: state.session, ...next.params });
    return;
  }
  state.phase = 'asking';
  ask(state, 'session/prompt', {
    sessionId: state.session,
    prompt: [{ type: 'text', text: prompt }],
  });
}

interface Asked {
  readonly method: string;
  readonly id: unknown;
  readonly record: JsonRecord;
}

/** What the agent wants of us. Nothing is offered but an answer to what it may do. */
function answerRequest(state: State, { method, id, record }: Asked, { request }: Given): void {
  if (method !== 'session/request_permission') {
    send(state, { id, error: METHOD_NOT_FOUND });
    return;
  }
  const params = at(record, 'params');
  const isWorking = state.phase === 'asking';
  if (!asksPerson(request) || !isWorking || optionOf(params, true) === null) {
    const isAllowed = request.mode === 'write' && !asksPerson(request) && isWorking;
    decide(state, { id, params }, isAllowed);
    return;
  }
  state.lastAsk += 1;
  state.open.set(state.lastAsk, { id, params });
  state.asks.push({ ask: state.lastAsk, asked: readAsked(params) });
  state.shown += `[asks for ${describeAsked(params)}]\n`;
}

/** The option that says yes or no, for this once and never for ever; null: none is offered. */
function optionOf(params: unknown, isAllowed: boolean): string | null {
  const kind = isAllowed ? 'allow_once' : 'reject_once';
  const option = listAt(params, 'options').find((candidate) => textAt(candidate, 'kind') === kind);
  return textAt(option, 'optionId');
}

function decide(
  state: State,
  { id, params }: { readonly id: unknown; readonly params: unknown },
  isAllowed: boolean,
): void {
  const optionId = optionOf(params, isAllowed);
  const asked = describeAsked(params);
  if (!isAllowed && state.denied.length < DENIED_MAX) state.denied.push(asked);
  state.shown += `[${isAllowed ? 'allowed' : 'denied'} ${asked}]\n`;
  const outcome = optionId === null ? { outcome: 'cancelled' } : { outcome: 'selected', optionId };
  send(state, { id, result: { outcome } });
}

function hearUpdate(state: State, update: unknown): void {
  const kind = textAt(update, 'sessionUpdate');
  if (kind === 'usage_update') state.costUsd = numberAt(update, 'cost', 'amount') ?? state.costUsd;
  // What comes before the prompt is history, or about the program.
  if (state.phase !== 'asking') return;
  if (kind === 'tool_call') {
    state.parts.push('');
    state.shown += `[${textAt(update, 'title') ?? 'tool'}]\n`;
  }
  if (kind !== 'agent_message_chunk') return;
  const used = tokensIn(at(update, '_meta', 'usage'));
  if (used.tokensOut !== null) state.tokens = used;
  const text = textAt(update, 'content', 'text') ?? '';
  const isNotice =
    state.quirks.notice?.test(text) === true ||
    (state.quirks.answersHaveId === true && textAt(update, 'messageId') === null);
  if (isNotice) state.notices.push(text);
  else {
    state.parts.push((state.parts.pop() ?? '') + text);
    state.shown += text;
  }
}
