/**
 * GitHub Copilot CLI. Facts seen with 1.0.102. It denies what is not allowed, and reports no token
 * counts.
 */
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
import { CHECKOUT_FILES } from '../protocol/checkout-files.ts';
import { isBlank } from './clean-output.ts';
import { failureFrom, signsIn } from './failure-signs.ts';
import { numberAt, parseRecords, recordOfLine, textAt } from './json-values.ts';
import { withoutCommand } from './prompt-text.ts';

const KEPT = new Set(['assistant.message', 'session.error', 'result']);

/** The adapter for GitHub Copilot CLI. */
export const copilot: Adapter = {
  name: 'copilot',
  options: [],
  modes: ['read', 'write'],
  output: { kind: 'json-lines', view },
  runsFromCheckout: CHECKOUT_FILES.copilot,
  invoke,
  parse,
  detection: {
    executables: ['copilot'],
    keyNames: ['COPILOT_GITHUB_TOKEN', 'GH_TOKEN', 'GITHUB_TOKEN', 'COPILOT_PROVIDER_API_KEY'],
    loginFiles: (env) => [join(env['HOME'] ?? '', '.copilot', 'config.json')],
    signIn: 'run "copilot" once and follow /login, or set COPILOT_GITHUB_TOKEN',
    impostor: /copilot version: v/i,
  },
};

function invoke(request: InvocationRequest): Invocation {
  const { entry, session, ground } = request;
  const { program, args } = programOf(entry, 'copilot');
  return {
    kind: 'invocation',
    program,
    args: [
      ...args,
      ...['--output-format', 'json'],
      ...(entry.model === null ? [] : [`--model=${entry.model}`]),
      ...(session === null ? [] : [`--resume=${session}`]),
      ...(ground === 'trusted' && session === null ? ['--trust-folder'] : []),
      ...(request.mode === 'write'
        ? ['--allow-all']
        : ['--deny-tool=shell', '--deny-tool=write', '--disable-builtin-mcps']),
    ],
    env: { COPILOT_AUTO_UPDATE: 'false' },
    files: {},
    input: withoutCommand(withPersona(request)),
  };
}

function view(line: string): LineView {
  const record = recordOfLine(line);
  const type = textAt(record, 'type') ?? '';
  if (type === 'tool.execution_start')
    return { keep: false, show: `[${textAt(record, 'data', 'toolName') ?? 'tool'}]\n` };
  const text = type === 'assistant.message' ? textAt(record, 'data', 'content') : null;
  return {
    keep: record === null || KEPT.has(type),
    show: text === null || text === '' ? null : `${text}\n`,
    ends: type === 'result' && numberAt(record, 'exitCode') === 0,
  };
}

function parse(output: ProgramOutput): Parsed {
  const records = parseRecords(output.stdout);
  const last = (type: string) => records.findLast((record) => record['type'] === type);
  const result = last('result');
  const message = records.findLast(
    (record) =>
      record['type'] === 'assistant.message' && !isBlank(textAt(record, 'data', 'content') ?? ''),
  );
  // An error before the last message was overcome.
  const error = records
    .slice(message === undefined ? 0 : records.indexOf(message))
    .findLast((record) => record['type'] === 'session.error');
  const isWhole =
    result === undefined ? false : (numberAt(result, 'exitCode') ?? output.exitCode) === 0;
  if (isWhole && error === undefined)
    return {
      kind: 'answer',
      text: textAt(message, 'data', 'content') ?? '',
      session: textAt(result, 'sessionId'),
      usage: NO_USAGE,
      version: null,
    };
  const said = [textAt(error, 'data', 'errorType'), textAt(error, 'data', 'message')]
    .filter((part) => part !== null)
    .join(': ');
  const fallback = output.exitCode === 0 ? 'invalid' : 'crash';
  return failureFrom(
    {
      text: said === '' ? output.stderr : said,
      status: numberAt(error, 'data', 'statusCode'),
      codes: signsIn([error]).codes,
      fallback,
    },
    output,
  );
}
