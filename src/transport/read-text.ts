/** The text of one file of a commit. */
import { CrosstalkError } from '../base/errors.ts';
import type { Oid } from '../base/ids.ts';
import { MESSAGE_BYTES_MAX } from '../protocol/front-matter.ts';
import type { Repository } from './repository.ts';

/**
 * The text of a file of a commit, or null when there is none or it is larger than a message may be.
 * Throws INTERNAL when the cache lacks what the commit names: that is no file that says nothing.
 */
export async function readTextAt(
  repository: Repository,
  commit: Oid,
  path: string,
): Promise<string | null> {
  const [entry] = await repository.lookUp(commit, [path]);
  if (entry?.kind !== 'file') return null;
  const [blob] = await repository.readBlobs([entry.oid], MESSAGE_BYTES_MAX);
  if (blob?.kind === 'missing')
    throw new CrosstalkError('INTERNAL', `blob ${entry.oid} (${path}) is not in the cache`);
  return blob?.kind === 'bytes' ? Buffer.from(blob.bytes).toString('utf8') : null;
}
