// `crosstalkd run` in a real terminal, that of tmux, which also says what is on its screen.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { SGR } from './draw-terminal.mjs';

const SESSION = 'picture';

/** Starts the host `laptop`, gives it work, and reads the screen when it is busy. */
export async function typeIn(scene, { columns, rows }) {
  const socket = join(scene.place, 'tmux');
  const tmux = (...args) => {
    const { status, stdout, stderr } = spawnSync('tmux', ['-S', socket, ...args], {
      cwd: scene.team,
      env: { ...scene.env, TERM: 'xterm-256color', LANG: 'C.UTF-8' },
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`tmux ${args[0]}: ${stderr}`);
    return stdout;
  };
  const screen = () => tmux('capture-pane', '-e', '-p', '-t', SESSION);
  const run = [process.execPath, scene.bin, 'run', '--interval', '0.5', '--concurrency', '2'];
  tmux(
    '-f',
    '/dev/null',
    'new-session',
    '-d',
    '-s',
    SESSION,
    '-x',
    String(columns),
    '-y',
    String(rows),
    ...run,
  );
  await scene.until(() => screen().includes('serves'), 'the start of run');
  scene.say('send', '--to', 'opus@laptop', '-m', 'Which test shows it?', '--wait', '60');
  const texts = [
    'Find a counterexample to the lease.',
    'Compare the lease with the protocol.',
    'Draw the states of a claim.',
  ];
  for (const text of texts) scene.say('send', '--to', 'gemini', '-m', text);

  await scene.until(
    () => /gemini ← ada/.test(plain(screen())) && plain(screen()).includes('waits'),
    'work',
  );
  tmux('send-keys', '-t', SESSION, 'Down');
  tmux('send-keys', '-t', SESSION, 'Enter');
  await new Promise((done) => setTimeout(done, 2500));
  const lines = screen().trimEnd().split('\n');
  return {
    lines,
    close: async () => {
      spawnSync('tmux', ['-S', socket, 'send-keys', '-t', SESSION, 'C-c', 'C-c']);
      await scene.until(
        () => spawnSync('tmux', ['-S', socket, 'has-session']).status !== 0,
        'the end of run',
      );
    },
  };
}

function plain(text) {
  return text.replace(SGR, '');
}
