/**
 * Watches a remote on this machine's file system: the folders of its refs are watched instead of
 * polled. A change is only a hint; the poll that follows reads what is on the remote.
 */
import { existsSync, type FSWatcher, readFileSync, statSync, watch } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { errorText } from '../base/errors.ts';
import type { Git } from './git-runner.ts';
import { folderOf } from './remote-url.ts';

/** What is watched, and who learns of changes. */
export interface WatchOptions {
  /** The git directory of the remote. */
  readonly gitDir: string;
  /** Full name of the branch. */
  readonly branchRef: string;
  /** Prefixes of claims, beats and control, each ending in `/`. */
  readonly prefixes: readonly string[];
  readonly onChange: () => void;
  /** Reports nothing any more; called at most once. */
  readonly onLost: (why: string) => void;
}

/** A running watch. */
export interface RemoteWatch {
  close(): void;
}

/**
 * Where a remote can be watched, or why not. `remote`: it is not on a file system of this machine,
 * which is nothing to tell of.
 */
export type WatchPlace =
  | { readonly kind: 'here'; readonly gitDir: string }
  | { readonly kind: 'remote' }
  | { readonly kind: 'unreliable'; readonly why: string };

/**
 * File systems that other machines write to without this one being told: statfs(2) `f_type` on
 * Linux.
 */
const SHARED_FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB'],
  [0x65735546, 'FUSE'],
  [0x01021997, '9p'],
  [0x5346414f, 'AFS'],
  [0x00c36400, 'Ceph'],
  [0x73757245, 'Coda'],
  [0x786f4256, 'a shared folder of VirtualBox'],
  [0x01161970, 'GFS2'],
  [0x7461636f, 'OCFS2'],
  [0x0bd00bd0, 'Lustre'],
]);

/**
 * The git directory behind a URL, with the user's `insteadOf` applied, if changes in it are
 * reported to this machine.
 */
export async function findWatchPlace(git: Git, url: string): Promise<WatchPlace> {
  const asked = await git.run({ args: ['ls-remote', '--get-url', '--', url] });
  const path = localPath(asked.code === 0 ? asked.stdout.toString('utf8').trim() : url);
  // As git itself looks for it.
  const gitDir =
    path === null ? undefined : [join(path, '.git'), path, `${path}.git`].find(isGitDirectory);
  if (gitDir === undefined) return { kind: 'remote' };
  const { type } = await statfs(gitDir);
  const shared = process.platform === 'linux' ? SHARED_FILE_SYSTEMS.get(type >>> 0) : undefined;
  return shared === undefined
    ? { kind: 'here', gitDir }
    : {
        kind: 'unreliable',
        why: `${gitDir} is on ${shared}, where changes by other machines go unnoticed`,
      };
}

function localPath(url: string): string | null {
  if (url.startsWith('file://')) return folderOf(url);
  return /^[a-z][a-z0-9+.-]*:/i.test(url) || /^[^/]*:/.test(url) ? null : resolve(url);
}

function isGitDirectory(path: string): boolean {
  return ['HEAD', 'objects', 'refs'].every((name) => existsSync(join(path, name)));
}

interface Watching extends WatchOptions {
  /** Every folder that may matter, parents first; some come and go with the refs in them. */
  readonly folders: readonly string[];
  readonly open: Map<string, FSWatcher>;
  readonly state: { closed: boolean };
}

/** Begins to watch. Throws what the system says when it does not let us. */
export function watchRemote(options: WatchOptions): RemoteWatch {
  const watching: Watching = {
    ...options,
    folders: listFolders(options),
    open: new Map(),
    state: { closed: false },
  };
  const close = (): void => {
    watching.state.closed = true;
    for (const folder of [...watching.open.keys()]) forget(watching, folder);
  };
  try {
    openAll(watching);
  } catch (error) {
    close();
    throw error;
  }
  return { close };
}

/**
 * The git directory for `packed-refs`, the folders from `refs` down to each prefix and to the
 * branch, and those of a reftable.
 */
function listFolders({ gitDir, branchRef, prefixes }: WatchOptions): readonly string[] {
  const common = commonDirectory(gitDir);
  const ends = [dirname(branchRef), ...prefixes.map((prefix) => prefix.replace(/\/$/, ''))];
  const below = ends.flatMap((end) =>
    end.split('/').map((_, at, parts) => join(common, ...parts.slice(0, at + 1))),
  );
  return [...new Set([common, ...below, join(common, 'reftable')])].sort(
    (a, b) => a.length - b.length,
  );
}

/** Refs of a linked work tree stand in the repository that it belongs to. */
function commonDirectory(gitDir: string): string {
  const file = join(gitDir, 'commondir');
  return existsSync(file) ? resolve(gitDir, readFileSync(file, 'utf8').trim()) : gitDir;
}

/** Watches every folder that is there and not watched yet. */
function openAll(watching: Watching): void {
  for (const folder of watching.folders) {
    if (watching.open.has(folder) || !isDirectory(folder)) continue;
    const watcher = watch(folder, { persistent: false }, (event, name) =>
      hear(watching, { folder, event, name }),
    );
    watcher.on('error', (error) => lose(watching, errorText(error)));
    watching.open.set(folder, watcher);
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function hear(
  watching: Watching,
  told: { readonly folder: string; readonly event: string; readonly name: string | null },
): void {
  if (watching.state.closed) return;
  const child = told.name === null ? null : join(told.folder, told.name);
  // git makes folders of refs when they are needed and removes those that are empty: what was
  // watched there is another folder now.
  const renewed =
    told.event === 'rename'
      ? watching.folders.filter((each) => each === child || isVanished(watching, each))
      : [];
  for (const folder of renewed) forget(watching, folder);
  if (!isDirectory(watching.gitDir)) {
    lose(watching, `${watching.gitDir} does not exist any more`);
    return;
  }
  try {
    openAll(watching);
  } catch (error) {
    lose(watching, errorText(error));
    return;
  }
  if (renewed.length > 0 || matters(watching, child)) watching.onChange();
}

function isVanished(watching: Watching, folder: string): boolean {
  return watching.open.has(folder) && !isDirectory(folder);
}

/**
 * Locks come and go around every change, and other branches do not concern us. Without a name
 * anything may have changed.
 */
function matters({ gitDir, branchRef, prefixes }: Watching, child: string | null): boolean {
  if (child === null) return true;
  const name = relative(commonDirectory(gitDir), child).split(sep).join('/');
  if (name.endsWith('.lock')) return false;
  return (
    name === 'packed-refs' ||
    name === branchRef ||
    name === 'reftable/tables.list' ||
    prefixes.some((prefix) => name.startsWith(prefix))
  );
}

function forget(watching: Watching, folder: string): void {
  watching.open.get(folder)?.close();
  watching.open.delete(folder);
}

function lose(watching: Watching, why: string): void {
  if (watching.state.closed) return;
  watching.state.closed = true;
  for (const folder of [...watching.open.keys()]) forget(watching, folder);
  watching.onLost(why);
}
