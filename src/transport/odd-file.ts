/**
 * Explains a file that cannot be a message, by its path and kind, with the command that fixes it.
 */
import { hasUnsafe } from '../base/plain-text.ts';
import { shellWord } from '../base/shell-word.ts';
import { isChannel, slugName } from '../protocol/names.ts';
import type { RejectedFile } from '../protocol/open-work.ts';
import {
  channelFolder,
  channelOf,
  CHANNELS,
  isAttachment,
  isHidden,
  isPage,
  pathProblem,
} from '../protocol/paths.ts';
import type { TreeChange } from './repository.ts';

/** Why a file is not a message, and what would make it one. */
export type OddFile = Pick<RejectedFile, 'found' | 'expected' | 'remedy'>;

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
  const name = nameOf(path);
  if (channelOf(path) === null) return mendPlace(path, name);
  if (change.entry === 'other') return { found: 'a link or submodule', expected: REGULAR };
  if (isHidden(path)) return null;
  if (/\.md$/i.test(name) && !name.endsWith('.md')) return otherEnding(path);
  return name.endsWith('.md') && !isPage(name)
    ? { found: 'a name that is not a message', expected: REGULAR }
    : null;
}

/** A file of a channel that was meant as a message and is not called like one. */
export function nameAsMessage(path: string): RejectedFile {
  return { path, line: 1, ...(isHidden(path) ? hidden(path) : otherEnding(path)) };
}

function hidden(path: string): OddFile {
  const shown = path.replaceAll(/\/\.[._]*/g, '/');
  const ended = shown.endsWith('.md') ? shown : `${withoutEnding(shown)}.md`;
  return { found: 'a hidden file', ...move(path, ended, 'a name without a dot before it') };
}

/** A file that was meant as a message and stands in no channel. */
export function moveIntoChannel(path: string): RejectedFile {
  const name = `${withoutEnding(nameOf(path))}.md`;
  const into = move(path, `${channelFolder('general')}/${name}`, 'a message in a channel');
  return { path, line: 1, found: 'a message where no dispatcher looks for one', ...into };
}

function otherEnding(path: string): OddFile {
  const ending = /\.[^./]+$/.exec(path)?.[0];
  return {
    found: ending === undefined ? 'a name without ".md"' : `a name that ends in "${ending}"`,
    ...move(path, `${withoutEnding(path)}.md`, '".md"'),
  };
}

/** For a file beside the channels one of them; for a folder its name as that of a channel. */
function mendPlace(path: string, name: string): OddFile {
  const found = 'a folder or file that is not a channel';
  const [folder = '', ...below] = path.slice(CHANNELS.length + 1).split('/');
  if (below.length === 0)
    return { found, ...move(path, `${channelFolder('general')}/${name}`, 'a channel') };
  const channel = slugName(folder, 'general').replaceAll(/[._]/g, '-');
  return isChannel(channel) && channel !== folder
    ? { found, ...move(`${CHANNELS}/${folder}`, channelFolder(channel), 'a channel') }
    : { found, expected: REGULAR };
}

/** `hello.md.txt` and `hello.txt` were meant as `hello.md`. */
function withoutEnding(path: string): string {
  return path
    .replace(/\.[^./]{1,8}$/, '')
    .replace(/\.md$/i, '')
    .replace(/(^|\/)#/, '$1');
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** What is expected of a file at `from`: `what`, by the command that moves it. */
export function move(from: string, to: string, what: string): Pick<OddFile, 'expected' | 'remedy'> {
  if (hasUnsafe(from)) return { expected: REGULAR };
  return {
    expected: `${what}: git mv ${shellWord(from)} ${shellWord(to)}`,
    remedy: ['git', 'mv', '--', from, to],
  };
}
