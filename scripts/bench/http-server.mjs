// Repositories below a folder over http, by node in front of `git http-backend`. A process of its
// own: it must not share our event loop. With a second argument calls are counted and limited.
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { take, TOO_MANY } from '../soak/gate.mjs';

const [root, log] = process.argv.slice(2);

createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const service = url.pathname.endsWith('/info/refs') ? url.searchParams.get('service') : null;
  const what = service === 'git-receive-pack' ? 'push' : 'read';
  if (log !== undefined && service !== null && !take(log, what)) {
    response.writeHead(429, { 'content-type': 'text/plain' }).end(`${TOO_MANY}\n`);
    return;
  }
  const header = (name) => request.headers[name]?.toString() ?? '';
  const backend = spawn('git', ['-c', 'http.receivepack=true', 'http-backend'], {
    env: {
      ...process.env,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method ?? 'GET',
      CONTENT_TYPE: header('content-type'),
      HTTP_CONTENT_ENCODING: header('content-encoding'),
      GIT_PROTOCOL: header('git-protocol'),
      REMOTE_ADDR: '127.0.0.1',
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  backend.stdin.on('error', () => undefined);
  request.pipe(backend.stdin);
  let head = Buffer.alloc(0);
  backend.stdout.on('data', (chunk) => {
    if (head === null) return void response.write(chunk);
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return;
    const fields = Object.fromEntries(
      head
        .toString('latin1', 0, end)
        .split('\r\n')
        .map((line) => line.split(/:\s*(.*)/s).slice(0, 2)),
    );
    response.writeHead(Number.parseInt(fields['Status'] ?? '200', 10), fields);
    response.write(head.subarray(end + 4));
    head = null;
  });
  backend.stdout.on('end', () => response.end());
}).listen(0, '127.0.0.1', function listening() {
  process.stdout.write(`${this.address().port}\n`);
});
