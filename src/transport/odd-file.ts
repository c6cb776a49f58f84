/** What a file is that no message can be, by its path and kind. */
import { hasUnsafe } from '../base/plain-text.ts';
import { shellWord } from '../base/shell-word.ts';
import { isChannel, slugName } from '../protocol/names.ts';
import {
  channelFolder,
  channelOf,
  CHANNELS,
  isAttachment,
  isPage,
  pathProblem,
} from '../protocol/paths.ts';
import type { TreeChange } from './repository.ts';

/** Why a file is not a message, and what would make it one. */
export interface OddFile {
  readonly found: string;
  readonly expected: string;
}

const REGULAR = 'a regular *.md file with a plain name';

/**
 * Why a file that is not a message path deserves a line in `status`, or null for files that belong
 * there.
 */
export function oddFile(change: Extract<TreeChange, { kind: 'written' }>): OddFile | null {
  const { path } = change;
  const problem = pathProblem(path);
  if (problem !== null) return { found: problem, expected: REGULAR };
  if (isAttachment(path) && change.entry === 'file') return null;
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (channelOf(path) === null)
    return { found: 'a folder or file that is not a channel', expected: mendPlace(path, name) };
  if (change.entry === 'other') return { found: 'a link or submodule', expected: REGULAR };
  if (/\.md$/i.test(name) && !name.endsWith('.md'))
    return {
      found: `a name that ends in "${name.slice(-3)}"`,
      expected: `".md": ${move(path, `${path.slice(0, -3)}.md`)}`,
    };
  return name.endsWith('.md') && !isPage(name)
    ? { found: 'a name that is not a message', expected: REGULAR }
    : null;
}

/** For a file beside the channels one of them; for a folder its name as that of a channel. */
function mendPlace(path: string, name: string): string {
  const [folder = '', ...below] = path.slice(CHANNELS.length + 1).split('/');
  if (below.length === 0) return `a channel: ${move(path, `${channelFolder('general')}/${name}`)}`;
  const channel = slugName(folder, 'general').replaceAll(/[._]/g, '-');
  return isChannel(channel) && channel !== folder
    ? `a channel: ${move(`${CHANNELS}/${folder}`, channelFolder(channel))}`
    : REGULAR;
}

function move(from: string, to: string): string {
  return hasUnsafe(from) ? REGULAR : `git mv ${shellWord(from)} ${shellWord(to)}`;
}
