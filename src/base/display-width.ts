/**
 * Text cut and filled up to columns of a terminal. How wide a sign is says string-width, by the
 * tables of Unicode; nothing is cut inside a sign that is made of several code points.
 */
import stringWidth from 'string-width';
import { endWhole } from './plain-text.ts';

const segmenter = new Intl.Segmenter();

/** Columns that a line takes. Colours take none. */
export function displayWidth(text: string): number {
  return stringWidth(text);
}

/**
 * The text cut to `columns`, with an ellipsis where something is missing. The text must be free of
 * control codes; infinitely many columns cut nothing.
 */
export function fitWidth(text: string, columns: number): string {
  if (columns === Number.POSITIVE_INFINITY || displayWidth(text) <= columns) return text;
  if (columns < 1) return '';
  return `${endWhole(beginningOf(text, columns - 1))}…`;
}

/** The whole signs at the beginning that take at most `columns`. */
function beginningOf(text: string, columns: number): string {
  let width = 0;
  let kept = '';
  for (const { segment } of segmenter.segment(text)) {
    width += displayWidth(segment);
    if (width > columns) break;
    kept += segment;
  }
  return kept;
}

/** The whole signs at the end that take at most `columns`. */
export function endingOf(text: string, columns: number): string {
  let width = 0;
  let kept = '';
  for (const { segment } of [...segmenter.segment(text)].reverse()) {
    width += displayWidth(segment);
    if (width > columns) break;
    kept = segment + kept;
  }
  return kept;
}

/**
 * The text in lines of at most `columns`, broken at its blanks; a word that is wider is broken
 * where the line ends. What `lines` do not hold is cut.
 */
export function wrapWidth(text: string, columns: number, lines: number): readonly string[] {
  const done: string[] = [];
  let rest = text;
  while (done.length < lines - 1 && displayWidth(rest) > columns) {
    const start = beginningOf(rest, columns);
    const blank =
      start.length < rest.length && rest[start.length] === ' '
        ? start.length
        : start.lastIndexOf(' ');
    const at = blank > 0 ? blank : start.length;
    if (at === 0) break;
    done.push(rest.slice(0, at));
    rest = rest.slice(at).trimStart();
  }
  return [...done, fitWidth(rest, columns)];
}

/** The text cut or filled up with spaces to exactly `columns`. */
export function padWidth(text: string, columns: number): string {
  const fitted = fitWidth(text, columns);
  return fitted + ' '.repeat(Math.max(0, columns - displayWidth(fitted)));
}

/**
 * Lines of a table: every column as wide as its widest cell, two spaces between; the last one is
 * cut to what the terminal has left.
 */
export function formatTable(
  rows: readonly (readonly string[])[],
  columns: number,
): readonly string[] {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, at) => {
      widths[at] = Math.max(widths[at] ?? 0, displayWidth(cell));
    });
  return rows.map((row) => {
    const line = row
      .map((cell, at) => (at === row.length - 1 ? cell : padWidth(cell, widths[at] ?? 0)))
      .join('  ');
    return fitWidth(line, columns).trimEnd();
  });
}
