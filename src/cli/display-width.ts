/**
 * How much room text takes on a terminal, and cutting it to fit: wide characters take two columns,
 * combining marks none.
 */

const ZERO_WIDTH = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
/** East Asian wide and full-width forms, and pictures. */
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1faff}\u{20000}-\u{3fffd}]$/u;

/** Columns that one code point takes. */
function widthOf(point: string): number {
  if (point < '\u0300') return 1;
  if (ZERO_WIDTH.test(point)) return 0;
  return WIDE.test(point) ? 2 : 1;
}

/** Columns that a line takes. The text must be free of control codes. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const point of text) width += widthOf(point);
  return width;
}

/** The text cut to `columns`, with an ellipsis where something is missing. */
export function fitWidth(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  let width = 1;
  let kept = '';
  for (const point of text) {
    width += widthOf(point);
    if (width > columns) break;
    kept += point;
  }
  return columns < 1 ? '' : `${kept}…`;
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
