/** A git remote over http on loopback: node's server in front of `git http-backend`. */
import { spawn } from 'node:child_process';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';

/** A server that is running. */
export interface TestServer {
  /** Without trailing slash. */
  readonly url: string;
  close(): Promise<void>;
}

/** What the server does besides serving. */
export interface HttpRemoteOptions {
  /** Folder of the repositories. */
  readonly root: string;
  readonly env: Readonly<Record<string, string>>;
  /** What to answer with instead of asking git: a status, a page, nothing at all; null = ask. */
  readonly refuse?: (request: IncomingMessage) => number | Page | 'silence' | null;
  /** Hides protocol version 2, as old servers do. */
  readonly oldProtocol?: boolean;
}

/** An answer that is not git's. `type` defaults to plain text, of which git shows the body. */
export interface Page {
  readonly status: number;
  readonly body: string;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Serves every repository below `root`, for reading and writing. */
export async function startHttpRemote(options: HttpRemoteOptions): Promise<TestServer> {
  const server = createServer((request, response) => {
    const answer = options.refuse?.(request) ?? null;
    if (answer === null) serve(options, request, response);
    else if (typeof answer === 'number') response.writeHead(answer).end();
    else if (answer !== 'silence')
      response
        .writeHead(answer.status, {
          'content-type': answer.type ?? 'text/plain',
          ...answer.headers,
        })
        .end(answer.body);
  });
  return listen(server, 'http');
}

/** A port that takes connections and never says a word. */
export async function startSilentServer(): Promise<TestServer> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  const listening = await listen(server, 'http');
  return {
    url: listening.url,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return listening.close();
    },
  };
}

async function listen(
  server: Server | ReturnType<typeof createTcpServer>,
  scheme: string,
): Promise<TestServer> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${scheme}://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        if ('closeAllConnections' in server) server.closeAllConnections();
      }),
  };
}

function serve(
  { root, env, oldProtocol }: HttpRemoteOptions,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const header = (name: string): string => request.headers[name]?.toString() ?? '';
  const backend = spawn('git', ['-c', 'http.receivepack=true', 'http-backend'], {
    env: {
      ...env,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method ?? 'GET',
      CONTENT_TYPE: header('content-type'),
      HTTP_CONTENT_ENCODING: header('content-encoding'),
      GIT_PROTOCOL: oldProtocol === true ? '' : header('git-protocol'),
      REMOTE_ADDR: '127.0.0.1',
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  backend.stdin.on('error', () => undefined);
  request.pipe(backend.stdin);
  let head: Buffer | null = Buffer.alloc(0);
  backend.stdout.on('data', (chunk: Buffer) => {
    if (head === null) return void response.write(chunk);
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return;
    response.writeHead(...parseHead(head.toString('latin1', 0, end)));
    response.write(head.subarray(end + 4));
    head = null;
  });
  backend.stdout.on('end', () => response.end());
}

function parseHead(text: string): [number, Record<string, string>] {
  const fields = Object.fromEntries(
    text
      .split('\r\n')
      .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
  );
  return [Number.parseInt(fields['Status'] ?? '200', 10), fields];
}
