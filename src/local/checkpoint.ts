/** The checkpoint: what the last tick knew, so that a restart reads only what is new. A shortcut: when it is torn or gone, everything is read again. */
import { readFile } from 'node:fs/promises';
import { formatCheckedLine, parseCheckedLine } from './checked-line.ts';
import { writeShortcutFile } from './durable-file.ts';

/** The last checkpoint, or null when there is none or it is not whole. Never throws. */
export async function readCheckpoint(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const read = parseCheckedLine(text.trimEnd());
  return read.kind === 'value' ? read.value : null;
}

/** Replaces the checkpoint without waiting for the disk; its checksum tells a torn one after a power cut. */
export async function writeCheckpoint(path: string, value: unknown): Promise<void> {
  await writeShortcutFile(path, `${formatCheckedLine(value)}\n`);
}
