/**
 * Where the page is served: by default on this machine alone; for others only with TLS, for anyone
 * who reads along could do everything that the page can.
 */
import { readFile, stat } from 'node:fs/promises';
import { isIP } from 'node:net';
import { CrosstalkError, errorText } from '../base/errors.ts';
import { type Fix, fixBy, withNote } from '../base/fix.ts';
import { type Invocation, option } from '../cli/command.ts';

/** A place to listen. `port: null` = the usual one, or any when it is taken. */
export interface ListenAt {
  readonly host: string;
  readonly port: number | null;
  readonly tls: { readonly cert: Buffer; readonly key: Buffer } | null;
}

const LOOPBACK = '127.0.0.1';

/** What --port, --listen, --cert and --key say together. Throws USAGE. */
export async function readListenAt(invocation: Invocation): Promise<ListenAt> {
  const [listen, port] = [option(invocation, 'listen'), option(invocation, 'port')];
  const [cert, key] = [option(invocation, 'cert'), option(invocation, 'key')];
  if (listen !== null && port !== null)
    throw new CrosstalkError('USAGE', '--listen names the port as well; leave --port out', {
      fix: fixBy`crosstalkd web --listen ${listen}`,
    });
  if ((cert === null) !== (key === null))
    throw new CrosstalkError('USAGE', '--cert and --key belong together', { fix: HELP });
  const place =
    listen === null
      ? { host: LOOPBACK, port: port === null ? null : readPort('--port', port) }
      : parseAddress(listen);
  const tls = cert === null || key === null ? null : await readTls(cert, key);
  if (tls === null && !isLoopback(place.host))
    throw new CrosstalkError(
      'USAGE',
      `--listen ${listen ?? ''}: without TLS anyone who is in between could read and send as you; give --cert and --key, or forward the port`,
      { fix: TUNNEL },
    );
  return { ...place, tls };
}

const HELP = 'crosstalkd web --help';
const TUNNEL: Fix = withNote(
  fixBy`ssh -L 7433:127.0.0.1:7433 HOST`,
  'from the other device; there open the address that crosstalkd web prints here',
);

function readPort(name: string, text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) < 65_536) return Number(text);
  throw new CrosstalkError(
    'USAGE',
    `${name} "${text}": expected a number from 0 (any free port) to 65535`,
    { fix: HELP },
  );
}

/** `host:port` or `[IPv6]:port`. It is the name that browsers use, so it cannot be "any". */
function parseAddress(text: string): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, port = ''] =
    /^(?:\[([\da-f:.]+)\]|([^\s:/[\]]+)):(.*)$/i.exec(text) ?? [];
  const host = (bracketed ?? plain ?? '').toLowerCase();
  if (host === '' || (bracketed !== undefined && isIP(bracketed) !== 6))
    throw new CrosstalkError('USAGE', `--listen "${text}": expected host:port`, { fix: HELP });
  if (host === '0.0.0.0' || host === '::')
    throw new CrosstalkError(
      'USAGE',
      `--listen "${text}": expected the one name or address by which browsers reach this machine; requests to any other are refused`,
      { fix: fixBy`crosstalkd web --listen HOST:7433 --cert FILE --key FILE` },
    );
  return { host, port: readPort('--listen', port) };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

async function readTls(cert: string, key: string): Promise<NonNullable<ListenAt['tls']>> {
  const { mode } = await stat(key).catch((error: unknown) => {
    throw new CrosstalkError('USAGE', `--key ${key}: ${errorText(error)}`, { cause: error });
  });
  if ((mode & 0o077) !== 0)
    throw new CrosstalkError('USAGE', `--key ${key}: other users of this machine may read it`, {
      fix: fixBy`chmod 600 ${key}`,
    });
  const read = (name: string, path: string): Promise<Buffer> =>
    readFile(path).catch((error: unknown) => {
      throw new CrosstalkError('USAGE', `${name} ${path}: ${errorText(error)}`, { cause: error });
    });
  return { cert: await read('--cert', cert), key: await read('--key', key) };
}
