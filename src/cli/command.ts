/**
 * What a command is: its place in `--help`, its options, and the module that does it. The same
 * table makes help, completion, man page and tests.
 */
import { CrosstalkError } from '../base/errors.ts';
import { suggestName } from '../protocol/address.ts';
import type { Io } from './io.ts';

export interface OptionSpec {
  /** Without dashes: `alias`. */
  readonly name: string;
  /** One letter, or none. */
  readonly short?: string;
  /** Name of its value in help; absent for a switch. `optional` values may be left out. */
  readonly value?: string;
  readonly optional?: boolean;
  /** May be given several times. */
  readonly many?: boolean;
  readonly about: string;
}

export interface CommandSpec {
  readonly name: string;
  /** Positional arguments as help shows them: `<id>`, `[dir]`, `<file...>`. */
  readonly args: string;
  readonly about: string;
  readonly group: 'begin' | 'talk' | 'look' | 'control' | 'workflow' | 'care';
  readonly options: readonly OptionSpec[];
  /** Commands below this one; their names begin with its own: `workflow run`. */
  readonly subcommands?: readonly CommandSpec[];
  readonly load: () => Promise<CommandModule>;
}

/** The module behind a command. Gives the exit code. */
export interface CommandModule {
  readonly execute: (invocation: Invocation) => Promise<number>;
}

/** One call of a command. Values are text as typed: `007` stays `007`. */
export interface Invocation {
  readonly args: readonly string[];
  /** Values of each option given; a switch has one empty text. */
  readonly options: ReadonlyMap<string, readonly string[]>;
  readonly io: Io;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** The table of all commands, for those that tell of it. */
  readonly commands: readonly CommandSpec[];
}

/** The headings of help and man page, in order. */
export const GROUPS: readonly { readonly group: CommandSpec['group']; readonly title: string }[] = [
  { group: 'begin', title: 'Begin' },
  { group: 'talk', title: 'Talk' },
  { group: 'look', title: 'Look' },
  { group: 'control', title: 'Control' },
  { group: 'workflow', title: 'Workflows' },
  { group: 'care', title: 'Care' },
];

/** Options that every command takes. */
export const COMMON_OPTIONS: readonly OptionSpec[] = [
  { name: 'dir', short: 'C', value: 'dir', about: 'work as if started in this directory' },
  { name: 'json', about: 'print one JSON object with "ok" and "health"' },
  {
    name: 'state',
    value: 'dir',
    about: 'state directory (default: $CROSSTALK_STATE_DIR, then XDG)',
  },
  { name: 'help', short: 'h', about: 'show help for this command' },
];

/** The value of an option that was given, or null. */
export function option(invocation: Pick<Invocation, 'options'>, name: string): string | null {
  return invocation.options.get(name)?.at(-1) ?? null;
}

/** True when a switch was given. */
export function given(invocation: Pick<Invocation, 'options'>, name: string): boolean {
  return invocation.options.has(name);
}

/**
 * Positional arguments and option values out of the words after the command's name. Throws USAGE
 * naming the word and what would fit.
 */
export function parseWords(
  spec: CommandSpec,
  words: readonly string[],
): { readonly args: readonly string[]; readonly options: ReadonlyMap<string, readonly string[]> } {
  const known = [...spec.options, ...COMMON_OPTIONS];
  const args: string[] = [];
  const options = new Map<string, string[]>();
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    if (word === '--') {
      args.push(...words.slice(at + 1));
      break;
    }
    if (!word.startsWith('-') || word === '-' || /^-\d/.test(word)) {
      args.push(word);
      continue;
    }
    const { found, inline } = findOption(spec, known, word);
    const next = words[at + 1];
    const takesNext =
      found.value !== undefined &&
      inline === null &&
      next !== undefined &&
      (found.optional !== true || (!next.startsWith('-') && /^\d/.test(next)));
    if (takesNext) at += 1;
    const value = inline ?? (takesNext ? next : '');
    checkValue(spec, found, { value, isGiven: inline !== null || takesNext });
    options.set(found.name, [
      ...(found.many === true ? (options.get(found.name) ?? []) : []),
      value,
    ]);
  }
  checkArguments(spec, args, options.has('help'));
  return { args, options };
}

function findOption(
  spec: CommandSpec,
  known: readonly OptionSpec[],
  word: string,
): { found: OptionSpec; inline: string | null } {
  const equals = word.indexOf('=');
  const name = equals < 0 ? word : word.slice(0, equals);
  const found = known.find(
    (candidate) =>
      name === `--${candidate.name}` ||
      (candidate.short !== undefined && name === `-${candidate.short}`),
  );
  if (found !== undefined) return { found, inline: equals < 0 ? null : word.slice(equals + 1) };
  const near = suggestName(
    name.replace(/^-+/, ''),
    known.map((candidate) => candidate.name),
  );
  throw usage(spec, `unknown option "${name}"${near === null ? '' : `; did you mean --${near}?`}`);
}

function checkValue(
  spec: CommandSpec,
  found: OptionSpec,
  { value, isGiven }: { readonly value: string; readonly isGiven: boolean },
): void {
  if (found.value === undefined && isGiven)
    throw usage(spec, `--${found.name} takes no value, got "${value}"`);
  if (found.value !== undefined && found.optional !== true && value === '')
    throw usage(spec, `--${found.name} needs a value: --${found.name} <${found.value}>`);
}

function checkArguments(spec: CommandSpec, args: readonly string[], isHelp: boolean): void {
  if (isHelp) return;
  const slots = spec.args.split(' ').filter((slot) => slot !== '');
  const required = slots.filter((slot) => slot.startsWith('<')).length;
  const most = slots.some((slot) => slot.includes('...')) ? Number.POSITIVE_INFINITY : slots.length;
  if (args.length < required)
    throw usage(spec, `${slots[args.length] ?? 'an argument'} is missing`);
  if (args.length > most) throw usage(spec, `one argument too many: "${args[most] ?? ''}"`);
}

function usage(spec: CommandSpec, what: string): CrosstalkError {
  return new CrosstalkError('USAGE', `crosstalkd ${spec.name}: ${what}`, {
    fix: `crosstalkd ${spec.name} --help`,
  });
}
