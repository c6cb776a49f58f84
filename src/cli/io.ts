/**
 * Where a command's words go. Everything that comes from a transport passes `plain` before it
 * reaches a terminal: no control codes get through.
 */
import { type Fix, formatCommands, placedAt, type Standpoint } from '../base/fix.ts';
import { oneLine, showHidden, spellUnsafe } from '../base/plain-text.ts';

export interface Io {
  /** One line for people (or the one JSON object) on standard output. */
  readonly print: (line: string) => void;
  /** One line on standard error. */
  readonly warn: (line: string) => void;
  /** Text without a line end, as is. */
  readonly write: (text: string) => void;
  readonly isTerminal: boolean;
  /** Width of the window; infinite where there is none, so that nothing is cut for a program. */
  readonly columns: number;
  /** Height of the window; infinite where there is none. */
  readonly rows: number;
  /** True when a line can be drawn again in its place. */
  readonly redraws: boolean;
  /** True when colours are wanted: a terminal, and no NO_COLOR. */
  readonly colors: boolean;
  /** All of standard input, as text. */
  readonly readStdin: () => Promise<string>;
  /**
   * From now on a reader that goes away (`| head`, a closed terminal, a full disk) ends nothing:
   * what would be printed is lost. Absent where nobody can go away.
   */
  readonly outliveReaders?: () => void;
  /** Where the commands that it prints are typed; absent: at the top of the clone. */
  readonly at?: Standpoint | undefined;
}

/** Of a command that nobody watches: what reads its output is a program. */
export const UNWATCHED = {
  isTerminal: false,
  columns: Number.POSITIVE_INFINITY,
  rows: Number.POSITIVE_INFINITY,
  redraws: false,
  colors: false,
  readStdin: () => Promise.resolve(''),
} as const;

/**
 * The same with some of it changed. Not a copy: the size of a terminal changes, and what was made
 * here would lose all but its changes.
 */
export function ioWith(io: Io, changes: Partial<Io>): Io {
  return Object.assign(Object.create(io), changes) as Io;
}

/** The process's own standard streams. */
export function systemIo(env: Readonly<Record<string, string | undefined>>): Io {
  const isTerminal = process.stdout.isTTY;
  let outlives = false;
  // `| head` closes early: that is not a failure of a command that only prints.
  process.stdout.on('error', () => {
    if (!outlives) process.exit(0);
  });
  process.stderr.on('error', () => undefined);
  return {
    outliveReaders: () => void (outlives = true),
    print: (line) => process.stdout.write(`${line}\n`),
    warn: (line) => process.stderr.write(`${line}\n`),
    write: (text) => process.stdout.write(text),
    isTerminal,
    // The window may be made smaller while a command runs.
    get columns() {
      return isTerminal ? process.stdout.columns || 100 : Number.POSITIVE_INFINITY;
    },
    get rows() {
      return isTerminal ? process.stdout.rows || 24 : Number.POSITIVE_INFINITY;
    },
    redraws: isTerminal && env['TERM'] !== 'dumb',
    colors: isTerminal && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb',
    readStdin: async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks).toString('utf8');
    },
  };
}

/** Text of others for a terminal: line ends and tabs stay, codes go, what is hidden is shown. */
export function plain(text: string): string {
  return showHidden(text);
}

/** Text of others in one line: at most `max` signs in a window, all of it where there is none. */
export function lineFor({ columns }: Pick<Io, 'columns'>, text: string, max: number): string {
  return oneLine(text, Number.isFinite(columns) ? max : columns);
}

/** The value with every fix in it placed where the command works. */
export function placeFixes(value: unknown, at?: Standpoint): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((one) => placeFixes(one, at));
  if (isFix(value)) return placedAt(value, at);
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, placeFixes(inner, at)]),
  );
}

function isFix(value: object): value is Fix {
  return 'note' in value && 'command' in value && Array.isArray(value.command);
}

/**
 * A value as one line of JSON that a terminal shows as it is: what could do more there is escaped.
 * Milliseconds are whole.
 */
export function formatJson(value: unknown): string {
  const text = JSON.stringify(value, (key, one: unknown) =>
    typeof one === 'number' && /_ms(_|$)/.test(key) ? Math.round(one) : one,
  );
  return spellUnsafe(text);
}

export type Colour = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'blue' | 'cyan';
const CODES: Readonly<Record<Colour, number>> = {
  bold: 1,
  dim: 2,
  red: 31,
  green: 32,
  yellow: 33,
  blue: 34,
  cyan: 36,
};

/** The text in a colour, where colours are wanted. */
export function paint(io: Pick<Io, 'colors'>, colour: Colour, text: string): string {
  return io.colors ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text;
}

/**
 * What helps, in lines: each command alone, so that it can be pasted, and below it what to know
 * beside it.
 */
export function fixLines(
  io: Pick<Io, 'colors' | 'at'>,
  fix: Fix | null,
  indent = '    ',
): readonly string[] {
  if (fix === null) return [];
  const note = fix.note === null ? [] : [`${indent}${paint(io, 'dim', plain(fix.note))}`];
  return [
    ...formatCommands(placedAt(fix, io.at)).map(
      (line) => `${indent}${paint(io, 'cyan', plain(line))}`,
    ),
    ...note,
  ];
}

/** The help below an error: each command after one `help:`, then the note. */
export function helpLines(io: Pick<Io, 'colors' | 'at'>, fix: Fix): readonly string[] {
  const commands = formatCommands(placedAt(fix, io.at)).map(
    (line, at) => `  ${at === 0 ? 'help:' : '     '} ${paint(io, 'cyan', plain(line))}`,
  );
  const title = commands.length === 0 ? 'help' : 'note';
  return fix.note === null ? commands : [...commands, `  ${title}: ${plain(fix.note)}`];
}

/** Prints what helps. */
export function printFix(
  io: Pick<Io, 'print' | 'colors' | 'at'>,
  fix: Fix | null,
  indent?: string,
): void {
  for (const line of fixLines(io, fix, indent)) io.print(line);
}
