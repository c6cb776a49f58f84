/**
 * Programs known from their documentation alone that end with one JSON result: cursor-agent, amp,
 * auggie, goose. Where the shape of the result is not documented, that of the others is expected;
 * anything else is `invalid` and its raw output is kept.
 */
import { join } from 'node:path';
import {
  programOf,
  withPersona,
  type Adapter,
  type Detection,
  type InvocationRequest,
  type Parsed,
  type ProgramOutput,
} from './adapter.ts';
import type { Usage } from './agent.ts';
import { failureFrom } from './failure-signs.ts';
import {
  blockText,
  at,
  listAt,
  numberAt,
  otherLines,
  parseRecord,
  parseRecords,
  textAt,
  type JsonRecord,
} from './json-values.ts';
import { withBrokenMentions, withoutCommand } from './prompt-text.ts';

const PROMPT_FILE = 'prompt.md';

interface Facts {
  readonly name: string;
  readonly modes: Adapter['modes'];
  readonly args: (request: InvocationRequest) => readonly string[];
  readonly env?: (request: InvocationRequest) => Readonly<Record<string, string>>;
  /** The prompt goes into a file instead of stdin. */
  readonly promptFile?: boolean;
  readonly detection: Omit<Detection, 'executables' | 'versionArgs'>;
}

const model = ({ entry }: InvocationRequest): readonly string[] =>
  entry.model === null ? [] : ['--model', entry.model];
const resume = ({ session }: InvocationRequest): readonly string[] =>
  session === null ? [] : ['--resume', session];
const when = (condition: boolean, ...args: readonly string[]): readonly string[] =>
  condition ? args : [];

/** The adapter for Cursor's agent. */
export const cursorAgent = documented({
  name: 'cursor-agent',
  modes: ['read', 'write'],
  args: (request) => [
    '-p',
    '--output-format',
    'json',
    ...model(request),
    ...resume(request),
    ...when(request.mode === 'write', '--force'),
  ],
  detection: {
    keyNames: ['CURSOR_API_KEY'],
    loginFiles: () => [],
    signIn: 'run "cursor-agent login", or set CURSOR_API_KEY',
    impostor: null,
  },
});

/** The adapter for Amp. Without a key it waits for ever, so the time limit ends it. */
export const amp = documented({
  name: 'amp',
  modes: ['read', 'write'],
  args: ({ session, mode }) => [
    ...(session === null ? [] : ['threads', 'continue', session]),
    ...['-x', '--stream-json'],
    ...when(mode === 'write', '--dangerously-allow-all'),
  ],
  detection: {
    keyNames: ['AMP_API_KEY'],
    loginFiles: () => [],
    signIn: 'run "amp login", or set AMP_API_KEY',
    impostor: null,
  },
});

/** The adapter for Augment's CLI. */
export const auggie = documented({
  name: 'auggie',
  modes: ['write'],
  args: (request) => [
    '-p',
    '--quiet',
    '--output-format',
    'json',
    '-if',
    join(request.scratch, PROMPT_FILE),
    ...model(request),
    ...resume(request),
  ],
  promptFile: true,
  detection: {
    keyNames: ['AUGMENT_SESSION_AUTH'],
    loginFiles: (env) => [join(env['HOME'] ?? '', '.augment', 'session.json')],
    signIn: 'run "auggie login", or set AUGMENT_SESSION_AUTH',
    impostor: null,
  },
});

/** The adapter for Goose. `model: provider/model`. */
export const goose = documented({
  name: 'goose',
  modes: ['chat', 'write'],
  args: ({ entry }) => {
    const [provider, ...rest] = (entry.model ?? '').split('/');
    const named =
      rest.length > 0 && provider !== undefined
        ? ['--provider', provider, '--model', rest.join('/')]
        : [];
    return ['run', '-i', '-', '-q', '--output-format', 'json', '--no-session', ...named];
  },
  // Access to a keyring can wait for a person.
  env: ({ mode }) => ({
    GOOSE_DISABLE_KEYRING: '1',
    GOOSE_MODE: mode === 'write' ? 'auto' : 'chat',
  }),
  detection: {
    keyNames: ['ANTHROPIC_API_KEY', 'OPENAI_API_KEY', 'GOOGLE_API_KEY', 'OPENROUTER_API_KEY'],
    loginFiles: (env) => [
      join(env['XDG_CONFIG_HOME'] ?? join(env['HOME'] ?? '', '.config'), 'goose', 'config.yaml'),
    ],
    signIn: 'run "goose configure", and set the key of the provider',
    impostor: /goose version/i,
  },
});

function documented(facts: Facts): Adapter {
  return {
    name: facts.name,
    verified: false,
    options: [],
    modes: facts.modes,
    output: { kind: 'json' },
    invoke: (request) => {
      const { program, args } = programOf(request.entry, facts.name);
      const prompt = withBrokenMentions(withoutCommand(withPersona(request)));
      return {
        kind: 'invocation',
        program,
        args: [...args, ...facts.args(request)],
        env: facts.env?.(request) ?? {},
        files: facts.promptFile === true ? { [PROMPT_FILE]: prompt } : {},
        input: facts.promptFile === true ? '' : prompt,
      };
    },
    parse,
    detection: { executables: [facts.name], versionArgs: ['--version'], ...facts.detection },
  };
}

function parse(output: ProgramOutput): Parsed {
  const whole = parseRecord(output.stdout);
  const record =
    whole ?? parseRecords(output.stdout).findLast(({ type }) => type === 'result') ?? null;
  const usage = usageOf(record);
  const messages = listAt(record, 'messages').filter(
    (message) => textAt(message, 'role') === 'assistant',
  );
  const text = textAt(record, 'result') ?? blockText(at(messages.at(-1), 'content'));
  const subtype = textAt(record, 'subtype') ?? 'success';
  if (
    output.exitCode === 0 &&
    record !== null &&
    record['is_error'] !== true &&
    subtype === 'success' &&
    text !== ''
  )
    return { kind: 'answer', text, session: textAt(record, 'session_id'), usage, version: null };
  const said = [
    record?.['is_error'] === true ? text : '',
    textAt(record, 'error') ?? '',
    whole === null ? otherLines(output.stdout) : '',
    output.stderr,
  ]
    .filter((part) => part.trim() !== '')
    .join('\n');
  const fallback = output.exitCode !== 0 ? 'crash' : record === null ? 'invalid' : 'empty';
  return failureFrom({ text: said, usage, fallback }, output);
}

function usageOf(record: JsonRecord | null): Usage {
  return {
    tokensIn: numberAt(record, 'usage', 'input_tokens'),
    tokensOut: numberAt(record, 'usage', 'output_tokens'),
    costUsd: numberAt(record, 'total_cost_usd'),
  };
}
