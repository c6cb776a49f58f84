/**
 * What an agent left in its worktree, read file by file. The agent may have put anything there: a
 * `.git` of its own, attributes that name filters, links, pipes. So no git looks at the folder but
 * to say which names are ignored, and that one gets its repository by name and has no index.
 */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, open, readlink } from 'node:fs/promises';
import {
  isPlainPath,
  placeOf,
  type ProjectGit,
  runGit,
  splitZero,
  type TreeEntry,
} from './project-git.ts';

const FILE_BYTES_MAX = 100 * 1_048_576;
const ALL_BYTES_MAX = 256 * 1_048_576;
const SUBMODULE = '160000';

/** A file that differs from the commit; `content: null` = it is gone. */
export interface Change {
  readonly path: string;
  readonly content: { readonly mode: string; readonly bytes: Buffer } | null;
}

export interface Reading {
  readonly directory: string;
  /** The project's own repository, absolute: whose settings say what is ignored. */
  readonly gitDirectory: string;
  /** What the changes are counted from. */
  readonly entries: ReadonlyMap<string, TreeEntry>;
  readonly leavesOut: (path: string) => boolean;
}

/** Every change, in the order of paths, or why the work cannot be saved. */
export async function readChangesOf(
  git: ProjectGit,
  reading: Reading,
): Promise<readonly Change[] | string> {
  const { directory, gitDirectory, entries } = reading;
  const args = [`--git-dir=${gitDirectory}`, `--work-tree=${directory}`, 'ls-files'];
  const listed = await runGit(git, directory, [...args, '--others', '--exclude-standard', '-z'], {
    env: { GIT_INDEX_FILE: `${gitDirectory}/no-index` },
  });
  if (!listed.ok) return `git ls-files: ${listed.why}`;
  const found = splitZero(listed.bytes).filter((path) => !path.endsWith('/'));
  const paths = new Set([...entries.keys(), ...found].filter(isPlainPath));
  const isFolder = createFolderCheck(directory);
  const changes: Change[] = [];
  let bytes = 0;
  for (const path of [...paths].sort(byBytes)) {
    const before = entries.get(path);
    if (before?.mode === SUBMODULE) continue;
    const content = (await isFolder(parentOf(path)))
      ? await readEntry(placeOf(directory, path))
      : null;
    if (content === 'too-large') return tooLarge(path, FILE_BYTES_MAX);
    if (isSame(before, content) || (content === null && isMissed(reading, path))) continue;
    bytes += content?.bytes.length ?? 0;
    if (bytes > ALL_BYTES_MAX) return tooLarge('all of it', ALL_BYTES_MAX);
    changes.push({ path, content });
  }
  return changes;
}

/** Not there because it was never put there. */
function isMissed({ leavesOut }: Reading, path: string): boolean {
  return leavesOut(Buffer.from(path, 'latin1').toString('utf8'));
}

function tooLarge(what: string, bytesMax: number): string {
  return `${what} is larger than ${bytesMax / 1_048_576} MiB`;
}

function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/** Whether a folder below the directory is one in every part of its path, and none a link. */
function createFolderCheck(directory: string): (folder: string) => Promise<boolean> {
  const known = new Map<string, boolean>([['', true]]);
  const check = async (folder: string): Promise<boolean> => {
    const before = known.get(folder);
    if (before !== undefined) return before;
    const is =
      (await check(parentOf(folder))) &&
      (await lstat(placeOf(directory, folder)).then(
        (stat) => stat.isDirectory(),
        () => false,
      ));
    known.set(folder, is);
    return is;
  };
  return check;
}

/** A file or link as a commit keeps it; null for what is not there or is neither. */
async function readEntry(place: Buffer): Promise<Change['content'] | 'too-large'> {
  const stat = await lstat(place).catch(() => null);
  if (stat?.isSymbolicLink() === true)
    return { mode: '120000', bytes: await readlink(place, { encoding: 'buffer' }) };
  if (stat?.isFile() !== true) return null;
  const file = await open(place, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const now = await file.stat();
    if (!now.isFile()) return null;
    if (now.size > FILE_BYTES_MAX) return 'too-large';
    const mode = (now.mode & 0o100) === 0 ? '100644' : '100755';
    return { mode, bytes: await file.readFile() };
  } finally {
    await file.close();
  }
}

function isSame(before: TreeEntry | undefined, content: Change['content']): boolean {
  if (before === undefined || content === null) return before === undefined && content === null;
  if (before.mode !== content.mode || before.sizeBytes !== content.bytes.length) return false;
  const hash = createHash(before.oid.length === 40 ? 'sha1' : 'sha256');
  return (
    hash.update(`blob ${content.bytes.length}\0`).update(content.bytes).digest('hex') === before.oid
  );
}
