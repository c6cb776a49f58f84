/** Codex CLI. Facts seen with 0.169.0. */
import { join } from 'node:path';
import {
  NO_USAGE,
  programOf,
  withPersona,
  type Adapter,
  type Invocation,
  type InvocationRequest,
  type LineView,
  type Parsed,
  type ProgramOutput,
} from './adapter.ts';
import { failureFrom, signsIn } from './failure-signs.ts';
import { numberAt, parseRecords, recordOfLine, textAt } from './json-values.ts';
import { withoutCommand } from './prompt-text.ts';

const KEPT = new Set(['thread.started', 'turn.completed', 'turn.failed', 'error']);

/**
 * While nobody listens it says this again and again, without end, whatever its settings of retries
 * are.
 */
const WAITS_FOR_NETWORK = '{"type":"error","message":"Reconnecting... waiting for network';

/** The adapter for Codex. */
export const codex: Adapter = {
  name: 'codex',
  options: [],
  modes: ['read', 'write'],
  output: { kind: 'json-lines', view },
  saysRetry: (line) => line.startsWith(WAITS_FOR_NETWORK),
  invoke,
  parse,
  detection: {
    executables: ['codex'],
    keyNames: ['CODEX_API_KEY', 'OPENAI_API_KEY'],
    loginFiles: (env) => [
      join(env['CODEX_HOME'] ?? join(env['HOME'] ?? '', '.codex'), 'auth.json'),
    ],
    signIn: 'run "codex login", or set CODEX_API_KEY',
  },
};

function invoke(request: InvocationRequest): Invocation {
  const { entry, session, ground, directory } = request;
  const { program, args } = programOf(entry, 'codex');
  return {
    kind: 'invocation',
    program,
    args: [
      ...args,
      ...['exec', '--json', '--skip-git-repo-check'],
      ...(entry.model === null ? [] : ['-m', entry.model]),
      // Without it the program waits 5 s at its end when the network is down.
      ...['-c', 'analytics.enabled=false'],
      // Its own trust in a repository reaches all worktrees of it; the directory comes first.
      ...(ground === 'trusted'
        ? []
        : ['-c', `projects={${JSON.stringify(directory)}={trust_level="untrusted"}}`]),
      ...['-s', request.mode === 'write' ? 'workspace-write' : 'read-only'],
      // Options go before "resume".
      ...(session === null ? [] : ['resume', session]),
      '-',
    ],
    env: {},
    files: {},
    input: withoutCommand(withPersona(request)),
  };
}

function view(line: string): LineView {
  const record = recordOfLine(line);
  if (record === null) return { keep: true, show: null };
  const type = textAt(record, 'type') ?? '';
  const item = textAt(record, 'item', 'type');
  if (type === 'item.started' && item === 'command_execution')
    return { keep: false, show: `$ ${textAt(record, 'item', 'command') ?? ''}\n` };
  const isMessage = type === 'item.completed' && item === 'agent_message';
  return {
    keep: isMessage || KEPT.has(type),
    show: isMessage ? `${textAt(record, 'item', 'text') ?? ''}\n` : null,
    ends: type === 'turn.completed',
  };
}

function parse(output: ProgramOutput): Parsed {
  const records = parseRecords(output.stdout);
  const last = (type: string) => records.findLast((record) => record['type'] === type);
  const completed = records.find((record) => record['type'] === 'turn.completed');
  const session = textAt(last('thread.started'), 'thread_id');
  // What it reports is the sum over the thread.
  const usage = {
    usage: NO_USAGE,
    ...(completed === undefined || session === null
      ? {}
      : {
          total: {
            session,
            tokensIn: numberAt(completed, 'usage', 'input_tokens'),
            tokensOut: numberAt(completed, 'usage', 'output_tokens'),
            costUsd: null,
          },
        }),
  };
  if (completed !== undefined) {
    const said = records
      .slice(0, records.indexOf(completed))
      .findLast((record) => textAt(record, 'item', 'type') === 'agent_message');
    return {
      kind: 'answer',
      text: textAt(said, 'item', 'text') ?? '',
      session,
      ...usage,
      version: null,
    };
  }
  const failed = last('turn.failed');
  const said = textAt(failed, 'error', 'message') ?? textAt(last('error'), 'message');
  const fallback = output.exitCode === 0 ? 'invalid' : 'crash';
  return failureFrom(
    { text: said ?? output.stderr, codes: signsIn([failed]).codes, fallback },
    output,
  );
}
