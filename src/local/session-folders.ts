/**
 * Where agents run whose programs find a session only in the directory in which it was begun: one
 * empty folder for each model. What a program leaves there is bounded, and a folder that no attempt
 * has used for long goes. The session then starts over; nothing else is lost.
 */
import { lstat, mkdir, readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, HOUR } from '../base/clock.ts';
import { removeTree } from '../base/remove-tree.ts';

/** How much is kept. */
export interface SessionFolderLimits {
  /** Of one folder, with all below it. */
  readonly bytesMax: number;
  readonly entriesMax: number;
  /** A folder that was not used for this long is removed. */
  readonly ageMsMax: number;
}

/** What the dispatcher keeps. */
export const SESSION_FOLDER_LIMITS: SessionFolderLimits = {
  bytesMax: 64 * 1_048_576,
  entriesMax: 1_000,
  ageMsMax: 30 * 24 * HOUR,
};

/** The folders of one state directory. */
export interface SessionFolders {
  /**
   * The model's folder, made if need be; too full, it is emptied first, unless an attempt is in it.
   * Throws what the disk says.
   */
  readonly open: (
    model: string,
  ) => Promise<{ readonly directory: string; readonly close: () => void }>;
  /**
   * Removes what is too old or too full. For the start, before any attempt; what cannot be removed
   * stays.
   */
  readonly tidy: () => Promise<void>;
}

/** The folders below `root`. */
export function createSessionFolders(
  root: string,
  clock: Clock,
  limits: SessionFolderLimits = SESSION_FOLDER_LIMITS,
): SessionFolders {
  const inUse = new Map<string, number>();
  return {
    open: async (model) => {
      const directory = join(root, model);
      const users = inUse.get(model) ?? 0;
      inUse.set(model, users + 1);
      const close = (): void => void inUse.set(model, (inUse.get(model) ?? 1) - 1);
      try {
        if (users === 0 && (await isTooFull(directory, limits))) await removeTree(directory);
        await mkdir(directory, { recursive: true, mode: 0o700 });
        // Its age is the time since the last use; programs that write nothing there leave it as it
        // is.
        const now = new Date(clock.wallMs());
        await utimes(directory, now, now);
      } catch (error) {
        close();
        throw error;
      }
      return { directory, close };
    },
    tidy: async () => {
      for (const name of await readdir(root).catch(() => [])) {
        const directory = join(root, name);
        const found = await lstat(directory).catch(() => null);
        if (found === null) continue;
        const isOld = clock.wallMs() - found.mtimeMs > limits.ageMsMax;
        if (isOld || (await isTooFull(directory, limits)))
          await removeTree(directory).catch(() => undefined);
      }
    },
  };
}

/** Stops counting as soon as it is. Links are counted, never followed. */
async function isTooFull(directory: string, limits: SessionFolderLimits): Promise<boolean> {
  let [bytes, entries] = [0, 0];
  const folders = [directory];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop())
    for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) folders.push(path);
      bytes += (await lstat(path).catch(() => null))?.size ?? 0;
      entries += 1;
      if (bytes > limits.bytesMax || entries > limits.entriesMax) return true;
    }
  return false;
}
