/**
 * The secret that those who call this host must know: from the environment or a file, never from a
 * command line that others can list.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CrosstalkError } from '../base/errors.ts';
import { shellWord } from '../base/shell-word.ts';
import { type ConfigDirectory, readConfigFile } from './config-directory.ts';
import { attempt, isOurs } from './durable-file.ts';
import { type Env, present } from './state-directory.ts';
import { type Fix, fixBy } from '../base/fix.ts';

const VARIABLE = 'CROSSTALK_WAKE_SECRET';
const LENGTH_MIN = 16;

/** Where the secret is kept on a host. */
export function wakeSecretFile(directory: ConfigDirectory): string {
  return join(directory.path, 'wake-secret');
}

/** The command that makes one. */
export function makeSecretCommand(directory: ConfigDirectory): Fix {
  const path = shellWord(wakeSecretFile(directory));
  return fixBy`sh -c ${`umask 077; head -c 32 /dev/urandom | base64 > ${path}`}`;
}

/**
 * The secret, or null when there is none. Throws CONFIG_INVALID for one that is too short or that
 * others can read.
 */
export async function readWakeSecret(env: Env, directory: ConfigDirectory): Promise<string | null> {
  const given = present(env[VARIABLE]);
  if (given !== null) return check(given, VARIABLE, directory);
  const path = wakeSecretFile(directory);
  const text = await readConfigFile(path);
  if (text === null) return null;
  const { mode, uid } = await attempt(path, () => stat(path));
  if ((mode & 0o077) !== 0 || !isOurs(uid))
    throw new CrosstalkError(
      'CONFIG_INVALID',
      `${path}: others can read it; expected a file of mode 600 that belongs to you.`,
      { fix: fixBy`chmod 600 ${path}` },
    );
  return check(text.trim(), path, directory);
}

function check(secret: string, where: string, directory: ConfigDirectory): string {
  if (secret.length >= LENGTH_MIN) return secret;
  throw new CrosstalkError(
    'CONFIG_INVALID',
    `${where}: found ${secret.length} characters, expected a secret of at least ${LENGTH_MIN}.`,
    { fix: makeSecretCommand(directory) },
  );
}
