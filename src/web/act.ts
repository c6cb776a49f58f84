/**
 * What the page can change. Each is the command of the same name, called as from the command line:
 * the page can do nothing that it cannot.
 */
import { CrosstalkError } from '../base/errors.ts';
import { adoptLate } from '../cli/control/adopt.ts';
import { answerQuestion } from '../cli/control/answer.ts';
import { cancelMessage } from '../cli/control/cancel.ts';
import type { Invocation } from '../cli/command.ts';
import type { Io } from '../cli/io.ts';
import { retryMessage } from '../cli/control/retry.ts';
import { sendMessage } from '../cli/talk/send.ts';
import { cancelRun, pauseRun, resumeRun } from '../cli/workflow/control.ts';
import { retryRun } from '../cli/workflow/fork.ts';
import { approve, deny } from '../cli/workflow/gate.ts';
import { searchMessages } from '../cli/look/search.ts';

/** How a command ended: its JSON object and what it said beside. */
export interface Done {
  readonly code: number;
  readonly data: unknown;
  readonly notes: readonly string[];
}

type Execute = (invocation: Invocation) => Promise<number>;

/**
 * A command that the page may give: its arguments and the options that it takes, by the names of
 * the body's keys.
 */
interface Act {
  readonly execute: Execute;
  readonly args: readonly string[];
  readonly options: readonly string[];
}

export const ACTS: Readonly<Record<string, Act>> = {
  send: {
    execute: sendMessage,
    args: [],
    options: ['to', 'message', 'channel', 're', 'subject', 'priority'],
  },
  cancel: { execute: cancelMessage, args: ['id'], options: ['to'] },
  retry: { execute: retryMessage, args: ['id'], options: ['to'] },
  answer: { execute: answerQuestion, args: ['id', 'choice'], options: ['message'] },
  adopt: { execute: adoptLate, args: ['id'], options: ['to'] },
  'run/approve': { execute: approve, args: ['run', 'gate'], options: ['message', 'choice'] },
  'run/deny': { execute: deny, args: ['run', 'gate'], options: ['message'] },
  'run/cancel': { execute: cancelRun, args: ['run'], options: ['message'] },
  'run/pause': { execute: pauseRun, args: ['run'], options: [] },
  'run/resume': { execute: resumeRun, args: ['run'], options: [] },
  'run/retry': { execute: retryRun, args: ['run'], options: [] },
};

const TEXT_MAX = 1_000_000;

/**
 * Does what a POST asks for. `body` maps names to texts. Throws USAGE for anything else, and
 * whatever the command throws.
 */
export async function act(base: Invocation, name: string, body: unknown): Promise<Done> {
  const known = Object.hasOwn(ACTS, name) ? ACTS[name] : undefined;
  if (known === undefined) throw new CrosstalkError('NOT_FOUND', `the page cannot "${name}"`);
  const given = readTexts(body, [...known.args, ...known.options]);
  const args = known.args.map((key) => given.get(key) ?? '');
  if (args[0] === '')
    throw new CrosstalkError('USAGE', `${name}: "${known.args[0] ?? ''}" is missing`);
  const options = new Map(
    known.options.flatMap((key) =>
      given.has(key) ? [[key, [given.get(key) ?? '']] as const] : [],
    ),
  );
  return runCommand(base, known.execute, { args: args.filter((text) => text !== ''), options });
}

/** `crosstalkd search` with the filters of the page's address. */
export async function search(base: Invocation, query: URLSearchParams): Promise<Done> {
  const options = new Map(
    ['channel', 'from', 'to', 'model', 'since', 'number', 'failed'].flatMap((key) => {
      const value = query.get(key);
      return value === null || value === '' ? [] : [[key, [value]] as const];
    }),
  );
  return runCommand(base, searchMessages, { args: [query.get('q') ?? ''], options });
}

/** Runs a command's own function and takes what it would print with --json. */
async function runCommand(
  base: Invocation,
  execute: Execute,
  words: Pick<Invocation, 'args' | 'options'>,
): Promise<Done> {
  const printed: string[] = [];
  const notes: string[] = [];
  const io: Io = {
    ...base.io,
    print: (line) => void printed.push(line),
    warn: (line) => void notes.push(line),
    write: () => undefined,
    isTerminal: false,
    columns: Number.POSITIVE_INFINITY,
    rows: Number.POSITIVE_INFINITY,
    redraws: false,
    colors: false,
    readStdin: () => Promise.resolve(''),
  };
  const common = [...base.options].filter(([name]) => name === 'dir' || name === 'state');
  const options = new Map([...common, ...words.options, ['json', ['']] as const]);
  const code = await execute({ ...base, io, args: words.args, options });
  const [line] = printed;
  return { code, data: line === undefined ? null : JSON.parse(line), notes };
}

function readTexts(body: unknown, names: readonly string[]): ReadonlyMap<string, string> {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new CrosstalkError('USAGE', 'expected a JSON object');
  const texts = new Map<string, string>();
  for (const [name, value] of Object.entries(body)) {
    if (!names.includes(name))
      throw new CrosstalkError(
        'USAGE',
        `"${name}" is not known here; expected ${names.join(', ')}`,
      );
    if (typeof value !== 'string' || value.length > TEXT_MAX)
      throw new CrosstalkError('USAGE', `"${name}": expected one text`);
    if (value !== '') texts.set(name, value);
  }
  return texts;
}
