/**
 * Qwen Code. Facts seen with 0.24.4 (needs Node 22); the flags are those that 0.15.10 (Node 20)
 * knows as well.
 */
import { join } from 'node:path';
import {
  optionText,
  programOf,
  withPersona,
  type Adapter,
  type Invocation,
  type InvocationRequest,
  type Mode,
  type Parsed,
  type ProgramOutput,
} from './adapter.ts';
import type { Usage } from './agent.ts';
import { CHECKOUT_FILES } from '../protocol/checkout-files.ts';
import { failureFrom } from './failure-signs.ts';
import { at, jsonValues, numberAt, textAt } from './json-values.ts';
import { withEscapedMentions, withoutCommand } from './prompt-text.ts';

const MODE_ARGS: Readonly<Record<Mode, readonly string[]>> = {
  chat: ['--bare'],
  read: [],
  write: ['--yolo'],
};
const WALL_TIME_EXIT = 55;

/** 0.15 ends an API error with status 0, "success" and this as the last line of the answer. */
const ERROR_AS_ANSWER = /(?:^|\n)\[API Error: [^\n]*\]\s*$/;

/** The adapter for Qwen Code. */
export const qwen: Adapter = {
  name: 'qwen',
  options: ['auth-type'],
  modes: ['chat', 'read', 'write'],
  output: { kind: 'json' },
  sessionsByDirectory: true,
  runsFromCheckout: CHECKOUT_FILES.qwen,
  invoke,
  parse,
  detection: {
    executables: ['qwen'],
    keyNames: ['OPENAI_API_KEY', 'DASHSCOPE_API_KEY'],
    loginFiles: (env) => [join(env['HOME'] ?? '', '.qwen', 'oauth_creds.json')],
    signIn:
      'run "qwen" once and follow /auth, or set OPENAI_API_KEY (with OPENAI_BASE_URL) and "options: { auth-type: openai }"',
  },
};

function invoke(request: InvocationRequest): Invocation {
  const { entry, session } = request;
  const { program, args } = programOf(entry, 'qwen');
  const authType = optionText(entry, 'auth-type');
  return {
    kind: 'invocation',
    program,
    args: [
      ...args,
      ...MODE_ARGS[request.mode],
      ...(authType === null ? [] : ['--auth-type', authType]),
      ...(entry.model === null ? [] : ['-m', entry.model]),
      ...['-o', 'json'],
      ...(session === null ? [] : ['--resume', session]),
    ],
    env: { QWEN_CODE_NO_RELAUNCH: 'true' },
    files: {},
    input: withEscapedMentions(withoutCommand(withPersona(request))),
  };
}

function parse(output: ProgramOutput): Parsed {
  const records = jsonValues(output.stdout).flat();
  const results = records.filter((record) => textAt(record, 'type') === 'result');
  const result = results.find(isAnswer) ?? results.at(-1);
  const usage = usageOf(result);
  const text = textAt(result, 'result') ?? '';
  const succeeded = isSuccess(result);
  if (isAnswer(result))
    return {
      kind: 'answer',
      text,
      session: textAt(result, 'session_id'),
      usage,
      version: textAt(records[0], 'qwen_code_version'),
    };
  if (output.exitCode === WALL_TIME_EXIT)
    return failureFrom({ text: 'its own wall time was up', usage, fallback: 'timeout' }, output);
  // Only an error's words say why: the text of an answer may be about anything.
  const errorText =
    ERROR_AS_ANSWER.exec(text)?.[0].trim() ?? (succeeded || text === '' ? output.stderr : text);
  const said = textAt(result, 'error', 'message') ?? errorText;
  return failureFrom(
    { text: said, usage, fallback: output.exitCode === 0 && !succeeded ? 'invalid' : 'crash' },
    output,
  );
}

function isSuccess(result: unknown): boolean {
  return textAt(result, 'subtype') === 'success' && at(result, 'is_error') !== true;
}

function isAnswer(result: unknown): boolean {
  return isSuccess(result) && !ERROR_AS_ANSWER.test(textAt(result, 'result') ?? '');
}

function usageOf(result: unknown): Usage {
  // What came from a cache is in the input already.
  return {
    tokensIn: numberAt(result, 'usage', 'input_tokens'),
    tokensOut: numberAt(result, 'usage', 'output_tokens'),
    costUsd: null,
  };
}
