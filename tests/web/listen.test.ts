/** The page for other devices: only over TLS, under one name, with the same guard. */
import { execFileSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startWeb, type WebChild } from '../support/browser.ts';
import { type Cli, startCli } from '../support/cli.ts';
import { tellResponse, type ToldResponse } from '../support/told-response.ts';

let cli: Cli;
let cert = '';
let key = '';

beforeAll(async () => {
  cli = await startCli();
  [cert, key] = [join(cli.place, 'cert.pem'), join(cli.place, 'key.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const how = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  execFileSync('openssl', [...how, ...subject, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  chmodSync(key, 0o600);
}, 60_000);

afterAll(() => cli.close());

describe('crosstalkd web --listen', () => {
  it.each([
    [['--listen', '192.0.2.7:7433'], 'without TLS', 'ssh -L 7433:127.0.0.1:7433 HOST'],
    [['--listen', 'box.example:7433', '--port', '1'], 'leave --port out', 'web --listen'],
    [['--listen', '0.0.0.0:7433'], 'expected the one name or address', '--cert FILE --key FILE'],
    [['--listen', '[::]:7433'], 'expected the one name or address', '--cert FILE --key FILE'],
    [['--listen', 'nothing'], 'expected host:port', '--help'],
    [['--listen', 'localhost:70000'], 'from 0 (any free port) to 65535', '--help'],
    [['--listen', 'localhost:0', '--cert', 'c.pem'], 'belong together', '--help'],
    [['--listen', 'localhost:0', '--cert', 'c.pem', '--key', 'none.pem'], 'ENOENT', ''],
  ])('refuses %j and says what works', async (words, problem, fix) => {
    const ended = await cli.run(['web', '--no-open', ...words]);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain(problem);
    expect(ended.stderr).toContain(fix);
  });

  it('refuses a key that others may read, and one that does not fit', async () => {
    chmodSync(key, 0o644);
    const open = await cli.run(['web', '--listen', 'localhost:0', '--cert', cert, '--key', key]);
    chmodSync(key, 0o600);
    expect([open.code, open.stderr]).toEqual([2, expect.stringContaining('chmod 600')]);
    const swapped = await cli.run(['web', '--listen', 'localhost:0', '--cert', key, '--key', key]);
    expect([swapped.code, swapped.stderr]).toEqual([2, expect.stringContaining('as PEM')]);
  });

  it('admits one browser by its token, over TLS, by the one name, and stays guarded', async () => {
    const where = ['--listen', 'localhost:0', '--cert', cert, '--key', key];
    const web = await startWeb(cli, where);
    try {
      expect(web.url).toMatch(/^https:\/\/localhost:\d+\/\?token=/);
      const authority = `localhost:${web.port}`;
      const entered = await ask(web, new URL(web.url).search, { host: authority });
      expect(entered.status).toBe(303);
      const [set = ''] = entered.headers['set-cookie'] ?? [];
      expect(set).toMatch(/; HttpOnly; SameSite=Strict; Path=\/; Secure$/);
      const cookie = set.split(';')[0] ?? '';
      const site = { 'sec-fetch-site': 'same-origin' };
      const inside = { host: authority, cookie, ...site };
      const summary = await ask(web, 'api/summary', inside);
      expect(summary.status).toBe(200);
      const { csrf } = JSON.parse(summary.text) as { readonly csrf: string };
      const manifest = await ask(web, 'assets/manifest.webmanifest', inside);
      expect(JSON.parse(manifest.text)).toMatchObject({ start_url: '/', display: 'standalone' });
      expect((await ask(web, 'assets/manifest.webmanifest', { host: authority })).status).toBe(403);
      expect(
        (await ask(web, 'api/summary', { ...inside, host: `127.0.0.1:${web.port}` })).status,
      ).toBe(421);
      const change = {
        ...inside,
        'x-crosstalk-csrf': csrf,
        'content-type': 'application/json',
      };
      const post = (origin: string): Promise<ToldResponse> =>
        ask(web, 'api/cancel', { ...change, origin, body: '{"id":"none"}' });
      expect((await post(`http://${authority}`)).status).toBe(403);
      expect((await post(`https://${authority}`)).status).toBe(404);
    } finally {
      await web.stop('SIGTERM');
    }
  });
});

/** One request over TLS; the certificate is nobody's. */
function ask(
  web: WebChild,
  path: string,
  { body, ...headers }: Readonly<Record<string, string>> & { readonly body?: string },
): Promise<ToldResponse> {
  return new Promise((done, fail) => {
    const method = body === undefined ? 'GET' : 'POST';
    const place = { host: 'localhost', port: web.port, path: `/${path}`, method, headers };
    const sent = request({ ...place, rejectUnauthorized: false }, tellResponse(done));
    sent.on('error', fail);
    sent.end(body);
  });
}
