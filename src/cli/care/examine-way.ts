/**
 * Why a remote over https does not answer, where git says less than a look of our own: its proxy is
 * down, or its certificate is out of date, of another name, or signed by nobody known.
 */
import { connect as connectTcp } from 'node:net';
import { checkServerIdentity, connect as connectTls, type PeerCertificate } from 'node:tls';
import { SECOND, systemClock } from '../../base/clock.ts';
import { errorText } from '../../base/errors.ts';
import { type Fix, fixBy, fixByHand, withNote } from '../../base/fix.ts';
import { oneLine } from '../../base/plain-text.ts';
import { present } from '../../local/state-directory.ts';
import { shownUrl } from '../../transport/remote-url.ts';
import type { RemoteFailure } from '../../transport/repository.ts';
import type { Invocation } from '../command.ts';
import { openPersonGit } from '../session/person-git.ts';

/** What is wrong on the way, and what helps. */
export interface WayProblem {
  readonly says: string;
  readonly fix: Fix;
}

const LOOK_MS = 5 * SECOND;

/**
 * Looks at the way to a remote over https that failed so; null when nothing is found. Its
 * certificate is looked at only where git has refused it.
 */
export async function examineWay(
  url: string,
  failure: RemoteFailure | null,
  { env, cwd }: Pick<Invocation, 'env' | 'cwd'>,
): Promise<WayProblem | null> {
  if (!/^https:\/\//i.test(url) || !URL.canParse(url)) return null;
  const remote = new URL(url);
  if (failure?.reason === 'certificate') {
    const certificate = await readCertificate(remote);
    const nowMs = systemClock.wallMs();
    return certificate === null ? null : judgeCertificate(certificate, remote.host, nowMs);
  }
  const asked = ['config', '--get-urlmatch', 'http.proxy', url];
  const configured = await openPersonGit(cwd, env, LOOK_MS)
    .raw(asked)
    .catch(() => '');
  const proxy = present(configured.trim()) ?? proxyOf(remote.hostname, env);
  return proxy === null ? null : examineProxy(proxy, url);
}

/** The proxy that git takes from the environment for a host. */
function proxyOf(host: string, env: Invocation['env']): string | null {
  const named = (name: string): string | null =>
    present(env[name]) ?? present(env[name.toUpperCase()]);
  const direct = (named('no_proxy') ?? '').split(',').map((one) => one.trim().replace(/^\./, ''));
  const isDirect = direct.some(
    (one) => one === '*' || (one !== '' && (host === one || host.endsWith(`.${one}`))),
  );
  return isDirect ? null : (named('https_proxy') ?? named('all_proxy'));
}

async function examineProxy(proxy: string, url: string): Promise<WayProblem | null> {
  const text = proxy.includes('://') ? proxy : `http://${proxy}`;
  if (!URL.canParse(text)) return null;
  const { hostname, port, protocol } = new URL(text);
  const standard = protocol === 'https:' ? 443 : 1080;
  const failed = await new Promise<string | null>((resolve) => {
    const socket = connectTcp({ host: bare(hostname), port: Number(port) || standard });
    const end = (why: string | null): void => {
      socket.destroy();
      resolve(why);
    };
    socket.setTimeout(LOOK_MS, () => end('it is silent'));
    socket.once('connect', () => end(null));
    socket.once('error', (error) => end(errorText(error) || 'nothing listens there'));
  });
  return failed === null
    ? null
    : {
        says: `its proxy ${shownUrl(proxy)} does not answer: ${failed}`,
        fix: withNote(
          fixBy`git config --show-origin --get-urlmatch http.proxy ${url}`,
          'or the variables HTTPS_PROXY and ALL_PROXY; start the proxy, or remove it',
        ),
      };
}

/** What the server shows, believed or not; null when there is no certificate to be had. */
function readCertificate({ hostname, port }: URL): Promise<PeerCertificate | null> {
  const host = bare(hostname);
  return new Promise((resolve) => {
    const socket = connectTls(
      { host, port: Number(port) || 443, servername: host, rejectUnauthorized: false },
      () => {
        const found = socket.getPeerCertificate();
        socket.destroy();
        resolve(found);
      },
    );
    const none = (): void => {
      socket.destroy();
      resolve(null);
    };
    socket.setTimeout(LOOK_MS, none);
    socket.once('error', none);
  });
}

/** What is wrong with a certificate, no matter who vouches for it; null: nothing to be seen. */
export function judgeCertificate(
  certificate: Pick<PeerCertificate, 'valid_from' | 'valid_to' | 'subject' | 'issuer'> &
    Partial<PeerCertificate>,
  host: string,
  nowMs: number,
): WayProblem | null {
  const { valid_from: from, valid_to: to, subject, issuer } = certificate;
  const renewed = fixByHand('the operator of the server renews it');
  if (Date.parse(to) < nowMs)
    return { says: `its certificate expired on ${dayOf(to)}`, fix: renewed };
  if (Date.parse(from) > nowMs)
    return {
      says: `its certificate is valid only from ${dayOf(from)}, by the clock of this machine`,
      fix: withNote(fixBy`date`, 'when the clock is right, the operator of the server renews it'),
    };
  const name = bare(host.replace(/:\d+$/, ''));
  const otherName = checkServerIdentity(name, certificate as PeerCertificate);
  if (otherName !== undefined) {
    const others = oneLine(certificate.subjectaltname ?? String(subject.CN), 200);
    return {
      says: `its certificate is for ${others}, and not for ${name}`,
      fix: fixByHand('use the name in the certificate, or ask the operator of the server'),
    };
  }
  const isOwn = JSON.stringify(subject) === JSON.stringify(issuer);
  const by = oneLine(String(issuer.CN ?? issuer.O), 100);
  return {
    says: isOwn
      ? 'its certificate is self-signed, and git here does not trust it'
      : `its certificate is signed by "${by}", and git here does not trust it`,
    fix: withNote(
      fixBy`git config --global http.https://${host}/.sslCAInfo FILE`,
      'FILE: the certificate that signed it, as the operator of the server gave it to you',
    ),
  };
}

const dayOf = (date: string): string => new Date(date).toISOString().slice(0, 10);

/** An address of IPv6 without its brackets. */
const bare = (host: string): string => host.replace(/^\[|\]$/g, '');
