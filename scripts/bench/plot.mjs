// Cost against size as a picture: both axes logarithmic, one line a row of the table. Plain SVG, so
// that it needs nothing to be looked at.
const WIDTH = 760;
const HEIGHT = 420;
const EDGE = { left: 70, right: 250, top: 30, bottom: 50 };
const LINES = [
  { row: 'reply overhead', of: 'ours', name: 'one reply, all of it', color: '#0b6e4f' },
  {
    row: 'reply overhead',
    of: 'floor',
    name: 'the same in raw git',
    color: '#8fbfae',
    dash: '5 4',
  },
  { row: 'reply: our own part', of: 'ours', name: 'our own part of a reply', color: '#b5541c' },
  { row: 'idle tick', of: 'ours', name: 'idle tick', color: '#2f5fa8' },
  {
    row: 'restart with a checkpoint',
    of: 'ours',
    name: 'restart with a checkpoint',
    color: '#7a3f9d',
  },
  {
    row: 'restart without one',
    of: 'ours',
    name: 'restart without one',
    color: '#c79be0',
    dash: '5 4',
  },
];

/**
 * The picture of the rows that were measured at two sizes or more. `where` says on what machine.
 */
export function drawPlot(results, where) {
  const lines = LINES.map((line) => ({
    ...line,
    points: results
      .filter(({ row, size, [line.of]: value }) => row === line.row && size !== null && value > 0)
      .map(({ size, [line.of]: value }) => ({ size, value }))
      .sort((a, b) => a.size - b.size),
  })).filter(({ points }) => points.length > 1);
  const all = lines.flatMap(({ points }) => points);
  if (all.length === 0) throw new Error('nothing was measured at two sizes');
  const x = scale(
    all.map(({ size }) => size),
    [EDGE.left, WIDTH - EDGE.right],
  );
  const y = scale(
    all.map(({ value }) => value),
    [HEIGHT - EDGE.bottom, EDGE.top],
  );
  const ends = spread(lines.map((line) => ({ line, at: y.at(line.points.at(-1).value) })));
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="What it costs as a transport grows">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    ...x.marks.flatMap((mark) => [
      rule([x.at(mark), EDGE.top], [x.at(mark), HEIGHT - EDGE.bottom]),
      text(x.at(mark), HEIGHT - EDGE.bottom + 18, shorten(mark), 'middle'),
    ]),
    ...y.marks.flatMap((mark) => [
      rule([EDGE.left, y.at(mark)], [WIDTH - EDGE.right, y.at(mark)]),
      text(
        EDGE.left - 8,
        y.at(mark) + 4,
        mark >= 1_000 ? `${mark / 1_000} s` : `${mark} ms`,
        'end',
      ),
    ]),
    text(
      (EDGE.left + WIDTH - EDGE.right) / 2,
      HEIGHT - 12,
      `answered messages in the transport (${where})`,
      'middle',
    ),
    ...lines.map(
      ({ points, color, dash }) =>
        `<polyline fill="none" stroke="${color}" stroke-width="2"${dash === undefined ? '' : ` stroke-dasharray="${dash}"`} points="${points
          .map(({ size, value }) => `${round(x.at(size))},${round(y.at(value))}`)
          .join(' ')}"/>`,
    ),
    ...lines.flatMap(({ points, color }) =>
      points.map(
        ({ size, value }) =>
          `<circle cx="${round(x.at(size))}" cy="${round(y.at(value))}" r="3" fill="${color}"/>`,
      ),
    ),
    ...ends.map(({ line, at }) =>
      text(
        WIDTH - EDGE.right + 10,
        at + 4,
        `${line.name}: ${readable(line.points.at(-1).value)}`,
        'start',
        line.color,
      ),
    ),
    '</svg>',
  ].join('\n')}\n`;
}

/** Powers of ten around the values, and where each lies between the two edges. */
function scale(values, [from, to]) {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  return {
    marks: Array.from({ length: high - low + 1 }, (_, n) => 10 ** (low + n)),
    at: (value) => from + ((Math.log10(value) - low) / (high - low)) * (to - from),
  };
}

/** Names at the ends of lines that lie close, apart from each other. */
function spread(ends) {
  const sorted = [...ends].sort((a, b) => a.at - b.at);
  sorted.forEach((end, n) => {
    if (n > 0) end.at = Math.max(end.at, sorted[n - 1].at + 15);
  });
  return sorted;
}

function rule([x1, y1], [x2, y2]) {
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="#e3e3e3"/>`;
}

function text(x, y, words, anchor, color = '#333') {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" fill="${color}">${words}</text>`;
}

function round(value) {
  return Math.round(value * 10) / 10;
}

function readable(ms) {
  return ms >= 1_000 ? `${(ms / 1_000).toFixed(1)} s` : `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
}

function shorten(size) {
  return size >= 1_000_000
    ? `${size / 1_000_000} M`
    : size >= 1_000
      ? `${size / 1_000} k`
      : String(size);
}
