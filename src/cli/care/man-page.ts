/**
 * `crosstalkd man`: the manual page, made from the same tables as the help, so that it cannot say
 * anything else. The package brings it as a file.
 */
import { ERROR_CODES } from '../../base/errors.ts';
import { SETTINGS } from '../../local/config-settings.ts';
import { type CommandSpec, GROUPS, type Invocation, type OptionSpec } from '../command.ts';
import { COMMON_OPTIONS } from '../declare.ts';
import { VERSION } from '../version.ts';

/** Prints the page for `man -l -`. */
export function printManPage({ io, commands }: Invocation): Promise<number> {
  io.write(formatManPage(commands));
  return Promise.resolve(0);
}

/** The page in the language of man(7), in ASCII. */
export function formatManPage(commands: readonly CommandSpec[]): string {
  const exits = new Map<number, string[]>([[0, ['done']]]);
  for (const [code, { exit, cause }] of Object.entries(ERROR_CODES))
    exits.set(exit, [...(exits.get(exit) ?? []), `${code}: ${cause}`]);
  const variables = Object.values(SETTINGS).flatMap(({ env, meaning }) =>
    env === null ? [] : [item(env, meaning)],
  );
  return [
    `.TH CROSSTALKD 1 "" "crosstalkd ${VERSION}" "User Commands"`,
    section(
      'NAME',
      escape(
        'crosstalkd - AI agents that answer mail in git, on all your machines, without a server',
      ),
    ),
    section('SYNOPSIS', `.B crosstalkd\n.I command\n[${escape('options')}]`),
    section(
      'DESCRIPTION',
      escape(
        'A git repository is the message bus between people and AI agents. People commit markdown files; on every machine "crosstalkd run" takes the messages for the models of that machine, runs the agent programs, and pushes their answers back. Agents run with your rights and are not sandboxed.',
      ),
    ),
    section('OPTIONS OF EVERY COMMAND', COMMON_OPTIONS.map(formatOption).join('\n')),
    ...GROUPS.map(({ group, title }) =>
      formatGroup(
        title,
        commands.filter((spec) => spec.group === group),
      ),
    ),
    section(
      'EXIT STATUS',
      [...exits]
        .sort(([a], [b]) => a - b)
        .map(([exit, causes]) => item(String(exit), causes.join(' ')))
        .join('\n'),
    ),
    section(
      'ENVIRONMENT',
      [
        item('CROSSTALK_STATE_DIR', 'where state is kept'),
        item('CROSSTALK_CONFIG_DIR', 'where the configuration is'),
        ...variables,
      ].join('\n'),
    ),
    section(
      'FILES',
      [
        item('~/.config/crosstalk/', 'settings, models of this host, approvals'),
        item('~/.local/state/crosstalk/', 'one folder for each transport'),
      ].join('\n'),
    ),
    '',
  ].join('\n');
}

function section(title: string, text: string): string {
  return `.SH ${escape(title)}\n${text}`;
}

function formatGroup(title: string, specs: readonly CommandSpec[]): string {
  return section(
    title.toUpperCase(),
    specs
      .flatMap((spec) => spec.subcommands ?? [spec])
      .map(formatCommand)
      .join('\n'),
  );
}

function formatCommand({ name, args, about, options, examples }: CommandSpec): string {
  const head = `.TP\n.B ${escape(`crosstalkd ${name} ${args}`.trim())}\n${escape(about)}`;
  const shown = examples.map((line) => `.EX\n$ ${escape(line)}\n.EE`);
  return [head, '.RS', ...options.map(formatOption), '.PP', ...shown, '.RE'].join('\n');
}

function formatOption({ shown, about }: OptionSpec): string {
  return item(shown, about);
}

function item(what: string, says: string): string {
  return `.TP\n.B ${escape(what)}\n${escape(says)}`;
}

/**
 * Text as troff takes it: dashes that can be copied, nothing at the beginning of a line that would
 * be a request.
 */
function escape(text: string): string {
  const safe = text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll('"', '\\(dq');
  const ascii = Array.from(safe, (char) =>
    (char.codePointAt(0) ?? 0) < 127
      ? char
      : `\\[u${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`,
  );
  return ascii.join('').replace(/^([.'])/, '\\&$1');
}
