/**
 * opencode. Facts seen with 1.18.33. Without the permissions set here it would run shell commands
 * and edit files.
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
import type { Usage } from './agent.ts';
import { CHECKOUT_FILES } from '../protocol/checkout-files.ts';
import { isBlank } from './clean-output.ts';
import { failureFrom, signsIn } from './failure-signs.ts';
import {
  numberAt,
  parseRecords,
  recordOfLine,
  sum,
  textAt,
  type JsonRecord,
} from './json-values.ts';
import { withoutCommand } from './prompt-text.ts';

const KEPT = new Set(['text', 'step_start', 'step_finish', 'error']);
/**
 * A line of its log about the provider; others are about its own affairs, such as a list of models
 * that it could not fetch.
 */
function streamError(line: string): string | null {
  return line.startsWith('timestamp=') &&
    line.includes(' level=ERROR ') &&
    line.includes('message="stream error"')
    ? (/ error\.error="((?:[^"\\]|\\.)*)"/.exec(line)?.[1] ?? null)
    : null;
}

const PERMISSIONS: Readonly<Record<Mode, JsonRecord>> = {
  chat: { permission: { '*': 'deny' } },
  read: { permission: { bash: 'deny', edit: 'deny' } },
  write: {},
};

/** The adapter for opencode. */
export const opencode: Adapter = {
  name: 'opencode',
  options: [],
  modes: ['read', 'chat', 'write'],
  output: { kind: 'json-lines', view },
  saysRetry: (line) => streamError(line) !== null,
  sessionsByDirectory: true,
  runsFromCheckout: CHECKOUT_FILES.opencode,
  invoke,
  parse,
  detection: {
    executables: ['opencode'],
    keyNames: [
      'ANTHROPIC_API_KEY',
      'OPENAI_API_KEY',
      'GEMINI_API_KEY',
      'OPENROUTER_API_KEY',
      'OPENCODE_API_KEY',
    ],
    loginFiles: (env) => [
      join(
        env['XDG_DATA_HOME'] ?? join(env['HOME'] ?? '', '.local', 'share'),
        'opencode',
        'auth.json',
      ),
    ],
    signIn: 'run "opencode auth login", or set the key of a provider; give "model: provider/model"',
  },
};

function invoke(request: InvocationRequest): Invocation {
  const { entry, session, mode } = request;
  const { program, args } = programOf(entry, 'opencode');
  return {
    kind: 'invocation',
    program,
    args: [
      ...args,
      // With a title it does not ask a small model for one.
      ...['run', '--format', 'json', '--title', 'crosstalk'],
      // Of a failure that it tries to sit out it speaks nowhere else.
      ...['--print-logs', '--log-level', 'ERROR'],
      ...(entry.model === null ? [] : ['-m', entry.model]),
      ...(session === null ? [] : ['-s', session]),
      ...(mode === 'write' ? ['--auto'] : []),
    ],
    env: {
      OPENCODE_CONFIG_CONTENT: JSON.stringify({
        autoupdate: false,
        share: 'disabled',
        ...PERMISSIONS[mode],
      }),
    },
    files: {},
    input: withoutCommand(withPersona(request)),
  };
}

function view(line: string): LineView {
  const record = recordOfLine(line);
  const type = textAt(record, 'type') ?? '';
  if (type === 'tool_use')
    return { keep: false, show: `[${textAt(record, 'part', 'tool') ?? 'tool'}]\n` };
  const text = type === 'text' ? textAt(record, 'part', 'text') : null;
  return { keep: record === null || KEPT.has(type), show: text === null ? null : `${text}\n` };
}

function parse(output: ProgramOutput): Parsed {
  const records = parseRecords(output.stdout);
  const usage = usageOf(records);
  const error = records.findLast((record) => record['type'] === 'error');
  const session = textAt(records[0], 'sessionID');
  if (output.exitCode === 0 && error === undefined && session !== null)
    return { kind: 'answer', text: lastText(records), session, usage, version: null };
  const answered = records.slice(0, lastStop(records) + 1);
  if (!isBlank(lastText(answered)))
    return { kind: 'answer', text: lastText(answered), session, usage, version: null };
  // It says no more than this of a session that was begun in a directory which is gone.
  const neverBegan =
    !records.some((record) => record['type'] === 'step_start') &&
    textAt(error, 'error', 'name') === 'UnknownError';
  if (output.resumed && neverBegan) return { kind: 'lost-session' };
  const said = [textAt(error, 'error', 'name'), textAt(error, 'error', 'data', 'message')]
    .filter((part) => part !== null)
    .join(': ');
  const fallback = output.exitCode === 0 ? 'invalid' : 'crash';
  const stderr = loggedError(output.stderr);
  return failureFrom(
    {
      text: said === '' ? stderr : said,
      status: numberAt(error, 'error', 'data', 'statusCode'),
      codes: signsIn([error]).codes,
      usage,
      fallback,
    },
    { ...output, stderr },
  );
}

/** What its log says of the provider; without that, the words that are not its log. */
function loggedError(stderr: string): string {
  const lines = stderr.split('\n');
  const last = lines.flatMap((line) => streamError(line) ?? []).at(-1);
  return last ?? lines.filter((line) => !line.startsWith('timestamp=')).join('\n');
}

/** The end of the last step after which nothing was left to do, or -1. */
function lastStop(records: readonly JsonRecord[]): number {
  return records.findLastIndex(
    (record) => record['type'] === 'step_finish' && textAt(record, 'part', 'reason') === 'stop',
  );
}

/** The texts of the last step that has one: what it said before using tools is not the answer. */
function lastText(records: readonly JsonRecord[]): string {
  const end = records.findLastIndex((record) => record['type'] === 'text');
  const start = records.slice(0, end).findLastIndex((record) => record['type'] === 'step_start');
  const texts = records
    .slice(start + 1, end + 1)
    .flatMap((record) => (record['type'] === 'text' ? [textAt(record, 'part', 'text')] : []));
  return texts.filter((text) => text !== null).join('\n');
}

function usageOf(records: readonly JsonRecord[]): Usage {
  const steps = records.filter((record) => record['type'] === 'step_finish');
  const total = (...paths: readonly (readonly string[])[]) =>
    sum(steps.flatMap((step) => paths.map((path) => numberAt(step, 'part', ...path))));
  return {
    tokensIn: total(['tokens', 'input'], ['tokens', 'cache', 'read'], ['tokens', 'cache', 'write']),
    tokensOut: total(['tokens', 'output'], ['tokens', 'reasoning']),
    costUsd: total(['cost']),
  };
}
