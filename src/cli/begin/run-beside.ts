/** Commands that a key of `run` calls: those that a person types, for the same transport. */
import { CrosstalkError, errorText } from '../../base/errors.ts';
import { formatWords } from '../../base/fix.ts';
import type { TransportSession } from '../session/transport-session.ts';
import type { CommandSpec, Invocation } from '../command.ts';
import { helpLines, ioWith, plain } from '../io.ts';

/**
 * Runs a command beside the dispatcher, as the person who has its terminal. Gives the lines that it
 * printed, also those of a refusal.
 */
export async function runBeside(
  invocation: Invocation,
  session: TransportSession,
  words: readonly string[],
): Promise<readonly string[]> {
  const lines: string[] = [];
  const print = (line: string): void => void lines.push(...plain(line).split('\n'));
  const io = ioWith(invocation.io, { print, warn: print, write: print, colors: false });
  const { spec, args } = findSpec(invocation.commands, words);
  const where = session.located.clone ?? session.located.url;
  const state = invocation.options.get('state');
  const options = new Map([
    ['dir', [where]],
    ...(state === undefined ? [] : [['state', state] as const]),
  ] as const);
  print(`$ ${formatWords(['crosstalkd', ...words])}`);
  try {
    await (
      await spec.load()
    )({ ...invocation, io, args, options });
  } catch (error) {
    print(errorText(error));
    if (error instanceof CrosstalkError && error.fix !== null)
      for (const line of helpLines(io, error.fix)) print(line);
  }
  return lines;
}

function findSpec(
  commands: readonly CommandSpec[],
  [name = '', ...rest]: readonly string[],
): { readonly spec: CommandSpec; readonly args: readonly string[] } {
  const spec = commands.find((one) => one.name === name);
  const below = spec?.subcommands?.find((one) => one.name === `${name} ${rest[0] ?? ''}`);
  if (spec === undefined) throw new CrosstalkError('INTERNAL', `no command "${name}"`);
  return below === undefined ? { spec, args: rest } : { spec: below, args: rest.slice(1) };
}
