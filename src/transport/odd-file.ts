/** What a file is that no message can be, by its path and kind. */
import { CHANNEL_FILE, channelOf, isAttachment, pathProblem } from '../protocol/paths.ts';
import type { TreeChange } from './repository.ts';

/**
 * Why a file that is no message path deserves a line in `status`, or null for files that belong
 * there.
 */
export function oddFile(change: Extract<TreeChange, { kind: 'written' }>): string | null {
  const problem = pathProblem(change.path);
  if (problem !== null) return problem;
  if (isAttachment(change.path) && change.entry === 'file') return null;
  if (channelOf(change.path) === null) return 'a folder or file that is no channel';
  if (change.entry === 'other') return 'a link or submodule';
  return change.path.endsWith('.md') && !change.path.endsWith(`/${CHANNEL_FILE}`)
    ? 'a name that is no message'
    : null;
}
