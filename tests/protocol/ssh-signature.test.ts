import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseSshKey, signSsh, sshKeyOf, verifySsh } from '../../src/protocol/ssh-signature.ts';
import { formatSigner, hear, maySpeakAs, parseSigners } from '../../src/protocol/trust.ts';

let place: string;
beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), 'crosstalk-sign-'));
});
afterAll(() => rmSync(place, { recursive: true, force: true }));

const PAYLOAD = Buffer.from('tree 0\nauthor Ada <ada@example.org> 0 +0000\n\nhello\n');

/** A key of ssh-keygen, and what it signs. */
function signWithSsh(kind: readonly string[]): { readonly key: string; readonly armor: string } {
  const file = join(place, `key-${kind.join('')}`);
  execFileSync('ssh-keygen', ['-q', '-N', '', '-f', file, ...kind]);
  const armor = execFileSync('ssh-keygen', ['-q', '-Y', 'sign', '-n', 'git', '-f', file], {
    input: PAYLOAD,
  }).toString();
  return { key: readFileSync(`${file}.pub`, 'utf8'), armor };
}

describe('a signature by ssh-keygen', () => {
  it.each([
    [['-t', 'ed25519']],
    [['-t', 'rsa', '-b', '2048']],
    [['-t', 'ecdsa', '-b', '256']],
    [['-t', 'ecdsa', '-b', '384']],
    [['-t', 'ecdsa', '-b', '521']],
  ])('of %j is good over its bytes and over no others', (kind) => {
    const { key, armor } = signWithSsh(kind);
    expect(verifySsh(PAYLOAD, armor)).toEqual({ kind: 'good', key: parseSshKey(key) });
    expect(verifySsh(Buffer.from('else'), armor).kind).toBe('bad');
  });

  it('for another purpose than git is not accepted', () => {
    const file = join(place, 'other');
    execFileSync('ssh-keygen', ['-q', '-N', '', '-t', 'ed25519', '-f', file]);
    const armor = execFileSync('ssh-keygen', ['-q', '-Y', 'sign', '-n', 'file', '-f', file], {
      input: PAYLOAD,
    }).toString();
    expect(verifySsh(PAYLOAD, armor)).toMatchObject({ kind: 'bad', why: /"file"/ as never });
  });
});

describe('a signature by a key on a security token', () => {
  const { privateKey } = generateKeyPairSync('ed25519');
  const { privateKey: curveKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const field = (value: string | Buffer): Buffer => {
    const bytes = Buffer.from(value as string);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  const hash = (name: string, bytes: Buffer): Buffer => createHash(name).update(bytes).digest();
  const base64 = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'base64url');
  /** As OpenSSH's PROTOCOL.u2f says it, by a token that is played. */
  function signWithToken(
    curve: boolean,
    flags = 1,
  ): { readonly key: string; readonly armor: string } {
    const type = curve ? 'sk-ecdsa-sha2-nistp256@openssh.com' : 'sk-ssh-ed25519@openssh.com';
    const secret = curve ? curveKey : privateKey;
    const { x, y } = createPublicKey(secret).export({ format: 'jwk' });
    const parts = curve
      ? ['nistp256', Buffer.concat([Buffer.from([4]), base64(x), base64(y)])]
      : [base64(x)];
    const blob = Buffer.concat([type, ...parts, 'ssh:'].map(field));
    const counted = Buffer.from([flags, 0, 0, 0, 7]);
    const signed = Buffer.concat([
      Buffer.from('SSHSIG'),
      ...['git', '', 'sha512', hash('sha512', PAYLOAD)].map(field),
    ]);
    const bytes = Buffer.concat([
      hash('sha256', Buffer.from('ssh:')),
      counted,
      hash('sha256', signed),
    ]);
    const made = sign(curve ? 'sha256' : null, bytes, {
      key: secret,
      dsaEncoding: 'ieee-p1363',
    });
    // A number is as short as can be, and not negative.
    const half = (from: number): Buffer => {
      const digits = made.subarray(from, from + 32);
      const first = digits.findIndex((byte) => byte !== 0);
      const short = digits.subarray(first);
      return (short[0] ?? 0) < 128 ? short : Buffer.concat([Buffer.from([0]), short]);
    };
    const signature = curve ? Buffer.concat([half(0), half(32)].map(field)) : made;
    const whole = Buffer.concat([
      Buffer.from('SSHSIG'),
      Buffer.from([0, 0, 0, 1]),
      ...[blob, 'git', '', 'sha512', Buffer.concat([field(type), field(signature), counted])].map(
        field,
      ),
    ]);
    return {
      key: `${type} ${blob.toString('base64')}`,
      armor: `-----BEGIN SSH SIGNATURE-----\n${whole.toString('base64')}\n-----END SSH SIGNATURE-----`,
    };
  }

  it.each([false, true])('is good over its bytes, on a curve of NIST: %s', (curve) => {
    const { key, armor } = signWithToken(curve);
    expect(parseSshKey(`${key} ada`)).toBe(key);
    expect(verifySsh(PAYLOAD, armor)).toEqual({ kind: 'good', key });
    expect(verifySsh(Buffer.from('else'), armor).kind).toBe('bad');
  });

  it('counts only when the token was touched', () => {
    expect(verifySsh(PAYLOAD, signWithToken(false, 0).armor)).toMatchObject({
      why: 'its security token was not touched',
    });
  });
});

describe('a signature of ours', () => {
  const { privateKey } = generateKeyPairSync('ed25519');

  it('is good for ssh-keygen', () => {
    const signers = join(place, 'allowed');
    writeFileSync(signers, `${formatSigner('ada', sshKeyOf(privateKey))}\n`);
    const signature = join(place, 'signature');
    writeFileSync(signature, `${signSsh(PAYLOAD, privateKey)}\n`);
    const { status, stderr } = spawnSync(
      'ssh-keygen',
      ['-Y', 'verify', '-f', signers, '-I', 'ada', '-n', 'git', '-s', signature],
      { input: PAYLOAD },
    );
    expect(stderr.toString()).toBe('');
    expect(status).toBe(0);
  });

  it('is good for what was signed and bad after any change of a byte', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.nat(), (bytes, seed) => {
        const payload = Buffer.from(bytes);
        const armor = signSsh(payload, privateKey);
        expect(verifySsh(payload, armor)).toEqual({ kind: 'good', key: sshKeyOf(privateKey) });
        payload[seed % payload.length] = (payload[seed % payload.length] ?? 0) ^ 1;
        expect(verifySsh(payload, armor).kind).toBe('bad');
      }),
      { numRuns: 50 },
    );
  });
});

describe('what is not a signature', () => {
  it('is bad, whatever it says, and never throws', () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const good = signSsh(PAYLOAD, privateKey);
    fc.assert(
      fc.property(fc.nat(), fc.string({ maxLength: 40 }), (place, text) => {
        const at = place % good.length;
        const armor = good.slice(0, at) + text + good.slice(at + text.length);
        const found = verifySsh(PAYLOAD, armor);
        if (found.kind === 'good') expect(found.key).toBe(sshKeyOf(privateKey));
        expect(parseSshKey(text)).toBeNull();
      }),
    );
  });
});

describe('whose signature it is', () => {
  const [ada, laptop, eve] = [1, 2, 3].map(() => generateKeyPairSync('ed25519').privateKey);
  const { signers, problems } = parseSigners(
    [
      '# people',
      formatSigner('ada', sshKeyOf(ada!)),
      formatSigner('host/laptop', sshKeyOf(laptop!)),
      'bob ssh-ed25519 nonsense',
    ].join('\n'),
  );
  const says = (key: typeof ada, from: string): boolean => {
    const voice = hear({ payload: PAYLOAD, signature: signSsh(PAYLOAD, key!) }, signers);
    return maySpeakAs(voice, from, { signers, rights: null });
  };

  it('names the line that cannot be read', () => {
    expect(problems).toEqual([{ line: 4, found: 'bob ssh-ed25519 nonsense' }]);
  });

  it.each([
    ['a person as itself', ada, 'ada', true],
    ['a person as another', ada, 'bob', false],
    ['a person as a model', ada, 'opus', false],
    ['a host for a model', laptop, 'opus', true],
    ['a host as a person who has a key', laptop, 'ada', false],
    ['somebody unknown', eve, 'ada', false],
  ])('%s: %#', (...[, key, from, may]) => {
    expect(says(key, from)).toBe(may);
  });

  it('is nobody without a signature', () => {
    expect(maySpeakAs(hear(null, signers), 'ada', { signers, rights: null })).toBe(false);
  });
});
