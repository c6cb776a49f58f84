/**
 * Which entries of a transport's models.yaml the operator of this host has approved: by exact hash,
 * so that a changed entry is unapproved again.
 */
import { rm } from 'node:fs/promises';
import { SECOND, type Clock } from '../base/clock.ts';
import { CrosstalkError } from '../base/errors.ts';
import { byCodeUnit } from '../base/order.ts';
import type { Random } from '../base/random.ts';
import { isMapping } from '../protocol/yaml.ts';
import { makeConfigDirectory, readConfigFile, type ConfigDirectory } from './config-directory.ts';
import { ensurePrivateDirectory, removeDurableFile, writeDurableFile } from './durable-file.ts';
import { acquireLock, type HeldLock, isHeld } from './lock.ts';
import { andThen, fixBy, withNote } from '../base/fix.ts';

/** Other commands that approve hold the lock for milliseconds. */
const LOCK_WAIT_MS = 20 * SECOND;
const LOCK_RETRY_MS = 20;

/** Approved hash by model name, for one transport. */
export type Approvals = ReadonlyMap<string, string>;

/** Hashes by model name by transport id: the form of approvals.json, below `transports`. */
type AllApprovals = Readonly<Record<string, Readonly<Record<string, string>>>>;

/**
 * What this host approved for a transport (`transportId`). Throws CONFIG_INVALID when the file is
 * damaged: that approves nothing.
 */
export async function readApprovals(
  directory: ConfigDirectory,
  transport: string,
): Promise<Approvals> {
  const all = await readAll(directory);
  return new Map(Object.entries(all[transport] ?? {}));
}

/**
 * Records the hash of each entry as approved for the transport, durably. Of commands at the same
 * moment each sees what the one before it wrote. Throws HELD_BY_ANOTHER when another one does not
 * end.
 */
export async function approve(
  directory: ConfigDirectory,
  approved: {
    readonly transport: string;
    readonly entries: readonly { readonly name: string; readonly hash: string }[];
  },
  parts: LockParts,
): Promise<void> {
  await makeConfigDirectory(directory);
  const lock = await lockApprovals(`${directory.approvalsFile}.lock`, parts);
  try {
    const all = await readAll(directory);
    const before = all[approved.transport] ?? {};
    const after = {
      ...before,
      ...Object.fromEntries(approved.entries.map(({ name, hash }) => [name, hash])),
    };
    const transports = sortKeys({ ...all, [approved.transport]: sortKeys(after) });
    await writeDurableFile(
      directory.approvalsFile,
      `${JSON.stringify({ version: 1, transports }, null, 2)}\n`,
    );
  } finally {
    await lock.release();
  }
}

/**
 * Takes every approval for the transport away; true when there was one. Removes the file when
 * nothing is left in it.
 */
export async function forgetApprovals(
  directory: ConfigDirectory,
  transport: string,
  parts: LockParts,
): Promise<boolean> {
  if (!Object.hasOwn(await readAll(directory), transport)) return false;
  const path = `${directory.approvalsFile}.lock`;
  const lock = await lockApprovals(path, parts);
  const isEmpty = await dropApprovals(directory, transport).finally(() => lock.release());
  if (isEmpty) await rm(path, { recursive: true, force: true });
  return true;
}

async function dropApprovals(directory: ConfigDirectory, transport: string): Promise<boolean> {
  const rest = Object.fromEntries(
    Object.entries(await readAll(directory)).filter(([id]) => id !== transport),
  );
  const isEmpty = Object.keys(rest).length === 0;
  if (isEmpty) await removeDurableFile(directory.approvalsFile);
  else
    await writeDurableFile(
      directory.approvalsFile,
      `${JSON.stringify({ version: 1, transports: rest }, null, 2)}\n`,
    );
  return isEmpty;
}

interface LockParts {
  readonly clock: Clock;
  readonly random: Random;
}

async function lockApprovals(path: string, parts: LockParts): Promise<HeldLock> {
  await ensurePrivateDirectory(path);
  const deadlineMs = parts.clock.monotonicMs() + LOCK_WAIT_MS;
  for (;;) {
    try {
      return await acquireLock(path, { alias: 'allow', ...parts });
    } catch (error) {
      if (!isHeld(error)) throw error;
      if (parts.clock.monotonicMs() > deadlineMs) throw stuck(path);
      await parts.clock.sleep(LOCK_RETRY_MS);
    }
  }
}

async function readAll(directory: ConfigDirectory): Promise<AllApprovals> {
  const text = await readConfigFile(directory.approvalsFile);
  if (text === null) return {};
  const all = decodeAll(text);
  if (all === null) throw damaged(directory.approvalsFile);
  return all;
}

function decodeAll(text: string): AllApprovals | null {
  try {
    const value: unknown = JSON.parse(text);
    if (!isMapping(value) || value['version'] !== 1 || !isMapping(value['transports'])) return null;
    return isAllApprovals(value['transports']) ? value['transports'] : null;
  } catch {
    return null;
  }
}

function isAllApprovals(value: Readonly<Record<string, unknown>>): value is AllApprovals {
  return Object.values(value).every(
    (models) =>
      isMapping(models) && Object.values(models).every((hash) => typeof hash === 'string'),
  );
}

function damaged(path: string): CrosstalkError {
  return new CrosstalkError(
    'CONFIG_INVALID',
    `${path}: not readable as approvals; expected JSON with "version": 1 and "transports".`,
    { fix: andThen(fixBy`mv ${path} ${path}.damaged`, fixBy`crosstalkd allow`) },
  );
}

function stuck(path: string): CrosstalkError {
  return new CrosstalkError(
    'HELD_BY_ANOTHER',
    `${path}: another command that approves has held it for ${LOCK_WAIT_MS / SECOND} s; nothing was approved.`,
    {
      fix: withNote(
        fixBy`grep -r pid ${path}`,
        'names its process; end it, then the same command again',
      ),
    },
  );
}

function sortKeys<T>(record: Readonly<Record<string, T>>): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => byCodeUnit(a, b)));
}
