/**
 * Explains what is wrong with a file that does not begin as a message: what is in place of the
 * first line of dashes, and what would be right. Reads only the beginning. Pure.
 */
import { oddCharacter } from './explain-yaml.ts';
import type { Rejection } from './rejection.ts';

const START_CHARS = 2_000;
const LINES = 8;
const QUOTED_CHARS_MAX = 60;
const DASHES = '---';
/** A line that says who is asked or who writes, whatever stands around it. */
const FIELD = /^\W{0,9}(?:to|from|subject)["'\s]{0,9}[:=：]/i;

/** Known kinds of beginnings; the first that fits counts. */
const STARTS: readonly {
  readonly fits: RegExp;
  readonly found?: string;
  readonly expected: string;
}[] = [
  {
    fits: /^---[ \t]*\r(?!\n)/,
    found: 'line ends of CR alone',
    expected: 'line ends of LF or CR LF',
  },
  {
    fits: /^(?:<<<<<<<|=======|>>>>>>>)/,
    expected: `one of both sides of the merge, then ${DASHES}`,
  },
  { fits: /^\+\+\+/, expected: `${DASHES}, then YAML such as "to: opus": TOML is not read` },
  { fits: /^[{[]/, expected: `${DASHES}, then YAML such as "to: opus": JSON is not read` },
  { fits: /^---[^-\s]/, expected: `the first line to be exactly ${DASHES}` },
  { fits: /^(?:```|~~~)/, expected: `${DASHES} as the first line, outside a code fence` },
  { fits: /^[ \t]+-{2,}/, expected: `${DASHES} without spaces before it` },
  { fits: /^(?:[-–—_*=]{2,}|[–—])[ \t]*\r?(?:\n|$)/, expected: `three hyphens: ${DASHES}` },
];

/** The line to fix. `isNote` when nothing says that a message was meant. */
export function explainStart(text: string): Rejection {
  const start = text.slice(0, START_CHARS);
  const lines = start.split(/\r?\n/, LINES);
  const [first = ''] = lines;
  const known = STARTS.find(({ fits }) => fits.test(start));
  const dashes = lines.findIndex((line) => /^---[ \t]*$/.test(line));
  const field = lines.findIndex((line) => FIELD.test(line));
  const found = known?.found ?? quote(first);
  if (known !== undefined && (dashes >= 0 || field >= 0 || !/^[^-]/.test(first)))
    return { line: 1, found, expected: known.expected };
  const odd = oddCharacter(first);
  if (odd !== null && first.includes(DASHES) && !/\w/.test(first))
    return { line: 1, found: odd.why, expected: `${DASHES}, and nothing else in its line` };
  if (dashes > 0 && (field < 0 || field > dashes)) {
    const isEmpty = lines.slice(0, dashes).every((line) => /^\s*(?:<!--.*-->\s*)?$/.test(line));
    const move = isEmpty
      ? 'remove what stands before it'
      : 'move what stands before it below the fields';
    return {
      line: 1,
      // A line of dashes below words is a heading or a rule of Markdown.
      ...(isEmpty || field >= 0 ? {} : { isNote: true }),
      found,
      expected: `${DASHES} as the first line: ${move}`,
    };
  }
  if (field >= 0)
    return {
      line: field + 1,
      found: quote(lines[field] ?? ''),
      expected: `a line ${DASHES} before the fields, and one after them`,
    };
  return { line: 1, isNote: true, found, expected: `the first line to be exactly ${DASHES}` };
}

/**
 * Where a head without an end should end: at a line that was meant to end it and misses the form,
 * else before the first line of text, else after the last field. Null: it is too long to be seen.
 */
export function explainEnd(text: string): Rejection | null {
  const lines = text.slice(0, END_CHARS).split(/\r?\n/);
  const find = (fits: (line: string) => boolean, from = 1): number =>
    lines.findIndex((line, index) => index >= from && fits(line));
  const at = find((line) => NEARLY_DASHES.test(line));
  if (at > 0)
    return {
      line: at + 1,
      column: 1,
      found: quote(lines[at] ?? ''),
      expected: `${DASHES}, alone, to end the fields`,
    };
  const isText = (line: string): boolean => line.trim() !== '';
  const gap = find((line) => !isText(line), 2);
  const others = [find((line) => !FIELD_LINE.test(line)), gap < 0 ? -1 : find(isText, gap)];
  const body = Math.min(...others.filter((line) => line > 0));
  if (Number.isFinite(body))
    return {
      line: body + 1,
      column: 1,
      found: `${quote(lines[body] ?? '')} after fields that do not end`,
      expected: `a line ${DASHES} before it, to end the fields`,
    };
  const last = lines.findLastIndex(isText);
  return text.length > END_CHARS
    ? null
    : {
        line: last + 1,
        column: (lines[last] ?? '').trimEnd().length + 1,
        found: 'fields that do not end',
        expected: `a line ${DASHES} after them`,
      };
}

/** What may stand in a head: a field, what belongs to one, a comment, nothing. */
const FIELD_LINE = /^(?:[ \t#\]}-]|["']?[\w-]{1,60}["']?[ \t]{0,9}:|$)/;

/** `--`, `-----`, an indented `---`, a dash of typography, `...` and `+++`. */
const NEARLY_DASHES =
  /^(?:[ \t]{1,8}---|--|-{4,80}|---[^-\s].{0,80}|[–—]{1,3}|\.{3}|\+{3}|={3,80}|\*{3})[ \t]*$/;
const END_CHARS = 8_000;

function quote(line: string): string {
  return line.trim() === '' ? 'an empty line' : `"${line.slice(0, QUOTED_CHARS_MAX)}"`;
}
