/**
 * Signatures of commits in the form that `ssh-keygen -Y sign -n git` makes and git stores: OpenSSH,
 * PROTOCOL.sshsig. Verified here and not by a git process for each commit, which would cost more
 * than the rest of a reply. Keys: ed25519, RSA and ECDSA, and ed25519 and P-256 on security tokens
 * (`sk-…`), which count when the token was touched. Pure.
 */
import { ownValue } from '../base/own-value.ts';
import {
  createHash,
  createPublicKey,
  type JsonWebKey,
  type KeyObject,
  sign as signBytes,
  verify as verifyBytes,
} from 'node:crypto';

/** A public key as people write it, without its comment: `ssh-ed25519 AAAA…`. */
export type SshKey = string;

/** Who signed some bytes: a key; `bad` when the signature is not of these bytes. */
export type Signed =
  { readonly kind: 'good'; readonly key: SshKey } | { readonly kind: 'bad'; readonly why: string };

const MAGIC = 'SSHSIG';
const NAMESPACE = 'git';
const BEGIN = '-----BEGIN SSH SIGNATURE-----';
const END = '-----END SSH SIGNATURE-----';
/** No real signature is longer. */
const ARMOR_CHARS_MAX = 16_384;
const CURVES: Readonly<Record<string, { readonly crv: string; readonly hash: string }>> = {
  'ecdsa-sha2-nistp256': { crv: 'P-256', hash: 'sha256' },
  'ecdsa-sha2-nistp384': { crv: 'P-384', hash: 'sha384' },
  'ecdsa-sha2-nistp521': { crv: 'P-521', hash: 'sha512' },
};

/** Keys on security tokens: what they sign is wrapped, PROTOCOL.u2f of OpenSSH. */
const TOKENS: Readonly<Record<string, string>> = {
  'sk-ssh-ed25519@openssh.com': 'ssh-ed25519',
  'sk-ecdsa-sha2-nistp256@openssh.com': 'ecdsa-sha2-nistp256',
};
const TOUCHED = 1;

/** The key in a line of a `.pub` file or of `allowed_signers`; null when there is none to read. */
export function parseSshKey(text: string): SshKey | null {
  const [type = '', blob = ''] = text.trim().split(/\s/, 2);
  const bytes = Buffer.from(blob, 'base64');
  if (blob.length > ARMOR_CHARS_MAX || bytes.length === 0) return null;
  return importKey(bytes)?.type === type ? `${type} ${bytes.toString('base64')}` : null;
}

/** How people compare keys, as ssh shows it: `SHA256:…`. */
export function fingerprintOf(key: SshKey): string {
  const blob = Buffer.from(key.split(' ')[1] ?? '', 'base64');
  // 32 bytes are always padded by one character.
  return `SHA256:${createHash('sha256').update(blob).digest('base64').slice(0, -1)}`;
}

/** The public half of an ed25519 key. */
export function sshKeyOf(key: KeyObject): SshKey {
  const { x = '' } = createPublicKey(key).export({ format: 'jwk' });
  const blob = Buffer.concat([field('ssh-ed25519'), field(Buffer.from(x, 'base64url'))]);
  return `ssh-ed25519 ${blob.toString('base64')}`;
}

/** A signature over `payload` with an ed25519 private key, armoured as git stores it. */
export function signSsh(payload: Buffer, key: KeyObject): string {
  const blob = Buffer.from(sshKeyOf(key).split(' ')[1] ?? '', 'base64');
  const signature = Buffer.concat([
    field('ssh-ed25519'),
    field(signBytes(null, toBeSigned(payload, 'sha512'), key)),
  ]);
  const bytes = Buffer.concat([
    Buffer.from(MAGIC),
    Buffer.from([0, 0, 0, 1]),
    ...[blob, NAMESPACE, '', 'sha512', signature].map(field),
  ]);
  const lines = bytes.toString('base64').match(/.{1,70}/g) ?? [];
  return [BEGIN, ...lines, END].join('\n');
}

/** Whose signature `armor` is, over `payload`. */
export function verifySsh(payload: Buffer, armor: string): Signed {
  const parts = parseSignature(armor);
  if (parts === null) return bad('it is not an SSH signature that can be read');
  if (parts.namespace !== NAMESPACE) return bad(`it is for "${parts.namespace}" and not for git`);
  const key = importKey(parts.key);
  if (key === null) return bad('its kind of key is not supported');
  const [algorithm, signature] = takeFields(parts.signature, 2);
  if (algorithm === undefined || signature === undefined) return bad('it is cut off');
  const rest = parts.signature.subarray(8 + algorithm.length + signature.length);
  const bytes = bytesOfToken(key, rest, toBeSigned(payload, parts.hash));
  if (bytes === null) return bad('its security token was not touched');
  return isGenuine(key, { algorithm: algorithm.toString(), signature, bytes })
    ? { kind: 'good', key: `${key.type} ${parts.key.toString('base64')}` }
    : bad('it was made over something else');
}

function bad(why: string): Signed {
  return { kind: 'bad', why };
}

interface SignatureParts {
  readonly key: Buffer;
  readonly namespace: string;
  readonly hash: 'sha256' | 'sha512';
  readonly signature: Buffer;
}

function parseSignature(armor: string): SignatureParts | null {
  const lines = armor.trim().split('\n');
  if (armor.length > ARMOR_CHARS_MAX || lines[0] !== BEGIN || lines.at(-1) !== END) return null;
  const bytes = Buffer.from(lines.slice(1, -1).join(''), 'base64');
  const head = MAGIC.length + 4;
  if (bytes.toString('latin1', 0, MAGIC.length) !== MAGIC || bytes.length < head) return null;
  const [key, namespace, , hash, signature] = takeFields(bytes.subarray(head), 5);
  const name = hash?.toString();
  if (key === undefined || namespace === undefined || signature === undefined) return null;
  if (name !== 'sha256' && name !== 'sha512') return null;
  return { key, namespace: namespace.toString(), hash: name, signature };
}

/** What is signed in place of the payload. */
function toBeSigned(payload: Buffer, hash: 'sha256' | 'sha512'): Buffer {
  const digest = createHash(hash).update(payload).digest();
  return Buffer.concat([Buffer.from(MAGIC), ...[NAMESPACE, '', hash, digest].map(field)]);
}

interface PublicKey {
  /** As it is written before the key. */
  readonly type: string;
  /** What the key is, on a token or not. */
  readonly plainType: string;
  /** Of a key on a token: whom it is for; null = it is on none. */
  readonly application: Buffer | null;
  readonly object: KeyObject;
}

/** What a token signs in place of the bytes; null when nobody has touched it. */
function bytesOfToken({ application }: PublicKey, rest: Buffer, bytes: Buffer): Buffer | null {
  if (application === null) return bytes;
  // One byte of flags and a counter.
  if (rest.length !== 5 || ((rest[0] ?? 0) & TOUCHED) === 0) return null;
  const hash = (data: Buffer): Buffer => createHash('sha256').update(data).digest();
  return Buffer.concat([hash(application), rest, hash(bytes)]);
}

function importKey(blob: Buffer): PublicKey | null {
  const [first] = takeFields(blob, 1);
  const type = first?.toString() ?? '';
  const plain = ownValue(TOKENS, type);
  const plainType = plain ?? type;
  const fields = takeFields(blob, 4);
  const application =
    plain === undefined ? null : (fields[plain === 'ssh-ed25519' ? 2 : 3] ?? null);
  if (plain !== undefined && application === null) return null;
  const jwk = jwkOf(plainType, fields);
  try {
    return jwk === null
      ? null
      : {
          ...{ type, plainType, application },
          object: createPublicKey({ key: jwk as never, format: 'jwk' }),
        };
  } catch {
    return null;
  }
}

function jwkOf(type: string, [, one, two]: readonly Buffer[]): JsonWebKey | null {
  if (type === 'ssh-ed25519' && one !== undefined)
    return { kty: 'OKP', crv: 'Ed25519', x: one.toString('base64url') };
  if (type === 'ssh-rsa' && one !== undefined && two !== undefined)
    return { kty: 'RSA', e: toUnsigned(one), n: toUnsigned(two) };
  const curve = ownValue(CURVES, type);
  if (curve === undefined || two?.[0] !== 4) return null;
  const half = (two.length - 1) / 2;
  return {
    kty: 'EC',
    crv: curve.crv,
    x: two.subarray(1, 1 + half).toString('base64url'),
    y: two.subarray(1 + half).toString('base64url'),
  };
}

function isGenuine(
  key: PublicKey,
  of: { readonly algorithm: string; readonly signature: Buffer; readonly bytes: Buffer },
): boolean {
  if (key.application !== null && of.algorithm !== key.type) return false;
  const hash = hashOf(key.plainType, key.application === null ? of.algorithm : key.plainType);
  try {
    return hash !== undefined && verifyBytes(hash, of.bytes, key.object, plainSignature(key, of));
  } catch {
    return false;
  }
}

/** The digest of an algorithm that fits the key; null where the key brings its own. */
function hashOf(type: string, algorithm: string): string | null | undefined {
  if (type === 'ssh-ed25519') return algorithm === type ? null : undefined;
  if (type === 'ssh-rsa')
    return { 'rsa-sha2-256': 'sha256', 'rsa-sha2-512': 'sha512' }[algorithm] ?? undefined;
  return algorithm === type ? CURVES[type]?.hash : undefined;
}

/** ECDSA signatures come as two numbers, and Node takes them as DER. */
function plainSignature(
  { plainType }: PublicKey,
  { signature }: { readonly signature: Buffer },
): Buffer {
  if (!Object.hasOwn(CURVES, plainType)) return signature;
  const numbers = takeFields(signature, 2).map((number) =>
    Buffer.concat([Buffer.from([2, number.length]), number]),
  );
  const inner = Buffer.concat(numbers);
  const length = inner.length < 128 ? [inner.length] : [0x81, inner.length];
  return Buffer.concat([Buffer.from([0x30, ...length]), inner]);
}

function toUnsigned(number: Buffer): string {
  return number.subarray(number[0] === 0 ? 1 : 0).toString('base64url');
}

function field(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value as string);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** The first fields of some bytes; fewer when there are not as many. */
function takeFields(bytes: Buffer, count: number): readonly Buffer[] {
  const fields: Buffer[] = [];
  for (let at = 0; fields.length < count && at + 4 <= bytes.length;) {
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) break;
    fields.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return fields;
}
