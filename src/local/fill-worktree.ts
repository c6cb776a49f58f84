/**
 * The files of a commit in an empty worktree, byte for byte: no filter and no attribute of the
 * checkout has a say, and excluded files do not exist there. Links are made last, so that nothing
 * is written through one.
 */
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorText } from '../base/errors.ts';
import { listCommit, placeOf, type ProjectGit, runGit, type TreeEntry } from './project-git.ts';

/** Content that is held at a time; a larger file is its own batch. */
const BATCH_BYTES_MAX = 16 * 1_048_576;
const BATCH_FILES_MAX = 2_000;
const LINK = '120000';
const EXECUTABLE = '100755';
const SUBMODULE = '160000';

export interface Filling {
  readonly project: string;
  /** Exists, and holds nothing but git's own file. */
  readonly directory: string;
  readonly commit: string;
  readonly leavesOut: (path: string) => boolean;
}

type Placed = TreeEntry & { readonly path: string };

/** Null when all of it is there, or why not. */
export async function fillWorktree(git: ProjectGit, filling: Filling): Promise<string | null> {
  const { project, directory, commit } = filling;
  const listed = await listCommit(git, project, commit);
  if (typeof listed === 'string') return listed;
  const all = [...listed].map(([path, entry]) => ({ path, ...entry }));
  const isOut = ({ path }: Placed): boolean =>
    filling.leavesOut(Buffer.from(path, 'latin1').toString('utf8'));
  const wanted = all.filter((entry) => !isOut(entry));
  try {
    const folders = wanted.map(({ path, mode }) => (mode === SUBMODULE ? path : parentOf(path)));
    for (const folder of new Set(folders))
      if (folder !== '') await mkdir(placeOf(directory, folder), { recursive: true });
    const files = wanted.filter(({ mode }) => mode !== SUBMODULE && mode !== LINK);
    const links = wanted.filter(({ mode }) => mode === LINK);
    for (const batch of [...inBatches(files), ...inBatches(links)]) {
      const why = await writeBatch(git, filling, batch);
      if (why !== null) return why;
    }
  } catch (error) {
    return errorText(error);
  }
  return prepareIndex(git, filling, all.filter(isOut));
}

/** Git's own list of what is there, in which what was left out does not count as deleted. */
async function prepareIndex(
  git: ProjectGit,
  { directory, commit }: Filling,
  leftOut: readonly Placed[],
): Promise<string | null> {
  const read = await runGit(git, directory, ['read-tree', commit]);
  if (!read.ok) return `git read-tree: ${read.why}`;
  const files = leftOut.filter(({ mode }) => mode !== SUBMODULE);
  if (files.length === 0) return null;
  const stdin = Buffer.from(files.map(({ path }) => `${path}\0`).join(''), 'latin1');
  const args = ['update-index', '-z', '--skip-worktree', '--stdin'];
  const skipped = await runGit(git, directory, args, { stdin });
  return skipped.ok ? null : `git update-index: ${skipped.why}`;
}

async function writeBatch(
  git: ProjectGit,
  { project, directory }: Filling,
  batch: readonly Placed[],
): Promise<string | null> {
  const stdin = batch.map(({ oid }) => `${oid}\n`).join('');
  const read = await runGit(git, project, ['cat-file', '--batch'], { stdin });
  if (!read.ok) return `git cat-file: ${read.why}`;
  let at = 0;
  for (const { path, mode, oid, sizeBytes } of batch) {
    const start = read.bytes.indexOf('\n', at) + 1;
    if (read.bytes.toString('latin1', at, start) !== `${oid} blob ${sizeBytes}\n`)
      return `git cat-file: ${oid} cannot be read`;
    at = start + sizeBytes + 1;
    const bytes = read.bytes.subarray(start, start + sizeBytes);
    const place = placeOf(directory, path);
    if (mode === LINK) await symlink(bytes, place);
    else await writeFile(place, bytes, { flag: 'wx', mode: mode === EXECUTABLE ? 0o777 : 0o666 });
  }
  return null;
}

function inBatches(entries: readonly Placed[]): readonly (readonly Placed[])[] {
  const batches: Placed[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const entry of entries) {
    const last = batches.at(-1);
    bytes += entry.sizeBytes;
    if (last === undefined || bytes > BATCH_BYTES_MAX || last.length === BATCH_FILES_MAX) {
      batches.push([entry]);
      bytes = entry.sizeBytes;
    } else last.push(entry);
  }
  return batches;
}

function parentOf(path: string): string {
  const folder = dirname(path);
  return folder === '.' ? '' : folder;
}
