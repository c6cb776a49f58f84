/**
 * What is in the cache: trees, blobs and commits, read through held processes. Trees are kept in
 * memory for a while: they never change.
 */
import { CrosstalkError } from '../base/errors.ts';
import { by } from '../base/order.ts';
import { parseOid, type Oid } from '../base/ids.ts';
import { askHeaders, askMany, openCatFile, type CatObject } from './cat-file.ts';
import { parseCommit } from './commit-codec.ts';
import type { Git } from './git-runner.ts';
import { type ListedEntry, listTree } from './list-tree.ts';
import { readLoose } from './loose-objects.ts';
import type { BlobRead, CommitInfo, TreeChange, TreeEntry } from './repository.ts';
import {
  decodeName,
  differingItems,
  encodeName,
  findItem,
  kindOfMode,
  type TreeItem,
} from './tree-codec.ts';

const TREES_KEPT_BYTES_MAX = 8 * 1024 * 1024;
const TREE_KEPT_BYTES_MAX = 512 * 1024;
/** How many folders of one folder are walked at once. */
const FOLDERS_AT_ONCE = 64;
/** From so many objects on a process of their own is cheaper than the held one. */
const MANY = 200;
const NO_TREE = Buffer.alloc(0);

/** The reading side of the cache. */
export interface ObjectReader {
  has(oid: Oid): Promise<boolean>;
  readCommit(oid: Oid): Promise<CommitInfo | null>;
  /** Commits in the order asked. */
  readCommits(oids: readonly Oid[]): Promise<readonly (CommitInfo | null)[]>;
  /** The tree of a commit. Throws INTERNAL when the commit is not in the cache. */
  rootOf(commit: Oid): Promise<Oid>;
  /** A tree object's bytes. Throws INTERNAL when it is not in the cache. */
  readTree(oid: Oid): Promise<Buffer>;
  /** Tells of a tree that was just written, so that it is not read again. */
  keepTree(oid: Oid, bytes: Buffer): void;
  sizesOf(oids: readonly Oid[]): Promise<readonly number[]>;
  readBlobs(oids: readonly Oid[], sizeBytesMax: number): Promise<readonly BlobRead[]>;
  /** Those of the ids that are not in the cache. */
  missing(oids: readonly Oid[]): Promise<readonly Oid[]>;
  diff(range: {
    readonly from: Oid | null;
    readonly to: Oid;
    readonly under: string;
  }): Promise<readonly TreeChange[]>;
  lookUp(commit: Oid, paths: readonly string[]): Promise<readonly (TreeEntry | null)[]>;
  close(): Promise<void>;
}

/** A reader of the cache at `gitDir`, which is the directory of `git`. */
export function openObjectReader(git: Git, gitDir: string): ObjectReader {
  const headers = openCatFile(git, '--batch-check');
  const contents = openCatFile(git, '--batch');
  const trees = createTreeCache();
  const ask = async (oid: Oid): Promise<CatObject | null> =>
    looseAt(gitDir, oid) ?? contents.ask(oid);

  const readTree = async (oid: Oid): Promise<Buffer> => {
    const kept = trees.get(oid);
    if (kept !== undefined) return kept;
    const object = await ask(oid);
    if (object?.type !== 'tree') throw missing('tree', oid);
    trees.set(oid, object.bytes);
    return object.bytes;
  };
  const rootOf = async (oid: Oid): Promise<Oid> => {
    const object = await ask(oid);
    const commit = object?.type === 'commit' ? parseCommit(oid, object.bytes) : null;
    if (commit === null) throw missing('commit', oid);
    return commit.tree;
  };
  const askHeader = async (oid: Oid): Promise<CatObject | null> =>
    looseAt(gitDir, oid) ?? headers.ask(oid);
  const readBlob = async (oid: Oid, sizeBytesMax: number): Promise<BlobRead> => {
    const loose = looseAt(gitDir, oid);
    const header = loose ?? (await headers.ask(oid));
    if (header?.type !== 'blob') return { kind: 'missing' };
    if (header.sizeBytes > sizeBytesMax) return { kind: 'too-large', sizeBytes: header.sizeBytes };
    const object = loose ?? (await contents.ask(oid));
    return object === null ? { kind: 'missing' } : { kind: 'bytes', bytes: object.bytes };
  };
  return {
    has: async (oid) => (await askHeader(oid)) !== null,
    readCommit: async (oid) => infoOf(oid, await ask(oid)),
    readCommits: async (oids) => {
      const objects =
        oids.length >= MANY
          ? await askMany(git, oids, Number.POSITIVE_INFINITY)
          : await Promise.all(oids.map(ask));
      return oids.map((oid, i) => infoOf(oid, objects[i] ?? null));
    },
    rootOf,
    readTree,
    keepTree: (oid, bytes) => trees.set(oid, bytes),
    sizesOf: (oids) =>
      Promise.all(
        oids.map(async (oid) => {
          const header = await askHeader(oid);
          return header?.type === 'blob' ? header.sizeBytes : 0;
        }),
      ),
    missing: async (oids) => {
      const found =
        oids.length >= MANY ? await askHeaders(git, oids) : await Promise.all(oids.map(askHeader));
      return oids.filter((_, at) => found[at] == null);
    },
    readBlobs: (oids, sizeBytesMax) =>
      oids.length >= MANY
        ? readManyBlobs(git, oids, sizeBytesMax)
        : Promise.all(oids.map((oid) => readBlob(oid, sizeBytesMax))),
    diff: async ({ from, to, under }) => {
      const folderOf = async (commit: Oid | null): Promise<Oid | null> =>
        commit === null ? null : findFolder(readTree, await rootOf(commit), under);
      const prefix = under === '' ? '' : `${under}/`;
      const [left, right] = await Promise.all([folderOf(from), folderOf(to)]);
      if (left === null && right !== null)
        return inOrder((await listTree(git, readTree, { tree: right, prefix })).map(written));
      return inOrder(await diffFolders(readTree, { from: left, to: right, prefix }));
    },
    lookUp: async (commit, paths) => {
      const root = await rootOf(commit);
      return Promise.all(paths.map((path) => lookUpPath(readTree, root, path)));
    },
    close: async () => {
      await Promise.all([headers.close(), contents.close()]);
    },
  };
}

function looseAt(gitDir: string, oid: Oid): CatObject | null {
  // An id may come out of a stranger's record, and this one becomes a path.
  const object = parseOid(oid) === null ? null : readLoose(gitDir, oid);
  return object === null ? null : { oid, sizeBytes: object.bytes.length, ...object };
}

function infoOf(oid: Oid, object: CatObject | null): CommitInfo | null {
  const commit = object?.type === 'commit' ? parseCommit(oid, object.bytes) : null;
  if (commit === null) return null;
  return {
    oid,
    parents: commit.parents,
    author: commit.author,
    authoredMs: commit.authoredMs,
    message: commit.message,
  };
}

async function readManyBlobs(
  git: Git,
  oids: readonly Oid[],
  sizeBytesMax: number,
): Promise<readonly BlobRead[]> {
  const objects = await askMany(git, oids, sizeBytesMax);
  return objects.map((object): BlobRead => {
    if (object?.type !== 'blob') return { kind: 'missing' };
    return object.sizeBytes > sizeBytesMax
      ? { kind: 'too-large', sizeBytes: object.sizeBytes }
      : { kind: 'bytes', bytes: object.bytes };
  });
}

function missing(what: string, oid: Oid): CrosstalkError {
  return new CrosstalkError('INTERNAL', `${what} ${oid} is not in the cache`);
}

interface TreeCache {
  get(oid: Oid): Buffer | undefined;
  set(oid: Oid, bytes: Buffer): void;
}

/** The trees used last, up to a number of bytes. */
function createTreeCache(): TreeCache {
  const kept = new Map<Oid, Buffer>();
  let bytesKept = 0;
  const drop = (oid: Oid): void => {
    bytesKept -= kept.get(oid)?.length ?? 0;
    kept.delete(oid);
  };
  return {
    get: (oid) => {
      const bytes = kept.get(oid);
      if (bytes === undefined) return undefined;
      kept.delete(oid);
      kept.set(oid, bytes);
      return bytes;
    },
    set: (oid, bytes) => {
      if (bytes.length > TREE_KEPT_BYTES_MAX) return;
      drop(oid);
      kept.set(oid, bytes);
      bytesKept += bytes.length;
      for (const [oldest] of kept) {
        if (bytesKept <= TREES_KEPT_BYTES_MAX) break;
        drop(oldest);
      }
    },
  };
}

type ReadTree = ObjectReader['readTree'];

function hashBytesOf(oid: Oid): number {
  return oid.length / 2;
}

/** The entry at a path below `root`; null when nothing stands there or a file stands in the way. */
async function findAt(readTree: ReadTree, root: Oid, path: string): Promise<TreeItem | null> {
  let item: TreeItem | null = { key: '', mode: 0o040000, oid: root };
  for (const name of path.split('/')) {
    if (kindOfMode(item.mode) !== 'tree') return null;
    item = findItem(await readTree(item.oid), encodeName(name), hashBytesOf(root));
    if (item === null) return null;
  }
  return item;
}

async function findFolder(readTree: ReadTree, root: Oid, path: string): Promise<Oid | null> {
  if (path === '') return root;
  const item = await findAt(readTree, root, path);
  return item !== null && kindOfMode(item.mode) === 'tree' ? item.oid : null;
}

async function lookUpPath(readTree: ReadTree, root: Oid, path: string): Promise<TreeEntry | null> {
  const item = await findAt(readTree, root, path);
  return item === null ? null : { kind: kindOfMode(item.mode), oid: item.oid };
}

function written(file: ListedEntry): TreeChange {
  return { kind: 'written', ...file };
}

interface FolderPair {
  readonly from: Oid | null;
  readonly to: Oid | null;
  readonly prefix: string;
}

async function diffFolders(readTree: ReadTree, pair: FolderPair): Promise<TreeChange[]> {
  const oid = pair.to ?? pair.from;
  if (oid === null || pair.from === pair.to) return [];
  const read = async (tree: Oid | null): Promise<Buffer> =>
    tree === null ? NO_TREE : readTree(tree);
  const [from, to] = await Promise.all([read(pair.from), read(pair.to)]);
  const { left, right } = differingItems(from, to, hashBytesOf(oid));
  const changes: TreeChange[] = [];
  const folders: FolderPair[] = [];
  for (const key of new Set([...left.keys(), ...right.keys()])) {
    const path = pair.prefix + decodeName(key);
    const [old, now] = [sideOf(left.get(key)), sideOf(right.get(key))];
    if (old.file !== null && now.file === null) changes.push({ kind: 'removed', path });
    if (now.file !== null)
      changes.push({ kind: 'written', path, entry: now.file.entry, blob: now.file.oid });
    if (old.folder !== null || now.folder !== null)
      folders.push({ from: old.folder, to: now.folder, prefix: `${path}/` });
  }
  for (let i = 0; i < folders.length; i += FOLDERS_AT_ONCE) {
    const below = await Promise.all(
      folders.slice(i, i + FOLDERS_AT_ONCE).map((folder) => diffFolders(readTree, folder)),
    );
    for (const list of below) for (const change of list) changes.push(change);
  }
  return changes;
}

interface Side {
  readonly file: { readonly entry: 'file' | 'other'; readonly oid: Oid } | null;
  readonly folder: Oid | null;
}

function sideOf(item: TreeItem | undefined): Side {
  if (item === undefined) return { file: null, folder: null };
  const kind = kindOfMode(item.mode);
  return kind === 'tree'
    ? { file: null, folder: item.oid }
    : { file: { entry: kind, oid: item.oid }, folder: null };
}

function inOrder(changes: TreeChange[]): readonly TreeChange[] {
  const sorted = changes.every(
    (change, i) => i === 0 || (changes[i - 1]?.path ?? '') <= change.path,
  );
  return sorted ? changes : changes.sort(by((change) => change.path));
}
