/**
 * The host's own configuration: commands in it run without asking, so the folder must be nobody
 * else's to write.
 */
import { stat } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { CrosstalkError } from '../base/errors.ts';
import { shellWord } from '../base/shell-word.ts';
import {
  attempt,
  ensurePrivateDirectory,
  orMissing,
  isOurs,
  readTextFile,
} from './durable-file.ts';
import { homeOf, present, type Env } from './state-directory.ts';
import { fixBy, withNote } from '../base/fix.ts';

/** The paths of the configuration. */
export interface ConfigDirectory {
  readonly path: string;
  readonly configFile: string;
  readonly modelsFile: string;
  readonly approvalsFile: string;
}

/** The folder by CROSSTALK_CONFIG_DIR, then XDG, then `~/.config/crosstalk`; makes nothing. */
export function locateConfigDirectory(env: Env): ConfigDirectory {
  const chosen = present(env['CROSSTALK_CONFIG_DIR']);
  const xdg = present(env['XDG_CONFIG_HOME']);
  const base = xdg !== null && isAbsolute(xdg) ? xdg : join(homeOf(env), '.config');
  const path = chosen === null ? join(base, 'crosstalk') : resolve(chosen);
  return {
    path,
    configFile: join(path, 'config.yaml'),
    modelsFile: join(path, 'models.yaml'),
    approvalsFile: join(path, 'approvals.json'),
  };
}

/**
 * Makes the folder, private to this user, before something is written in it. An existing one keeps
 * its mode.
 */
export async function makeConfigDirectory(directory: ConfigDirectory): Promise<void> {
  if ((await statOrNull(directory.path)) === null) await ensurePrivateDirectory(directory.path);
}

/**
 * Looks whether others could have written the configuration. Throws CONFIG_INVALID with the fix
 * when the folder or a file in it belongs to another user or anybody may write it; gives a warning
 * when its group may. What is missing is fine.
 */
export async function checkConfigDirectory(directory: ConfigDirectory): Promise<readonly string[]> {
  const warnings: string[] = [];
  for (const path of [
    directory.path,
    directory.configFile,
    directory.modelsFile,
    directory.approvalsFile,
  ]) {
    const found = await statOrNull(path);
    if (found === null) continue;
    if (path === directory.path && !found.isDirectory()) throw notADirectory(path);
    // The administrator may write everything anyway, and may have put the configuration there.
    if (!isOurs(found.uid) && found.uid !== 0) throw notOurs(path, found.uid);
    if ((found.mode & 0o002) !== 0) throw openToAll(path);
    if ((found.mode & 0o020) !== 0)
      warnings.push(
        `${path}: its group may write it, and crosstalkd runs what it says; chmod g-w ${shellWord(path)}`,
      );
  }
  return warnings;
}

/** The text of a configuration file, or null when there is none. */
export async function readConfigFile(path: string): Promise<string | null> {
  return readTextFile(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
}

async function statOrNull(path: string) {
  return attempt(path, () => orMissing(stat(path), null));
}

function notADirectory(path: string): CrosstalkError {
  return new CrosstalkError(
    'CONFIG_INVALID',
    `${path}: found a file; expected the configuration directory.`,
    { fix: fixBy`mv ${path} ${path}.old` },
  );
}

function notOurs(path: string, uid: number): CrosstalkError {
  return new CrosstalkError(
    'CONFIG_INVALID',
    `${path}: belongs to user ${uid}; expected it to belong to the user who runs this.`,
    {
      fix: withNote(
        fixBy`sudo chown -R ${process.getuid?.() ?? ''} ${path}`,
        'after checking what it says',
      ),
    },
  );
}

function openToAll(path: string): CrosstalkError {
  return new CrosstalkError(
    'CONFIG_INVALID',
    `${path}: every user may write it; expected only its owner, because commands in it are run.`,
    { fix: withNote(fixBy`chmod go-w ${path}`, 'after checking what it says') },
  );
}

function unreadable(path: string, cause: unknown): CrosstalkError {
  return new CrosstalkError(
    'CONFIG_INVALID',
    `${path}: cannot be read; expected a text file of this user.`,
    {
      fix: fixBy`ls -l ${path}`,
      cause,
    },
  );
}
