import { createHmac } from 'node:crypto';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { locateConfigDirectory } from '../../src/local/config-directory.ts';
import { createPoke } from '../../src/local/poke-hosts.ts';
import { isLoopback, listenForWakes } from '../../src/local/wake-listener.ts';
import { isPeer } from '../../src/local/wake-peers.ts';
import { readWakeSecret } from '../../src/local/wake-secret.ts';
import {
  formatWakeAddress,
  parseListenAddress,
  parseWakeAddress,
} from '../../src/protocol/wake-address.ts';
import { eventually } from '../support/eventually.ts';
import { tempDirectory } from './run-child.ts';

const SECRET = 'a secret of some length';
const BODY = '{"ref":"refs/heads/main"}';

interface Listening {
  readonly port: number;
  readonly at: string;
  readonly wakes: () => number;
  readonly refused: readonly string[];
}

async function listen(
  secret: string | null,
  host = '127.0.0.1',
  requestMsMax?: number,
): Promise<Listening> {
  let wakes = 0;
  const refused: string[] = [];
  const listener = await listenForWakes({
    at: { host, port: 0 },
    secret,
    clock: systemClock,
    onWake: () => (wakes += 1),
    onRefused: (why) => refused.push(why),
    ...(requestMsMax === undefined ? {} : { requestMsMax }),
  });
  onTestFinished(() => listener.close());
  return {
    port: parseWakeAddress(listener.at)?.port ?? 0,
    at: listener.at,
    wakes: () => wakes,
    refused,
  };
}

interface Call {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly method?: string;
  readonly path?: string;
}

function call(
  { port }: Listening,
  { headers = {}, body = BODY, method = 'POST', path = '/wake' }: Call = {},
): Promise<number> {
  return new Promise((done, fail) => {
    const sent = request(
      { port, host: '127.0.0.1', method, path, headers, agent: false },
      (response) => {
        response.resume();
        done(response.statusCode ?? 0);
      },
    );
    sent.on('error', fail);
    sent.end(method === 'POST' ? body : undefined);
  });
}

const hmac = (secret: string, body: string | Buffer = BODY): string =>
  createHmac('sha256', secret).update(body).digest('hex');

describe('a call that says "look now"', () => {
  it.each([
    ['GitHub', { 'X-Hub-Signature-256': `sha256=${hmac(SECRET)}` }],
    ['Gitea', { 'X-Gitea-Signature': hmac(SECRET) }],
    ['Forgejo', { 'X-Forgejo-Signature': hmac(SECRET) }],
    ['GitLab', { 'X-Gitlab-Token': SECRET }],
    ['the hook of the template', { 'X-Crosstalk-Token': SECRET }],
    [
      'several headers of which one fits',
      { 'X-Gitea-Signature': hmac(SECRET), 'X-Gitlab-Token': 'no' },
    ],
  ])('is taken from %s', async (_, headers) => {
    const listening = await listen(SECRET);
    expect(await call(listening, { headers })).toBe(202);
    expect(listening.wakes()).toBe(1);
  });

  it.each<[string, number, Call]>([
    ['without a signature', 401, {}],
    [
      'with the signature of another secret',
      403,
      { headers: { 'X-Hub-Signature-256': `sha256=${hmac('another secret here')}` } },
    ],
    [
      'with the signature of another body',
      403,
      { headers: { 'X-Hub-Signature-256': `sha256=${hmac(SECRET, 'x')}` } },
    ],
    [
      'with the bare digest where GitHub writes the method',
      403,
      { headers: { 'X-Hub-Signature-256': hmac(SECRET) } },
    ],
    ['with the signature of SHA-1', 401, { headers: { 'X-Hub-Signature': 'sha1=0' } }],
    ['with an empty token', 403, { headers: { 'X-Gitlab-Token': '' } }],
    [
      'with the beginning of the token',
      403,
      { headers: { 'X-Gitlab-Token': SECRET.slice(0, -1) } },
    ],
    ['at another path', 404, { path: '/', headers: { 'X-Gitlab-Token': SECRET } }],
    ['as a GET', 405, { method: 'GET', headers: { 'X-Gitlab-Token': SECRET } }],
    [
      'with a payload of more than a mebibyte',
      413,
      { body: Buffer.alloc(1_048_577), headers: { 'Content-Length': '1048577' } },
    ],
  ])('is refused %s', async (_, status, parts) => {
    const listening = await listen(SECRET);
    expect(await call(listening, parts)).toBe(status);
    expect(listening.wakes()).toBe(0);
    expect(listening.refused).toHaveLength(1);
    // What was given never reaches the log.
    expect(listening.refused.join()).not.toContain('secret of some');
  });

  it('needs no secret where only this machine can call', async () => {
    const listening = await listen(null);
    expect(await call(listening)).toBe(202);
  });

  it('beyond fifty in a second is turned away, and refusals are told of once a minute', async () => {
    const listening = await listen(SECRET);
    const answers = await Promise.all(
      Array.from({ length: 60 }, () => call(listening).catch(() => 0)),
    );
    expect(answers.filter((status) => status === 202)).toEqual([]);
    const more = await Promise.all(
      Array.from({ length: 60 }, () => call(listening).catch(() => 0)),
    );
    expect(new Set([...answers, ...more])).toContain(401);
    expect(listening.refused).toHaveLength(1);
  });

  it('that comes slowly is cut off, so that as many as can be do not keep others out', async () => {
    const listening = await listen(SECRET, '127.0.0.1', 500);
    const starts = [
      '',
      'POST /wake HTTP/1.1\r\nHost: x\r\n',
      'POST /wake HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12',
    ];
    const sockets = Array.from({ length: 64 }, (_, index) => {
      const socket = connect(listening.port, '127.0.0.1').on('error', () => undefined);
      socket.write(starts[index % starts.length] ?? '');
      // What the listener says before it hangs up.
      return new Promise((closed) => socket.resume().once('close', closed));
    });
    await Promise.all(sockets);
    expect(await call(listening, { headers: { 'X-Gitlab-Token': SECRET } })).toBe(202);
    expect(listening.wakes()).toBe(1);
  });

  it('that is garbage, or never ends, harms nobody', async () => {
    const listening = await listen(SECRET);
    const socket = connect(listening.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write('POST /wake HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12');
    const garbage = connect(listening.port, '127.0.0.1');
    garbage.on('error', () => undefined);
    garbage.write('\u0000\u0001 nothing\r\n\r\n');
    await new Promise((closed) => garbage.once('close', closed));
    expect(await call(listening, { headers: { 'X-Gitlab-Token': SECRET } })).toBe(202);
    socket.destroy();
  });
});

describe('hosts that call each other', () => {
  const poke = (peers: readonly string[]): ((addresses: readonly string[]) => void) =>
    createPoke({ peers, secret: SECRET, clock: systemClock });

  it('reach those that the operator allows, signed, and the secret stays at home', async () => {
    const listening = await listen(SECRET);
    poke(['127.0.0.0/8'])([listening.at]);
    await eventually(listening.wakes, (wakes) => wakes === 1);
    const heard: string[] = [];
    const spy = createServer((incoming, response) => {
      heard.push(JSON.stringify(incoming.headers));
      // Where it would be sent on is nothing that anybody follows.
      response.writeHead(307, { location: `http://${listening.at}/wake` }).end();
    });
    await new Promise<void>((ready) => spy.listen(0, '127.0.0.1', ready));
    onTestFinished(() => void spy.close());
    poke(['127.0.0.1'])([`127.0.0.1:${(spy.address() as { port: number }).port}`]);
    await eventually(
      () => heard,
      ({ length }) => length === 1,
    );
    expect(heard[0]).not.toContain(SECRET);
    expect(listening.wakes()).toBe(1);
  });

  it('never call what a beat names and the operator does not', async () => {
    const [allowed, other] = [await listen(SECRET, '127.0.0.1'), await listen(SECRET, '127.0.0.2')];
    const calls = poke(['127.0.0.1', 'localhost.example']);
    calls([
      other.at,
      'localhost:1',
      'http://127.0.0.1/',
      '127.0.0.1:99999',
      `user@${allowed.at}`,
      '[::ffff:127.0.0.2]:80',
      allowed.at,
    ]);
    await eventually(allowed.wakes, (wakes) => wakes === 1);
    expect(other.wakes()).toBe(0);
  });

  it('call one address at most once a second', async () => {
    const listening = await listen(SECRET);
    const calls = poke(['127.0.0.0/8']);
    for (let n = 0; n < 20; n += 1) calls([listening.at, listening.at]);
    await eventually(listening.wakes, (wakes) => wakes > 0);
    expect(await call(listening, { headers: { 'X-Gitlab-Token': SECRET } })).toBe(202);
    expect(listening.wakes()).toBeLessThanOrEqual(3);
  });
});

describe('addresses', () => {
  it.each(['mbp:1', 'mbp.example:65535', '10.0.0.5:7420', '[fd00::5]:7420'])(
    '%s is one',
    (text) => {
      expect(formatWakeAddress(parseWakeAddress(text)!)).toBe(text);
    },
  );
  it.each([
    '',
    'mbp',
    ':7420',
    'mbp:0',
    'mbp:65536',
    'http://mbp:7420',
    'mbp:7420/wake',
    'a b:1',
    'u@mbp:1',
    '[mbp]:1',
    'fd00::5:7420',
    'mbp:7420\n',
  ])('%j is none', (text) => {
    expect(parseWakeAddress(text)).toBeNull();
  });
  it('a port alone is one of this machine only', () => {
    expect(parseListenAddress('7420')).toEqual({ host: '127.0.0.1', port: 7420 });
    expect(parseListenAddress('0.0.0.0:0')).toEqual({ host: '0.0.0.0', port: 0 });
    expect(
      ['127.0.0.1', '127.9.9.9', '::1', 'localhost'].every((host) => isLoopback({ host, port: 1 })),
    ).toBe(true);
    expect(
      ['0.0.0.0', '::', '10.0.0.1', '127.example.com', 'mbp'].some((host) =>
        isLoopback({ host, port: 1 }),
      ),
    ).toBe(false);
  });
  it('whom a host may call is never everybody', () => {
    expect(['10.0.0.0/8', '192.168.1.7', 'fd00::/8', 'mbp.example'].every(isPeer)).toBe(true);
    expect(['0.0.0.0/0', '10.0.0.0/4', '::/0', '*', '10.0.0', 'mbp:7420', ''].some(isPeer)).toBe(
      false,
    );
  });
});

describe('the secret', () => {
  it('comes from the environment, else from a file that only its owner can read', async () => {
    const directory = locateConfigDirectory({
      CROSSTALK_CONFIG_DIR: join(await tempDirectory(), 'config'),
    });
    await mkdir(directory.path, { mode: 0o700 });
    expect(await readWakeSecret({}, directory)).toBeNull();
    const file = join(directory.path, 'wake-secret');
    await writeFile(file, `${SECRET}\n`, { mode: 0o600 });
    expect(await readWakeSecret({}, directory)).toBe(SECRET);
    expect(await readWakeSecret({ CROSSTALK_WAKE_SECRET: `other ${SECRET}` }, directory)).toBe(
      `other ${SECRET}`,
    );
    await expect(readWakeSecret({ CROSSTALK_WAKE_SECRET: 'short' }, directory)).rejects.toThrow(
      /at least 16/,
    );
    await chmod(file, 0o644);
    await expect(readWakeSecret({}, directory)).rejects.toThrow(/others can read it/);
  });
});
