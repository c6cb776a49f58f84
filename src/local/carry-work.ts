/**
 * The work of an attempt, from its worktree into the next one: as changes that a capsule can hold,
 * and back. Who wrote a capsule is not known, so nothing is written but plain files at plain paths
 * of the new worktree, and only where exactly that stands which they were made to.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { Buffer } from 'node:buffer';
import { type CapsuleWork, WORK_BYTES_MAX, type WorkChange } from '../protocol/capsule-work.ts';
import {
  isPlainPath,
  listCommit,
  placeOf,
  type ProjectGit,
  type TreeEntry,
} from './project-git.ts';
import type { Change } from './read-worktree.ts';

/** Null when one of them is no plain file, or all of them are more than a capsule takes. */
export function describeChanges(
  found: readonly Change[],
  entries: ReadonlyMap<string, TreeEntry>,
): CapsuleWork['changes'] {
  const bytes = found.reduce((sum, { content }) => sum + (content?.bytes.length ?? 0), 0);
  if (bytes > WORK_BYTES_MAX) return null;
  const changes = found.flatMap(({ path, content }): readonly WorkChange[] => {
    const before = entries.get(path);
    if (!isFile(before)) return [];
    const base = { path, before: before?.oid ?? null };
    if (content === null) return [{ ...base, content }];
    const { mode } = content;
    if (mode !== '100644' && mode !== '100755') return [];
    return [{ ...base, content: { mode, base64: content.bytes.toString('base64') } }];
  });
  return changes.length === found.length ? changes : null;
}

interface Carrying {
  readonly project: string;
  readonly directory: string;
  /** The commit that fills the directory. */
  readonly start: string;
  readonly leavesOut: (path: string) => boolean;
  readonly carry?: readonly WorkChange[];
}

/** Puts changes into a worktree that was just filled. `none`: there are none, or none fit. */
export async function carryChanges(
  git: ProjectGit,
  { project, directory, start, leavesOut, carry }: Carrying,
): Promise<'carried' | 'none' | 'failed'> {
  if (carry === undefined || carry.length === 0) return 'none';
  const entries = await listCommit(git, project, start);
  if (typeof entries === 'string') return 'none';
  const taken = new Set([...entries.keys(), ...carry.map(({ path }) => path)]);
  const folders = new Set([...entries.keys()].flatMap(parentsOf));
  const fits = carry.every(
    (change) =>
      fitsInto(entries, change) &&
      !folders.has(change.path) &&
      !parentsOf(change.path).some((parent) => taken.has(parent)) &&
      !leavesOut(Buffer.from(change.path, 'latin1').toString('utf8')),
  );
  if (!fits) return 'none';
  try {
    for (const change of carry) await place(directory, change);
    return 'carried';
  } catch {
    return 'failed';
  }
}

/** The path is one of ours, and stands as it stood; a folder in its place is no file. */
function fitsInto(entries: ReadonlyMap<string, TreeEntry>, { path, before }: WorkChange): boolean {
  const now = entries.get(path);
  return isPlainPath(path) && isFile(now) && (now?.oid ?? null) === before;
}

function isFile(entry: TreeEntry | undefined): boolean {
  return entry === undefined || entry.mode === '100644' || entry.mode === '100755';
}

/** The folders that a path lies in, without the worktree itself. */
function parentsOf(path: string): readonly string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, at) => parts.slice(0, at + 1).join('/'));
}

async function place(directory: string, { path, content }: WorkChange): Promise<void> {
  const at = placeOf(directory, path);
  await rm(at, { force: true });
  if (content === null) return;
  const [parent] = parentsOf(path).slice(-1);
  if (parent !== undefined) await mkdir(placeOf(directory, parent), { recursive: true });
  const mode = content.mode === '100755' ? 0o777 : 0o666;
  await writeFile(at, Buffer.from(content.base64, 'base64'), { flag: 'wx', mode });
}
