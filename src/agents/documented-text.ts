/**
 * Programs known from their documentation alone whose standard output is the answer: aider, llm,
 * ollama.
 */
import { join } from 'node:path';
import {
  NO_USAGE,
  programOf,
  withPersona,
  type Adapter,
  type InvocationRequest,
  type Parsed,
  type ProgramOutput,
} from './adapter.ts';
import { isBlank, lastLines } from './clean-output.ts';
import { failureFrom } from './failure-signs.ts';
import { withoutCommand } from './prompt-text.ts';

const PROMPT_FILE = 'prompt.md';
/** What aider writes around its answer. */
const AIDER_FRAME =
  /^(Aider v|Main model:|Weak model:|Model:|Git repo:|Repo-map:|Added |Tokens: |Cost: |Warning: |Use \/help)/;

/**
 * The adapter for aider. It takes its prompt from a file, and its own history files are kept out of
 * the directory.
 */
export const aider: Adapter = {
  name: 'aider',
  verified: false,
  options: [],
  modes: ['read', 'write'],
  output: { kind: 'text' },
  invoke: (request) => {
    const { program, args } = programOf(request.entry, 'aider');
    const inScratch = (name: string): string => join(request.scratch, name);
    return {
      kind: 'invocation',
      program,
      args: [
        ...args,
        ...[
          '--message-file',
          inScratch(PROMPT_FILE),
          '--chat-history-file',
          inScratch('chat.md'),
          '--input-history-file',
          inScratch('input'),
        ],
        ...[
          '--yes-always',
          '--no-git',
          '--no-auto-commits',
          '--no-stream',
          '--no-pretty',
          '--no-check-update',
        ],
        ...['--no-show-model-warnings', '--analytics-disable'],
        // With "yes" to every question it would fetch what a message names and run what the model
        // proposes.
        ...['--no-detect-urls', '--no-suggest-shell-commands'],
        ...(request.entry.model === null ? [] : ['--model', request.entry.model]),
        ...(request.mode === 'write' ? [] : ['--chat-mode', 'ask', '--dry-run']),
      ],
      env: {},
      // "/run" and "!" at the beginning would run a shell command, also from a file.
      files: { [PROMPT_FILE]: withoutCommand(withPersona(request)) },
      input: '',
    };
  },
  parse: (output) => {
    const lines = output.stdout.split('\n');
    const stdout = lines.filter((line) => !AIDER_FRAME.test(line)).join('\n');
    const parsed = parseText({ ...output, stdout });
    return parsed.kind === 'answer'
      ? { ...parsed, version: /^Aider v(\S+)/m.exec(output.stdout)?.[1] ?? null }
      : parsed;
  },
  detection: {
    executables: ['aider'],
    versionArgs: ['--version'],
    keyNames: ['ANTHROPIC_API_KEY', 'OPENAI_API_KEY', 'GEMINI_API_KEY', 'OPENROUTER_API_KEY'],
    loginFiles: (env) =>
      ['.aider.conf.yml', join('.aider', 'oauth-keys.env')].map((name) =>
        join(env['HOME'] ?? '', name),
      ),
    signIn: 'set the key of the provider, such as ANTHROPIC_API_KEY',
    impostor: null,
  },
};

/** The adapter for `llm`. */
export const llm: Adapter = {
  name: 'llm',
  verified: false,
  options: [],
  modes: ['chat'],
  output: { kind: 'text' },
  invoke: (request) =>
    invokeText(request, [
      'llm',
      ...(request.entry.model === null ? [] : ['-m', request.entry.model]),
      '--no-stream',
    ]),
  parse: parseText,
  detection: {
    executables: ['llm'],
    versionArgs: ['--version'],
    keyNames: ['OPENAI_API_KEY'],
    loginFiles: (env) => [
      join(
        env['XDG_CONFIG_HOME'] ?? join(env['HOME'] ?? '', '.config'),
        'io.datasette.llm',
        'keys.json',
      ),
    ],
    signIn: 'run "llm keys set openai", or set OPENAI_API_KEY',
    impostor: null,
  },
};

/** The adapter for Ollama, whose models run on the host. */
export const ollama: Adapter = {
  name: 'ollama',
  verified: false,
  options: [],
  modes: ['chat'],
  output: { kind: 'text' },
  invoke: (request) =>
    request.entry.model === null
      ? { kind: 'refused', why: '"adapter: ollama" needs "model:", one of "ollama list"' }
      : invokeText(request, ['ollama', 'run', request.entry.model]),
  parse: parseText,
  detection: {
    executables: ['ollama'],
    versionArgs: ['--version'],
    keyNames: [],
    loginFiles: (env) => [join(env['HOME'] ?? '', '.ollama')],
    signIn: 'run "ollama serve" and "ollama pull <model>"',
    impostor: null,
  },
};

function invokeText(request: InvocationRequest, [name = '', ...rest]: readonly string[]) {
  const { program, args } = programOf(request.entry, name);
  return {
    kind: 'invocation',
    program,
    args: [...args, ...rest],
    env: {},
    files: {},
    input: withPersona(request),
  } as const;
}

function parseText(output: ProgramOutput): Parsed {
  if (output.exitCode === 0 && !isBlank(output.stdout))
    return { kind: 'answer', text: output.stdout, session: null, usage: NO_USAGE, version: null };
  const said = isBlank(output.stderr) ? output.stdout : output.stderr;
  return failureFrom(
    { text: lastLines(said, 3), fallback: output.exitCode === 0 ? 'empty' : 'crash' },
    output,
  );
}
