/** Words of a command that a person may copy into a shell. */

/** What a terminal would not show as it is: control characters, and marks of direction. */
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/**
 * A word as a shell takes it for itself: whoever named a file must not put a command into the one
 * that names the file. What cannot be seen is written out, so that the words that are shown are the
 * words that are run.
 */
export function shellWord(text: string): string {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  if (text.search(UNSEEN) === -1) return `'${text.replaceAll("'", `'\\''`)}'`;
  const written = text
    .replaceAll('\\', '\\\\')
    .replaceAll("'", "\\'")
    .replace(UNSEEN, (char) => [...new TextEncoder().encode(char)].map(escapeByte).join(''));
  return `$'${written}'`;
}

function escapeByte(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, '0')}`;
}
