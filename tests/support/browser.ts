/** The page in a real browser: the system's Chromium, and `crosstalkd web` as a child process. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import type { Cli } from './cli.ts';

const BIN = resolve(import.meta.dirname, '../../bin/crosstalkd.js');
const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];
const LIMIT_MS = 60_000;

/** A browser without a window. Fails saying what to install when the machine has none. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: findBrowser(),
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
    timeout: LIMIT_MS,
  });
}

function findBrowser(): string {
  const given = process.env['CHROME_PATH'];
  const places = (process.env['PATH'] ?? '')
    .split(delimiter)
    .flatMap((folder) => NAMES.map((name) => join(folder, name)));
  const found = [...(given === undefined ? [] : [given]), ...places].find((path) =>
    existsSync(path),
  );
  if (found === undefined)
    throw new Error(
      'the tests of the page need Chromium: apt-get install -y chromium (or set CHROME_PATH to a Chromium or Chrome)',
    );
  return found;
}

/** `crosstalkd web` as it runs. */
export interface WebChild {
  /** With a token that lets in once; the newest one printed. */
  readonly url: string;
  /** `http://127.0.0.1:<port>`, or where it was told to listen. */
  readonly origin: string;
  readonly port: number;
  /** Ends it as a terminal or a service does; gives the exit code. */
  readonly stop: (signal: 'SIGINT' | 'SIGTERM') => Promise<number | null>;
}

/** Starts it on any free port, or where `where` says. */
export async function startWeb(
  cli: Cli,
  where: readonly string[] = ['--port', '0'],
): Promise<WebChild> {
  const child = spawn(process.execPath, [BIN, 'web', '--no-open', ...where, '--json'], {
    cwd: cli.clone,
    env: { ...cli.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { out: '', error: '' };
  const ended = new Promise<number | null>((done) => child.once('close', (code) => done(code)));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.error += text));
  const line = await new Promise<string>((done, fail) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said.out += text;
      if (said.out.includes('\n')) done(said.out);
    });
    void ended.then((code) => fail(new Error(`web ended with ${String(code)}: ${said.error}`)));
  });
  const read = (text: string) =>
    JSON.parse(text) as { readonly url: string; readonly port: number };
  const { port, url } = read(line);
  return {
    get url() {
      return read(said.out.trimEnd().split('\n').at(-1) ?? '').url;
    },
    origin: new URL(url).origin,
    port,
    stop: (signal) => {
      child.kill(signal);
      return ended;
    },
  };
}
