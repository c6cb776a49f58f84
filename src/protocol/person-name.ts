/**
 * What people are called in addresses. Their own names are of any script; a name in an address is
 * of plain letters, and is made of them the same way everywhere. PROTOCOL.md "People". Pure.
 */
import anyAscii from 'any-ascii';
import { isName, slugName } from './names.ts';

/**
 * What somebody is called whom git knows by name and address: after the name; after the address
 * when no letter of the name is a plain one; then after the plain letters that stand for those of
 * the name; `fallback` when that says nothing either.
 */
export function personName(
  who: { readonly name: string; readonly email: string } | null | undefined,
  fallback = 'someone',
): string {
  const { name = '', email = '' } = who ?? {};
  return slugName(name, slugName(email.split('@')[0] ?? '', romanName(name) ?? fallback));
}

/** One name for every spelling of it: composed or not, in any case, however it is spaced. */
export function spelledOnce(text: string): string {
  return text.normalize('NFC').trim().toLowerCase().replace(/\s+/gu, ' ');
}

/** A name of plain letters for one of any script; null when no letter is in it. */
export function romanName(text: string): string | null {
  const name = spelledOnce(text);
  const letters = name.match(/[\p{L}\p{Extended_Pictographic}]/gu) ?? [];
  const codes = letters.map((letter) => `u${(letter.codePointAt(0) ?? 0).toString(16)}`);
  // Letters that nobody has written in plain ones yet are told by their numbers.
  const made = slugName(anyAscii(name), slugName(codes.join('-'), ''));
  return isName(made) ? made : null;
}

/** Letters, signs that stand for some, and what stands between those of a person's full name. */
const FULL_NAME =
  /^(?:[\p{L}\p{M}\p{N}\p{Extended_Pictographic}\p{Emoji_Modifier}\s.'’·・-]|\u200c|\u200d)+$/u;
/** What joins letters of some scripts is hidden between these. */
const HIDDEN = /\p{Script=Latin}[\u200c\u200d]|[\u200c\u200d]\p{Script=Latin}/u;

/** True for what a person may be called in full: `Ada Lovelace`, `李雷`. */
export function isFullName(text: string): boolean {
  return FULL_NAME.test(text) && !HIDDEN.test(text);
}

/** The name that somebody means who types one: also by a full name, `Ada Lovelace`. Not checked. */
export function meantName(text: string): string {
  const name = text.trim().replace(/^@/, '').toLowerCase();
  return isName(name) || !isFullName(name) ? name : (romanName(name) ?? name);
}
