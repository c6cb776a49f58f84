/**
 * The commands that the program prints, found in what it says with --json, and run as a person
 * would: pasted, in the place where they were printed.
 */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { type Fix, formatWords, type Words } from '../../src/base/fix.ts';
import type { CommandSpec } from '../../src/cli/command.ts';
import { COMMANDS } from '../../src/cli/commands.ts';
import type { Cli } from './cli.ts';

/** Commands to be run one after the other, and the first question that was answered with them. */
export interface Printed {
  readonly chain: readonly Words[];
  readonly asked: string;
}

/** Every fix in a value of JSON, however deep: what follows each other, and each other choice. */
export function fixesIn(value: unknown): readonly (readonly Words[])[] {
  if (typeof value !== 'object' || value === null) return [];
  if (!isFix(value)) return Object.values(value).flatMap(fixesIn);
  const { command, then = [], or = [] } = value;
  return [...(command.length === 0 ? [] : [[command, ...then]]), ...or.map((words) => [words])];
}

function isFix(value: object): value is Fix {
  return 'note' in value && 'command' in value && Array.isArray(value.command);
}

/** The commands in the answers to questions; what several of them print counts once. */
export async function printedBy(
  cli: Cli,
  { questions, place }: { readonly questions: readonly Words[]; readonly place: Kept },
): Promise<readonly Printed[]> {
  const found = new Map<string, Printed>();
  for (const words of questions) {
    const at = words.indexOf('--');
    const options = at < 0 ? words.length : at;
    const asked = [...words.slice(0, options), '--json', ...words.slice(options)];
    const { code, stdout } = await cli.run(asked);
    if (code === 0 && !isLook(['crosstalkd', ...words])) place.restore();
    for (const chain of stdout.split('\n').flatMap((line) => fixesIn(parse(line)))) {
      const text = chain.map(formatWords).join(' && ');
      if (!found.has(text)) found.set(text, { chain, asked: formatWords(words) });
    }
  }
  return [...found.values()];
}

/** What is wrong with commands that were printed, each as a text; none: all of them work here. */
export async function tryAll(
  cli: Cli,
  { printed, place }: { readonly printed: readonly Printed[]; readonly place: Kept },
): Promise<readonly string[]> {
  const wrong: string[] = [];
  for (const { chain, asked } of printed) {
    for (const words of chain) {
      const problem = await tryCommand(cli, words);
      if (problem === null) continue;
      wrong.push(`${asked} prints ${chain.map(formatWords).join(' && ')}: ${problem}`);
      break;
    }
    if (!chain.every(isLook)) place.restore();
  }
  return wrong;
}

/** At most so many that differ only in what they are about, where an odd name is a difference. */
export function someOfEach(printed: readonly Printed[], most: number): readonly Printed[] {
  const seen = new Map<string, number>();
  return printed.filter(({ chain }) => {
    const kind = chain.map(kindOfWords).join(' && ');
    seen.set(kind, (seen.get(kind) ?? 0) + 1);
    return (seen.get(kind) ?? 0) <= most;
  });
}

/** The command, its options, and whether a name needs quotes or begins with a dash. */
function kindOfWords(words: Words): string {
  const name = specOf(words)?.name ?? words.join(' ');
  const odd = words.filter((word) => word.startsWith('-') || formatWords([word]) !== word);
  return `${name} ${odd.join(' ')}`;
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return null;
  }
}

/** What stands for something that only the person knows. */
function fillIn(cli: Cli, words: Words): Words {
  const known: Readonly<Record<string, string>> = {
    URL: cli.remote,
    DIR: words[1] === 'forget' ? '.' : 'a-new-directory',
    FILE: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH ada',
    TEXT: 'some words',
    ANSWER: 'some words',
    NAME: 'some-name',
  };
  return words.map((word) => known[word] ?? word);
}

/** Commands that say with another exit code than 0 what they have found. */
const FINDINGS: Readonly<Record<string, readonly number[]>> = {
  doctor: [1, 4],
  lint: [2],
  verify: [1],
  'workflow check': [2],
  // Nothing came; nothing is old.
  wait: [3],
  archive: [3],
};

/** Commands that leave everything as it is. */
const LOOKS =
  /^(?:status|why|hosts|models|channels|log|show|thread|search|lint|verify|wait|doctor|workflow (?:why|show|list|check|plan))$/;

function isLook(words: Words): boolean {
  const name = specOf(words)?.name ?? '';
  return words.includes('--help') || (LOOKS.test(name) && !words.includes('--fix'));
}

/** The command that the words name, as the table of commands has it. */
export function specOf([, name = '', sub = '']: Words): CommandSpec | null {
  const spec = COMMANDS.find((one) => one.name === name) ?? null;
  const { subcommands } = spec ?? {};
  return subcommands === undefined
    ? spec
    : (subcommands.find((one) => one.name === `${name} ${sub}`) ?? null);
}

/** What is wrong with one command when it is run here; null = it did what it promises. */
export async function tryCommand(cli: Cli, words: Words): Promise<string | null> {
  const filled = fillIn(cli, words);
  if (filled[0] !== 'crosstalkd') return tryProgram(cli, filled);
  const spec = specOf(filled);
  if (spec === null) return 'there is no such command';
  const more = spec.name === 'wait' ? ['0.1'] : [];
  const ended = await cli.run([filled[1] ?? '', ...toItsEnd(spec), ...filled.slice(2), ...more], {
    input: 'text on standard input\n',
  });
  const { code, stdout, stderr } = ended;
  const finds = FINDINGS[spec.name] ?? [];
  if (code === 0 || (finds.includes(code ?? -1) && !isError(stderr))) return null;
  return `exit ${code}: ${stderr}${stdout}`.slice(0, 400);
}

function isError(stderr: string): boolean {
  return /^[A-Z_]{5,}: /m.test(stderr);
}

/** What ends a command that would continue, and answers one that would ask. */
function toItsEnd({ name, options }: CommandSpec): Words {
  if (name === 'run') return ['--once'];
  return options.some((option) => option.name === 'yes') ? ['--yes'] : [];
}

function tryProgram(cli: Cli, [program = '', ...args]: Words): string | null {
  // The rest changes the machine, or shows people what another program says.
  if (program !== 'git' || args[0] === 'ls-remote') return null;
  try {
    execFileSync('git', args, { cwd: cli.clone, env: cli.env, stdio: 'pipe' });
    return null;
  } catch (error) {
    return String(error);
  }
}

/** A place as it was, to be brought back after a command that has changed it. */
export interface Kept {
  readonly restore: () => void;
  readonly drop: () => void;
}

/** Keeps everything of a place as it is now. */
export function keepPlace(cli: Cli, name = 'kept'): Kept {
  const kept = `${cli.place}.${name}`;
  // A hundred times thousands of files: programs of the system do it in a tenth of the time.
  const copy = (from: string, to: string): void => {
    execFileSync('rm', ['-rf', to]);
    execFileSync('cp', ['-a', from, to]);
  };
  copy(cli.place, kept);
  return {
    restore: () => copy(kept, cli.place),
    drop: () => rmSync(kept, { recursive: true, force: true }),
  };
}
