/**
 * Antigravity CLI. From its documentation alone. It reads stdin only as a stream of JSON; whatever
 * status it tells, no text is no answer.
 */
import {
  programOf,
  withPersona,
  type Adapter,
  type Invocation,
  type InvocationRequest,
  type LineView,
  type Parsed,
  type ProgramOutput,
} from './adapter.ts';
import { failureFrom } from './failure-signs.ts';
import { numberAt, otherLines, parseRecord, parseRecords, sum, textAt } from './json-values.ts';
import { withBrokenMentions, withoutCommand } from './prompt-text.ts';

/** The adapter for Antigravity CLI. */
export const agy: Adapter = {
  name: 'agy',
  verified: false,
  options: [],
  modes: ['read', 'write'],
  output: { kind: 'json-lines', view },
  invoke,
  parse,
  detection: {
    executables: ['agy'],
    versionArgs: ['--version'],
    keyNames: [],
    loginFiles: () => [],
    signIn: 'run "agy" once and sign in',
    impostor: null,
  },
};

function invoke(request: InvocationRequest): Invocation {
  const { entry, session } = request;
  const { program, args } = programOf(entry, 'agy');
  const text = withBrokenMentions(withoutCommand(withPersona(request)));
  return {
    kind: 'invocation',
    program,
    args: [
      ...args,
      ...[
        '--input-format',
        'stream-json',
        '--output-format',
        'stream-json',
        '--disable-slash-commands',
      ],
      ...(entry.model === null ? [] : ['--model', entry.model]),
      ...(session === null ? [] : ['--conversation', session]),
      ...(request.mode === 'write' ? ['--dangerously-skip-permissions'] : ['--mode', 'plan']),
    ],
    env: {},
    files: {},
    input: `${JSON.stringify({ event: 'user', message: { role: 'user', content: text } })}\n`,
  };
}

function view(line: string): LineView {
  const record = parseRecord(line);
  const event = textAt(record, 'event');
  return {
    keep: record === null || event === 'result',
    show: textAt(record, 'step_update', 'text_delta'),
  };
}

function parse(output: ProgramOutput): Parsed {
  const result = parseRecords(output.stdout).findLast((record) => record['event'] === 'result');
  const number = (key: string) => numberAt(result, 'result', 'usage', key);
  const usage = {
    tokensIn: number('input_tokens'),
    tokensOut: sum([number('output_tokens'), number('thinking_tokens')]),
    costUsd: null,
  };
  const text = textAt(result, 'result', 'response') ?? '';
  if (output.exitCode === 0 && textAt(result, 'result', 'status') === 'SUCCESS' && text !== '')
    return {
      kind: 'answer',
      text,
      session: textAt(result, 'result', 'conversation_id'),
      usage,
      version: null,
    };
  const said =
    textAt(result, 'result', 'error') ?? [otherLines(output.stdout), output.stderr].join('\n');
  return failureFrom(
    { text: said, usage, fallback: output.exitCode === 0 ? 'empty' : 'crash' },
    output,
  );
}
