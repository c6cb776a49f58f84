/**
 * The checkpoint: what the last tick knew, so that a restart reads only what is new. A shortcut:
 * when it is torn or gone, everything is read again.
 */
import { readFile, stat } from 'node:fs/promises';
import { formatCheckedLine, parseCheckedLine } from './checked-line.ts';
import { writeShortcutFile } from './durable-file.ts';

/** The last checkpoint, or null when there is none or it is not whole. Never throws. */
export async function readCheckpoint(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const read = parseCheckedLine(text.trimEnd());
  return read.kind === 'value' ? read.value : null;
}

/**
 * Replaces the checkpoint without waiting for the disk; its checksum shows a torn one after a power
 * cut.
 */
export async function writeCheckpoint(path: string, value: unknown): Promise<void> {
  await writeShortcutFile(path, `${formatCheckedLine(value)}\n`);
}

/** The checkpoint as a command that only looks finds it. */
export interface SeenCheckpoint {
  readonly value: unknown;
  /**
   * Keeps what the command has read since, if nobody else has kept anything meanwhile: theirs may
   * be the newer. Never throws, it saves time only.
   */
  keep(value: unknown): Promise<void>;
}

/** Reads the checkpoint at `path`, where a dispatcher and other commands may be writing. */
export async function openCheckpoint(path: string): Promise<SeenCheckpoint> {
  let seen = await nameOf(path);
  const value = await readCheckpoint(path);
  return {
    value,
    keep: async (next) => {
      if ((await nameOf(path)) !== seen) return;
      await writeCheckpoint(path, next).catch(() => undefined);
      seen = await nameOf(path);
    },
  };
}

/** Another file stands at `path` when this differs. */
async function nameOf(path: string): Promise<string> {
  const found = await stat(path, { bigint: true }).catch(() => null);
  return found === null ? 'none' : `${found.ino} ${found.mtimeNs} ${found.size}`;
}
