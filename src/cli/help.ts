/** Help for a command, laid out by cac, and the overview of all. */
import { cac } from 'cac';
import { type CommandSpec, GROUPS } from './command.ts';
import { COMMANDS } from './commands.ts';
import { COMMON_OPTIONS } from './declare.ts';
import type { Io } from './io.ts';
import { declareOptions } from './parse-words.ts';
import { VERSION } from './version.ts';

/** Prints the help of one command. */
export function showHelp(spec: CommandSpec, io: Pick<Io, 'print'>): void {
  if (spec.subcommands !== undefined) {
    const width =
      Math.max(...spec.subcommands.map(({ name, args }) => `${name} ${args}`.length)) + 2;
    const lines = spec.subcommands.map(
      ({ name, args, about }) => `  crosstalkd ${`${name} ${args}`.padEnd(width)}${about}`,
    );
    io.print(
      `crosstalkd ${spec.name}: ${spec.about}\n\n${lines.join('\n')}\n\ncrosstalkd ${spec.name} COMMAND --help shows options and examples.`,
    );
    return;
  }
  const program = cac('crosstalkd');
  const command = program.command(`${spec.name} ${spec.args}`.trim(), spec.about);
  // cac leaves out what the command is for, and gives every --no-x a default.
  program.globalCommand.helpCallback = (sections) => [
    { body: `crosstalkd ${spec.name}: ${spec.about}` },
    ...sections.slice(1).map((section) => ({
      ...section,
      body: section.body.replace(/ \(default: true\)$|(?<! ) +$/gm, ''),
    })),
    { title: 'Examples', body: spec.examples.map((line) => `  $ ${line}`).join('\n') },
    {
      title: 'Exit codes',
      body: Object.entries(spec.exits)
        .map(([code, meaning]) => `  ${code}  ${meaning}`)
        .join('\n'),
    },
  ];
  declareOptions(command, [...spec.options, ...COMMON_OPTIONS]);
  command.outputHelp();
}

/** Every command by group, one line each. */
export function overview(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length)) + 2;
  const groups = GROUPS.map(({ group, title }) => {
    const lines = COMMANDS.filter((spec) => spec.group === group).map(
      ({ name, about }) => `  ${name.padEnd(width)}${about}`,
    );
    return `${title}\n${lines.join('\n')}`;
  });
  return `crosstalkd ${VERSION}: AI agents that answer mail in git\n\n${groups.join('\n\n')}\n\ncrosstalkd COMMAND --help shows options and examples.\nAgents run with your rights and are not sandboxed.`;
}
