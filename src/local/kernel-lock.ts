/**
 * A lock that the kernel frees when its holder ends, however it ends: `flock(2)` on an open file.
 * It is taken by the program `flock` on a descriptor that it shares with this process, so it lasts
 * as long as this process keeps the descriptor, and no helper has to live on. Where there is no
 * such program, or the file system does not keep the lock for all, there is none, and nothing may
 * be concluded.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

const LIMIT_MS = 5_000;
/** What `flock -n` ends with when somebody else holds it, in util-linux and in busybox. */
const CONFLICT = 1;
/**
 * Takes it on descriptor 3 and sees that descriptor 4, the same file opened again, cannot have it.
 */
const TAKE = `flock -n -x 3 || exit 2; flock -n -s 4; [ $? -eq ${CONFLICT} ]`;
const LOOK = 'flock -n -s 3';

/** Frees it; a second call does nothing. */
export type FreeKernelLock = () => void;

/**
 * Locks the file for as long as this process lives, or null when that cannot be had here. The file
 * has to exist.
 */
export async function takeKernelLock(path: string): Promise<FreeKernelLock | null> {
  if (process.platform !== 'linux') return null;
  const own = openOrNull(path, 'r+');
  const other = openOrNull(path, 'r');
  const isTaken = own !== null && other !== null && (await runShell(TAKE, [own, other])) === 0;
  if (other !== null) closeSync(other);
  if (own !== null && !isTaken) closeSync(own);
  if (own === null || !isTaken) return null;
  let isOpen = true;
  return () => {
    if (isOpen) closeSync(own);
    isOpen = false;
  };
}

/**
 * Whether anybody on this kernel holds the lock of the file; null when that is unknown.
 * Disturbs no holder and no taker.
 */
export async function isKernelLocked(path: string): Promise<boolean | null> {
  if (process.platform !== 'linux') return null;
  const descriptor = openOrNull(path, 'r');
  if (descriptor === null) return null;
  const code = await runShell(LOOK, [descriptor]);
  closeSync(descriptor);
  return code === 0 ? false : code === CONFLICT ? true : null;
}

function openOrNull(path: string, flags: 'r' | 'r+'): number | null {
  try {
    return openSync(path, flags);
  } catch {
    return null;
  }
}

/**
 * Exit status of a fixed line of shell with these descriptors as 3, 4, …; null when it could not be
 * run to its end.
 */
function runShell(line: string, descriptors: readonly number[]): Promise<number | null> {
  return new Promise((resolve) => {
    const child = spawn('/bin/sh', ['-c', line], {
      env: { PATH: '/usr/sbin:/sbin:/usr/bin:/bin', LC_ALL: 'C' },
      stdio: ['ignore', 'ignore', 'ignore', ...descriptors],
      timeout: LIMIT_MS,
      killSignal: 'SIGKILL',
    });
    child.once('error', () => resolve(null));
    child.once('close', (code) => resolve(code));
  });
}
