/**
 * One dispatcher per state directory. Own code: packages break a lock by its age, which two living
 * holders do not survive. The lock is a row of files `lock.1`, `lock.2`, …; the newest one counts.
 * A new one is linked into place with its content (so it is never half-written) and only when its
 * number is free, so of any number of takers exactly one wins each number. A number is never used
 * twice: a released lock stays as a file with that mark, and anyone who was paused between looking
 * and linking finds newer files afterwards and steps back. A holder is replaced when its process is
 * provably gone, never because of its age. In another container a pid says nothing; there the file
 * itself proves it: where the kernel can, the holder keeps it locked from before it appears until
 * its process ends.
 */
import { parseJson } from '../base/parse-json.ts';
import { link, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { formatIso, type Clock } from '../base/clock.ts';
import { CrosstalkError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { isMapping } from '../protocol/yaml.ts';
import {
  attempt,
  isErrno,
  orMissing,
  readTextFile,
  syncDirectory,
  writeDurableFile,
  writeTemporary,
} from './durable-file.ts';
import { type FreeKernelLock, isKernelLocked, takeKernelLock } from './kernel-lock.ts';
import { isProvablyGone, ownIdentity, type ProcessIdentity } from './process-identity.ts';
import { fixBy, fixByHand, withNote } from '../base/fix.ts';

/** Who holds a lock. */
export interface LockHolder extends ProcessIdentity {
  readonly alias: string;
  /** ISO time at which it was taken, as that process believed. */
  readonly since: string;
  readonly token: string;
  /** The process holds the kernel's lock of the file for as long as it lives. */
  readonly kernelLock: boolean;
  /** It is a command, which ends soon: a dispatcher waits for it. */
  readonly brief: boolean;
}

/** `gone`: the file names a process that is provably not there any more. */
export type LockState =
  { readonly kind: 'free' } | { readonly kind: 'held' | 'gone'; readonly holder: LockHolder };

/** A lock of ours. */
export interface HeldLock {
  readonly holder: LockHolder;
  /** Frees it if it is still ours; a second call does nothing. */
  release(): Promise<void>;
}

/** What a holder writes about itself. */
export interface Locker {
  readonly alias: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly brief?: boolean;
}

/**
 * Old lock files that stay: many more than can come and go while one process looks through the
 * folder.
 */
const OLD_LOCKS_KEPT = 16;
/** Rounds in which others may be faster; each lost round is a win of somebody else. */
const ROUNDS_MAX = 100;

/**
 * Takes the lock of `directory`. Throws HELD_BY_ANOTHER naming the holder while that one may be
 * alive.
 */
export async function acquireLock(directory: string, locker: Locker): Promise<HeldLock> {
  const own: LockHolder = {
    ...(await ownIdentity()),
    alias: locker.alias,
    since: formatIso(locker.clock.wallMs()),
    token: locker.random.hex(16),
    kernelLock: true,
    brief: locker.brief === true,
  };
  for (let round = 1; round <= ROUNDS_MAX; round += 1) {
    const newest = await readNewest(directory);
    const state = await classifyHolder(directory, newest);
    if (state.kind === 'held') {
      const isElsewhere = isOfAnotherContainer(state.holder, own);
      const isSure =
        !isElsewhere ||
        (state.holder.kernelLock &&
          (await isKernelLocked(lockPath(directory, newest.number))) === true);
      throw heldBy(state.holder, { directory, isElsewhere, isSure });
    }
    const path = lockPath(directory, newest.number + 1);
    const linked = await linkNew(path, own);
    if (linked === null) continue;
    if ((await listNumbers(directory)).some((number) => number > newest.number + 1)) {
      await attempt(path, () => rm(path, { force: true }));
      linked.free();
      continue;
    }
    await removeOld(directory, newest.number + 1);
    const { holder, free } = linked;
    return { holder, release: () => release(path, holder).finally(free) };
  }
  throw new CrosstalkError(
    'HELD_BY_ANOTHER',
    `${directory}: other dispatchers took the lock ${ROUNDS_MAX} times in a row.`,
  );
}

/**
 * Who holds the lock of `directory` now; takes nothing. A directory that does not exist is free.
 */
export async function readLock(directory: string): Promise<LockState> {
  return classifyHolder(directory, await readNewest(directory));
}

/** The newest lock file: its number, 0 when there is none, and who is in it. */
interface Newest {
  readonly number: number;
  readonly holder: LockHolder | null;
}

async function classifyHolder(directory: string, { number, holder }: Newest): Promise<LockState> {
  if (holder === null) return { kind: 'free' };
  const isGone =
    (await isProvablyGone(holder)) || (await isUnlocked(lockPath(directory, number), holder));
  return { kind: isGone ? 'gone' : 'held', holder };
}

/**
 * True when the holder, of another container under the same kernel, locked the file for its life
 * and the lock is free: nobody else ever frees it.
 */
async function isUnlocked(path: string, holder: LockHolder): Promise<boolean> {
  if (!holder.kernelLock) return false;
  const own = await ownIdentity();
  return (
    own.boot === holder.boot &&
    isOfAnotherContainer(holder, own) &&
    (await isKernelLocked(path)) === false
  );
}

/** Whether its pid means nothing to us. */
export function isOfAnotherContainer(holder: ProcessIdentity, own: ProcessIdentity): boolean {
  return holder.pidSpace !== null && own.pidSpace !== null && holder.pidSpace !== own.pidSpace;
}

async function readNewest(directory: string): Promise<Newest> {
  for (let round = 1; round <= ROUNDS_MAX; round += 1) {
    const number = Math.max(0, ...(await listNumbers(directory)));
    if (number === 0) return { number, holder: null };
    const text = await readTextFile(lockPath(directory, number));
    // Gone between the two reads: somebody newer cleaned up.
    if (text !== null) return { number, holder: decodeLock(text, lockPath(directory, number)) };
  }
  throw new CrosstalkError(
    'STATE_UNUSABLE',
    `${directory}: its lock files change faster than they can be read.`,
  );
}

async function listNumbers(directory: string): Promise<readonly number[]> {
  const names = await attempt(directory, () => orMissing(readdir(directory), []));
  return names.flatMap((name) => {
    const match = /^lock\.([1-9]\d{0,14})$/.exec(name);
    return match === null ? [] : [Number(match[1])];
  });
}

function lockPath(directory: string, number: number): string {
  return join(directory, `lock.${number}`);
}

/** A lock file that is in its place. */
interface Linked {
  readonly holder: LockHolder;
  readonly free: FreeKernelLock;
}

/** The lock when the file is ours; null when another was faster. */
async function linkNew(path: string, own: LockHolder): Promise<Linked | null> {
  return attempt(path, async () => {
    const locked = await writeLocked(path, own);
    const isOurs = await linkLocked(locked.tmp, path).catch((error: unknown) => {
      locked.free();
      throw error;
    });
    if (!isOurs) locked.free();
    return isOurs ? locked : null;
  });
}

/**
 * The file under another name, locked before anybody can see it under its own; without that where
 * the kernel cannot.
 */
async function writeLocked(
  path: string,
  own: LockHolder,
): Promise<Linked & { readonly tmp: string }> {
  const tmp = await writeTemporary(path, formatLock(own), { sync: true });
  const free = await takeKernelLock(tmp);
  if (free !== null) return { tmp, holder: own, free };
  await rm(tmp, { force: true });
  const holder = { ...own, kernelLock: false };
  return {
    tmp: await writeTemporary(path, formatLock(holder), { sync: true }),
    holder,
    free: () => undefined,
  };
}

async function linkLocked(tmp: string, path: string): Promise<boolean> {
  try {
    await link(tmp, path);
    await syncDirectory(dirname(path));
    return true;
  } catch (error) {
    // ENOENT: the winner tidied up our temporary file.
    if (isErrno(error, 'EEXIST', 'ENOENT')) return false;
    if (!isErrno(error, 'EPERM', 'ENOTSUP', 'ENOSYS', 'EOPNOTSUPP')) throw error;
    throw new CrosstalkError(
      'STATE_UNUSABLE',
      `${path}: this file system has no hard links; expected one that can hold a lock.`,
      {
        fix: fixByHand('choose a directory on a local disk: --state DIR or CROSSTALK_STATE_DIR'),
        cause: error,
      },
    );
  } finally {
    await rm(tmp, { force: true });
  }
}

async function removeOld(directory: string, newest: number): Promise<void> {
  const old = (await listNumbers(directory)).filter((number) => number <= newest - OLD_LOCKS_KEPT);
  for (const number of old)
    await attempt(directory, () => rm(lockPath(directory, number), { force: true }));
}

async function release(path: string, holder: LockHolder): Promise<void> {
  const text = await readTextFile(path);
  if (text === null || decodeLock(text, path)?.token !== holder.token) return;
  await writeDurableFile(path, `${JSON.stringify({ released: holder.token })}\n`);
}

function formatLock(holder: LockHolder): string {
  return `${JSON.stringify(holder)}\n`;
}

/**
 * The holder in a lock file, null when it was released. Throws STATE_UNUSABLE when it says neither:
 * then nobody can prove anything.
 */
function decodeLock(text: string, path: string): LockHolder | null {
  const value = parseJson(text);
  if (isMapping(value) && typeof value['released'] === 'string') return null;
  // What an older version wrote has no lock of the kernel.
  if (isMapping(value) && isHolder(value))
    return { ...value, kernelLock: value.kernelLock === true, brief: value.brief === true };
  throw new CrosstalkError(
    'STATE_UNUSABLE',
    `${path}: not readable as a lock; expected JSON with pid, boot and token.`,
    {
      fix: withNote(fixBy`rm ${path}`, 'only when no dispatcher runs with this state directory'),
    },
  );
}

function isHolder(
  value: object,
): value is Omit<LockHolder, 'kernelLock' | 'brief'> &
  Partial<Record<'kernelLock' | 'brief', unknown>> {
  const fields = value as Readonly<Record<string, unknown>>;
  const isTextOrNull = (key: string): boolean =>
    fields[key] === null || typeof fields[key] === 'string';
  return (
    Number.isSafeInteger(fields['pid']) &&
    ['boot', 'alias', 'since', 'token'].every((key) => typeof fields[key] === 'string') &&
    ['start', 'machine', 'pidSpace'].every(isTextOrNull)
  );
}

/** Whether an error says that another process holds a lock. */
export function isHeld(error: unknown): boolean {
  return error instanceof CrosstalkError && error.code === 'HELD_BY_ANOTHER';
}

function heldBy(
  holder: LockHolder,
  {
    directory,
    isElsewhere,
    isSure,
  }: { readonly directory: string; readonly isElsewhere: boolean; readonly isSure: boolean },
): CrosstalkError {
  const who = `process ${holder.pid}, alias "${holder.alias}", since ${holder.since} (${directory})`;
  const where = isElsewhere ? 'a dispatcher in another container' : 'another dispatcher';
  if (isSure)
    return new CrosstalkError(
      'HELD_BY_ANOTHER',
      `${where} already serves this transport: ${who}.`,
      {
        fix: withNote(
          fixBy`crosstalkd status`,
          'what it does; `crosstalkd stop` ends it; `--state DIR` runs a second one beside it',
        ),
      },
    );
  // Its pid means nothing here, and a lock is never broken because of its age: only a person knows
  // whether that container is gone.
  return new CrosstalkError(
    'HELD_BY_ANOTHER',
    `${where} already serves this transport, or did before that container ended: ${who}; from here it cannot be seen which.`,
    {
      fix: withNote(
        fixBy`crosstalkd status`,
        `answers when it lives; when its container is gone, remove lock.* in ${directory}`,
      ),
    },
  );
}
