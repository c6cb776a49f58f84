/**
 * Who may talk to the page's server: the browser that came in with the token of the address, from
 * the page itself. Pure; http-server.ts acts on it.
 *
 * A page of another origin can send requests to our address, and a name that its owner points to
 * that address makes them look like ours (DNS rebinding). So `Host` must be our own address, the
 * cookie is `SameSite=Strict`, and whatever changes something names our origin and carries a second
 * secret that only the page can read.
 */
import { isSameSecret } from '../base/same-secret.ts';

/** The secrets of one run of the server. */
export interface Keys {
  /** In addresses that let in once each; who spends one takes it out. */
  readonly tokens: Set<string>;
  /** In the cookie. */
  readonly cookie: string;
  /** In the header of every request that changes something. */
  readonly csrf: string;
}

/** What is looked at of a request. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly tokens: readonly string[];
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** `enter`: spend the token on a cookie and continue without it. */
export type Judged =
  | { readonly kind: 'allowed' }
  | { readonly kind: 'enter'; readonly token: string }
  | {
      readonly kind: 'refused';
      readonly status: 400 | 403 | 405 | 415 | 421;
      readonly what: string;
    };

/** Header of the second secret. */
export const CSRF_HEADER = 'x-crosstalk-csrf';

/**
 * Sent with everything. No script, style, picture or request of another origin, no inline script,
 * and no text that becomes HTML in a script.
 */
export const SAFETY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'x-dns-prefetch-control': 'off',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=(), payment=(), usb=()',
};

/** Where the server is, as browsers name it. */
export interface Own {
  /** `host:port`, without the port that is usual: what `Host` must be. */
  readonly authority: string;
  /** `http://…` or `https://…`: what `Origin` must be. */
  readonly origin: string;
  readonly port: number;
  readonly keys: Keys;
}

/** The name of the cookie: cookies do not know ports, and two transports may be open at once. */
export function cookieName(port: number): string {
  return `crosstalk-${port}`;
}

/** The cookie as it is set. Over TLS it never leaves it. */
export function formatCookie({ port, keys, origin }: Own): string {
  const secure = origin.startsWith('https:') ? '; Secure' : '';
  return `${cookieName(port)}=${keys.cookie}; HttpOnly; SameSite=Strict; Path=/${secure}`;
}

/** Judges a request before anything of it is acted on. */
export function judgeRequest(asked: Asked, own: Own): Judged {
  const { headers, method } = asked;
  if (headers['host'] !== own.authority)
    return refused(421, `this server answers only to ${own.authority}`);
  if (method !== 'GET' && method !== 'HEAD' && method !== 'POST')
    return refused(405, `${method} is not known here`);
  const [token] = asked.tokens;
  if (token !== undefined && method === 'GET' && asked.tokens.length === 1) {
    const known = [...own.keys.tokens].find((one) => isSameSecret(token, one));
    if (known !== undefined) return { kind: 'enter', token: known };
  }
  if (
    !cookiesOf(headers['cookie'], cookieName(own.port)).some((value) =>
      isSameSecret(value, own.keys.cookie),
    )
  )
    return refused(
      403,
      'open the address that "crosstalkd web" printed last; each address admits one browser, once',
    );
  const site = headers['sec-fetch-site'];
  const isPage = !asked.path.startsWith('/api/');
  if (site !== undefined && site !== 'same-origin' && !(isPage && site === 'none'))
    return refused(403, 'only the page itself may call this');
  return method === 'POST' ? judgeChange(asked, own) : { kind: 'allowed' };
}

function judgeChange({ headers }: Asked, own: Own): Judged {
  if (headers['origin'] !== own.origin)
    return refused(403, 'only the page itself may change something');
  const given = headers[CSRF_HEADER];
  if (typeof given !== 'string' || !isSameSecret(given, own.keys.csrf))
    return refused(403, 'the page is from an earlier start: reload it');
  if (headers['content-type'] !== 'application/json')
    return refused(415, 'expected application/json');
  return { kind: 'allowed' };
}

function refused(status: (Judged & { kind: 'refused' })['status'], what: string): Judged {
  return { kind: 'refused', status, what };
}

function cookiesOf(
  header: string | readonly string[] | undefined,
  name: string,
): readonly string[] {
  if (typeof header !== 'string') return [];
  return header.split(';').flatMap((pair) => {
    const at = pair.indexOf('=');
    return pair.slice(0, at).trim() === name ? [pair.slice(at + 1).trim()] : [];
  });
}
