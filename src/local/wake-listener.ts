/**
 * Takes calls that say "look now": push webhooks of forges, the hook of a self-hosted remote, other
 * hosts. Whatever is sent, a look is all it can cause.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { errorText } from '../base/errors.ts';
import { formatWakeAddress, WAKE_PATH, type WakeAddress } from '../protocol/wake-address.ts';
import { judgeWake } from './wake-request.ts';

export interface ListenOptions {
  readonly at: WakeAddress;
  /** Null only on loopback: then anybody on this machine may call. */
  readonly secret: string | null;
  readonly clock: Clock;
  readonly onWake: () => void;
  /** A call was not taken; reported at most once a minute. */
  readonly onRefused: (why: string) => void;
  /** How long a call may take to arrive. Default 10 s. */
  readonly requestMsMax?: number;
}

/** An open listener. */
export interface WakeListener {
  /** `host:port` as it listens; the port is a free one when 0 was asked for. */
  readonly at: string;
  close(): Promise<void>;
}

/**
 * Forges send what was pushed along; a push of more than this is found by the next look of the
 * usual pace.
 */
const BODY_BYTES_MAX = 1_048_576;
const CONNECTIONS_MAX = 64;
/** Calls in a second, beyond which they are turned away unread. */
const CALLS_PER_SECOND = 50;
const REQUEST_MS_MAX = 10_000;
const HEADERS_MS_MAX = 5_000;
const REFUSALS_MS = 60_000;

/** True for addresses that only this machine can reach. */
export function isLoopback({ host }: WakeAddress): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** Listens. Rejects with the system's reason when the address cannot be had. */
export async function listenForWakes(options: ListenOptions): Promise<WakeListener> {
  const requestTimeout = options.requestMsMax ?? REQUEST_MS_MAX;
  const server = createServer({
    requestTimeout,
    headersTimeout: Math.min(HEADERS_MS_MAX, requestTimeout),
    keepAliveTimeout: 1_000,
    // Node looks for calls that are overdue every 30 s only, and as long a few slow ones keep
    // everybody out.
    connectionsCheckingInterval: requestTimeout / 5,
  });
  server.maxConnections = CONNECTIONS_MAX;
  const refuse = limitRefusals(options);
  const isTooOften = limitRate(options.clock);
  server.on('request', (request, response) => {
    void answer(request, response, { ...options, refuse, isTooOften }).catch((error: unknown) => {
      refuse(errorText(error));
      response.destroy();
    });
  });
  server.on('clientError', (_error, socket) => socket.destroy());
  await listen(server, options.at);
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : options.at.port;
  return {
    at: formatWakeAddress({ host: options.at.host, port }),
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, { host, port }: WakeAddress): Promise<void> {
  return new Promise((done, fail) => {
    server.once('error', fail);
    server.listen({ host, port }, () => {
      server.off('error', fail);
      // Later errors (no file descriptors for a caller) are that caller's loss.
      server.on('error', () => undefined);
      done();
    });
  });
}

interface Answering extends ListenOptions {
  readonly refuse: (why: string) => void;
  readonly isTooOften: () => boolean;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  parts: Answering,
): Promise<void> {
  const refusal =
    refuseUnread(request, parts) ?? refuseRead(request, await readBody(request), parts);
  if (refusal === null) parts.onWake();
  else parts.refuse(refusal.why);
  response.writeHead(refusal?.status ?? 202, {
    'content-type': 'text/plain; charset=utf-8',
    connection: 'close',
  });
  response.end(`${refusal?.why ?? 'looking'}\n`);
}

interface Refusal {
  readonly status: number;
  readonly why: string;
}

function refuseUnread({ url, method }: IncomingMessage, { isTooOften }: Answering): Refusal | null {
  if (isTooOften()) return { status: 429, why: 'too many calls; the remote is polled anyway' };
  if ((url ?? '').split('?')[0] !== WAKE_PATH)
    return { status: 404, why: `the only path is ${WAKE_PATH}` };
  return method === 'POST' ? null : { status: 405, why: 'expected POST' };
}

function refuseRead(
  { headers }: IncomingMessage,
  body: Buffer | null,
  { secret }: Answering,
): Refusal | null {
  if (body === null) return { status: 413, why: `a payload has at most ${BODY_BYTES_MAX} bytes` };
  switch (judgeWake({ headers, body }, secret)) {
    case 'look':
      return null;
    case 'unsigned':
      return { status: 401, why: 'no signature and no token' };
    case 'wrong':
      return { status: 403, why: 'the signature or token does not fit the secret of this host' };
  }
}

/** The bytes, or null when they are too many. Rejects when the caller goes away. */
async function readBody(request: IncomingMessage): Promise<Buffer | null> {
  if (Number(request.headers['content-length'] ?? 0) > BODY_BYTES_MAX) return null;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function limitRate(clock: Clock): () => boolean {
  let [sinceMs, calls] = [Number.NEGATIVE_INFINITY, 0];
  return () => {
    const nowMs = clock.monotonicMs();
    if (nowMs - sinceMs >= 1_000) [sinceMs, calls] = [nowMs, 0];
    calls += 1;
    return calls > CALLS_PER_SECOND;
  };
}

function limitRefusals({ clock, onRefused }: ListenOptions): (why: string) => void {
  let lastMs = Number.NEGATIVE_INFINITY;
  return (why) => {
    const nowMs = clock.monotonicMs();
    if (nowMs - lastMs < REFUSALS_MS) return;
    lastMs = nowMs;
    onRefused(why);
  };
}
