/**
 * The dispatcher's side of local control. Whatever a client sends or does not read, the dispatcher
 * continues.
 */
import { chmod } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { errorText } from '../base/errors.ts';
import {
  createLineSplitter,
  decodeRequest,
  REQUEST_BYTES_MAX,
  type ControlReply,
  type ControlRequest,
  type LocalOp,
} from './control.ts';
import { makeSocketPath, removeSocket } from './control-socket.ts';
import { attempt } from './durable-file.ts';

/** What the dispatcher does when it is asked. */
export interface ControlHandler {
  /**
   * Does it, and gives the state after it as JSON; what it throws is the answer. Answers `stop`
   * before it closes the server.
   */
  readonly answer: (op: Exclude<LocalOp, 'events'>, model: string | undefined) => Promise<unknown>;
  /** Hands every event to `emit` until the function it returns is called. */
  readonly follow: (emit: (event: unknown) => void) => () => void;
}

/** An open control socket. */
export interface ControlServer {
  /** Ends all conversations and removes the socket. */
  close(): Promise<void>;
}

const CLIENTS_MAX = 64;
/** A client that says nothing, or takes nothing at the end, is not waited for any longer. */
const SILENCE_MS_MAX = 10_000;
const FAREWELL_MS_MAX = 1_000;
/** Events that a client has not taken; beyond this it is dropped and may come back. */
const UNREAD_BYTES_MAX = 1_048_576;

/**
 * Listens for the user's other commands. Needs the lock of the state directory. Throws
 * STATE_UNUSABLE when there is no place to listen.
 */
export async function serveControl(
  stateDirectory: string,
  handler: ControlHandler,
): Promise<ControlServer> {
  const path = await makeSocketPath(stateDirectory);
  const clients = new Set<Socket>();
  // A client may close its side after asking (`printf … | nc -U`); it still gets its answer.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    clients.add(socket);
    socket.once('close', () => clients.delete(socket));
    converse(socket, handler);
  });
  server.maxConnections = CLIENTS_MAX;
  const close = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const client of clients) sayFarewell(client);
    await closed;
    await removeSocket(stateDirectory);
  };
  await attempt(path, () => listen(server, path));
  try {
    await attempt(path, () => chmod(path, 0o600));
  } catch (error) {
    // A socket that others could reach is not used; one that stayed open would keep the process
    // from ending.
    await close();
    throw error;
  }
  return { close };
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      // Later errors (no file descriptors for a client) are that client's loss.
      server.on('error', () => undefined);
      resolve();
    });
  });
}

function sayFarewell(client: Socket): void {
  client.setTimeout(FAREWELL_MS_MAX, () => client.destroy());
  client.destroySoon();
}

function converse(socket: Socket, handler: ControlHandler): void {
  let heard = false;
  const hear = (line: string): void => {
    if (heard) return;
    heard = true;
    socket.setTimeout(0);
    const request = decodeRequest(line);
    if ('error' in request) reply(socket, { ok: false, error: request.error });
    else void serve(socket, request, handler);
  };
  const split = createLineSplitter(REQUEST_BYTES_MAX, hear);
  socket.on('error', () => socket.destroy());
  socket.once('end', () => {
    if (!heard) socket.destroy();
  });
  socket.setTimeout(SILENCE_MS_MAX, () => socket.destroy());
  socket.on('data', (chunk) => {
    if (heard || split(chunk)) return;
    heard = true;
    reply(socket, { ok: false, error: `a request has at most ${REQUEST_BYTES_MAX} bytes` });
  });
}

async function serve(
  socket: Socket,
  request: ControlRequest,
  handler: ControlHandler,
): Promise<void> {
  try {
    if (request.op === 'events') {
      stream(socket, handler);
      return;
    }
    reply(socket, { ok: true, state: await handler.answer(request.op, request.model) });
  } catch (error) {
    reply(socket, { ok: false, error: errorText(error) });
  }
}

function reply(socket: Socket, answer: ControlReply): void {
  // Nothing more is read, so a client that neither takes its answer nor stops talking falls silent
  // and is let go.
  socket.pause();
  socket.setTimeout(FAREWELL_MS_MAX, () => socket.destroy());
  if (socket.writable) socket.end(`${JSON.stringify(answer)}\n`, () => socket.destroy());
}

function stream(socket: Socket, handler: ControlHandler): void {
  socket.write(`${JSON.stringify({ ok: true, state: 'following' } satisfies ControlReply)}\n`);
  const stop = handler.follow((event) => {
    if (socket.writableLength > UNREAD_BYTES_MAX) socket.destroy();
    else if (socket.writable) socket.write(formatEvent(event));
  });
  socket.once('close', stop);
  socket.once('end', () => socket.destroy());
}

/** Never throws: it runs inside whatever the dispatcher was doing when the event came up. */
function formatEvent(event: unknown): string {
  try {
    return `${JSON.stringify(event ?? null)}\n`;
  } catch {
    return `${JSON.stringify(String(event))}\n`;
  }
}
