// The one table that people read.
/** `ours` of rows about calls is in the pace `own`. */
const HEAD = ['row', 'size', 'floor', 'ours', 'hosted', 'ratio', 'target', ''];

export function formatTable(results) {
  const lines = [HEAD, ...results.map(toCells)];
  const widths = HEAD.map((_, column) => Math.max(...lines.map((cells) => cells[column].length)));
  return lines
    .map((cells) =>
      cells
        .map((cell, column) =>
          column === 0 || column >= 6 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function toCells({ row, size, floor, ours, hosted, ratio, unit, target, ok }) {
  const value = (number) =>
    number === undefined ? '' : `${formatNumber(number)}${unit === '' ? '' : ` ${unit}`}`;
  const shown = ratio ?? (floor === undefined || unit === '' ? undefined : ours / floor);
  return [
    row,
    size === null ? '' : formatSize(size),
    value(floor),
    value(ours),
    value(hosted),
    shown === undefined ? '' : shown.toFixed(2),
    target,
    target === '' ? '' : ok ? 'ok' : 'MISS',
  ];
}

function formatNumber(number) {
  return Number.isInteger(number) || Math.abs(number) >= 1_000
    ? String(Math.round(number))
    : number.toFixed(Math.abs(number) >= 100 ? 0 : 1);
}

function formatSize(size) {
  return size % 1_000_000 === 0
    ? `${size / 1_000_000}m`
    : size % 1_000 === 0
      ? `${size / 1_000}k`
      : String(size);
}
