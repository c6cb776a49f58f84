/**
 * What helps, as data: a command is a list of words until it is printed, so that nobody's words can
 * become a part of a command that a person pastes. This is the one printer.
 */
import { shellWord } from './shell-word.ts';

/** The words of one command. */
export type Words = readonly string[];

/** What a person can do about something. */
export interface Fix {
  /** Empty: what helps is not a command; `note` says it. */
  readonly command: Words;
  /** Commands to be run after it, each when the one before has succeeded. */
  readonly then?: readonly Words[];
  /** Other commands that help as well. */
  readonly or?: readonly Words[];
  /** What to know beside the command, such as where to run it; null = nothing. */
  readonly note: string | null;
  /** It is for another machine: what says where this one's transport is means nothing there. */
  readonly elsewhere?: true;
}

/**
 * A command: `` fixBy`crosstalkd retry ${id}` ``. What is written out is cut into words at its
 * spaces; what is filled in is its own word, or part of the word that it touches, whatever is
 * in it. A list is filled in as several words. A value that looks like an option does not become
 * one: it is tied to the option before it, or stands at the end, behind `--`.
 */
export function fixBy(
  texts: TemplateStringsArray,
  ...values: readonly (string | number | Words)[]
): Fix {
  const words: string[] = [];
  const dashed: string[] = [];
  let isOpen = false;
  const append = (word: string): void => {
    if (isOpen) words.push(`${words.pop() ?? ''}${word}`);
    else words.push(word);
    isOpen = true;
  };
  const fillIn = (word: string): void => {
    if (isOpen || !word.startsWith('-')) append(word);
    else if (words.at(-1)?.startsWith('--') === true) words.push(`${words.pop() ?? ''}=${word}`);
    else dashed.push(word);
  };
  texts.forEach((text, at) => {
    const parts = text.split(' ');
    parts.forEach((part, index) => {
      if (index > 0) isOpen = false;
      if (part !== '') append(part);
    });
    const value = values[at];
    if (value === undefined) return;
    if (typeof value !== 'object') fillIn(String(value));
    else
      for (const word of value) {
        append(word);
        isOpen = false;
      }
  });
  return { command: dashed.length === 0 ? words : [...words, '--', ...dashed], note: null };
}

/** A command in which nothing is filled in may be written as text; null = there is none. */
export function toFix(fix: Fix | string | null): Fix | null {
  return typeof fix === 'string' ? { command: fix.split(' '), note: null } : fix;
}

/** The same with a note beside it. */
export function withNote(fix: Fix, note: string): Fix {
  return { ...fix, note };
}

/** The same for another machine; the note says which. */
export function onAnotherHost(fix: Fix, note: string): Fix {
  return { ...fix, note, elsewhere: true };
}

/** The same, followed by another. */
export function andThen(fix: Fix, next: Fix): Fix {
  return { ...fix, then: [...(fix.then ?? []), next.command, ...(next.then ?? [])] };
}

/** The same, and another that helps as well. */
export function orElse(fix: Fix, other: Fix): Fix {
  return { ...fix, or: [...(fix.or ?? []), other.command, ...(other.or ?? [])] };
}

/** What helps and is not a command. */
export function fixByHand(note: string): Fix {
  return { command: [], note };
}

/** From where a person gives commands. */
export interface Standpoint {
  /** Options that said where a command of ours works, such as `-C dir`. */
  readonly options: Words;
  /** The way to the top of the clone; null = the person stands there, or there is none. */
  readonly clone: string | null;
}

/** At the top of the clone. */
export const AT_TOP: Standpoint = { options: [], clone: null };

/** The same for a person who is elsewhere. */
export function placedAt(fix: Fix, at: Standpoint = AT_TOP): Fix {
  if (fix.elsewhere === true) return fix;
  const place = (words: Words): Words => {
    const [program, ...rest] = words;
    if (program === 'crosstalkd' && !words.includes('-C')) return [program, ...at.options, ...rest];
    const clone = program === 'git' && rest[0] !== '-C' ? at.clone : null;
    return clone === null ? words : ['git', '-C', clone, ...rest];
  };
  const { command, then, or, note } = fix;
  return {
    command: place(command),
    ...(then === undefined ? {} : { then: then.map(place) }),
    ...(or === undefined ? {} : { or: or.map(place) }),
    note,
  };
}

/** Words as a person pastes them into a shell. */
export function formatWords(words: Words): string {
  return words.map(shellWord).join(' ');
}

/** Each command that helps, on its own line as a person pastes it; none = see `note`. */
export function formatCommands({ command, then = [], or = [] }: Fix): readonly string[] {
  const chain = [command, ...then].filter((words) => words.length > 0).map(formatWords);
  return [...(chain.length === 0 ? [] : [chain.join(' && ')]), ...or.map(formatWords)];
}

/** Everything in one line, for logs and notices. */
export function formatFix(fix: Fix): string {
  const [first, ...others] = formatCommands(fix);
  const beside = [...others.map((line) => `or: ${line}`), ...(fix.note === null ? [] : [fix.note])];
  if (first === undefined) return beside.join('; ');
  return beside.length === 0 ? first : `${first}   (${beside.join('; ')})`;
}
