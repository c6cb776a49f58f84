/**
 * `adapter: command`: any program. It gets the prompt on stdin and writes the answer to stdout;
 * exit status 0 with something in it is an answer. A program that can say more of a failure uses
 * the codes of sysexits.h: 75 (EX_TEMPFAIL) = `unavailable`, retried later or elsewhere; 77
 * (EX_NOPERM) = `auth`, a person is needed. 126 and 127 mean, as in a shell, that a program could
 * not be executed: `setup`, and not `missing`, because a script may have acted before it came to
 * that line. Everything else is `crash`. `options: {input: message}` gives it the bare message
 * instead of the whole prompt, for programs that are not agents. The last lines of stderr become
 * the reason that people see.
 */
import { isBlank, lastLines } from './clean-output.ts';
import {
  describeExit,
  NO_USAGE,
  withPersona,
  type Adapter,
  type InvocationRequest,
  type Invocation,
  type Parsed,
  type ProgramOutput,
} from './adapter.ts';
import { describe } from '../protocol/yaml.ts';
import type { FailureClass } from './agent.ts';

const EXIT_CLASSES: Readonly<Record<number, FailureClass>> = {
  75: 'unavailable',
  77: 'auth',
  126: 'setup',
  127: 'setup',
};
const STDERR_LINES = 3;

/** The adapter for any program. */
export const command: Adapter = {
  name: 'command',
  options: ['input'],
  modes: ['write'],
  output: { kind: 'text' },
  asksByCommand: true,
  invoke,
  parse,
  detection: null,
};

function invoke(request: InvocationRequest): Invocation {
  const [program, ...args] = request.entry.command;
  if (program === undefined)
    return { kind: 'refused', why: '"adapter: command" needs "command: [program, argument, …]"' };
  const input = request.entry.options['input'] ?? 'prompt';
  if (input !== 'prompt' && input !== 'message')
    return { kind: 'refused', why: `"input" is ${describe(input)}; expected prompt or message` };
  return {
    kind: 'invocation',
    program,
    args,
    env: request.session === null ? {} : { CROSSTALK_SESSION: request.session },
    files: {},
    input: input === 'message' ? request.message : withPersona(request),
  };
}

function parse(output: ProgramOutput): Parsed {
  if (output.exitCode === 0 && !isBlank(output.stdout))
    return { kind: 'answer', text: output.stdout, session: null, usage: NO_USAGE, version: null };
  return failure(
    output.exitCode === 0 ? 'empty' : (EXIT_CLASSES[output.exitCode ?? -1] ?? 'crash'),
    output,
  );
}

function failure(kind: FailureClass, output: ProgramOutput): Parsed {
  const how = kind === 'empty' ? 'it succeeded and wrote nothing' : describeExit(output);
  const why = lastLines(output.stderr, STDERR_LINES);
  return {
    kind: 'failure',
    class: kind,
    detail: why === '' ? how : `${how}: ${why}`,
    resetAtMs: null,
    usage: NO_USAGE,
  };
}
