/**
 * What texts mean, remembered: a run is folded again after every commit, and its files do not
 * change. Same text, same value.
 */

/** A reader that reads each text once. Its memory is bounded; when it is full, it starts over. */
export function rememberText<T>(
  read: (text: string) => T,
  charsMax = 4_000_000,
): (text: string) => T {
  const known = new Map<string, T>();
  let chars = 0;
  return (text) => {
    const found = known.get(text);
    if (found !== undefined) return found;
    const value = read(text);
    if (chars + text.length > charsMax) {
      known.clear();
      chars = 0;
    }
    known.set(text, value);
    chars += text.length;
    return value;
  };
}
