/**
 * Claude Code. Facts seen with 2.1.329. It streams, so that silence means something and people can
 * watch.
 */
import { join } from 'node:path';
import { MINUTE, SECOND } from '../base/clock.ts';
import {
  asksPerson,
  NO_USAGE,
  optionText,
  programOf,
  type Adapter,
  type Invocation,
  type InvocationRequest,
  type LineView,
  type Mode,
  type Parsed,
  type ProgramOutput,
  type SessionTotal,
} from './adapter.ts';
import type { Usage } from './agent.ts';
import { isBlank } from './clean-output.ts';
import { failureFrom } from './failure-signs.ts';
import {
  at,
  blockText,
  listAt,
  numberAt,
  otherLines,
  parseRecords,
  recordOfLine,
  sum,
  textAt,
  type JsonRecord,
} from './json-values.ts';
import { withoutCommand } from './prompt-text.ts';

const PERSONA = 'persona.md';
const KEPT = new Set(['result', 'rate_limit_event']);
/** A time that is larger is one of milliseconds. */
const EPOCH_MS_MIN = 1e12;

/** Without tools that write, and without the operator's MCP servers, which could. */
const MODE_ARGS: Readonly<Record<Mode, readonly string[]>> = {
  chat: ['--tools', '', '--strict-mcp-config'],
  read: ['--tools', 'Read,Grep,Glob', '--strict-mcp-config'],
  write: ['--dangerously-skip-permissions'],
};

const MCP_FILE = 'mcp.json';
/** In its asking mode every tool is there, and each use that nothing allows is asked for. */
const askArgs = (scratch: string): readonly string[] => [
  ...['--permission-mode', 'default', '--mcp-config', join(scratch, MCP_FILE)],
  ...['--strict-mcp-config', '--permission-prompt-tool', 'mcp__crosstalkd__permission'],
];
const MCP_SERVERS = JSON.stringify({
  mcpServers: { crosstalkd: { command: 'crosstalkd', args: ['mcp', '--permissions'] } },
});

/** The adapter for Claude Code. */
export const claude: Adapter = {
  name: 'claude',
  options: ['max-turns', 'max-budget-usd'],
  modes: ['read', 'chat', 'write'],
  output: { kind: 'json-lines', view },
  asksByCommand: true,
  invoke,
  parse,
  detection: {
    executables: ['claude'],
    keyNames: ['ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN', 'CLAUDE_CODE_OAUTH_TOKEN'],
    loginFiles: (env) => [
      join(env['CLAUDE_CONFIG_DIR'] ?? join(env['HOME'] ?? '', '.claude'), '.credentials.json'),
    ],
    signIn: 'run "claude" once and follow /login, or set ANTHROPIC_API_KEY',
  },
};

function invoke(request: InvocationRequest): Invocation {
  const { entry, persona, session, scratch } = request;
  const { program, args } = programOf(entry, 'claude');
  const option = (key: string): readonly string[] => {
    const value = optionText(entry, key);
    return value === null ? [] : [`--${key}`, value];
  };
  return {
    kind: 'invocation',
    program,
    args: [
      ...args,
      ...['-p', '--output-format', 'stream-json', '--verbose'],
      ...(entry.model === null ? [] : ['--model', entry.model]),
      ...(persona === null ? [] : ['--append-system-prompt-file', join(scratch, PERSONA)]),
      // A continued session keeps the system prompt it began with, unless told not to.
      ...(session === null
        ? []
        : ['--resume', session, ...(persona === null ? [] : ['--system-prompt-snapshot', 'off'])]),
      // Hooks, servers, helpers and agents of a checkout are in its settings of these kinds.
      ...(request.ground === 'trusted' ? [] : ['--setting-sources', 'user']),
      ...option('max-turns'),
      ...option('max-budget-usd'),
      ...(asksPerson(request) ? askArgs(scratch) : MODE_ARGS[request.mode]),
    ],
    env: {
      // "@path" in a prompt would be replaced by that file, from anywhere on the host.
      CLAUDE_CODE_DISABLE_FILE_MENTIONS: '1',
      CLAUDE_CODE_MAX_RETRIES: '2',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      // Until a person has answered.
      ...(entry.permissions === null
        ? {}
        : { MCP_TOOL_TIMEOUT: String(entry.permissions.timeoutMs + MINUTE) }),
    },
    files: {
      ...(persona === null ? {} : { [PERSONA]: persona }),
      ...(asksPerson(request) ? { [MCP_FILE]: MCP_SERVERS } : {}),
    },
    input: withoutCommand(request.prompt),
  };
}

function view(line: string): LineView {
  const record = recordOfLine(line);
  if (record === null) return { keep: true, show: null };
  const type = textAt(record, 'type');
  if (type !== 'assistant')
    return {
      keep: KEPT.has(type ?? '') || textAt(record, 'subtype') === 'init',
      show: null,
      ends: isSuccess(record),
    };
  const blocks = listAt(record, 'message', 'content');
  const tools = blocks.flatMap((block) =>
    textAt(block, 'type') === 'tool_use' ? [`[${textAt(block, 'name') ?? 'tool'}]`] : [],
  );
  const shown = [blockText(blocks), ...tools].filter((text) => text !== '').join('\n');
  return { keep: isOwnWords(record), show: shown === '' ? null : `${shown}\n` };
}

/** Said to the asker, not by an agent that it has sent out, and with words in it. */
function isOwnWords(record: JsonRecord): boolean {
  return (
    record['type'] === 'assistant' &&
    textAt(record, 'parent_tool_use_id') === null &&
    !isBlank(blockText(at(record, 'message', 'content')))
  );
}

function isSuccess(record: JsonRecord): boolean {
  return (
    record['type'] === 'result' &&
    record['is_error'] !== true &&
    textAt(record, 'subtype') === 'success'
  );
}

function parse(output: ProgramOutput): Parsed {
  const records = parseRecords(output.stdout);
  const results = records.filter((record) => record['type'] === 'result');
  const answers = results.filter(isSuccess).map((result) => ({
    result,
    text: textOf(result, records),
  }));
  // Results that follow the first one answer something else: news of work in the background.
  const answer = answers.find(({ text }) => !isBlank(text)) ?? answers[0];
  if (answer !== undefined)
    return {
      kind: 'answer',
      text: answer.text,
      session: textAt(answer.result, 'session_id'),
      ...usageOf(answer.result),
      version: textAt(
        records.find((record) => record['subtype'] === 'init'),
        'claude_code_version',
      ),
    };
  const result = results.at(-1);
  return result === undefined
    ? failureWithoutResult(records, output)
    : failureOf(result, { records, output });
}

/** Some answers are said before the result, which then is empty. */
function textOf(result: JsonRecord, records: readonly JsonRecord[]): string {
  const text = textAt(result, 'result') ?? '';
  if (!isBlank(text)) return text;
  const said = records.slice(0, records.indexOf(result)).findLast(isOwnWords);
  return blockText(at(said, 'message', 'content'));
}

function failureWithoutResult(records: readonly JsonRecord[], output: ProgramOutput): Parsed {
  return failureFrom(
    {
      text: `${otherLines(output.stdout)}\n${output.stderr}`,
      codes: errorCodes(records),
      resetAtMs: resetOf(records),
      fallback: output.exitCode === 0 ? 'invalid' : 'crash',
    },
    output,
  );
}

function failureOf(
  result: JsonRecord,
  { records, output }: { readonly records: readonly JsonRecord[]; readonly output: ProgramOutput },
): Parsed {
  const text = textAt(result, 'result') ?? '';
  // Only an error's words say why: the text of an answer may be about anything.
  const errorText = result['is_error'] === true ? text : '';
  const errors = listAt(result, 'errors').filter((error) => typeof error === 'string');
  const subtype = textAt(result, 'subtype') ?? '';
  const said = [
    errorText,
    ...errors,
    subtype === 'success' ? '' : subtype,
    textAt(result, 'api_error_type') ?? '',
  ].filter((part) => part !== '');
  return failureFrom(
    {
      text: said.join(' · '),
      status: numberAt(result, 'api_error_status'),
      codes: [textAt(result, 'api_error_type'), ...errorCodes(records)],
      ...usageOf(result),
      resetAtMs: resetOf(records),
    },
    output,
  );
}

/** `error` of what it says in place of an answer. */
function errorCodes(records: readonly JsonRecord[]): readonly (string | null)[] {
  return [textAt(records.findLast(isOwnWords), 'error')];
}

/** The end of a subscription's limit, from the last record that says it is used up. */
function resetOf(records: readonly JsonRecord[]): number | null {
  const told = records.flatMap((record) => [
    at(record, 'rate_limit_info'),
    at(record, 'api_error_params', 'rate_limit_info'),
  ]);
  const info = told.findLast((inner) => textAt(inner, 'status') === 'rejected');
  const reset = numberAt(info, 'resetsAt');
  return reset === null ? null : reset < EPOCH_MS_MIN ? reset * SECOND : reset;
}

/** Its use, and the cost of its whole session: a continued one reports no less. */
function usageOf(result: JsonRecord): { readonly usage: Usage; readonly total?: SessionTotal } {
  const usage = at(result, 'usage');
  if (usage === undefined) return { usage: NO_USAGE };
  const models = Object.values((at(result, 'modelUsage') ?? {}) as JsonRecord);
  const isGuessed = models.some((model) => textAt(model, 'costBasis') === 'unknown');
  const costUsd = isGuessed ? null : numberAt(result, 'total_cost_usd');
  const session = textAt(result, 'session_id');
  return {
    usage: {
      tokensIn: sum(
        ['input_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens'].map((key) =>
          numberAt(usage, key),
        ),
      ),
      tokensOut: numberAt(usage, 'output_tokens'),
      costUsd: null,
    },
    ...(session === null ? {} : { total: { ...NO_USAGE, session, costUsd } }),
  };
}
