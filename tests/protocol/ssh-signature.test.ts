import { execFileSync, spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
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

  it('for another purpose than git counts for nothing', () => {
    const file = join(place, 'other');
    execFileSync('ssh-keygen', ['-q', '-N', '', '-t', 'ed25519', '-f', file]);
    const armor = execFileSync('ssh-keygen', ['-q', '-Y', 'sign', '-n', 'file', '-f', file], {
      input: PAYLOAD,
    }).toString();
    expect(verifySsh(PAYLOAD, armor)).toMatchObject({ kind: 'bad', why: /"file"/ as never });
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

describe('what is no signature', () => {
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

describe('whose voice it is', () => {
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
    return maySpeakAs(voice, from, signers);
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
    expect(maySpeakAs(hear(null, signers), 'ada', signers)).toBe(false);
  });
});
