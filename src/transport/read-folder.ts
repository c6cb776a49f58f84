/**
 * Reads all text files below a folder at a commit. The caller keeps blobs read before, so one new
 * file costs one read.
 */
import type { Oid } from '../base/ids.ts';
import { MESSAGE_BYTES_MAX } from '../protocol/front-matter.ts';
import type { Repository } from './repository.ts';

/** Texts by blob id. */
export type TextMemory = Map<Oid, string>;

/** Full path → text. Links, submodules and files larger than a message are left out. */
export async function readFolder(
  repository: Repository,
  place: { readonly commit: Oid; readonly folder: string },
  memory: TextMemory,
): Promise<ReadonlyMap<string, string>> {
  const changes = await repository.diff({ from: null, to: place.commit, under: place.folder });
  const files = changes.flatMap((change) =>
    change.kind === 'written' && change.entry === 'file' ? [change] : [],
  );
  const missing = [...new Set(files.map(({ blob }) => blob).filter((blob) => !memory.has(blob)))];
  const read = await repository.readBlobs(missing, MESSAGE_BYTES_MAX);
  missing.forEach((oid, index) => {
    const blob = read[index];
    if (blob?.kind === 'bytes') memory.set(oid, Buffer.from(blob.bytes).toString('utf8'));
  });
  const texts = new Map<string, string>();
  for (const { path, blob } of files) {
    const text = memory.get(blob);
    if (text !== undefined) texts.set(path, text);
  }
  const standing = new Set(files.map(({ blob }) => blob));
  for (const oid of memory.keys()) if (!standing.has(oid)) memory.delete(oid);
  return texts;
}
