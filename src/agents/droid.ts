/**
 * Factory droid. Facts seen with 0.215.0. Every failure is "Exec failed"; continuing a session did
 * not work.
 */
import { join } from 'node:path';
import { isMapping } from '../protocol/yaml.ts';
import {
  optionText,
  programOf,
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
import { jsonValues, numberAt, sum, textAt, type JsonRecord } from './json-values.ts';
import { withBrokenMentions, withoutCommand } from './prompt-text.ts';

const PERSONA = 'persona.md';

/**
 * Its own read-only mode runs what the model declares harmless ("touch" ran), so the tool that
 * executes is taken away.
 */
const MODE_ARGS: Readonly<Record<Mode, readonly string[]>> = {
  chat: ['--only-tools', 'TodoWrite'],
  read: ['--only-tools', 'Read,LS,Grep,Glob'],
  write: [],
};
const AUTONOMY = ['low', 'medium', 'high'];

/** The adapter for droid. */
export const droid: Adapter = {
  name: 'droid',
  options: ['auto'],
  modes: ['read', 'chat', 'write'],
  output: { kind: 'json' },
  runsFromCheckout: CHECKOUT_FILES.droid,
  invoke,
  parse,
  detection: {
    executables: ['droid'],
    keyNames: ['FACTORY_API_KEY'],
    loginFiles: (env) =>
      ['auth.v2.file', 'auth.encrypted', 'auth.json'].map((name) =>
        join(env['HOME'] ?? '', '.factory', name),
      ),
    signIn: 'run "droid" once and log in, or set FACTORY_API_KEY',
  },
};

function invoke(request: InvocationRequest): Invocation {
  const { entry, persona, scratch, mode } = request;
  const auto = optionText(entry, 'auto') ?? 'medium';
  if (!AUTONOMY.includes(auto))
    return { kind: 'refused', why: `options: "auto" must be one of ${AUTONOMY.join(', ')}` };
  const { program, args } = programOf(entry, 'droid');
  return {
    kind: 'invocation',
    program,
    args: [
      ...args,
      ...['exec', '-o', 'json'],
      ...(entry.model === null ? [] : ['-m', entry.model]),
      ...(persona === null ? [] : ['--append-system-prompt-file', join(scratch, PERSONA)]),
      ...(mode === 'write' ? ['--auto', auto] : MODE_ARGS[mode]),
    ],
    env: {},
    files: persona === null ? {} : { [PERSONA]: persona },
    input: withBrokenMentions(withoutCommand(request.prompt)),
  };
}

function parse(output: ProgramOutput): Parsed {
  const records = jsonValues(output.stdout)
    .flat()
    .filter(isMapping)
    .filter((value) => value['type'] === 'result');
  const record = records.find(isSuccess) ?? records.at(-1) ?? null;
  const usage = usageOf(record);
  const text = textAt(record, 'result') ?? '';
  if (record !== null && isSuccess(record))
    return { kind: 'answer', text, session: null, usage, version: null };
  // Only an error's words say why: the text of an answer may be about anything.
  const said =
    record?.['is_error'] === true
      ? [text, output.stderr].filter((part) => part !== '').join(' · ')
      : output.stderr;
  return failureFrom(
    { text: said, usage, fallback: output.exitCode === 0 ? 'invalid' : 'crash' },
    output,
  );
}

function isSuccess(record: JsonRecord): boolean {
  return record['is_error'] !== true && textAt(record, 'subtype') === 'success';
}

function usageOf(record: JsonRecord | null): Usage {
  return {
    tokensIn: sum(
      ['input_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens'].map((key) =>
        numberAt(record, 'usage', key),
      ),
    ),
    tokensOut: numberAt(record, 'usage', 'output_tokens'),
    costUsd: null,
  };
}
