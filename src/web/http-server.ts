/**
 * The page's server: files of the page, questions, events, and changes. It acts on nothing that
 * guard.ts has not let in.
 */
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo } from 'node:net';
import { SECOND } from '../base/clock.ts';
import { CrosstalkError, type ErrorCode, errorText } from '../base/errors.ts';
import { ATTACHMENTS_BYTES_MAX } from '../protocol/attachments.ts';
import { act } from './act.ts';
import { type Answerer, createAnswerer } from './answers.ts';
import type { Desk } from './desk.ts';
import { formatShown } from './format-shown.ts';
import { formatCookie, judgeRequest, type Keys, type Own, SAFETY_HEADERS } from './guard.ts';
import type { ListenAt } from './listen-at.ts';
import { formatRedirect, type PageFiles } from './page-files.ts';
import { sendFile } from './send-file.ts';
import { streamOutput } from './stream-output.ts';
import { toKnownError } from '../local/known-error.ts';
import { fixBy } from '../base/fix.ts';

/** A text of the largest message, quoted as JSON, and the files that go with it, in base64. */
const BODY_BYTES_MAX = 4 * 1_048_576 + Math.ceil((ATTACHMENTS_BYTES_MAX * 4) / 3);
const HEARTBEAT_MS = 15 * SECOND;

const STATUS: Readonly<Record<ErrorCode, number>> = {
  USAGE: 400,
  CONFIG_INVALID: 500,
  NOT_A_TRANSPORT: 500,
  GIT_UNUSABLE: 500,
  STATE_UNUSABLE: 500,
  ALREADY_EXISTS: 409,
  MESSAGE_REJECTED: 422,
  ID_AMBIGUOUS: 409,
  NOT_FOUND: 404,
  REMOTE_UNREACHABLE: 503,
  HELD_BY_ANOTHER: 409,
  HISTORY_REWRITTEN: 409,
  REFUSED: 409,
  INTERNAL: 500,
};

/** A server that takes requests. */
export interface PageServer {
  readonly port: number;
  /** A new address with a token that lets in once. */
  readonly invite: () => string;
  /** Calls `listen` with each token that was spent. */
  readonly onEnter: (listen: (url: string) => void) => void;
  readonly close: () => Promise<void>;
}

interface ServerParts extends Own {
  readonly desk: Desk;
  readonly files: PageFiles;
  readonly answer: Answerer;
  readonly addressOf: (token: string) => string;
  readonly listeners: Set<(url: string) => void>;
}

/** Starts the server; port 0 = any that is free. Throws USAGE when it cannot listen there. */
export async function startPageServer(
  desk: Desk,
  files: PageFiles,
  at: ListenAt & { readonly port: number },
): Promise<PageServer> {
  const secret = (): string => randomBytes(32).toString('base64url');
  const keys: Keys = { tokens: new Set(), cookie: secret(), csrf: secret() };
  const answer = createAnswerer(desk, keys.csrf);
  const server = makeServer(at);
  server.maxConnections = 64;
  const port = await listen(server, at);
  const own = { ...nameOf(at, port), port, keys };
  const addressOf = (token: string): string => `${own.origin}/?token=${token}`;
  const listeners = new Set<(url: string) => void>();
  const parts: ServerParts = { ...own, desk, files, answer, addressOf, listeners };
  server.on('request', (request, response) => {
    handle(parts, request, response).catch((error: unknown) => tellError(response, error));
  });
  return {
    port,
    invite: () => {
      const token = secret();
      keys.tokens.add(token);
      return addressOf(token);
    },
    onEnter: (listener) => void listeners.add(listener),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const LIMITS = {
  requestTimeout: 30 * SECOND,
  headersTimeout: 10 * SECOND,
  maxHeaderSize: 16_384,
};

function makeServer({ tls }: ListenAt): Server {
  if (tls === null) return createServer(LIMITS);
  try {
    return createTlsServer({ ...LIMITS, ...tls, minVersion: 'TLSv1.2' });
  } catch (error) {
    throw new CrosstalkError(
      'USAGE',
      `the certificate and its key cannot be used: ${errorText(error)}; expected both as PEM`,
      { cause: error },
    );
  }
}

/** How browsers name the server: the port that is usual is left out. */
function nameOf({ host, tls }: ListenAt, port: number): Pick<Own, 'authority' | 'origin'> {
  const [scheme, usual] = tls === null ? ['http', 80] : ['https', 443];
  const name = host.includes(':') ? `[${host}]` : host;
  const authority = port === usual ? name : `${name}:${port}`;
  return { authority, origin: `${scheme}://${authority}` };
}

const WHY_NOT: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there',
  EADDRNOTAVAIL: 'this machine does not have that address',
  ENOTFOUND: 'this machine cannot resolve that name',
  EACCES: 'this user may not listen there',
};

function listen(
  server: Server,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new CrosstalkError(
          'USAGE',
          `port ${port} of ${host} cannot be used: ${WHY_NOT[error.code ?? ''] ?? error.message}`,
          { fix: `crosstalkd web --${host === '127.0.0.1' ? 'port 0' : 'help'}`, cause: error },
        ),
      ),
    );
    server.listen({ host, port }, () => resolve((server.address() as AddressInfo).port));
  });
}

async function handle(
  parts: ServerParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  for (const [name, value] of Object.entries(SAFETY_HEADERS)) response.setHeader(name, value);
  const url = readUrl(request.url ?? '/', parts.origin);
  if (url === null) {
    respondJson(response, 400, {
      error: { code: 'USAGE', message: 'the address cannot be read', fix: null },
    });
    return;
  }
  const judged = judgeRequest(
    {
      method: request.method ?? '',
      path: url.pathname,
      tokens: url.searchParams.getAll('token'),
      headers: request.headers,
    },
    parts,
  );
  if (judged.kind === 'refused') {
    refuse(response, url, judged);
    return;
  }
  if (judged.kind === 'enter') {
    enter(parts, url, { request, response, token: judged.token });
    return;
  }
  const name = url.pathname.startsWith('/api/') ? url.pathname.slice('/api/'.length) : null;
  if (request.method === 'POST') {
    if (name === null) {
      respondJson(response, 405, {
        error: { code: 'USAGE', message: 'only /api/ takes POST', fix: null },
      });
      return;
    }
    const done = await act(parts.desk.invocation, name, await readJson(request));
    parts.desk.wake();
    respondJson(response, 200, done);
    return;
  }
  if (name === 'events') {
    stream(parts.desk, response);
    return;
  }
  if (name === 'output') {
    await streamOutput(parts.desk, url.searchParams.get('id') ?? '', response);
    return;
  }
  if (name === 'file') {
    const { searchParams: asked } = url;
    const wanted = { id: asked.get('id') ?? '', path: asked.get('path') ?? '' };
    await sendFile(parts.desk, wanted, response);
    return;
  }
  if (name !== null) {
    tellAnswer(request, response, await parts.answer(name, url.searchParams));
    return;
  }
  serveFile(parts.files, url.pathname, { request, response });
}

function readUrl(target: string, origin: string): URL | null {
  try {
    return target.startsWith('/') ? new URL(`${origin}${target}`) : null;
  } catch {
    return null;
  }
}

/**
 * The token is spent on a cookie and leaves the address, so that neither the history nor a copied
 * link has it. A browser that another page or a file has sent here would not show its new cookie to
 * where a redirect leads, so it continues from a page of ours.
 */
function enter(
  parts: ServerParts,
  url: URL,
  came: {
    readonly request: IncomingMessage;
    readonly response: ServerResponse;
    readonly token: string;
  },
): void {
  parts.keys.tokens.delete(came.token);
  url.searchParams.delete('token');
  // Two slashes would name another server.
  const location = url.pathname.replace(/^\/+/, '/') + url.search;
  const { response } = came;
  response.setHeader('set-cookie', formatCookie(parts));
  response.setHeader('cache-control', 'no-store');
  const site = came.request.headers['sec-fetch-site'];
  if (site === undefined || site === 'none' || site === 'same-origin') {
    response.setHeader('location', location);
    response.writeHead(303).end();
  } else
    response
      .writeHead(200, { 'content-type': 'text/html; charset=utf-8' })
      .end(formatRedirect(location));
  for (const listener of parts.listeners) listener(parts.addressOf(came.token));
}

function refuse(
  response: ServerResponse,
  url: URL,
  { status, what }: { readonly status: number; readonly what: string },
): void {
  if (url.pathname.startsWith('/api/'))
    respondJson(response, status, {
      error: { code: 'REFUSED', message: what, fix: fixBy`crosstalkd web` },
    });
  else
    response
      .writeHead(status, {
        'content-type': 'text/plain; charset=utf-8',
        'cache-control': 'no-store',
      })
      .end(`crosstalkd: ${what}.\n`);
}

function respondJson(response: ServerResponse, status: number, value: unknown): void {
  response
    .writeHead(status, {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
    })
    .end(formatShown(value));
}

/** An answer that is what the page has already is not sent again. */
function tellAnswer(request: IncomingMessage, response: ServerResponse, value: unknown): void {
  const text = formatShown(value);
  const etag = `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`;
  response.setHeader('etag', etag);
  response.setHeader('cache-control', 'no-store');
  if (request.headers['if-none-match'] === etag) response.writeHead(304).end();
  else response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' }).end(text);
}

function tellError(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const known = toKnownError(error);
  respondJson(response, STATUS[known.code], {
    error: { code: known.code, message: known.message, fix: known.fix },
  });
}

/** Tells the page each new version of things, until it goes. */
function stream(desk: Desk, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  response.write('retry: 2000\n\n');
  const unfollow = desk.follow((version) => response.write(`event: change\ndata: ${version}\n\n`));
  const heartbeat = setInterval(() => response.write(': here\n\n'), HEARTBEAT_MS);
  response.on('close', () => {
    unfollow();
    clearInterval(heartbeat);
  });
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX)
      throw new CrosstalkError('USAGE', `more than ${BODY_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new CrosstalkError('USAGE', 'the request is not JSON');
  }
}

/** A file of the page; every other path is a place in the page, which finds its way on its own. */
function serveFile(
  files: PageFiles,
  path: string,
  { request, response }: { readonly request: IncomingMessage; readonly response: ServerResponse },
): void {
  const file =
    files.get(path) ??
    (/\.[a-z0-9]{2,5}$/.test(path) && path.startsWith('/assets/')
      ? undefined
      : files.get('/index.html'));
  if (file === undefined) {
    response
      .writeHead(404, { 'content-type': 'text/plain; charset=utf-8' })
      .end('crosstalkd: there is no such file.\n');
    return;
  }
  const headers = { 'content-type': file.type, 'cache-control': 'no-cache', etag: file.etag };
  if (request.headers['if-none-match'] === file.etag) response.writeHead(304, headers).end();
  else response.writeHead(200, headers).end(file.bytes);
}
