/**
 * The notation of the tables of commands. A command is written as its help shows it:
 * `why <id|run>`. So is an option: `--all`, `-m, --message <text>`, `--wait [s]` (the value may be
 * left out), `--to <names>...` (repeatable).
 */
import { ERROR_CODES } from '../base/errors.ts';
import type { CommandSpec, OptionSpec } from './command.ts';

/** Meaning of exit codes, for what only concerns this machine. */
export const HERE = { 0: 'done', 2: 'the command line or the configuration is invalid' } as const;
/** Of what asks the remote. */
export const AWAY = {
  ...HERE,
  [ERROR_CODES.REMOTE_UNREACHABLE.exit]: 'the remote cannot be reached',
} as const;
export const GONE = { 3: 'it does not exist' } as const;
export const NOTHING = { 3: 'there is nothing to show' } as const;
export const REFUSED = { 1: 'the remote or the state of the conversation forbids it' } as const;
export const READ = { ...AWAY, ...GONE } as const;
export const WRITE = { ...AWAY, ...REFUSED, ...GONE } as const;
export const AWAITED = {
  ...WRITE,
  1: 'refused, or an answer is a failure',
  3: 'not all answers came in time',
} as const;
export const ORDER = { ...AWAY, 3: 'no dispatcher runs here' } as const;

/** Options of several groups. */
export const SENDER = {
  '--from <name>': 'the sender (default: $CROSSTALK_FROM, then git user.name)',
} as const;
export const YOU = { '--from <name>': 'your name (default: git user.name)' } as const;

/** A command in a table, below its synopsis. `options`: notation → meaning. */
type Row = Pick<CommandSpec, 'about' | 'agents' | 'examples' | 'exits' | 'load'> & {
  readonly options?: Readonly<Record<string, string>>;
};
type Group = CommandSpec['group'];

/** The commands of one group of the help, by synopsis. */
export function commands(group: Group, rows: Readonly<Record<string, Row>>): CommandSpec[] {
  return Object.entries(rows).map(([synopsis, { options = {}, ...row }]) => {
    const [name = '', ...args] = synopsis.split(' ');
    return { ...row, name, args: args.join(' '), group, options: readOptions(options) };
  });
}

/** A command that only holds others: `service`, with `service install` and so on below it. */
export function commandGroup(
  group: Group,
  { name, ...rest }: Pick<CommandSpec, 'name' | 'about' | 'agents'>,
  rows: Readonly<Record<string, Row>>,
): CommandSpec {
  const subcommands = commands(group, rows).map((row) => ({ ...row, name: `${name} ${row.name}` }));
  return {
    ...{ ...rest, name, group, subcommands },
    ...{ args: '', options: [], examples: [], exits: {} },
    load: () => Promise.reject(new Error(`"${name}" is done by the commands below it`)),
  };
}

/** Options that every command takes. */
export const COMMON_OPTIONS = readOptions({
  '-C, --dir <dir>': 'work as if started in this directory',
  '--json': 'print one JSON object with "ok" and "health"',
  '--state <dir>': 'state directory (default: $CROSSTALK_STATE_DIR, then XDG)',
  '-h, --help': 'show help for this command',
});

/** Options out of their notation. */
function readOptions(table: Readonly<Record<string, string>>): readonly OptionSpec[] {
  return Object.entries(table).map(([notation, about]) => {
    const shown = notation.replace(/\.\.\.$/, '');
    const found = /^(?:-(\w), )?--([a-z-]+)(?: [<[](.+)[>\]])?$/.exec(shown);
    if (found === null) throw new Error(`"${notation}" is not the notation of an option`);
    const [, short, name = '', value] = found;
    return {
      ...{ name, shown, about },
      ...(short === undefined ? {} : { short }),
      ...(value === undefined ? {} : { value }),
      ...(shown.endsWith(']') ? { optional: true } : {}),
      ...(shown === notation ? {} : { many: true }),
    };
  });
}
