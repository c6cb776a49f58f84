/** Lists the names in folders of a commit. */
import type { Oid } from '../base/ids.ts';
import type { Repository } from './repository.ts';

/** The names right in each of the folders, in the order asked; none where no folder is. */
export async function listNames(
  repository: Pick<Repository, 'list'>,
  commit: Oid,
  folders: readonly string[],
): Promise<readonly (readonly string[])[]> {
  const listed = await Promise.all(folders.map((folder) => repository.list(commit, folder)));
  return listed.map((entries) => entries.map(({ name }) => name));
}
