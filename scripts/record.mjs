// The pictures of README.md and GUIDE-CLI.md, recorded from the program itself:
// `node scripts/record.mjs` after a build. `demo` is a run of the demo, `run` a terminal (needs
// tmux), `page` the page (needs Chromium). `views DIR` writes every view of the page in light, dark
// and on a phone, to look at.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { drawTerminal } from './record/draw-terminal.mjs';
import { photographPage, photographViews } from './record/photograph.mjs';
import { openScene, play } from './record/scene.mjs';
import { typeIn } from './record/terminal.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const docs = (name) => join(ROOT, 'docs', name);
/** The sections of the demo that are shown, by the beginning of their titles. */
const SHOWN = ['Two hosts begin', 'Ask by hand', 'What was said'];
const DEMO = { columns: 108, label: 'A recorded run of npm run demo' };
const RUN = {
  columns: 100,
  rows: 28,
  label: 'crosstalkd run in a terminal: events, what runs, what waits',
};

const [what = 'all', place] = process.argv.slice(2);
if (
  !['all', 'demo', 'run', 'page', 'views'].includes(what) ||
  (what === 'views') !== (place !== undefined)
) {
  console.error('node scripts/record.mjs [demo|run|page|views DIR]');
  process.exit(2);
}
if (what === 'all' || what === 'demo') writeFileSync(docs('demo.svg'), drawDemo());
if (what !== 'demo') {
  const scene = await openScene();
  try {
    const played = await play(scene);
    const terminal = await typeIn(scene, RUN);
    try {
      if (what === 'all' || what === 'run')
        writeFileSync(docs('run.svg'), drawTerminal(terminal.lines, RUN));
      if (what === 'all' || what === 'page')
        await photographPage(scene, played, { desk: docs('page.png'), phone: docs('phone.png') });
      if (what === 'views') {
        mkdirSync(resolve(place), { recursive: true });
        await photographViews(scene, played, resolve(place));
      }
    } finally {
      await terminal.close();
    }
  } finally {
    await scene.close();
  }
}

function drawDemo() {
  const { stdout } = spawnSync(process.execPath, [join(ROOT, 'scripts/demo.mjs')], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const sections = stdout.split('\n== ').slice(1);
  const shown = SHOWN.map((title) => sections.find((section) => section.startsWith(title)));
  if (shown.includes(undefined) || !stdout.includes('That was crosstalkd.'))
    throw new Error('the demo did not come to its end');
  // The last section continues with what the picture has no room for.
  const lines = shown
    .flatMap((section) => [...`# ${section}`.split('\n$ the answer')[0].trimEnd().split('\n'), ''])
    .slice(0, -1);
  return drawTerminal(lines.map(styleOfDemo), DEMO);
}

function styleOfDemo(line) {
  const letters = [...line.replace(/^ {4}/, '  ')];
  const fitting =
    letters.length > DEMO.columns
      ? `${letters.slice(0, DEMO.columns - 1).join('')}…`
      : letters.join('');
  if (fitting.startsWith('# ')) return `\x1b[2m${fitting}\x1b[0m`;
  return fitting.startsWith('$ ') ? `\x1b[1;32m${fitting}\x1b[0m` : fitting;
}
