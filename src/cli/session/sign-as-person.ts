/**
 * How what a command commits is signed: as the person's git is told to sign, or, by a program that
 * an agent runs, with the key of this host.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CrosstalkError } from '../../base/errors.ts';
import { SECOND } from '../../base/clock.ts';
import { andThen, fixBy, fixByHand } from '../../base/fix.ts';
import { withPeople } from '../../dispatcher/signed-file.ts';
import { runTool } from '../../local/run-tool.ts';
import { openHostKey } from '../../local/trust-store.ts';
import { signSsh } from '../../protocol/ssh-signature.ts';
import {
  hear,
  maySpeakAs,
  peopleWho,
  requires,
  type Right,
  type SignedKind,
  type Voice,
} from '../../protocol/trust.ts';
import type { Sign } from '../../transport/repository.ts';
import { readSettings } from './git-settings.ts';
import type { Located } from './locate.ts';
import { openPersonGit } from './person-git.ts';
import type { TransportSession } from './transport-session.ts';

/** A person may have to touch a key or type a password. */
const SIGN_MS = 60 * SECOND;

/** Whose command commits, and where. */
interface Committing {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly located: Pick<Located, 'clone' | 'settings'>;
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
  const settings = located.settings ?? (await readSettings(git, env));
  if (!settings.isOn('commit.gpgsign') || settings.valueOf('gpg.format') !== 'ssh') return null;
  // Git expands `~`.
  const asked = ['config', '--type=path', '--get', 'user.signingKey'];
  const key = (await git.raw(asked).catch(() => '')).trim();
  if (key === '') return null;
  const program = settings.valueOf('gpg.ssh.program') ?? 'ssh-keygen';
  return (payload) => signWith({ program, key, env }, payload);
}

/** Who must sign a commit for it to count, where one of these kinds must be signed. */
export interface Needs {
  readonly kinds: readonly SignedKind[];
  readonly right: Right;
  /** Whose word it is. Absent: any person who has the right. */
  readonly from?: string;
}

/** What people answer to gates and agents, and order runs to do. */
export const DECISION: Needs = { kinds: ['gates'], right: 'approve' };
/** A reply that a person writes in the place of a model's. */
export const REPLY: Needs = { kinds: ['hosts'], right: 'approve' };

/**
 * The same for a commit that has to count on this host. Throws REFUSED, before anything is pushed,
 * where it would not.
 */
export async function findCountingSign(
  session: Pick<TransportSession, 'trust' | 'mirror' | 'repository'> & Committing,
  needs: Needs,
): Promise<Sign | null> {
  const sign = await findSign(session);
  const pinned = await session.trust();
  if (!needs.kinds.some((kind) => requires(pinned, kind))) return sign;
  if (sign === null) throw countsForNobody(needs, { kind: 'unsigned' });
  const { repository } = session;
  const { tip } = session.mirror.index();
  const trust = tip === null ? pinned : await withPeople({ repository, tip }, pinned);
  return async (payload) => {
    const signature = await sign(payload);
    const voice = hear({ payload, signature }, trust.signers);
    const { from, right } = needs;
    const counts =
      from === undefined || right !== 'ask'
        ? peopleWho(voice, right, trust).some((name) => name === (from ?? name))
        : maySpeakAs(voice, from, trust);
    if (counts) return signature;
    throw countsForNobody(needs, voice);
  };
}

function countsForNobody({ right, from }: Needs, voice: Voice): CrosstalkError {
  const who = from ?? `a known person who may "${right}"`;
  const [found, fix] = tellVoice(voice, from ?? 'NAME');
  return new CrosstalkError(
    'REFUSED',
    `nothing was sent: it counts only when ${who} has signed it, and ${found}`,
    { fix },
  );
}

function tellVoice(voice: Voice, name: string) {
  switch (voice.kind) {
    case 'unsigned': {
      const on = andThen(fixBy`git config commit.gpgSign true`, fixBy`git config gpg.format ssh`);
      return [
        'git signs nothing here',
        andThen(on, fixBy`git config user.signingKey FILE`),
      ] as const;
    }
    case 'stranger':
      return [
        'this host does not know the key that git signs with',
        fixBy`crosstalkd trust add ${name} ${voice.key}`,
      ] as const;
    case 'bad':
      return [`the signature is not good: ${voice.why}`, fixBy`crosstalkd doctor`] as const;
    case 'known':
      return [
        `the key is that of ${voice.principals.join(', ')}`,
        fixByHand('sign with the key of somebody who may, or say it with "people:" in config.yaml'),
      ] as const;
  }
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
