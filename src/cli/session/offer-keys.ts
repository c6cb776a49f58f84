/** The person's public key on this machine, offered where hosts could be told to require it. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { PersonGit } from './person-git.ts';
import { by } from '../../base/order.ts';
import { present } from '../../local/state-directory.ts';
import { formatFix, fixBy } from '../../base/fix.ts';
import { slugName } from '../../protocol/names.ts';
import { parseSshKey } from '../../protocol/ssh-signature.ts';

/** The kinds that people have most, the best first. */
const KINDS = ['id_ed25519', 'id_ed25519_sk', 'id_ecdsa', 'id_ecdsa_sk', 'id_rsa'];

/** The command that makes a key of this person known, as a line; null where none is found. */
export async function offerKey(
  git: PersonGit,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string | null> {
  const ask = async (...args: readonly string[]): Promise<string> =>
    (await git.raw(['config', '--get', ...args]).catch(() => '')).trim();
  const key = await findKey(await ask('--type=path', 'user.signingKey'), env);
  const name = slugName(await ask('user.name'), '');
  if (key === null || name === '') return null;
  const known = formatFix(fixBy`crosstalkd trust add ${name} ${key}`);
  return `hosts can require your signature: ${known}; then: crosstalkd trust on`;
}

async function findKey(
  configured: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string | null> {
  const literal = configured.replace(/^key::/, '');
  if (parseSshKey(literal) !== null) return literal;
  if (configured.endsWith('.pub')) return configured;
  const home = present(env['HOME']);
  const folder = home === null ? null : join(home, '.ssh');
  const files = folder === null ? [] : await readdir(folder).catch(() => []);
  const [best] = files
    .filter((file) => KINDS.includes(file.replace(/\.pub$/, '')) && file.endsWith('.pub'))
    .sort(by((file) => String(KINDS.indexOf(file.replace(/\.pub$/, '')))));
  return folder === null || best === undefined ? null : join(folder, best);
}
