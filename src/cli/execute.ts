/**
 * From words to a command and from its end to an exit code. The only place where an error becomes
 * text for a person.
 */
import { CrosstalkError, ERROR_CODES } from '../base/errors.ts';
import { suggestName } from '../protocol/address.ts';
import type { CommandSpec, Invocation } from './command.ts';
import { COMMANDS } from './commands.ts';
import { overview, showHelp } from './help.ts';
import { helpLines, formatJson, type Io, ioWith, paint, placeFixes, plain } from './io.ts';
import { parseWords, placeOfCommand } from './parse-words.ts';
import { findCaller, refuseAgents } from './who-may.ts';
import { toKnownError } from '../local/known-error.ts';
import { shownText } from '../transport/remote-url.ts';
import { fixBy, type Standpoint, toFix } from '../base/fix.ts';
import { wayToClone } from './session/project.ts';

/** Where a command line is run: everything of the process that a command may see. */
export type Surroundings = Pick<Invocation, 'io' | 'env' | 'cwd' | 'program'>;

/** Runs one command line (without node and script) and gives its exit code. */
export async function execute(
  words: readonly string[],
  surroundings: Surroundings,
): Promise<number> {
  let { io } = surroundings;
  const wantsJson = words.includes('--json');
  let command: string | null = null;
  try {
    const { spec, rest } = findCommand(words);
    command = spec?.name ?? null;
    if (spec === null) {
      io.print(overview());
      return 0;
    }
    const { args, options } = parseWords(spec, rest);
    io = ioWith(io, { at: standpointOf(surroundings.cwd, options) });
    if (spec.subcommands !== undefined && wantsJson && !options.has('help'))
      throw new CrosstalkError('USAGE', `${spec.name}: which of its commands?`);
    if (options.has('help') || spec.subcommands !== undefined) {
      showHelp(spec, io);
      return 0;
    }
    const caller = await findCaller(surroundings.env);
    refuseAgents(spec, caller);
    const invocation: Invocation = {
      ...surroundings,
      io,
      args,
      options,
      caller,
      commands: COMMANDS,
    };
    return await (
      await spec.load()
    )(invocation);
  } catch (error) {
    return await report(error, { io, wantsJson, command });
  }
}

function findCommand(words: readonly string[]): {
  spec: CommandSpec | null;
  rest: readonly string[];
} {
  // Options that every command takes may also come before it: `crosstalkd -C dir status`.
  const at = placeOfCommand(words);
  const word = at < 0 ? undefined : words[at];
  const before = at < 0 ? words : words.slice(0, at);
  if (word === undefined || word === 'help') {
    const unknown = before.find((one) => one.startsWith('-') && !['--help', '-h'].includes(one));
    const asked = word === 'help' ? COMMANDS.find(({ name }) => name === words[at + 1]) : undefined;
    if (asked !== undefined) return findSubcommand(asked, [...words.slice(at + 2), '--help']);
    if (unknown !== undefined)
      throw new CrosstalkError('USAGE', `unknown option "${unknown}"`, {
        fix: 'crosstalkd --help',
      });
    return { spec: null, rest: [] };
  }
  const spec =
    COMMANDS.find(({ name }) => name === word) ??
    (word === 'wf' ? COMMANDS.find(({ name }) => name === 'workflow') : undefined);
  if (spec !== undefined) return findSubcommand(spec, [...before, ...words.slice(at + 1)]);
  const near = suggestName(
    word,
    COMMANDS.map(({ name }) => name),
  );
  throw new CrosstalkError(
    'USAGE',
    `unknown command "${plain(word)}"${near === null ? '' : `; did you mean "${near}"?`}`,
    { fix: 'crosstalkd --help' },
  );
}

function findSubcommand(
  spec: CommandSpec,
  words: readonly string[],
): { spec: CommandSpec; rest: readonly string[] } {
  const at = placeOfCommand(words);
  const word = words[at];
  if (spec.subcommands === undefined || word === undefined) return { spec, rest: words };
  const found = spec.subcommands.find(({ name }) => name === `${spec.name} ${word}`);
  if (found !== undefined) return { spec: found, rest: words.filter((_, index) => index !== at) };
  const near = suggestName(
    word,
    spec.subcommands.map(({ name }) => name.slice(spec.name.length + 1)),
  );
  throw new CrosstalkError(
    'USAGE',
    `unknown command "${spec.name} ${plain(word)}"${near === null ? '' : `; did you mean "${near}"?`}`,
    { fix: fixBy`crosstalkd ${spec.name.split(' ')} --help` },
  );
}

/** Options that say where a command works. What it prints is for the same place. */
function standpointOf(cwd: string, options: Invocation['options']): Standpoint {
  const dir = options.get('dir')?.at(-1);
  const state = options.get('state')?.at(-1);
  return {
    options: [
      ...(dir === undefined ? [] : ['-C', dir]),
      ...(state === undefined ? [] : ['--state', state]),
    ],
    // Looked for only where a command is printed.
    get clone() {
      return wayToClone(cwd, dir ?? '.');
    },
  };
}

interface Reported {
  readonly io: Io;
  readonly wantsJson: boolean;
  /** Null when the words named none. */
  readonly command: string | null;
}

async function report(error: unknown, { io, wantsJson, command }: Reported): Promise<number> {
  const known = toKnownError(error);
  const { exit, next } = ERROR_CODES[known.code];
  // Any command may be given an address where it wants none, and quotes what it was given.
  const message = shownText(known.message);
  const fix = known.fix ?? toFix(command === null ? next : next.replace('COMMAND', command));
  if (wantsJson)
    io.print(
      formatJson({
        ok: false,
        health: 'failed',
        error: { code: known.code, message, fix: placeFixes(fix, io.at) },
      }),
    );
  else {
    io.warn(`${paint(io, 'red', `${known.code}:`)} ${plain(message)}`);
    for (const line of await excerptLines(io, known)) io.warn(line);
    if (fix !== null) for (const line of helpLines(io, fix)) io.warn(line);
    if (known.code === 'INTERNAL' && error instanceof Error && error.stack !== undefined)
      io.warn(error.stack);
  }
  return exit;
}

/** What measures widths is slow to load (15 ms): only for an error that shows a line. */
async function excerptLines(io: Io, { excerpts }: CrosstalkError): Promise<readonly string[]> {
  if (excerpts.length === 0) return [];
  const { pointAt } = await import('./point-at.ts');
  return excerpts.flatMap((excerpt) => pointAt(io, excerpt));
}
