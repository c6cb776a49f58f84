/**
 * The grammars of names. Everything that becomes part of a path, ref or address has passed one of
 * them.
 */

const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const CHANNEL = /^[a-z0-9][a-z0-9-]{0,63}$/;

export const NAME_RULE =
  'lower-case letters, digits, ".", "_" and "-", beginning with a letter or digit, at most 64 characters';
export const CHANNEL_RULE =
  'lower-case letters, digits and "-", beginning with a letter or digit, at most 64 characters';

/** Names that mean something else in an address, so nobody may be named so. */
export const RESERVED_NAMES: readonly string[] = ['all', 'workflow'];

/**
 * True for the name of a model, a person or a host. `.re.` or `.started.` inside would make the
 * paths of replies and marks ambiguous; a trailing dot or `.lock` is not a ref.
 */
export function isName(text: string): boolean {
  return (
    NAME.test(text) &&
    !text.includes('.re.') &&
    !text.includes('.started.') &&
    !text.includes('..') &&
    !text.endsWith('.') &&
    !text.endsWith('.lock')
  );
}

/** True for the name of a channel. */
export function isChannel(text: string): boolean {
  return CHANNEL.test(text);
}

/** True for the name of a host in addresses. */
export function isAlias(text: string): boolean {
  return isName(text) && !RESERVED_NAMES.includes(text);
}

/** Latin letters that Unicode does not take apart into a plain one and its sign. */
const FOLDED: Readonly<Record<string, string>> = {
  ...{ ß: 'ss', æ: 'ae', œ: 'oe', þ: 'th' },
  ...{ ø: 'o', đ: 'd', ð: 'd', ł: 'l', ħ: 'h', ı: 'i', ŧ: 't' },
};

/**
 * A name made of any text: lower case, everything outside the grammar becomes `-`. `fallback` when
 * nothing is left.
 */
export function slugName(text: string, fallback: string): string {
  const slug = text
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[\u0300-\u036f]/g, '')
    .replace(/[ßæœþøđðłħıŧ]/g, (letter) => FOLDED[letter] ?? '')
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/([.-])[.-]+/g, '$1')
    .replace(/^[^a-z0-9]+|(?<![^a-z0-9])[^a-z0-9]+$/g, '')
    .slice(0, 64);
  return isName(slug) ? slug : fallback;
}

/** Names of devices on Windows, with any ending, and short names that stand for `.git` there. */
const DEVICE = /^(?:con|prn|aux|nul|com\d|lpt\d|git~\d+)(?:\.|$)/i;

/** What people read about a name that is not portable. */
export const NOT_PORTABLE = 'a name that Windows keeps for itself';

/**
 * False for a name that some machine cannot have as a file: git could not check it out there.
 * Nobody is refused who has one already; nothing new is named so.
 */
export function isPortable(name: string): boolean {
  return !DEVICE.test(name) && !/[. ]$/.test(name) && !/[<>:"|?*]/.test(name);
}
