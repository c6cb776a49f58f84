/** Words of a command that a person may copy into a shell. */
import { hasUnsafe, replaceUnsafe } from './plain-text.ts';

/**
 * A word as a shell takes it for itself: anyone who named a file must not put a command into the
 * one that names the file. What cannot be seen is written out, so that the words that are shown are
 * the words that are run.
 */
export function shellWord(text: string): string {
  // zsh looks for a program behind a "=" at the beginning.
  if (/^(?!=)[\w@%+=:,./-]+$/.test(text)) return text;
  if (!hasUnsafe(text)) return `'${text.replaceAll("'", `'\\''`)}'`;
  const written = replaceUnsafe(text.replaceAll('\\', '\\\\').replaceAll("'", "\\'"), (sign) =>
    [...new TextEncoder().encode(sign)].map(escapeByte).join(''),
  );
  return `$'${written}'`;
}

function escapeByte(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, '0')}`;
}
