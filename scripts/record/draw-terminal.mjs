// A screen of a terminal as SVG: text with its colours, light and dark.

const [LINE_PX, COLUMN_PX, EDGE_PX] = [18, 7.5, 16];
/** Select Graphic Rendition, which is all that a captured screen has. */
export const SGR = /\p{Cc}\[([\d;]*)m/gu;
/** Number of SGR → class; colours in both of their forms. */
const CLASSES = {
  1: 'b',
  2: 'd',
  7: 'r',
  31: 'red',
  32: 'green',
  33: 'yellow',
  34: 'blue',
  35: 'purple',
  36: 'cyan',
  90: 'd',
};
const STYLE = `
rect.screen { fill: #f6f8fa; } rect.r { fill: #dfe3e8; }
text { font: 12.4px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #1f2328; }
.b { font-weight: 600; } .d { fill: #59636e; } .typed { fill: #0a5c3f; font-weight: 600; }
.red { fill: #b3261e; } .green { fill: #0a5c3f; } .yellow { fill: #7d4e00; }
.blue { fill: #0550ae; } .purple { fill: #6639ba; } .cyan { fill: #075e6b; }
@media (prefers-color-scheme: dark) {
rect.screen { fill: #151b23; } rect.r { fill: #2f3742; } text { fill: #e6edf3; }
.d { fill: #9aa4af; } .typed, .green { fill: #6fd3a8; } .red { fill: #ff8f87; }
.yellow { fill: #e3b341; } .blue { fill: #79c0ff; } .purple { fill: #d2a8ff; } .cyan { fill: #76d9e6; }
}
`;

/** Lines with SGR codes → SVG of so many columns. `label` is what a screen reader says. */
export function drawTerminal(lines, { columns, label }) {
  const [width, height] = [columns * COLUMN_PX + 2 * EDGE_PX, lines.length * LINE_PX + 2 * EDGE_PX];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(label)}">
<style>${STYLE}</style>
<rect class="screen" width="${width}" height="${height}" rx="8"/>
${styled(lines).map(drawLine).join('')}</svg>
`;
}

function drawLine(pieces, at) {
  const top = EDGE_PX + at * LINE_PX;
  let column = 0;
  return pieces
    .map(({ text, classes }) => {
      const x = EDGE_PX + column * COLUMN_PX;
      const length = [...text].length;
      column += length;
      const behind = classes.includes('r')
        ? `<rect class="r" x="${x}" y="${top}" width="${length * COLUMN_PX}" height="${LINE_PX}"/>\n`
        : '';
      const shown = classes.filter((name) => name !== 'r').join(' ');
      return text.trim() === ''
        ? behind
        : `${behind}<text${shown === '' ? '' : ` class="${shown}"`} x="${x}" y="${top + 13}" textLength="${length * COLUMN_PX}" xml:space="preserve">${escape(text)}</text>\n`;
    })
    .join('');
}

/** Each line as stretches of one style, which lasts into the next line. */
function styled(lines) {
  let classes = [];
  return lines.map((line) => {
    const pieces = [];
    let from = 0;
    const take = (to) => {
      if (to > from) pieces.push({ text: line.slice(from, to), classes });
    };
    for (const found of line.matchAll(SGR)) {
      take(found.index);
      from = found.index + found[0].length;
      for (const code of (found[1] || '0').split(';')) classes = after(classes, Number(code));
    }
    take(line.length);
    return pieces;
  });
}

function after(classes, code) {
  if (code === 0) return [];
  if (code === 22) return classes.filter((name) => name !== 'b' && name !== 'd');
  if (code === 27) return classes.filter((name) => name !== 'r');
  const name = CLASSES[code];
  if (name === undefined) return classes.filter((one) => ['b', 'd', 'r'].includes(one));
  return [...classes, name];
}

function escape(value) {
  return value
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
