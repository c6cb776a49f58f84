/**
 * pi. Facts seen with 0.87.1 and 0.74.2. It has no permissions: what its tools may do is what they
 * are. It ends with status 0 whatever happens.
 */
import { join } from 'node:path';
import {
  programOf,
  withPersona,
  type Adapter,
  type Invocation,
  type InvocationRequest,
  type LineView,
  type Mode,
  type Parsed,
  type ProgramOutput,
} from './adapter.ts';
import { CHECKOUT_FILES } from '../protocol/checkout-files.ts';
import { isBlank } from './clean-output.ts';
import { failureFrom } from './failure-signs.ts';
import {
  at,
  blockText,
  numberAt,
  parseRecords,
  recordOfLine,
  sum,
  textAt,
  type JsonRecord,
} from './json-values.ts';
import { withoutCommand } from './prompt-text.ts';

/** Reading is not the default: nothing would keep it in its directory. */
const MODE_ARGS: Readonly<Record<Mode, readonly string[]>> = {
  chat: ['--no-tools'],
  read: ['--tools', 'read,grep,find,ls'],
  write: [],
};

/** The adapter for pi. */
export const pi: Adapter = {
  name: 'pi',
  options: [],
  modes: ['chat', 'read', 'write'],
  output: { kind: 'json-lines', view },
  saysRetry: (line) => line.startsWith('{"type":"auto_retry_start"'),
  sessionsByDirectory: true,
  runsFromCheckout: CHECKOUT_FILES.pi,
  invoke,
  parse,
  detection: {
    executables: ['pi'],
    keyNames: ['ANTHROPIC_API_KEY', 'OPENAI_API_KEY', 'GEMINI_API_KEY', 'OPENROUTER_API_KEY'],
    loginFiles: (env) =>
      ['auth.json', 'models.json'].map((name) => join(env['HOME'] ?? '', '.pi', 'agent', name)),
    signIn:
      'run "pi" once and follow /login, or set the key of a provider; give "model: provider/model"',
  },
};

function invoke(request: InvocationRequest): Invocation {
  const { entry, session } = request;
  const { program, args } = programOf(entry, 'pi');
  return {
    kind: 'invocation',
    program,
    args: [
      ...args,
      ...['-p', '--mode', 'json'],
      ...(entry.model === null ? [] : ['--model', entry.model]),
      ...(session === null ? [] : ['--session', session]),
      ...MODE_ARGS[request.mode],
    ],
    env: { PI_OFFLINE: '1' },
    files: {},
    input: withoutCommand(withPersona(request)),
  };
}

function view(line: string): LineView {
  const record = recordOfLine(line);
  const type = textAt(record, 'type');
  if (type === 'tool_execution_start')
    return { keep: false, show: `[${textAt(record, 'toolName') ?? 'tool'}]\n` };
  if (type !== 'message_end' || !isAnswer(record))
    return { keep: record === null || type === 'session', show: null };
  const text = blockText(at(record, 'message', 'content'));
  return {
    keep: true,
    show: text === '' ? null : `${text}\n`,
    ends: isWhole(at(record, 'message')),
  };
}

function isAnswer(record: JsonRecord | null): boolean {
  return textAt(record, 'message', 'role') === 'assistant';
}

/** It has said what it had to say, and uses no tool any more. */
function isWhole(message: unknown): boolean {
  return textAt(message, 'stopReason') === 'stop' && !isBlank(blockText(at(message, 'content')));
}

function parse(output: ProgramOutput): Parsed {
  const records = parseRecords(output.stdout);
  const messages = records
    .filter((record) => record['type'] === 'message_end' && isAnswer(record))
    .map((record) => at(record, 'message'));
  const whole = messages.find(isWhole);
  const last = whole ?? messages.at(-1);
  const total = (...keys: readonly string[]) =>
    sum(messages.flatMap((message) => keys.map((key) => numberAt(message, 'usage', key))));
  const usage = {
    tokensIn: total('input', 'cacheRead', 'cacheWrite'),
    tokensOut: total('output'),
    costUsd: sum(messages.map((message) => numberAt(message, 'usage', 'cost', 'total'))),
  };
  const text = blockText(at(last, 'content'));
  const failed = textAt(last, 'stopReason') === 'error' || textAt(last, 'stopReason') === 'aborted';
  if (whole !== undefined || (output.exitCode === 0 && last !== undefined && !failed))
    return {
      kind: 'answer',
      text,
      session: textAt(
        records.find((record) => record['type'] === 'session'),
        'id',
      ),
      usage,
      version: null,
    };
  const fallback = output.exitCode === 0 && last === undefined ? 'invalid' : 'crash';
  return failureFrom(
    { text: textAt(last, 'errorMessage') ?? output.stderr, usage, fallback },
    output,
  );
}
