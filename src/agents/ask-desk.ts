/**
 * A socket in the scratch folder of an attempt, at which its processes ask for permission: for
 * programs that are not talked with. One line of JSON (`PermissionAsked`) a connection, one line
 * back. Other attempts have other folders; what reaches this one belongs to the attempt.
 */
import { chmod, mkdtemp, open, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { Buffer } from 'node:buffer';
import type { PermissionAsked } from './agent.ts';
import { parseRecord, textAt } from './json-values.ts';

/** In the environment of an agent: where its permissions are asked for. */
export const ASK_VARIABLE = 'CROSSTALK_ASK';

/** More than any question that is shown to a person. */
const LINE_CHARS_MAX = 65_536;
const CLIENTS_MAX = 32;
/** A client that says nothing is not waited for. */
const SILENCE_MS_MAX = 10_000;
/** Systems cut a socket's path at 104 or 108 bytes, without saying so. */
const PATH_BYTES_MAX = 100;

export interface AskDesk {
  readonly path: string;
  readonly close: () => Promise<void>;
}

/** Opens one. A connection that closes before its answer is not reported. */
export async function openDesk(
  scratch: string,
  ask: (asked: PermissionAsked) => Promise<boolean>,
): Promise<AskDesk> {
  const near = join(scratch, 'ask');
  const spelled = await shorten(near);
  // A sandbox around the agent shows it the scratch folder, and no other.
  const path = spelled === null ? join(await makeElsewhere(), 'ask') : near;
  const clients = new Set<Socket>();
  const server = createServer((socket) => {
    clients.add(socket);
    socket.once('close', () => clients.delete(socket));
    hear(socket, ask);
  });
  server.maxConnections = CLIENTS_MAX;
  const close = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const client of clients) client.destroy();
    await closed;
    if (spelled === null) await rm(dirname(path), { recursive: true, force: true });
    await spelled?.close();
  };
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(spelled?.path ?? path, resolve);
  });
  server.on('error', () => undefined);
  await chmod(path, 0o600);
  return { path, close };
}

/** A socket's path in few enough bytes, good until it is closed; null: this system has none. */
async function shorten(
  path: string,
): Promise<{ readonly path: string; readonly close: () => Promise<void> } | null> {
  if (Buffer.byteLength(path) <= PATH_BYTES_MAX) return { path, close: () => Promise.resolve() };
  if (process.platform !== 'linux') return null;
  const folder = await open(dirname(path), 'r');
  const near = `/proc/self/fd/${String(folder.fd)}/${basename(path)}`;
  return { path: near, close: () => folder.close() };
}

function makeElsewhere(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'crosstalk-ask-'));
}

function hear(socket: Socket, ask: (asked: PermissionAsked) => Promise<boolean>): void {
  const answer = (isAllowed: boolean): void => {
    if (socket.writable) socket.end(`${JSON.stringify({ allowed: isAllowed })}\n`);
  };
  socket.on('error', () => socket.destroy());
  socket.setTimeout(SILENCE_MS_MAX, () => socket.destroy());
  readLine(socket, (line) => {
    socket.setTimeout(0);
    const record = line === null ? null : parseRecord(line);
    const title = textAt(record, 'title');
    if (title === null) answer(false);
    else
      void ask({ title, kind: textAt(record, 'kind'), input: textAt(record, 'input') }).then(
        answer,
        () => answer(false),
      );
  });
}

/** Calls once, with the first line; null: there is none, or it is too long. */
function readLine(socket: Socket, heard: (line: string | null) => void): void {
  let text = '';
  let isOver = false;
  const end = (line: string | null): void => {
    if (!isOver) heard(line);
    isOver = true;
  };
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    if (isOver) return;
    text += chunk;
    const at = text.indexOf('\n');
    if (at >= 0) end(text.slice(0, at));
    else if (text.length > LINE_CHARS_MAX) end(null);
  });
  socket.once('close', () => end(null));
}

/** Asks at the desk of the own attempt; false: denied, or nobody is there to be asked. */
export async function askAtDesk(path: string, asked: PermissionAsked): Promise<boolean> {
  const spelled = await shorten(path).catch(() => null);
  const isAllowed = await askAt(spelled?.path ?? path, asked);
  await spelled?.close();
  return isAllowed;
}

function askAt(path: string, asked: PermissionAsked): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('error', () => resolve(false));
    readLine(socket, (line) => {
      const record = line === null ? null : parseRecord(line);
      socket.destroy();
      resolve(record?.['allowed'] === true);
    });
    socket.write(`${JSON.stringify(asked)}\n`);
  });
}
