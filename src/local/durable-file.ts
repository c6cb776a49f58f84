/**
 * Files that survive a kill or a power cut whole: tmp, fsync, rename, fsync of the folder. A reader
 * sees the old content or the new one, never a mixture. Everything made here is private to its
 * owner (0700, 0600), whatever the umask says.
 */
import { closeSync, fchmodSync, fsync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { CrosstalkError, errorText } from '../base/errors.ts';
import { fixBy, withNote } from '../base/fix.ts';

const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;
const TMP_SUFFIX = '.tmp';
/**
 * Names tried for one temporary file; each one that exists was left by a dead process with our pid.
 */
const TMP_NAMES_MAX = 10_000;

/**
 * Replaces `path` by `content`, durable when it resolves. Throws STATE_UNUSABLE and leaves the old
 * content when it cannot.
 */
export async function writeDurableFile(path: string, content: string | Uint8Array): Promise<void> {
  await replaceFile(path, content, { sync: true });
}

/**
 * Replaces `path` by `content` as a whole but without waiting for the disk: for content that says
 * itself whether it is complete.
 */
export async function writeShortcutFile(path: string, content: string | Uint8Array): Promise<void> {
  await replaceFile(path, content, { sync: false });
}

// What only touches memory of the kernel is done at once: through the thread pool each step waits
// for its turn on a busy machine. What waits for the disk goes through it.
async function replaceFile(
  path: string,
  content: string | Uint8Array,
  how: { readonly sync: boolean },
): Promise<void> {
  const tmp = await attempt(path, () => writeTemporary(path, content, how));
  try {
    renameSync(tmp, path);
    if (how.sync) await syncDirectory(dirname(path));
  } catch (error) {
    await rm(tmp, { force: true }).catch(() => undefined);
    throw localFailure(error, path);
  }
}

let temporaries = 0;

/**
 * Writes `content` to a new private file beside `path` and gives its path; the caller renames,
 * links or removes it.
 */
export async function writeTemporary(
  path: string,
  content: string | Uint8Array,
  how: { readonly sync: boolean },
): Promise<string> {
  const { tmp, descriptor } = openTemporary(path);
  try {
    fchmodSync(descriptor, FILE_MODE);
    writeFileSync(descriptor, content);
    if (how.sync) await syncFile(descriptor);
  } catch (error) {
    await rm(tmp, { force: true }).catch(() => undefined);
    throw error;
  } finally {
    closeSync(descriptor);
  }
  return tmp;
}

const syncFile = promisify(fsync);

function openTemporary(path: string): { readonly tmp: string; readonly descriptor: number } {
  for (let tries = 1; ; tries += 1) {
    temporaries += 1;
    const tmp = join(
      dirname(path),
      `.${basename(path)}.${process.pid}.${temporaries}${TMP_SUFFIX}`,
    );
    try {
      return { tmp, descriptor: openSync(tmp, 'wx', FILE_MODE) };
    } catch (error) {
      if (!isErrno(error, 'EEXIST') || tries >= TMP_NAMES_MAX) throw error;
    }
  }
}

/**
 * Removes what killed processes left half-written in `directory`. Where others may be writing, only
 * what is older than `beforeMs` (wall time).
 */
export async function removeTemporaries(directory: string, beforeMs = Infinity): Promise<void> {
  const names = await attempt(directory, () => readdir(directory));
  const stale = names.filter((name) => name.startsWith('.') && name.endsWith(TMP_SUFFIX));
  for (const name of stale)
    await attempt(join(directory, name), async () => {
      const found =
        beforeMs === Infinity ? null : await stat(join(directory, name)).catch(() => null);
      if (beforeMs === Infinity || (found !== null && found.mtimeMs < beforeMs))
        await rm(join(directory, name), { force: true });
    });
}

/** Removes a file; one that is not there is fine. A power cut may bring it back. */
export async function removeFile(path: string): Promise<void> {
  await attempt(path, () => {
    rmSync(path, { force: true });
    return Promise.resolve();
  });
}

/** Removes a file for good; one that is not there is fine. */
export async function removeDurableFile(path: string): Promise<void> {
  await removeFile(path);
  await attempt(path, () => syncDirectory(dirname(path)));
}

/**
 * The text of a file, or null when there is none. Throws STATE_UNUSABLE when it is there and cannot
 * be read.
 */
export async function readTextFile(path: string): Promise<string | null> {
  return attempt(path, () => orMissing(readFile(path, 'utf8'), null));
}

/**
 * Makes `path` and what is missing above it, and closes it to others. Throws STATE_UNUSABLE when it
 * is not a directory of this user.
 */
export async function ensurePrivateDirectory(path: string): Promise<void> {
  await attempt(path, async () => {
    await makeDirectories(path);
    const found = await stat(path);
    if (!found.isDirectory()) throw notADirectory(path);
    if (!isOurs(found.uid)) throw notOurs(path, found.uid);
    if ((found.mode & 0o777) !== DIRECTORY_MODE) await chmod(path, DIRECTORY_MODE);
  });
}

/**
 * `mkdir -p` that gives each new directory its mode at once, or an odd umask would lock us out of
 * the next one.
 */
async function makeDirectories(path: string, isParentMade = false): Promise<void> {
  try {
    await mkdir(path, { mode: DIRECTORY_MODE });
    await chmod(path, DIRECTORY_MODE);
    await syncDirectory(dirname(path));
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return;
    // Named by the level that failed, not by the one that was asked for. File systems that take no
    // directories, such as /proc, say that there is none, and continue saying so when the one above
    // is there.
    if (isParentMade || !isErrno(error, 'ENOENT') || dirname(path) === path)
      throw localFailure(error, path);
    await makeDirectories(dirname(path));
    await makeDirectories(path, true);
  }
}

/** Makes the entries of a directory durable: what was renamed, linked or removed in it stays so. */
export async function syncDirectory(path: string): Promise<void> {
  const descriptor = openSync(path, 'r');
  try {
    await syncFile(descriptor);
  } catch (error) {
    // Some network and FUSE file systems refuse to sync a directory; the rename is all that can be
    // had there.
    if (!isErrno(error, 'EINVAL', 'ENOTSUP', 'EPERM', 'EBADF')) throw error;
  } finally {
    closeSync(descriptor);
  }
}

/** True when `uid` is the user of this process (always, where the system has no such thing). */
export function isOurs(uid: number): boolean {
  return process.getuid === undefined || process.getuid() === uid;
}

/** What is read, or `missing` where there is nothing at that path. */
export async function orMissing<T, M>(reading: Promise<T>, missing: M): Promise<T | M> {
  return reading.catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return missing;
    throw error;
  });
}

/** True when `error` is a system error with one of these codes. */
export function isErrno(
  error: unknown,
  ...codes: readonly string[]
): error is NodeJS.ErrnoException {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    codes.includes(error.code)
  );
}

/** Does `work`, and says of a system error which path it was about and what to do. */
export async function attempt<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw localFailure(error, path);
  }
}

/**
 * STATE_UNUSABLE for a system error at `path`: what was found, what was expected, the fix. Errors
 * of our own stay as they are.
 */
export function localFailure(error: unknown, path: string): CrosstalkError {
  if (error instanceof CrosstalkError) return error;
  const cause = error;
  if (isErrno(error, 'ENOENT') && error.path === path && error.syscall === 'mkdir')
    return new CrosstalkError(
      'STATE_UNUSABLE',
      `${path}: no directory can be made there (ENOENT); expected a place that can hold files.`,
      {
        fix: withNote(
          fixBy`ls -ld ${dirname(path)}`,
          'then choose another directory, with --state or CROSSTALK_STATE_DIR',
        ),
        cause,
      },
    );
  if (isErrno(error, 'EACCES', 'EPERM', 'EROFS'))
    return new CrosstalkError(
      'STATE_UNUSABLE',
      `${path}: this user may not write there (${codeOf(error)}); expected a writable directory.`,
      {
        fix: withNote(
          fixBy`ls -ld ${dirname(path)}`,
          'then give this user write access, or choose another directory',
        ),
        cause,
      },
    );
  if (isErrno(error, 'ENOSPC', 'EDQUOT'))
    return new CrosstalkError(
      'STATE_UNUSABLE',
      `${path}: no space left to write (${codeOf(error)}); expected room on its file system.`,
      {
        fix: withNote(fixBy`df -h ${dirname(path)}`, 'then make room'),
        cause,
      },
    );
  if (isErrno(error, 'ENOTDIR', 'EEXIST', 'EISDIR')) return notADirectory(path, cause);
  return new CrosstalkError(
    'STATE_UNUSABLE',
    `${path}: ${errorText(error)}; expected a file that can be read and written.`,
    { cause },
  );
}

function notADirectory(path: string, cause?: unknown): CrosstalkError {
  return new CrosstalkError(
    'STATE_UNUSABLE',
    `${path}: found a file where a directory is expected, or the reverse.`,
    {
      fix: withNote(fixBy`ls -ld ${path}`, 'then move it away, or choose another directory'),
      cause,
    },
  );
}

function notOurs(path: string, uid: number): CrosstalkError {
  const own = process.getuid?.() ?? 0;
  return new CrosstalkError(
    'STATE_UNUSABLE',
    `${path}: belongs to user ${uid}; expected it to belong to user ${own}, who runs this.`,
    { fix: withNote(fixBy`sudo chown -R ${own} ${path}`, `or run as user ${uid}`) },
  );
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : errorText(error);
}
