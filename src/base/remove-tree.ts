/**
 * Removes a folder that a stranger has filled: without rights, deeper than a path may be long, with
 * names that are not text, with more entries than fit in memory. Links are removed, never followed.
 */
import { randomUUID } from 'node:crypto';
import { chmod, lstat, opendir, rename, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';

/** Folders with a longer path are moved up: systems take 1,024 (macOS) or 4,096 bytes. */
const PATH_BYTES_MAX = 800;

/** Removes `path` and all below it; nothing there is fine. Throws what the system says. */
export async function removeTree(path: string): Promise<void> {
  const found = await lstat(path).catch(() => null);
  if (found === null) return;
  if (!found.isDirectory()) return unlink(path);
  // Under a name that nobody can have put there.
  const moved = { prefix: join(path, randomUUID()), count: 0 };
  const folders: Buffer[] = [Buffer.from(path)];
  for (let folder = folders.at(-1); folder !== undefined; folder = folders.at(-1)) {
    const below = await emptyFolder(folder, moved);
    if (below.length === 0) {
      await rmdir(folder);
      folders.pop();
    } else folders.push(...below);
  }
}

interface Moved {
  readonly prefix: string;
  count: number;
}

/** Removes what is not a folder; gives the folders in it, moved up where they lie too deep. */
async function emptyFolder(folder: Buffer, moved: Moved): Promise<readonly Buffer[]> {
  await chmod(folder, 0o700);
  const below: Buffer[] = [];
  const entries = await opendir(folder, { encoding: 'buffer' as 'utf8' });
  for await (const entry of entries) {
    const name = entry.name as unknown as Buffer;
    const place = Buffer.concat([folder, Buffer.from('/'), name]);
    if (!entry.isDirectory()) await unlink(place);
    else if (place.length < PATH_BYTES_MAX) below.push(place);
    else below.push(await moveUp(place, moved));
  }
  return below;
}

async function moveUp(place: Buffer, moved: Moved): Promise<Buffer> {
  moved.count += 1;
  const to = Buffer.from(`${moved.prefix}-${moved.count}`);
  await chmod(place, 0o700);
  await rename(place, to);
  return to;
}
