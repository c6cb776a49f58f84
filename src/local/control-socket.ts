/**
 * Where the control socket stands: `control.sock` in the state directory, or, where that path is
 * too long for a socket, in a short private folder of the temporary directory whose path the state
 * directory keeps in `control.path`.
 */
import { lstat, mkdtemp, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { CrosstalkError } from '../base/errors.ts';
import {
  attempt,
  isOurs,
  readTextFile,
  removeDurableFile,
  writeDurableFile,
} from './durable-file.ts';
import { fixByHand } from '../base/fix.ts';

/** Systems cut a socket's path at 104 or 108 bytes, without saying so. */
const SOCKET_PATH_BYTES_MAX = 100;
const SOCKET_NAME = 'control.sock';
const FOLDER_PREFIX = 'crosstalk-';

/**
 * A free path to listen on. Needs the lock of the state directory: what an earlier dispatcher left
 * is removed.
 */
export async function makeSocketPath(stateDirectory: string): Promise<string> {
  await removeSocket(stateDirectory);
  const near = join(stateDirectory, SOCKET_NAME);
  if (fits(near)) return near;
  const base = [tmpdir(), '/tmp'].find((path) =>
    fits(join(path, `${FOLDER_PREFIX}XXXXXX`, SOCKET_NAME)),
  );
  if (base === undefined) throw tooLong(stateDirectory);
  const folder = await attempt(base, () => mkdtemp(join(base, FOLDER_PREFIX)));
  const path = join(folder, SOCKET_NAME);
  await writeDurableFile(recordPath(stateDirectory), `${path}\n`);
  return path;
}

/**
 * The path to connect to, or null when there is none that is safe: a folder of somebody else could
 * answer in our name.
 */
export async function findSocketPath(stateDirectory: string): Promise<string | null> {
  const near = join(stateDirectory, SOCKET_NAME);
  if (fits(near)) return near;
  const far = (await readTextFile(recordPath(stateDirectory)))?.trimEnd() ?? '';
  return (await isOurFolder(dirname(far))) && basename(far) === SOCKET_NAME ? far : null;
}

/** Removes the socket and the folder made for it. */
export async function removeSocket(stateDirectory: string): Promise<void> {
  const path = await findSocketPath(stateDirectory);
  if (path !== null) await attempt(path, () => rm(path, { force: true }));
  if (path !== null && dirname(path) !== stateDirectory)
    await rmdir(dirname(path)).catch(() => undefined);
  await removeDurableFile(recordPath(stateDirectory));
}

function recordPath(stateDirectory: string): string {
  return join(stateDirectory, 'control.path');
}

function fits(path: string): boolean {
  return Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX;
}

async function isOurFolder(path: string): Promise<boolean> {
  if (!basename(path).startsWith(FOLDER_PREFIX)) return false;
  const found = await lstat(path).catch(() => null);
  return found !== null && found.isDirectory() && isOurs(found.uid) && (found.mode & 0o077) === 0;
}

function tooLong(stateDirectory: string): CrosstalkError {
  return new CrosstalkError(
    'STATE_UNUSABLE',
    `${stateDirectory}: too long for a socket, and so is the temporary directory; expected at most ${SOCKET_PATH_BYTES_MAX} bytes.`,
    { fix: fixByHand('choose a shorter directory: --state DIR or CROSSTALK_STATE_DIR') },
  );
}
