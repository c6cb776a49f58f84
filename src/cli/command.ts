/**
 * What a command is: its place in `--help`, its options, and the module that does it. The same
 * table makes help, completion, man page and tests.
 */
import type { Caller } from '../local/ancestors.ts';
import type { Io } from './io.ts';

export interface OptionSpec {
  /** Without dashes: `alias`. */
  readonly name: string;
  /** As help shows it: `-m, --message <text>`. */
  readonly shown: string;
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
  /** True: an agent may call it inside its attempt. For what sends or reads; else refused. */
  readonly agents?: boolean;
  readonly options: readonly OptionSpec[];
  /** Commands below this one; their names begin with its own: `workflow run`. */
  readonly subcommands?: readonly CommandSpec[];
  /** Whole command lines as a person types them. */
  readonly examples: readonly string[];
  /** Exit code → what it means here. */
  readonly exits: Readonly<Record<number, string>>;
  /** Gives what does it. */
  readonly load: () => Promise<Execute>;
}

/** Does a command. Gives the exit code. */
export type Execute = (invocation: Invocation) => Promise<number>;

/** One call of a command. Values are text as typed: `007` stays `007`. */
export interface Invocation {
  readonly args: readonly string[];
  /** Values of each option given; a switch has one empty text. */
  readonly options: ReadonlyMap<string, readonly string[]>;
  readonly io: Io;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** A person, or an agent that a dispatcher started. */
  readonly caller: Caller;
  /** The script that was started, for those that have it started again. */
  readonly program: string;
  /** The table of all commands, for those that describe it. */
  readonly commands: readonly CommandSpec[];
  /** Anyone who asked does not wait for the answer any more. */
  readonly signal?: AbortSignal;
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

/** The value of an option that was given, or null. */
export function option(invocation: Pick<Invocation, 'options'>, name: string): string | null {
  return invocation.options.get(name)?.at(-1) ?? null;
}

/** True when a switch was given. */
export function given(invocation: Pick<Invocation, 'options'>, name: string): boolean {
  return invocation.options.has(name);
}
