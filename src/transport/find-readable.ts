/** The newest version of a file that can be read: what an unreadable one leaves in force. */
import type { Oid } from '../base/ids.ts';
import { MESSAGE_BYTES_MAX } from '../protocol/front-matter.ts';
import type { Repository } from './repository.ts';

/** How far back a readable version is looked for, in commits. */
const COMMITS_MAX = 2_000;

/** A file, and which of its texts can be read. */
export interface ReadableFile {
  readonly path: string;
  readonly isReadable: (text: string) => boolean;
}

/** Its text; null when none of the last commits has one that can be read. */
export async function findReadable(
  repository: Repository,
  tip: Oid,
  { path, isReadable }: ReadableFile,
): Promise<string | null> {
  const commits = await repository.history({ from: null, to: tip, max: COMMITS_MAX });
  const tried = new Set<Oid>();
  for (const { oid } of [...commits].reverse()) {
    const [entry] = await repository.lookUp(oid, [path]);
    if (entry?.kind !== 'file' || tried.has(entry.oid)) continue;
    tried.add(entry.oid);
    const [blob] = await repository.readBlobs([entry.oid], MESSAGE_BYTES_MAX);
    const text = blob?.kind === 'bytes' ? Buffer.from(blob.bytes).toString('utf8') : null;
    if (text !== null && isReadable(text)) return text;
  }
  return null;
}
