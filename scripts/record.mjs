// `npm run -s demo | node scripts/record.mjs`: draws parts of a real run of the demo as
// docs/demo.svg, for the first screen of README.md.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The sections of the demo that are shown, by the beginning of their titles. */
const SHOWN = ['Two hosts begin', 'Ask by hand', 'What was said'];
const COLUMNS = 108;
const [LINE_PX, COLUMN_PX, EDGE_PX] = [18, 7.5, 16];

let text = '';
for await (const chunk of process.stdin) text += chunk;
const sections = text.split('\n== ').slice(1);
const shown = SHOWN.map((title) => sections.find((section) => section.startsWith(title)));
if (shown.includes(undefined) || !text.includes('That was crosstalkd.')) {
  console.error('this is not the whole output of: npm run -s demo');
  process.exit(1);
}
// The last section continues with what the picture has no room for.
const lines = shown
  .flatMap((section) => [...`# ${section}`.split('\n$ the answer')[0].trimEnd().split('\n'), ''])
  .slice(0, -1);
writeFileSync(fileURLToPath(new URL('../docs/demo.svg', import.meta.url)), draw(lines.map(fit)));

function fit(line) {
  const letters = [...line.replace(/^ {4}/, '  ')];
  return letters.length > COLUMNS ? `${letters.slice(0, COLUMNS - 1).join('')}…` : letters.join('');
}

function draw(rows) {
  const [width, height] = [COLUMNS * COLUMN_PX + 2 * EDGE_PX, rows.length * LINE_PX + 2 * EDGE_PX];
  const texts = rows.map((row, at) => {
    const kind = row.startsWith('# ')
      ? ' class="title"'
      : row.startsWith('$ ')
        ? ' class="typed"'
        : '';
    return row === ''
      ? ''
      : `<text${kind} x="${EDGE_PX}" y="${EDGE_PX + at * LINE_PX + 13}" xml:space="preserve">${escape(row)}</text>\n`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="A recorded run of npm run demo">
<style>
rect { fill: #f6f8fa; } text { font: 12.4px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #1f2328; }
.title { fill: #59636e; } .typed { fill: #0a5c3f; font-weight: 600; }
@media (prefers-color-scheme: dark) { rect { fill: #151b23; } text { fill: #e6edf3; } .title { fill: #9aa4af; } .typed { fill: #6fd3a8; } }
</style>
<rect width="${width}" height="${height}" rx="8"/>
${texts.join('')}</svg>
`;
}

function escape(value) {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
