/**
 * Is this call one that may make us look? Decided from its headers and bytes alone; what the
 * payload says is never read.
 */
import { isSameSecret } from '../base/same-secret.ts';
import { createHmac } from 'node:crypto';

/** Header names in lower case, as node gives them. */
export type WakeHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The header by which hosts and the hook of the template say the secret itself. */
export const TOKEN_HEADER = 'x-crosstalk-token';
/** The header by which hosts sign what they send each other; GitHub's. */
export const SIGNATURE_HEADER = 'x-hub-signature-256';

/** How each sender proves that it knows the secret: it signs the body, or it says the secret. */
const PROOFS: readonly {
  readonly header: string;
  readonly expect: (secret: string, body: Uint8Array) => string;
}[] = [
  // GitHub, and Gitea and Forgejo beside their own.
  { header: SIGNATURE_HEADER, expect: (secret, body) => `sha256=${sign(secret, body)}` },
  { header: 'x-gitea-signature', expect: sign },
  { header: 'x-forgejo-signature', expect: sign },
  { header: 'x-gitlab-token', expect: (secret) => secret },
  { header: TOKEN_HEADER, expect: (secret) => secret },
];

/** `unsigned`: no header that we know; `wrong`: one that does not fit. */
export type WakeVerdict = 'look' | 'unsigned' | 'wrong';

/**
 * Judges a call. Without a secret (which only a listener on loopback may lack) every call is taken.
 */
export function judgeWake(
  call: { readonly headers: WakeHeaders; readonly body: Uint8Array },
  secret: string | null,
): WakeVerdict {
  if (secret === null) return 'look';
  const given = PROOFS.flatMap(({ header, expect }) => {
    const value = call.headers[header];
    return typeof value === 'string' ? [isSameSecret(value, expect(secret, call.body))] : [];
  });
  if (given.length === 0) return 'unsigned';
  return given.includes(true) ? 'look' : 'wrong';
}

/** The value of the signature header for a body. */
export function signWake(secret: string, body: string): string {
  return `sha256=${sign(secret, Buffer.from(body))}`;
}

function sign(secret: string, body: Uint8Array): string {
  return createHmac('sha256', secret).update(body).digest('hex');
}
