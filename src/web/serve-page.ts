/** `crosstalkd web`: a page for one person on this machine, until it is stopped. */
import { spawn } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { END_SIGNALS } from '../base/end-signals.ts';
import { CrosstalkError } from '../base/errors.ts';
import { given, type Invocation } from '../cli/command.ts';
import { formatJson, paint } from '../cli/io.ts';
import { openDesk } from './desk.ts';
import { type PageServer, startPageServer } from './http-server.ts';
import { type ListenAt, readListenAt } from './listen-at.ts';
import { formatRedirect, readPageFiles } from './page-files.ts';

/**
 * Where the page is when nothing else is asked for and nobody else is there, so that links to it
 * keep their meaning.
 */
const PORT_USUAL = 7433;

/** Serves the page. Ends with 0 on SIGINT or SIGTERM. */
export async function servePage(invocation: Invocation): Promise<number> {
  const at = await readListenAt(invocation);
  const stopped = untilSignal();
  try {
    const files = await readPageFiles();
    const desk = await openDesk(invocation);
    try {
      const server = await start(at.port, (port) => startPageServer(desk, files, { ...at, port }));
      printAddress(invocation, server, at);
      const door = join(desk.directory, `web-${server.port}.html`);
      if (!given(invocation, 'no-open') && invocation.io.isTerminal)
        await openBrowser(invocation, { server, door });
      await stopped.signal;
      await server.close();
      await rm(door, { force: true });
    } finally {
      await desk.close();
    }
    return 0;
  } finally {
    stopped.close();
  }
}

/** Without a wish the usual port, and when that is taken any other. */
async function start(
  port: number | null,
  listen: (port: number) => Promise<PageServer>,
): Promise<PageServer> {
  if (port !== null) return listen(port);
  return listen(PORT_USUAL).catch((error: unknown) => {
    if (error instanceof CrosstalkError && error.code === 'USAGE') return listen(0);
    throw error;
  });
}

function printAddress(
  { io, ...invocation }: Invocation,
  server: PageServer,
  { tls }: ListenAt,
): void {
  let address = server.invite();
  const print = (): void =>
    given(invocation, 'json')
      ? io.print(formatJson({ ok: true, health: 'good', url: address, port: server.port }))
      : io.print(paint(io, 'bold', address));
  print();
  if (!given(invocation, 'json'))
    io.print(
      paint(
        io,
        'dim',
        `${tls === null ? 'Only this machine can open it, and it' : 'It'} admits one browser, which can read and send as you; then a new address follows. Ctrl-C ends it.`,
      ),
    );
  server.onEnter((used) => {
    if (used !== address) return;
    address = server.invite();
    print();
  });
}

/**
 * The browser is sent to a file that only this user can read, for everybody on the machine sees the
 * arguments of a program. A machine without a browser has the address in its terminal.
 */
async function openBrowser(
  invocation: Invocation,
  { server, door }: { readonly server: PageServer; readonly door: string },
): Promise<void> {
  const url = server.invite();
  await rm(door, { force: true });
  await writeFile(door, formatRedirect(url), { mode: 0o600, flag: 'wx' });
  server.onEnter((used) => {
    if (used === url) void rm(door, { force: true });
  });
  const program = process.platform === 'darwin' ? 'open' : 'xdg-open';
  const child = spawn(program, [door], {
    stdio: 'ignore',
    detached: true,
    env: { ...invocation.env },
  });
  child.on('error', () => undefined);
  child.unref();
}

function untilSignal(): { readonly signal: Promise<void>; readonly close: () => void } {
  let hear: () => void = () => undefined;
  const signal = new Promise<void>((resolve) => {
    hear = resolve;
    for (const name of END_SIGNALS) process.on(name, hear);
  });
  return {
    signal,
    close: () => {
      for (const name of END_SIGNALS) process.off(name, hear);
    },
  };
}
