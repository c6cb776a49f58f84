/**
 * `run` on a terminal and the keys that people press there. The terminal is the one that `script`
 * makes.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Cli, letter, startCli } from '../support/cli.ts';
import { untilTrue } from '../support/fleet.ts';

const BIN = resolve(import.meta.dirname, '../../bin/crosstalkd.js');
const HAS_SCRIPT = process.platform === 'linux' && spawnSync('script', ['--version']).status === 0;
const REPLY = 'data/channels/general/ask.re.slow.md';

let cli: Cli;
let terminal: Terminal;

interface Terminal {
  /** Everything that was written to it, without the codes that colour and redraw. */
  readonly screen: () => string;
  readonly press: (keys: string) => void;
  readonly until: (text: string) => Promise<void>;
  readonly ended: Promise<number | null>;
  readonly end: () => void;
}

/**
 * A terminal of 200 columns in which `crosstalkd run` has been started; `behind`: by `&`, from a
 * shell that continues.
 */
function openTerminal(behind = false): Terminal {
  const run = `${process.execPath} ${BIN} run --interval 0.3`;
  const command = `stty cols 200; ${behind ? `set -m; ${run} & cat` : `exec ${run}`}`;
  const child = spawn('script', ['-q', '-e', '-f', '-c', command, '/dev/null'], {
    cwd: cli.clone,
    env: { ...cli.env, TERM: 'xterm', SHELL: '/bin/sh', CROSSTALK_MAX_AGE: '3650d' },
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => (text += piece));
  child.stdin.on('error', () => undefined);

  const screen = (): string => text.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '').replaceAll('\r', '\n');
  return {
    screen,
    press: (keys) => child.stdin.write(keys),
    until: (words) =>
      untilTrue(() => screen().includes(words), 60_000).catch(() =>
        expect(screen()).toContain(words),
      ),
    ended: new Promise((done) => child.once('close', (code) => done(code))),
    end: () => child.kill('SIGKILL'),
  };
}

/**
 * Says a word when a file of that name appears, which `go` makes, and ends with the last one, or
 * with its folder: it may outlive a host that a test kills.
 */
const AGENT = `for word in early heard unheard; do while [ ! -e "$0/$word" ]; do [ -d "$0" ] || exit 1; sleep 0.05; done; echo "the $word word"; done`;

const go = (word: string): void => writeFileSync(join(cli.place, word), '');

beforeEach(async () => {
  cli = await startCli();
  const entry = JSON.stringify({
    slow: { adapter: 'command', command: ['sh', '-c', AGENT, cli.place], effects: 'none' },
  });
  writeFileSync(join(cli.place, 'config', 'models.yaml'), `models: ${entry}\n`, { mode: 0o600 });
});
afterEach(async () => {
  terminal.end();
  await terminal.ended;
  cli.close();
});

describe.skipIf(!HAS_SCRIPT)('run on a terminal', () => {
  test('in the background it tells what happens, draws no footer, and leaves the keys to others', async () => {
    terminal = openTerminal(true);
    await terminal.until('serves echo');
    terminal.press('typed for cat\n');
    cli.say({ 'data/channels/general/ask.md': letter('echo', 'over there') });
    await terminal.until('reply published');
    // As the terminal echoes it, and as cat got it.
    expect(terminal.screen().match(/typed for cat/g)).toHaveLength(2);
    expect(terminal.screen()).not.toMatch(/keys:|0 of 4 agents/);
    expect((await cli.run(['stop'])).code).toBe(0);
  });

  test('shows what an agent prints from one press of o to the next, pauses, says what runs, and quits', async () => {
    terminal = openTerminal();
    await terminal.until('keys: p pause or resume');
    cli.say({ 'data/channels/general/ask.md': letter('slow', 'take your time') });
    await terminal.until('1 of');
    await terminal.until('runs for');

    go('early');
    terminal.press('o');
    await terminal.until('showing agent output');
    go('heard');
    await terminal.until('│ the heard word');
    expect(terminal.screen()).toMatch(/^slow {2}\S+ │ the heard word$/m);

    terminal.press('o');
    await terminal.until('agent output is hidden');
    terminal.press('p');
    await terminal.until('paused');
    go('unheard');
    await untilTrue(
      () => (cli.git(['pull', '-q', '--rebase']), existsSync(join(cli.clone, REPLY))),
    );
    expect(readFileSync(join(cli.clone, REPLY), 'utf8')).toContain(
      'the early word\nthe heard word\nthe unheard word',
    );
    expect(terminal.screen()).not.toContain('the unheard word');

    terminal.press('q');
    expect(await terminal.ended).toBe(0);
  });

  test('the chosen message shows its output, says why it waits, and is cancelled', async () => {
    terminal = openTerminal();
    await terminal.until('keys: p pause or resume');
    cli.say({ 'data/channels/general/ask.md': letter('slow', 'take your time') });
    await terminal.until('▶ slow ← grace "take your time"  ask  runs for');
    terminal.press('\u001b[B');
    await terminal.until('› ▶ slow');
    terminal.press('\r');
    await terminal.until('showing the output of ask');
    go('early');
    await terminal.until('│ the early word');
    terminal.press('w');
    await terminal.until('$ crosstalkd why ask');
    await terminal.until('runs on mbp (this host); its agent has run for');
    terminal.press('c');
    await terminal.until('press c again to cancel ask');
    terminal.press('c');
    await terminal.until('cancelled ask for slow');
    await terminal.until('0 of 4 agents');
    terminal.press('q');
    expect(await terminal.ended).toBe(0);
  });
});
