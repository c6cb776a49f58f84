/**
 * How what a command commits is signed: as the person's git is told to sign, or, by a program that
 * an agent runs, with the key of this host.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CrosstalkError } from '../../base/errors.ts';
import { SECOND } from '../../base/clock.ts';
import { runTool } from '../../local/run-tool.ts';
import { openHostKey } from '../../local/trust-store.ts';
import { signSsh } from '../../protocol/ssh-signature.ts';
import type { Sign } from '../../transport/repository.ts';
import { openPersonGit } from './person-git.ts';

/** A person may have to touch a key or type a password. */
const SIGN_MS = 60 * SECOND;

/** Whose command commits, and where. */
interface Committing {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly located: { readonly clone: string | null };
  /** The state directory. */
  readonly directory: { readonly path: string };
}

/**
 * The signature of this command's commits; null when git is not told to sign, or to sign with GPG,
 * which other hosts could not verify.
 */
export async function findSign({ env, located, directory }: Committing): Promise<Sign | null> {
  if ((env['CROSSTALK_MODEL'] ?? '') !== '') return hostSign(directory.path);
  const git = openPersonGit(located.clone ?? directory.path, env, 10 * SECOND);
  const ask = async (...args: readonly string[]): Promise<string> =>
    (await git.raw(['config', ...args]).catch(() => '')).trim();
  if ((await ask('--type=bool', '--get', 'commit.gpgSign')) !== 'true') return null;
  if ((await ask('--get', 'gpg.format')) !== 'ssh') return null;
  const key = await ask('--type=path', '--get', 'user.signingKey');
  if (key === '') return null;
  const program = (await ask('--get', 'gpg.ssh.program')) || 'ssh-keygen';
  return (payload) => signWith({ program, key, env }, payload);
}

/** The signature of the host whose state directory this is. */
export async function hostSign(stateDirectory: string): Promise<Sign> {
  const key = await openHostKey(stateDirectory);
  return (payload) => Promise.resolve(signSsh(payload, key));
}

interface Signing {
  readonly program: string;
  /** A file, or the public key itself, whose other half an agent has. */
  readonly key: string;
  readonly env: Committing['env'];
}

async function signWith(signing: Signing, payload: Buffer): Promise<string> {
  const literal = /^(?:key::)?((?:ssh|ecdsa|sk)-.*)$/.exec(signing.key)?.[1];
  if (literal === undefined) return runSign(signing, ['-f', signing.key], payload);
  const place = await mkdtemp(join(tmpdir(), 'crosstalk-key-'));
  try {
    const file = join(place, 'key.pub');
    await writeFile(file, `${literal}\n`, { mode: 0o600 });
    return await runSign(signing, ['-U', '-f', file], payload);
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

async function runSign(
  { program, key, env }: Signing,
  args: readonly string[],
  payload: Buffer,
): Promise<string> {
  const { code, stdout, stderr, problem } = await runTool({
    argv: [program, '-q', '-Y', 'sign', '-n', 'git', ...args],
    env,
    input: payload.toString('utf8'),
    limitMs: SIGN_MS,
  });
  if (code === 0) return stdout;
  const why = problem ?? stderr.trim().split('\n')[0] ?? '';
  throw new CrosstalkError('REFUSED', `${program} could not sign with ${key}: ${why}`, {
    fix: 'git config --get user.signingKey',
  });
}
