/**
 * Where a host accepts calls to poll at once: the `wake` of a beat, and of settings. PROTOCOL.md
 * "Hosts".
 */

/**
 * A host and a port; the host is a name, an IPv4 address, or an IPv6 address without its brackets.
 */
export interface WakeAddress {
  readonly host: string;
  readonly port: number;
}

/** The one path that a host listens on. */
export const WAKE_PATH = '/wake';

const NAME =
  /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?)*$/i;
const IPV6 = /^[0-9a-f:.]{2,45}$/i;

/**
 * `mbp.example:7420`, `10.0.0.5:7420` or `[fd00::5]:7420`; null for anything else. Nothing but a
 * place: no scheme, no user, no path.
 */
export function parseWakeAddress(text: string): WakeAddress | null {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const [, six, name, digits] = match ?? [];
  const port = Number(digits);
  if (match === null || !(port >= 1 && port <= 65_535)) return null;
  if (six !== undefined)
    return IPV6.test(six) && six.includes(':') ? { host: six.toLowerCase(), port } : null;
  return name !== undefined && NAME.test(name) ? { host: name.toLowerCase(), port } : null;
}

/**
 * Where to listen: an address, or a port alone for this machine only. Port 0 is any free one. Null
 * for anything else.
 */
export function parseListenAddress(text: string): WakeAddress | null {
  const whole = /^\d{1,5}$/.test(text) ? `127.0.0.1:${text}` : text;
  return whole.endsWith(':0')
    ? withPort(parseWakeAddress(`${whole.slice(0, -1)}1`), 0)
    : parseWakeAddress(whole);
}

function withPort(address: WakeAddress | null, port: number): WakeAddress | null {
  return address === null ? null : { ...address, port };
}

/** The text of an address. */
export function formatWakeAddress({ host, port }: WakeAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${String(port)}`;
}
