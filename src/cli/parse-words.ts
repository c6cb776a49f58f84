/**
 * The words of a command line, parsed by cac. Its parser turns values that look like numbers into
 * numbers (`007` into 7, https://github.com/cacjs/cac/issues/162) and takes `-5` for an option, so
 * it never sees a value: each word that is not an option goes in as a placeholder, and what was
 * typed is put in its place afterwards.
 */
import { ownValue } from '../base/own-value.ts';
import { cac, type Command } from 'cac';
import { CrosstalkError } from '../base/errors.ts';
import { suggestName } from '../protocol/address.ts';
import type { CommandSpec, OptionSpec } from './command.ts';
import { COMMON_OPTIONS } from './declare.ts';
import { fixBy } from '../base/fix.ts';

/** What was typed after a command's name. */
export interface Words {
  readonly args: readonly string[];
  /** Values of each option given; a switch has one empty text. */
  readonly options: ReadonlyMap<string, readonly string[]>;
}

/** Declares options to cac, for its parser and its help. */
export function declareOptions(command: Command, options: readonly OptionSpec[]): void {
  for (const { shown, many, about } of options)
    command.option(shown, many === true ? `${about} (repeatable)` : about);
}

/**
 * Positional arguments and option values out of the words after the command's name. Throws USAGE
 * naming the word and what would fit.
 */
export function parseWords(spec: CommandSpec, words: readonly string[]): Words {
  const known = [...spec.options, ...COMMON_OPTIONS];
  refuseUnknown(spec, known, words);
  const found = parse(known, words);
  const attached = found.args.find((mark) => mark.startsWith('v'));
  if (attached !== undefined)
    throw usage(spec, `${words[placeOf(attached)] ?? ''}: this option takes no value`);
  const args = found.args.map((mark) => typed(words, mark));
  const options = new Map<string, readonly string[]>();
  for (const option of known) {
    const values = valuesOf(option, found.options).map((mark) => typed(words, mark));
    if (values.length === 0) continue;
    // A value that may be left out is a number: what else stands there is an argument.
    const isStray = (value: string): boolean => option.optional === true && !/^\d/.test(value);
    args.push(...values.filter((value) => value !== '' && isStray(value)));
    const kept = values.map((value) => (isStray(value) ? '' : value));
    if (option.value !== undefined && option.optional !== true && kept.includes(''))
      throw usage(spec, `--${option.name} needs a value: --${option.name} <${option.value}>`);
    options.set(option.name, option.many === true ? kept : kept.slice(-1));
  }
  if (!options.has('help')) checkArguments(spec, args);
  return { args, options };
}

/** Place of the first word that is neither an option of every command nor its value; -1: none. */
export function placeOfCommand(words: readonly string[]): number {
  const [first] = parse(COMMON_OPTIONS, words).args;
  return first === undefined ? -1 : placeOf(first);
}

interface Parsed {
  /** Placeholders: `w3` for the fourth word, `v3` for what follows its `=`. */
  readonly args: readonly string[];
  readonly options: Readonly<Record<string, unknown>>;
}

function parse(known: readonly OptionSpec[], words: readonly string[]): Parsed {
  const program = cac('crosstalkd');
  declareOptions(program.globalCommand, known);
  const marks = words.map((word, at) => {
    if (!optionWords(words).includes(word)) return word === '--' ? word : `w${at}`;
    const equals = word.indexOf('=');
    return equals < 0 ? word : `${word.slice(0, equals)}=v${at}`;
  });
  const { args, options } = program.parse(['', '', ...marks], { run: false });
  const { '--': rest, ...given } = options as Record<string, unknown>;
  return { args: [...args, ...((rest as string[] | undefined) ?? [])], options: given };
}

/** The words that are options: those that look like one, before `--`. */
function optionWords(words: readonly string[]): readonly string[] {
  const end = words.indexOf('--');
  return (end < 0 ? words : words.slice(0, end)).filter((word) => /^--?[a-z_]/i.test(word));
}

function placeOf(mark: string): number {
  return Number(mark.slice(1));
}

function typed(words: readonly string[], mark: string): string {
  if (mark === '') return '';
  const word = words[placeOf(mark)] ?? '';
  return mark.startsWith('v') ? word.slice(word.indexOf('=') + 1) : word;
}

/** Placeholders of an option's values; one empty text for a switch or a value left out. */
function valuesOf({ name }: OptionSpec, options: Parsed['options']): readonly string[] {
  const isNegated = name.startsWith('no-');
  const key = (isNegated ? name.slice('no-'.length) : name).replace(/-([a-z])/g, (_, letter) =>
    String(letter).toUpperCase(),
  );
  const value = ownValue(options, key);
  if (value === undefined) return [];
  if (isNegated) return value === false ? [''] : [];
  return [value].flat().map((one) => (typeof one === 'string' ? one : ''));
}

function refuseUnknown(
  spec: CommandSpec,
  known: readonly OptionSpec[],
  words: readonly string[],
): void {
  const names = optionWords(words).map((word) => word.split('=', 1)[0] ?? word);
  const unknown = names.find(
    (word) => !known.some(({ name, short }) => word === `--${name}` || word === `-${short ?? ''}`),
  );
  if (unknown === undefined) return;
  const near = suggestName(
    unknown.replace(/^-+/, ''),
    known.map(({ name }) => name),
  );
  const hint = near === null ? '' : `; did you mean --${near}?`;
  throw usage(spec, `unknown option "${unknown}"${hint}`);
}

function checkArguments(spec: CommandSpec, args: readonly string[]): void {
  const slots = spec.args.split(' ').filter((slot) => slot !== '');
  const required = slots.filter((slot) => slot.startsWith('<')).length;
  const most = slots.some((slot) => slot.includes('...')) ? Number.POSITIVE_INFINITY : slots.length;
  if (args.length < required)
    throw usage(spec, `${slots[args.length] ?? 'an argument'} is missing`);
  const more = args[most];
  if (more === undefined) return;
  const takesText = spec.options.some(({ short }) => short === 'm');
  const words = [...spec.name.split(' '), ...args.slice(0, most)];
  throw usage(
    spec,
    `one argument too many: "${more}"`,
    takesText ? fixBy`crosstalkd ${words} -m ${more}` : undefined,
  );
}

function usage(
  spec: CommandSpec,
  what: string,
  fix = fixBy`crosstalkd ${spec.name.split(' ')} --help`,
): CrosstalkError {
  return new CrosstalkError('USAGE', `crosstalkd ${spec.name}: ${what}`, { fix });
}
