/**
 * The side of the user's other commands: ask the dispatcher of this host, or learn that none runs.
 */
import { parseJson } from '../base/parse-json.ts';
import { connect, type Socket } from 'node:net';
import { createLineSplitter, decodeReply, type ControlRequest, type LocalOp } from './control.ts';
import { findSocketPath } from './control-socket.ts';
import { isErrno, localFailure } from './durable-file.ts';
import { readLock, type LockHolder } from './lock.ts';

/**
 * `silent`: a dispatcher holds the state directory but does not answer, because it is just
 * starting, stopped by a signal, or stuck.
 */
export type NoAnswer =
  | { readonly kind: 'not-running' }
  | { readonly kind: 'silent'; readonly holder: LockHolder | null };

/** What came of asking. */
export type ControlAnswer =
  | { readonly kind: 'answered'; readonly state: unknown }
  /** It answered that it will not or cannot. */
  | { readonly kind: 'refused'; readonly error: string }
  | NoAnswer;

const TIMEOUT_MS = 5_000;
/** A status with thousands of running attempts is far below this. */
const REPLY_BYTES_MAX = 16 * 1_048_576;

/**
 * Asks the dispatcher that holds `stateDirectory`. Expected outcomes are values; never waits longer
 * than `timeoutMs` (default 5 s) for a word.
 */
export async function sendControl(
  stateDirectory: string,
  request: ControlRequest & { readonly op: Exclude<LocalOp, 'events'> },
  options: { readonly timeoutMs?: number } = {},
): Promise<ControlAnswer> {
  const socket = await dial(stateDirectory, options.timeoutMs ?? TIMEOUT_MS);
  if (socket === null) return explainNoAnswer(stateDirectory);
  const line = await firstLine(socket, request);
  const reply = line === null ? null : decodeReply(line);
  if (reply === null) return explainNoAnswer(stateDirectory);
  return reply.ok
    ? { kind: 'answered', state: reply.state }
    : { kind: 'refused', error: reply.error };
}

/** What to do with events. */
export interface Follower {
  /** Called once, when every later event will be handed on. */
  readonly onStart?: () => void;
  readonly onEvent: (event: unknown) => void;
  readonly signal: AbortSignal;
}

/** Hands on the dispatcher's events until `signal` aborts or the dispatcher ends (`ended`). */
export async function followControl(
  stateDirectory: string,
  follower: Follower,
): Promise<{ readonly kind: 'ended' } | NoAnswer> {
  const socket = await dial(stateDirectory, TIMEOUT_MS);
  if (socket === null) return explainNoAnswer(stateDirectory);
  const progress = { started: false };
  const hear = (line: string): void => {
    if (progress.started) {
      follower.onEvent(parseJson(line) ?? null);
      return;
    }
    progress.started = decodeReply(line)?.ok === true;
    socket.setTimeout(0);
    if (progress.started) follower.onStart?.();
    else socket.destroy();
  };
  const leave = (): void => void socket.destroy();
  follower.signal.addEventListener('abort', leave, { once: true });
  if (follower.signal.aborted) leave();
  await converse(socket, { op: 'events' }, hear);
  follower.signal.removeEventListener('abort', leave);
  return progress.started || follower.signal.aborted
    ? { kind: 'ended' }
    : explainNoAnswer(stateDirectory);
}

async function explainNoAnswer(stateDirectory: string): Promise<NoAnswer> {
  const lock = await readLock(stateDirectory).catch(() => null);
  if (lock === null) return { kind: 'silent', holder: null };
  return lock.kind === 'held' ? { kind: 'silent', holder: lock.holder } : { kind: 'not-running' };
}

/** A connection, or null when nobody listens. */
async function dial(stateDirectory: string, timeoutMs: number): Promise<Socket | null> {
  const path = await findSocketPath(stateDirectory);
  if (path === null) return null;
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.setTimeout(timeoutMs, () => socket.destroy());
    socket.once('connect', () => {
      socket.off('error', failed);
      socket.on('error', () => socket.destroy());
      resolve(socket);
    });
    const failed = (error: Error): void => {
      socket.destroy();
      if (isErrno(error, 'ENOENT', 'ECONNREFUSED', 'EAGAIN', 'ENOTSOCK', 'ECONNRESET'))
        resolve(null);
      else reject(localFailure(error, path));
    };
    socket.once('error', failed);
    socket.once('close', () => resolve(null));
  });
}

async function firstLine(socket: Socket, request: ControlRequest): Promise<string | null> {
  let first: string | null = null;
  await converse(socket, request, (line) => {
    first ??= line;
    socket.destroy();
  });
  return first;
}

/** Resolves when the connection has ended, for whatever reason. */
function converse(
  socket: Socket,
  request: ControlRequest,
  onLine: (line: string) => void,
): Promise<void> {
  const split = createLineSplitter(REPLY_BYTES_MAX, onLine);
  return new Promise((resolve) => {
    socket.on('data', (chunk) => {
      if (!split(chunk)) socket.destroy();
    });
    socket.once('close', () => resolve());
    if (socket.destroyed) resolve();
    else socket.write(`${JSON.stringify(request)}\n`);
  });
}
