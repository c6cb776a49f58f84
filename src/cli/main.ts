/**
 * From words to a command and from its end to an exit code. The only place where an error becomes
 * text for a person.
 */
import { cac } from 'cac';
import { CrosstalkError, ERROR_CODES, errorText } from '../base/errors.ts';
import { suggestName } from '../protocol/address.ts';
import {
  COMMON_OPTIONS,
  type CommandSpec,
  GROUPS,
  type Invocation,
  parseWords,
} from './command.ts';
import { COMMANDS } from './commands.ts';
import { formatJson, type Io, paint, plain, systemIo } from './io.ts';
import { VERSION } from './version.ts';

/** Runs one command line (without node and script) and gives its exit code. */
export async function main(words: readonly string[]): Promise<number> {
  const env = process.env;
  const io = systemIo(env);
  process.stdout.on('error', () => process.exit(0)); // `| head` closes early: that is no failure of ours
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
    if (options.has('help') || spec.subcommands !== undefined) {
      showHelp(spec);
      return 0;
    }
    const invocation: Invocation = {
      args,
      options,
      io,
      env,
      cwd: process.cwd(),
      commands: COMMANDS,
    };
    return await (await spec.load()).execute(invocation);
  } catch (error) {
    return report(error, { io, wantsJson, command });
  }
}

function findCommand(words: readonly string[]): {
  spec: CommandSpec | null;
  rest: readonly string[];
} {
  // Options that every command takes may also stand in front of it: `crosstalkd -C dir status`.
  const at = firstCommandWord(words);
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
    {
      fix: 'crosstalkd --help',
    },
  );
}

function findSubcommand(
  spec: CommandSpec,
  words: readonly string[],
): { spec: CommandSpec; rest: readonly string[] } {
  const at = firstCommandWord(words);
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
    {
      fix: `crosstalkd ${spec.name} --help`,
    },
  );
}

function firstCommandWord(words: readonly string[]): number {
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    if (!word.startsWith('-')) return at;
    const takesValue = COMMON_OPTIONS.some(
      ({ name, short, value }) =>
        value !== undefined && (word === `--${name}` || word === `-${short ?? ''}`),
    );
    if (takesValue) at += 1;
  }
  return -1;
}

function showHelp(spec: CommandSpec): void {
  if (spec.subcommands !== undefined) {
    const width =
      Math.max(...spec.subcommands.map(({ name, args }) => `${name} ${args}`.length)) + 2;
    const lines = spec.subcommands.map(
      ({ name, args, about }) => `  crosstalkd ${`${name} ${args}`.padEnd(width)}${about}`,
    );
    process.stdout.write(
      `crosstalkd ${spec.name}: ${spec.about}\n\n${lines.join('\n')}\n\ncrosstalkd ${spec.name} <command> --help tells more.\n`,
    );
    return;
  }
  const program = cac('crosstalkd');
  const command = program.command(`${spec.name} ${spec.args}`.trim(), spec.about);
  // cac leaves out what the command is for, and gives every --no-x a default.
  program.globalCommand.helpCallback = (sections) =>
    [{ body: `crosstalkd ${spec.name}: ${spec.about}` }, ...sections.slice(1)].map((section) => ({
      ...section,
      body: section.body.replace(/ \(default: true\)$| +$/gm, ''),
    }));
  for (const { name, short, value, optional, many, about } of [
    ...spec.options,
    ...COMMON_OPTIONS,
  ]) {
    const shown = value === undefined ? '' : optional === true ? ` [${value}]` : ` <${value}>`;
    command.option(
      `${short === undefined ? '' : `-${short}, `}--${name}${shown}`,
      many === true ? `${about}; may be given several times` : about,
    );
  }
  command.outputHelp();
}

function overview(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length)) + 2;
  const groups = GROUPS.map(({ group, title }) => {
    const lines = COMMANDS.filter((spec) => spec.group === group).map(
      ({ name, about }) => `  ${name.padEnd(width)}${about}`,
    );
    return `${title}\n${lines.join('\n')}`;
  });
  return `crosstalkd ${VERSION}: AI agents that answer mail in git\n\n${groups.join('\n\n')}\n\ncrosstalkd <command> --help tells more. Agents run with your rights and are not sandboxed.`;
}

interface Reported {
  readonly io: Io;
  readonly wantsJson: boolean;
  /** Null when the words named none. */
  readonly command: string | null;
}

function report(error: unknown, { io, wantsJson, command }: Reported): number {
  const known =
    error instanceof CrosstalkError
      ? error
      : new CrosstalkError('INTERNAL', errorText(error), { cause: error });
  const { exit, next } = ERROR_CODES[known.code];
  const fix = (known.fix ?? next).replace('<command>', command ?? '<command>');
  if (wantsJson)
    io.print(
      formatJson({
        ok: false,
        health: 'failed',
        error: { code: known.code, message: known.message, fix },
      }),
    );
  else {
    io.warn(`${paint(io, 'red', `${known.code}:`)} ${plain(known.message)}`);
    io.warn(`  fix: ${plain(fix)}`);
    if (known.code === 'INTERNAL' && error instanceof Error && error.stack !== undefined)
      io.warn(error.stack);
  }
  return exit;
}
