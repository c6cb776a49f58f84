import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { networkInterfaces } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startWeb, type WebChild } from '../support/browser.ts';
import { type Cli, startCli } from '../support/cli.ts';
import { untilTrue } from '../support/fleet.ts';
import { tellResponse, type ToldResponse } from '../support/told-response.ts';

let cli: Cli;
let web: WebChild;
let cookie = '';
let csrf = '';

/** One request with exactly these headers. */
function ask(
  path: string,
  options: {
    readonly method?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
    readonly host?: string;
  } = {},
): Promise<ToldResponse> {
  return new Promise((done, fail) => {
    const { method = 'GET', headers = {}, body, host = '127.0.0.1' } = options;
    const asked = { host, port: web.port, path, method, headers, timeout: 60_000 };
    const sent = request(asked, tellResponse(done));
    sent.on('error', fail);
    sent.end(body);
  });
}

/** `crosstalkd web` at a terminal, whose browser is found in `bin`; gives what ends it. */
function startInTerminal({ clone, env }: Cli, bin: string): () => Promise<void> {
  const program = resolve(import.meta.dirname, '../../bin/crosstalkd.js');
  const command = [process.execPath, program, 'web', '--port', '0'].join(' ');
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    cwd: clone,
    env: { ...env, PATH: `${bin}:${env['PATH'] ?? ''}`, SHELL: '/bin/sh' },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const ended = new Promise<void>((done) => child.once('close', () => done()));
  return () => {
    child.stdin.write('\u0003');
    return ended;
  };
}

const inside = (more: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> => ({
  cookie,
  ...more,
});

beforeAll(async () => {
  cli = await startCli();
  web = await startWeb(cli);
  const entered = await ask(new URL(web.url).pathname + new URL(web.url).search);
  expect(entered).toMatchObject({ status: 303, headers: { location: '/' } });
  const [set = ''] = entered.headers['set-cookie'] ?? [];
  expect(set).toMatch(/^crosstalk-\d+=[\w-]{43}; HttpOnly; SameSite=Strict; Path=\/$/);
  cookie = set.split(';')[0] ?? '';
  csrf = (
    JSON.parse((await ask('/api/summary', { headers: inside() })).text) as { readonly csrf: string }
  ).csrf;
});

afterAll(async () => {
  const code = await web.stop('SIGINT');
  cli.close();
  expect(code).toBe(0);
});

describe('the address of the page', () => {
  it('admits one browser; then another address is printed', async () => {
    const first = new URL(web.url);
    const path = first.pathname + first.search;
    expect((await ask(path, { method: 'HEAD' })).status).toBe(403);
    expect((await ask(path)).status).toBe(303);
    const again = await ask(path);
    expect([again.status, again.headers['set-cookie']]).toEqual([403, undefined]);
    await untilTrue(() => web.url !== first.href);
    const second = new URL(web.url);
    expect((await ask(second.pathname + second.search)).status).toBe(303);
    await untilTrue(() => web.url !== second.href);
  });

  it('continues from a page of ours to which a file has led, and never to another server', async () => {
    const { search } = new URL(web.url);
    const entered = await ask(`//evil.example/${search}`, {
      headers: { 'sec-fetch-site': 'cross-site' },
    });
    expect([entered.status, entered.headers['location']]).toEqual([200, undefined]);
    expect(entered.headers['set-cookie']).toHaveLength(1);
    expect(entered.text).toContain('content="0;url=/evil.example/"');
    await untilTrue(() => new URL(web.url).search !== search);
  });

  it('is not among the arguments of any program, and its file is private and goes', async () => {
    const opened = join(cli.place, 'opened');
    const bin = join(cli.place, 'bin');
    mkdirSync(bin);
    const program = process.platform === 'darwin' ? 'open' : 'xdg-open';
    writeFileSync(
      join(bin, program),
      `#!/bin/sh\nprintf %s "$1" > ${opened}.part\nmv ${opened}.part ${opened}\n`,
      {
        mode: 0o755,
      },
    );
    const stop = startInTerminal(cli, bin);
    await untilTrue(() => existsSync(opened));
    const door = readFileSync(opened, 'utf8');
    expect(door).not.toContain('token');
    expect(statSync(door).mode & 0o777).toBe(0o600);
    const url = /url=([^"]+)"/.exec(readFileSync(door, 'utf8'))?.[1] ?? '';
    const entered = await fetch(url, { redirect: 'manual' });
    expect(entered.status).toBe(303);
    await untilTrue(() => !existsSync(door));
    expect((await fetch(url, { redirect: 'manual' })).status).toBe(403);
    await stop();
  });
});

describe('the server of the page', () => {
  it('refuses anyone who has no cookie, and a wrong token', async () => {
    for (const path of [
      '/',
      '/api/summary',
      '/api/events',
      '/assets/page.js',
      '/?token=wrong',
      `/?token=wrong&${new URL(web.url).search.slice(1)}`,
    ])
      expect([path, (await ask(path)).status]).toEqual([path, 403]);
    expect((await ask('/api/summary', { headers: { cookie: `${cookie}x` } })).status).toBe(403);
    expect((await ask('/')).text).toContain('crosstalkd web');
  });

  it('answers to its own address only, so that no other name can lead to it', async () => {
    for (const host of [
      'evil.example',
      `evil.example:${web.port}`,
      `localhost:${web.port}`,
      `127.0.0.1:${web.port + 1}`,
      '127.0.0.1',
    ])
      expect([host, (await ask('/api/summary', { headers: inside({ host }) })).status]).toEqual([
        host,
        421,
      ]);
    expect(
      (
        await ask(new URL(web.url).pathname + new URL(web.url).search, {
          headers: { host: 'evil.example' },
        })
      ).status,
    ).toBe(421);
  });

  it('listens on the loopback only', async () => {
    const outside = Object.values(networkInterfaces())
      .flatMap((all) => all ?? [])
      .filter(({ internal, family }) => !internal && family === 'IPv4');
    for (const { address } of outside)
      await expect(ask('/', { host: address })).rejects.toThrow(/ECONNREFUSED/);
    await expect(ask('/', { host: '::1' })).rejects.toThrow();
  });

  it('refuses what another page asks', async () => {
    for (const site of ['cross-site', 'same-site']) {
      expect(
        (await ask('/api/summary', { headers: inside({ 'sec-fetch-site': site }) })).status,
      ).toBe(403);
      expect((await ask('/', { headers: inside({ 'sec-fetch-site': site }) })).status).toBe(403);
    }
    expect(
      (await ask('/api/summary', { headers: inside({ 'sec-fetch-site': 'none' }) })).status,
    ).toBe(403);
    expect((await ask('/', { headers: inside({ 'sec-fetch-site': 'none' }) })).status).toBe(200);
  });

  it('changes nothing without the origin, the secret of the page, and JSON', async () => {
    const before = cli.git(['rev-parse', 'main'], cli.remote);
    const whole = {
      origin: web.origin,
      'x-crosstalk-csrf': csrf,
      'content-type': 'application/json',
    };
    const without = (name: string): Readonly<Record<string, string>> =>
      Object.fromEntries(Object.entries(whole).filter(([key]) => key !== name));
    const body = JSON.stringify({ to: 'echo', message: 'hello' });
    const post = (
      headers: Readonly<Record<string, string>>,
      path = '/api/send',
      text = body,
    ): Promise<ToldResponse> => ask(path, { method: 'POST', headers: inside(headers), body: text });
    for (const name of Object.keys(whole))
      expect([name, (await post(without(name))).status]).toEqual([
        name,
        name === 'content-type' ? 415 : 403,
      ]);
    expect((await post({ ...whole, origin: 'http://evil.example' })).status).toBe(403);
    expect((await post({ ...whole, origin: 'null' })).status).toBe(403);
    expect((await post({ ...whole, 'x-crosstalk-csrf': 'x' })).status).toBe(403);
    expect((await post({ ...whole, 'content-type': 'text/plain' })).status).toBe(415);
    expect((await post(whole, '/api/send', '{')).status).toBe(400);
    expect((await post(whole, '/api/send', '{"edit":"yes"}')).status).toBe(400);
    expect((await post(whole, '/api/send', '{"to":["echo"]}')).status).toBe(400);
    expect((await post(whole, '/api/stop', '{}')).status).toBe(404);
    expect((await post(whole, '/api/constructor', '{}')).status).toBe(404);
    expect((await post(whole, '/', '{}')).status).toBe(405);
    expect((await ask('/api/send', { method: 'PUT', headers: inside(whole), body })).status).toBe(
      405,
    );
    expect((await ask('/api/send', { headers: inside() })).status).toBe(404);
    expect(cli.git(['rev-parse', 'main'], cli.remote)).toBe(before);
    expect((await post(whole)).status).toBe(200);
    expect(cli.git(['rev-parse', 'main'], cli.remote)).not.toBe(before);
  });

  it('forbids inline scripts and other origins with everything it sends, and reads no file that a path names', async () => {
    for (const path of ['/', '/assets/page.js', '/api/status', '/runs/x']) {
      const { status, headers } = await ask(path, { headers: inside() });
      expect(status).toBe(200);
      expect(headers['content-security-policy']).toMatch(
        /^default-src 'none'; script-src 'self'; /,
      );
      expect(headers['content-security-policy']).not.toContain('unsafe');
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'x-frame-options': 'DENY',
      });
    }
    for (const path of [
      '/assets/../../../package.json',
      '/assets/%2e%2e/%2e%2e/package.json',
      '/../../package.json',
      '/assets/none.js',
    ])
      expect((await ask(path, { headers: inside() })).text).not.toContain('"devDependencies"');
    expect((await ask('/assets/none.js', { headers: inside() })).status).toBe(404);
    expect((await ask('http://evil.example/', { headers: inside() })).status).toBe(400);
  });

  it('says which port is taken, and what works', async () => {
    const second = await cli.run(['web', '--no-open', '--port', String(web.port)]);
    expect(second).toMatchObject({ code: 2 });
    expect(second.stderr).toContain(
      `port ${web.port} of 127.0.0.1 cannot be used: another program listens`,
    );
    expect(second.stderr).toContain('crosstalkd web --port 0');
    expect((await cli.run(['web', '--port', '70000'])).code).toBe(2);
  });
});
