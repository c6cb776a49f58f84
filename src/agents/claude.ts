/**
 * Claude Code. Facts seen with 2.1.329. It streams, so that silence means something and people can
 * watch.
 */
import { join } from 'node:path';
import { SECOND } from '../base/clock.ts';
import {
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
} from './adapter.ts';
import type { Usage } from './agent.ts';
import { failureFrom } from './failure-signs.ts';
import {
  at,
  blockText,
  listAt,
  numberAt,
  otherLines,
  parseRecord,
  parseRecords,
  sum,
  textAt,
  type JsonRecord,
} from './json-values.ts';
import { withoutCommand } from './prompt-text.ts';

const PERSONA = 'persona.md';
const KEPT = new Set(['result', 'rate_limit_event']);

/** Without tools that write, and without the operator's MCP servers, which could. */
const MODE_ARGS: Readonly<Record<Mode, readonly string[]>> = {
  chat: ['--tools', '', '--strict-mcp-config'],
  read: ['--tools', 'Read,Grep,Glob', '--strict-mcp-config'],
  write: ['--dangerously-skip-permissions'],
};

/** The adapter for Claude Code. */
export const claude: Adapter = {
  name: 'claude',
  verified: true,
  options: ['max-turns', 'max-budget-usd'],
  modes: ['read', 'chat', 'write'],
  output: { kind: 'json-lines', view },
  invoke,
  parse,
  detection: {
    executables: ['claude'],
    versionArgs: ['--version'],
    keyNames: ['ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN', 'CLAUDE_CODE_OAUTH_TOKEN'],
    loginFiles: (env) => [
      join(env['CLAUDE_CONFIG_DIR'] ?? join(env['HOME'] ?? '', '.claude'), '.credentials.json'),
    ],
    signIn: 'run "claude" once and follow /login, or set ANTHROPIC_API_KEY',
    impostor: null,
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
      ...MODE_ARGS[request.mode],
    ],
    env: {
      // "@path" in a prompt would be replaced by that file, from anywhere on the host.
      CLAUDE_CODE_DISABLE_FILE_MENTIONS: '1',
      CLAUDE_CODE_MAX_RETRIES: '2',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    },
    files: persona === null ? {} : { [PERSONA]: persona },
    input: withoutCommand(request.prompt),
  };
}

function view(line: string): LineView {
  const record = parseRecord(line);
  if (record === null) return { keep: true, show: null };
  const type = textAt(record, 'type');
  if (type !== 'assistant')
    return { keep: KEPT.has(type ?? '') || textAt(record, 'subtype') === 'init', show: null };
  const blocks = listAt(record, 'message', 'content');
  const tools = blocks.flatMap((block) =>
    textAt(block, 'type') === 'tool_use' ? [`[${textAt(block, 'name') ?? 'tool'}]`] : [],
  );
  const shown = [blockText(blocks), ...tools].filter((text) => text !== '').join('\n');
  return { keep: false, show: shown === '' ? null : `${shown}\n` };
}

function parse(output: ProgramOutput): Parsed {
  const records = parseRecords(output.stdout);
  const result = records.findLast((record) => record['type'] === 'result');
  if (result === undefined)
    return failureFrom(
      {
        text: `${otherLines(output.stdout)}\n${output.stderr}`,
        fallback: output.exitCode === 0 ? 'invalid' : 'crash',
      },
      output,
    );
  const usage = usageOf(result, output.resumed);
  const text = textAt(result, 'result') ?? '';
  if (
    output.exitCode === 0 &&
    result['is_error'] !== true &&
    textAt(result, 'subtype') === 'success'
  )
    return {
      kind: 'answer',
      text,
      session: textAt(result, 'session_id'),
      usage,
      version: textAt(
        records.find((record) => record['subtype'] === 'init'),
        'claude_code_version',
      ),
    };
  // Only an error's words tell why: the text of an answer may speak of anything.
  const errorText = result['is_error'] === true ? text : '';
  const errors = listAt(result, 'errors').filter((error) => typeof error === 'string');
  const subtype = textAt(result, 'subtype') ?? '';
  const said = [
    errorText,
    ...errors,
    subtype === 'success' ? '' : subtype,
    textAt(result, 'api_error_type') ?? '',
  ].filter((part) => part !== '');
  const resetAtMs = resetOf(records);
  return failureFrom(
    { text: said.join(' · '), status: numberAt(result, 'api_error_status'), usage, resetAtMs },
    output,
  );
}

/**
 * The end of a subscription's limit, in seconds since the epoch, from the last event that says it
 * is used up.
 */
function resetOf(records: readonly JsonRecord[]): number | null {
  const event = records.findLast(
    (record) => textAt(record, 'rate_limit_info', 'status') === 'rejected',
  );
  const seconds = numberAt(event, 'rate_limit_info', 'resetsAt');
  return seconds === null ? null : seconds * SECOND;
}

function usageOf(result: JsonRecord, resumed: boolean): Usage {
  const usage = at(result, 'usage');
  if (usage === undefined) return NO_USAGE;
  const models = Object.values((at(result, 'modelUsage') ?? {}) as JsonRecord);
  const guessed = models.some((model) => textAt(model, 'costBasis') === 'unknown');
  return {
    tokensIn: sum(
      ['input_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens'].map((key) =>
        numberAt(usage, key),
      ),
    ),
    tokensOut: numberAt(usage, 'output_tokens'),
    // The cost of a continued session is the sum over all of it.
    costUsd: resumed || guessed ? null : numberAt(result, 'total_cost_usd'),
  };
}
