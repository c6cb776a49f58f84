/** Words of a command that a person may copy into a shell. */

/**
 * A word as a shell takes it for itself: whoever named a file must not put a command into the one
 * that names the file.
 */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
