/**
 * Reads common front matter, lines of `key: value` in plain ASCII, without a YAML parser, because
 * reading a whole history spends most of its time there. Anything that might mean something else in
 * YAML is left to the parser.
 */

/**
 * A value that stands for itself: it begins with a letter, digit or slash and has no `: `, ` #` or
 * quote; or it is in double quotes without escapes.
 */
const LINE =
  /([a-z][a-z0-9_-]{0,63}): (?:([A-Za-z0-9/](?:[\w./@+,-]| (?=[\w./@+,-])|:(?=[\w./@+-]))*)|"([\x20\x21\x23-\x5b\x5d-\x7e]*)")(?:\n|$)/y;

/**
 * The fields, every value as text; null when a line is of any other form or a key comes twice.
 * `yaml` may end with a line end.
 */
export function readPlainFields(yaml: string): Readonly<Record<string, string>> | null {
  const fields: Record<string, string> = {};
  LINE.lastIndex = 0;
  do {
    const match = LINE.exec(yaml);
    const key = match?.[1];
    if (key === undefined || Object.hasOwn(fields, key)) return null;
    fields[key] = match?.[2] ?? match?.[3] ?? '';
  } while (LINE.lastIndex < yaml.length);
  return fields;
}
